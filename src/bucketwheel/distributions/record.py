"""RECORD, a wheel's list of its files with their digests and sizes (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, Finding, Flaw, Oddity, listed
from bucketwheel.distributions.zip_contents import contents
from bucketwheel.distributions.zip_records import ZipMember

__all__ = ["LARGEST_RECORD", "RecordEntry", "judge_record", "read_record"]

LARGEST_RECORD = 32 << 20
"""In bytes; the largest real ones, of ten thousand files, have one megabyte."""

_STRONG = frozenset({"sha256", "sha384", "sha512"})
_FIELDS = 3
_SIZE = re.compile(r"[0-9]{0,18}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEntry:
    """What RECORD says about one file; whatever it leaves open is empty or None."""

    algorithm: str
    digest: str
    """In URL-safe base64 without padding."""
    size: int | None

    @property
    def strong(self) -> bool:
        """Whether it has a digest that PEP 427 takes."""
        return self.algorithm in _STRONG


_NOTHING = RecordEntry(algorithm="", digest="", size=None)


def read_record(body: bytes) -> dict[str, RecordEntry]:
    """Read RECORD; raises Broken where installers could not."""
    entries: dict[str, RecordEntry] = {}
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Broken("has a RECORD that is not a table in UTF-8") from error
    for row in rows:
        if not row:
            continue
        if len(row) != _FIELDS or not _SIZE.match(row[2]):
            raise Broken(f"has a RECORD with a line that installers cannot read: {listed([','.join(row)])}")
        path, digest, size = row
        algorithm, _, value = digest.partition("=")
        entry = RecordEntry(algorithm=algorithm, digest=value.rstrip("="), size=int(size) if size else None)
        if entries.setdefault(path, entry) != entry:
            raise Broken(f"has a RECORD that says two things about one file: {listed([path])}")
    return entries


def judge_record(
    file: BinaryIO, members: Sequence[ZipMember], record: Mapping[str, RecordEntry], exempt: frozenset[str]
) -> Iterator[Finding]:
    """Compare RECORD with what the wheel holds, down to every file's digest; `exempt` are RECORD and its signatures."""
    files = {member.name: member for member in members if not member.is_directory}
    if unlisted := [name for name in files if name not in record and name not in exempt]:
        yield Oddity(
            what=f"has files that its RECORD does not list, so nobody can check or remove them: {listed(unlisted)}"
        )
    if absent := [path for path in record if path not in files and path not in exempt and not path.endswith("/")]:
        yield Oddity(what=f"does not have files that its RECORD lists: {listed(absent)}")
    if weak := [path for path, entry in record.items() if path in files and path not in exempt and not entry.strong]:
        yield Oddity(what=f"has a RECORD without a sha256, or a stronger digest, of {listed(weak)}")
    if wrong := [name for name, member in files.items() if not _matches(file, member, record.get(name, _NOTHING))]:
        yield Flaw(what=f"has files that are not what its RECORD says: {listed(wrong)}")


def _matches(file: BinaryIO, member: ZipMember, entry: RecordEntry) -> bool:
    """Read a file to its end, so that its CRC is checked too, and compare with RECORD what that says."""
    digest = hashlib.new(entry.algorithm if entry.strong else "sha256")
    for piece in contents(file, member):
        digest.update(piece)
    value = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    return entry.size in {None, member.size} and (value == entry.digest or not entry.strong)
