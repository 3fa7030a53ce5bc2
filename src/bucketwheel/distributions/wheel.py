"""Wheels, judged without being extracted (PEP 427 and the binary distribution format specification)."""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from math import prod
from typing import BinaryIO

from packaging.tags import Tag, parse_tag

from bucketwheel.distributions.findings import Broken, Finding, Flaw, Oddity, listed, validate_paths
from bucketwheel.distributions.metadata import read_metadata, validate_licences, validate_metadata
from bucketwheel.distributions.zip import ZipMember, contents, read_listing, validate_listing, whole_text
from bucketwheel.names import DistributionName, InvalidName, distribution_name

__all__ = ["LARGEST_RECORD", "RecordEntry", "read_record", "validate_record", "validate_wheel"]

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


def validate_record(
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


_DIST_INFO = ".dist-info"
_MOST_TAGS = 10_000  # as many as a file name can have, and some
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")  # PEP 815 ended them; they cannot be in the RECORD they sign
_SCRIPT_NAME = re.compile(r"[\w.-]+\Z")
_WHEEL_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\Z", re.ASCII)


def validate_wheel(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Finding]:
    """Find everything about a wheel that its users should know before it is published."""
    listing = read_listing(file, length)
    yield from validate_listing(listing)
    yield from validate_paths([member.name for member in listing.members])
    dist_info = _dist_info(listing.members)
    yield from _validate_dist_info(name, dist_info)
    members = {member.name: member for member in listing.members}
    metadata = read_metadata(whole_text(file, _required(members, f"{dist_info}/METADATA")))
    yield from validate_metadata(name, "METADATA", metadata)
    yield from validate_licences(metadata, f"{dist_info}/licenses", members)
    yield from _validate_wheel_file(name, whole_text(file, _required(members, f"{dist_info}/WHEEL")))
    if entry_points := members.get(f"{dist_info}/entry_points.txt"):
        yield from _validate_entry_points(whole_text(file, entry_points))
    record = read_record(whole_text(file, _required(members, f"{dist_info}/RECORD"), LARGEST_RECORD))
    exempt = frozenset(f"{dist_info}/{signature}" for signature in ("RECORD", *_SIGNATURES))
    yield from validate_record(file, listing.members, record, exempt)


def _dist_info(members: tuple[ZipMember, ...]) -> str:
    """Find the one `.dist-info` at the top; vendored ones below packages are nobody's business."""
    tops = {member.name.split("/", 1)[0] for member in members if "/" in member.name}
    found = sorted(top for top in tops if top.lower().endswith(_DIST_INFO))
    if not found:
        raise Broken("has no .dist-info directory, so it is not a wheel")
    if len(found) > 1:
        raise Broken(f"has several .dist-info directories, and readers differ in which one counts: {listed(found)}")
    return found[0]


def _validate_dist_info(name: DistributionName, dist_info: str) -> Iterator[Finding]:
    stem = dist_info[: -len(_DIST_INFO)]
    if stem == "-".join(name.filename.split("-")[:2]):
        return
    try:
        inside = distribution_name(f"{stem}.tar.gz")  # the grammar of an sdist's stem: one project, one version
    except InvalidName:
        inside = None
    if inside is None or (inside.project, inside.version) != (name.project, name.version):
        yield Flaw(
            what=f"has the .dist-info of something else: {listed([dist_info])}",
            remedy="give the file back the name it was built with, or build it again",
        )
    else:
        yield Oddity(what=f"spells its .dist-info directory unlike its own name: {listed([dist_info])}")


def _required(members: Mapping[str, ZipMember], path: str) -> ZipMember:
    if path not in members:
        raise Broken(f"has no {path}, so no installer takes it")
    return members[path]


def _validate_wheel_file(name: DistributionName, body: bytes) -> Iterator[Finding]:
    try:
        headers = HeaderParser().parsestr(body.decode("utf-8"))
    except UnicodeDecodeError:
        yield Flaw(what="has a WHEEL that is not UTF-8, so no installer takes it")
        return
    version = _WHEEL_VERSION.match(str(headers["Wheel-Version"]).strip())
    if version is None or int(version[1]) > 1:
        yield Flaw(what="has a WHEEL without a Wheel-Version that installers know (1.0)")
    if _tags([str(line).strip() for line in headers.get_all("Tag", ())]) != name.tags:
        yield Oddity(what="has other tags in its WHEEL than in its name; installers go by the name")


def _tags(lines: Sequence[str]) -> set[Tag]:
    """Take compressed tags apart, unless they are so many that they can only be meant to be."""
    if sum(prod(part.count(".") + 1 for part in line.split("-")) for line in lines) > _MOST_TAGS:
        return set()
    try:
        return {tag for line in lines for tag in parse_tag(line)}
    except ValueError:
        return set()


def _validate_entry_points(body: bytes) -> Iterator[Finding]:
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]  # configparser's documented way to keep case
    try:
        parser.read_string(body.decode("utf-8"))
    except (UnicodeDecodeError, configparser.Error):
        yield Oddity(what="has an entry_points.txt that cannot be read")
        return
    scripts = [
        script
        for section in ("console_scripts", "gui_scripts")
        if parser.has_section(section)
        for script in parser.options(section)
    ]
    if unfit := [script for script in scripts if not _SCRIPT_NAME.match(script) or script in {".", ".."}]:
        yield Flaw(what=f"has scripts whose names are not file names: {listed(unfit)}")
