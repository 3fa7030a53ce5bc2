"""Core metadata: METADATA in wheels, PKG-INFO in sdists (the core metadata specification; PEP 241 and successors).

pkginfo reads the fields; the bytes come from the one place in the archive where installers look for them.
(pkginfo, asked for an archive's metadata, would also take a `METADATA.txt` or another project's.)
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from itertools import pairwise
from typing import BinaryIO

import pkginfo
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pkginfo.distribution import MAX_METADATA_VERSION_STR

from bucketwheel.distributions.findings import LARGEST_TEXT, Broken, CoreMetadata, Finding, Flaw, Oddity, listed
from bucketwheel.distributions.zip import (
    CentralRecord,
    find_directory,
    read_directory,
    read_exactly,
    read_member,
    whole_text,
)
from bucketwheel.names import DistributionName, project_name

__all__ = ["Metadata", "find_metadata", "read_metadata", "validate_licences", "validate_metadata"]

_ONCE = ("Metadata-Version", "Name", "Version", "Requires-Python")
_HAS_LICENCE_FILES = re.compile(r"2\.([4-9]|[1-9][0-9])")
_MIME_HEADER = re.compile(rb"(?:\A|(?<=[\r\n]))content-", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What METADATA or PKG-INFO says: as bytes, as headers in their order, and as pkginfo's fields."""

    body: bytes
    is_utf8: bool
    headers: Message
    fields: pkginfo.Distribution


def read_metadata(body: bytes) -> Metadata:
    """Read all fields that pkginfo knows, whichever version of the specification the metadata claim to follow."""
    try:
        text, is_utf8 = body.decode("utf-8"), True
    except UnicodeDecodeError:
        text, is_utf8 = body.decode("latin-1"), False  # as pkginfo does, for what was written before UTF-8 was the rule
    fields = pkginfo.Distribution()
    # Installers read Requires-Python under any version too; pkginfo would also warn of versions newer than itself.
    fields.metadata_version = MAX_METADATA_VERSION_STR
    # To an e-mail parser these headers mean messages within messages; in metadata they mean nothing.
    fields.parse(_MIME_HEADER.sub(rb"X-\g<0>", body))
    return Metadata(body=body, is_utf8=is_utf8, headers=HeaderParser().parsestr(text), fields=fields)


def validate_metadata(name: DistributionName, member: str, metadata: Metadata) -> Iterator[Finding]:
    """Hold metadata against the file's name; the last thing found is what an index takes from them."""
    if not metadata.is_utf8:
        yield Oddity(what=f"has a {member} that is not UTF-8")
    if metadata.headers.defects:
        yield Oddity(what=f"has a {member} with a line that is not a header, where some readers stop")
    if metadata.headers["Metadata-Version"] is None:
        yield Oddity(what=f"has a {member} without a Metadata-Version")
    if several := [header for header in _ONCE if len(metadata.headers.get_all(header, ())) > 1]:
        yield Flaw(what=f"has a {member} that gives its {' and its '.join(several)} more than once")
    yield from _validate_identity(name, member, "Name", metadata.fields.name)
    yield from _validate_identity(name, member, "Version", metadata.fields.version)
    requires_python = metadata.fields.requires_python
    if requires_python is not None and not _is_specifier(requires_python):
        yield Oddity(
            what=f"has a Requires-Python that is not a version specifier and is left out of the index:"
            f" {listed([requires_python])}"
        )
        requires_python = None
    yield CoreMetadata(body=metadata.body, requires_python=requires_python)


def validate_licences(metadata: Metadata, directory: str, paths: Iterable[str]) -> Iterator[Finding]:
    """Find licences that the metadata name and the archive does not have where PEP 639 puts them."""
    if not _HAS_LICENCE_FILES.match(metadata.headers.get("Metadata-Version", "")):
        return  # setuptools wrote the field for years before there was a rule about it
    if missing := {f"{directory}/{path}" for path in metadata.fields.license_file}.difference(paths):
        yield Oddity(what=f"does not have licence files that its metadata name: {listed(sorted(missing))}")


def _validate_identity(name: DistributionName, member: str, field: str, written: str | None) -> Iterator[Finding]:
    if written is None:
        missing = f"has a {member} without a {field}"
        # A build writes an sdist's metadata anew; a wheel's are all that installers have.
        yield Flaw(what=missing) if name.kind == "wheel" else Oddity(what=missing)
    elif not _agrees(name, field, written):
        expected = name.project if field == "Name" else str(name.version)
        yield Flaw(
            what=f"has a {member} of something else: its {field} is {listed([written])}, not {listed([expected])}",
            remedy="give the file back the name it was built with, or build it again",
        )


def _agrees(name: DistributionName, field: str, written: str) -> bool:
    """Compare as installers do: names by PEP 503, versions by PEP 440."""
    try:
        return project_name(written) == name.project if field == "Name" else Version(written) == name.version
    except ValueError:  # InvalidName, InvalidVersion, and int() for numbers of thousands of digits
        return False


def _is_specifier(text: str) -> bool:
    try:
        SpecifierSet(text).contains("3")  # some of it is read only when it is used
    except ValueError:  # InvalidSpecifier, and int() for numbers of thousands of digits
        return False
    return True


_METADATA = ".dist-info/metadata"
_LARGEST_HEADERS = 1 << 17  # name and extra field, of at most 64 KiB each


def find_metadata(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Finding]:
    """Find a wheel's core metadata: one read of the tail, one of the directory, and one of the member itself.

    Raises Broken where readers could differ about which member it is, or what it says.
    """
    directory = find_directory(file, length)
    records = sorted(read_directory(file, directory), key=lambda record: record.header_start)
    borders = [*(record.header_start for record in records), directory.start]
    found = [
        (record, start, end) for record, (start, end) in zip(records, pairwise(borders), strict=True) if _is(record)
    ]
    if len(found) != 1 or not found[0][0].name.endswith("/METADATA"):
        raise Broken(f"has {'several files' if len(found) > 1 else 'no file'} that could be its METADATA")
    record, start, end = found[0]
    if not 0 <= end - start <= LARGEST_TEXT + _LARGEST_HEADERS:
        raise Broken(f"has a METADATA of more than {LARGEST_TEXT} bytes")
    here = io.BytesIO(read_exactly(file, start, end - start))
    member = read_member(here, replace(record, header_start=0), end - start)
    yield from validate_metadata(name, "METADATA", read_metadata(whole_text(here, member)))


def _is(record: CentralRecord) -> bool:
    """Whether it is the one at the top; vendored ones below packages are nobody's business."""
    return record.name.count("/") == 1 and record.name.lower().endswith(_METADATA)
