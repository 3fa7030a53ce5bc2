"""Wheels, validated without being extracted (PEP 427 and the binary distribution format specification)."""

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

from bucketwheel.distributions.metadata import read_metadata, validate_licences, validate_metadata
from bucketwheel.distributions.observations import (
    Broken,
    Flaw,
    Observation,
    Oddity,
    is_named_after,
    listed,
    validate_paths,
)
from bucketwheel.distributions.zip import (
    ZipMember,
    contents,
    member_spans,
    read_listing,
    read_text,
    text_in_span,
    validate_listing,
)
from bucketwheel.names import DistributionName

__all__ = ["validate_wheel", "validate_wheel_metadata"]

_DIST_INFO = ".dist-info"
_METADATA = ".dist-info/metadata"
_LARGEST_RECORD = 32 << 20  # bytes; the largest real ones, of ten thousand files, have one megabyte
_MOST_TAGS = 10_000  # a file name cannot have so many
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")  # PEP 815 ended them; RECORD cannot list what signs it
_SCRIPT_NAME = re.compile(r"[\w.-]+\Z")
_WHEEL_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\Z", re.ASCII)


def validate_wheel(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
    """Find everything about a wheel that its users should know before it is published."""
    listing = read_listing(file, length)
    yield from validate_listing(listing)
    yield from validate_paths([member.name for member in listing.members])
    dist_info = _dist_info(listing.members)
    yield from _validate_dist_info(name, dist_info)
    members = {member.name: member for member in listing.members}
    metadata = read_metadata(read_text(file, _required(members, f"{dist_info}/METADATA")))
    yield from validate_metadata(name, "METADATA", metadata)
    yield from validate_licences(metadata, f"{dist_info}/licenses", members)
    yield from _validate_wheel_file(name, read_text(file, _required(members, f"{dist_info}/WHEEL")))
    if entry_points := members.get(f"{dist_info}/entry_points.txt"):
        yield from _validate_entry_points(read_text(file, entry_points))
    record = _read_record(read_text(file, _required(members, f"{dist_info}/RECORD"), _LARGEST_RECORD))
    exempt = frozenset(f"{dist_info}/{signature}" for signature in ("RECORD", *_SIGNATURES))
    yield from _validate_record(file, listing.members, record, exempt)


def validate_wheel_metadata(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
    """Validate a wheel's METADATA only, with few reads: the tail, the directory, and the member itself.

    Raises Broken where readers could differ about which member it is, or what it says.
    """
    found = [
        (member, next_start)
        for member, next_start in member_spans(file, length)
        # Those deeper down belong to vendored packages.
        if member.name.count("/") == 1 and member.name.lower().endswith(_METADATA)
    ]
    if len(found) != 1 or not found[0][0].name.endswith("/METADATA"):
        raise Broken(f"has {'several files' if len(found) > 1 else 'no file'} that could be its METADATA")
    yield from validate_metadata(name, "METADATA", read_metadata(text_in_span(file, *found[0])))


def _dist_info(members: Sequence[ZipMember]) -> str:
    """Find the one `.dist-info` at the top; those deeper down belong to vendored packages."""
    tops = {member.name.split("/", 1)[0] for member in members if "/" in member.name}
    found = sorted(top for top in tops if top.lower().endswith(_DIST_INFO))
    if not found:
        raise Broken("has no .dist-info directory, so it is not a wheel")
    if len(found) > 1:
        raise Broken(f"has several .dist-info directories, and readers differ in which one counts: {listed(found)}")
    return found[0]


def _validate_dist_info(name: DistributionName, dist_info: str) -> Iterator[Observation]:
    stem = dist_info[: -len(_DIST_INFO)]
    if not is_named_after(stem, name):
        yield Flaw(
            f"has the .dist-info of something else: {listed([dist_info])}",
            "give the file back the name it was built with, or build it again",
        )
    elif stem != "-".join(name.filename.split("-")[:2]):
        yield Oddity(f"spells its .dist-info directory unlike its own name: {listed([dist_info])}")


def _required(members: Mapping[str, ZipMember], path: str) -> ZipMember:
    if path not in members:
        raise Broken(f"has no {path}, so no installer takes it")
    return members[path]


def _validate_wheel_file(name: DistributionName, body: bytes) -> Iterator[Observation]:
    try:
        headers = HeaderParser().parsestr(body.decode("utf-8"))
    except UnicodeDecodeError:
        yield Flaw("has a WHEEL that is not UTF-8, so no installer takes it")
        return
    version = _WHEEL_VERSION.match(str(headers["Wheel-Version"]).strip())
    if version is None or int(version[1]) > 1:
        yield Flaw("has a WHEEL without a Wheel-Version that installers know (1.0)")
    if _tags([str(line).strip() for line in headers.get_all("Tag", ())]) != name.tags:
        yield Oddity("has other tags in its WHEEL than in its name; installers go by the name")


def _tags(lines: Sequence[str]) -> set[Tag]:
    """Expand compressed tags, unless they are too many."""
    if sum(prod(part.count(".") + 1 for part in line.split("-")) for line in lines) > _MOST_TAGS:
        return set()
    try:
        return {tag for line in lines for tag in parse_tag(line)}
    except ValueError:
        return set()


def _validate_entry_points(body: bytes) -> Iterator[Observation]:
    parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]  # configparser's documented way to keep case
    try:
        parser.read_string(body.decode("utf-8"))
    except (UnicodeDecodeError, configparser.Error):
        yield Oddity("has an entry_points.txt that cannot be read")
        return
    sections = [section for section in ("console_scripts", "gui_scripts") if parser.has_section(section)]
    scripts = [script for section in sections for script in parser.options(section)]
    if unfit := [script for script in scripts if not _SCRIPT_NAME.match(script) or script in {".", ".."}]:
        yield Flaw(f"has scripts whose names are not file names: {listed(unfit)}")


# RECORD: every file with its digest and its size

_STRONG = frozenset({"sha256", "sha384", "sha512"})  # what PEP 427 takes
_FIELDS = 3
_SIZE = re.compile(r"[0-9]{0,18}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RecordEntry:
    """One line of RECORD; a field that it leaves open is empty or None."""

    algorithm: str = ""
    digest: str = ""
    """In URL-safe base64 without padding."""
    size: int | None = None

    @property
    def is_strong(self) -> bool:
        return self.algorithm in _STRONG


_UNLISTED = _RecordEntry()


def _read_record(body: bytes) -> dict[str, _RecordEntry]:
    entries: dict[str, _RecordEntry] = {}
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Broken("has a RECORD that is not a table in UTF-8") from error
    for row in filter(None, rows):
        if len(row) != _FIELDS or not _SIZE.match(row[2]):
            raise Broken(f"has a RECORD with a line that installers cannot read: {listed([','.join(row)])}")
        path, digest, size = row
        algorithm, _, value = digest.partition("=")
        entry = _RecordEntry(algorithm=algorithm, digest=value.rstrip("="), size=int(size) if size else None)
        if entries.setdefault(path, entry) != entry:
            raise Broken(f"has a RECORD that says two things about one file: {listed([path])}")
    return entries


def _validate_record(
    file: BinaryIO, members: Sequence[ZipMember], record: Mapping[str, _RecordEntry], exempt: frozenset[str]
) -> Iterator[Observation]:
    """Compare RECORD with the members, down to every file's digest; `exempt` are RECORD and its signatures."""
    files = {member.name: member for member in members if not member.is_directory}
    if unlisted := [name for name in files if name not in record and name not in exempt]:
        yield Oddity(f"has files that its RECORD does not list, so they are never checked: {listed(unlisted)}")
    if absent := [path for path in record if path not in files and path not in exempt and not path.endswith("/")]:
        yield Oddity(f"does not have files that its RECORD lists: {listed(absent)}")
    if weak := [path for path, entry in record.items() if path in files and path not in exempt and not entry.is_strong]:
        yield Oddity(f"has a RECORD without a sha256, or a stronger digest, of {listed(weak)}")
    if wrong := [name for name, member in files.items() if not _matches(file, member, record.get(name, _UNLISTED))]:
        yield Flaw(f"has files that are not what its RECORD says: {listed(wrong)}")


def _matches(file: BinaryIO, member: ZipMember, entry: _RecordEntry) -> bool:
    """Read a file to its end, so that its CRC is checked too, and compare it with its line of RECORD."""
    digest = hashlib.new(entry.algorithm if entry.is_strong else "sha256")
    for piece in contents(file, member):
        digest.update(piece)
    value = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    return entry.size in {None, member.size} and (value == entry.digest or not entry.is_strong)
