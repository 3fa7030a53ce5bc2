"""Core metadata: METADATA in wheels, PKG-INFO in sdists (the core metadata specification; PEP 241 and successors).

pkginfo reads the fields. It does not choose the file: it would also take a `METADATA.txt`, or another project's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

import pkginfo
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pkginfo.distribution import MAX_METADATA_VERSION_STR

from bucketwheel.distributions.observations import CoreMetadata, Flaw, Observation, Oddity, listed
from bucketwheel.names import DistributionName, project_name

__all__ = ["Metadata", "read_metadata", "validate_licences", "validate_metadata"]

_ONCE = ("Metadata-Version", "Name", "Version", "Requires-Python")
_HAS_LICENCE_FILES = re.compile(r"2\.([4-9]|[1-9][0-9])")
_MIME_HEADER = re.compile(rb"(?:\A|(?<=[\r\n]))content-", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """METADATA or PKG-INFO as bytes, as headers in their order, and as pkginfo's fields."""

    body: bytes
    is_utf8: bool
    headers: Message
    fields: pkginfo.Distribution


def read_metadata(body: bytes) -> Metadata:
    """Read all fields that pkginfo knows, under any version of the specification."""
    try:
        text, is_utf8 = body.decode("utf-8"), True
    except UnicodeDecodeError:
        text, is_utf8 = body.decode("latin-1"), False  # as pkginfo does; UTF-8 was not always the rule
    fields = pkginfo.Distribution()
    # Installers read Requires-Python under any version too; pkginfo would also warn of versions newer than itself.
    fields.metadata_version = MAX_METADATA_VERSION_STR
    # To an e-mail parser these headers mean messages within messages; in metadata they mean nothing.
    fields.parse(_MIME_HEADER.sub(rb"X-\g<0>", body))
    return Metadata(body=body, is_utf8=is_utf8, headers=HeaderParser().parsestr(text), fields=fields)


def validate_metadata(name: DistributionName, member: str, metadata: Metadata) -> Iterator[Observation]:
    """Compare metadata with the file's name; the last observation is what an index takes from them."""
    if not metadata.is_utf8:
        yield Oddity(f"has a {member} that is not UTF-8")
    if metadata.headers.defects:
        yield Oddity(f"has a {member} with a line that is not a header, where some readers stop")
    if metadata.headers["Metadata-Version"] is None:
        yield Oddity(f"has a {member} without a Metadata-Version")
    if several := [header for header in _ONCE if len(metadata.headers.get_all(header, ())) > 1]:
        yield Flaw(f"has a {member} that gives its {' and its '.join(several)} more than once")
    yield from _validate_identity(name, member, "Name", metadata.fields.name)
    yield from _validate_identity(name, member, "Version", metadata.fields.version)
    requires_python = metadata.fields.requires_python
    if requires_python is not None and not _is_specifier(requires_python):
        what = "has a Requires-Python that is not a version specifier and is left out of the index"
        yield Oddity(f"{what}: {listed([requires_python])}")
        requires_python = None
    yield CoreMetadata(body=metadata.body, requires_python=requires_python)


def validate_licences(metadata: Metadata, directory: str, paths: Iterable[str]) -> Iterator[Observation]:
    """Find licences that the metadata name and the archive does not have at the place that PEP 639 gives them."""
    if not _HAS_LICENCE_FILES.match(metadata.headers.get("Metadata-Version", "")):
        return  # setuptools wrote the field for years before there was a rule about it
    if missing := {f"{directory}/{path}" for path in metadata.fields.license_file}.difference(paths):
        yield Oddity(f"does not have licence files that its metadata name: {listed(sorted(missing))}")


def _validate_identity(name: DistributionName, member: str, field: str, written: str | None) -> Iterator[Observation]:
    if written is None:
        missing = f"has a {member} without a {field}"
        # A build replaces an sdist's metadata; a wheel's are all that installers have.
        yield Flaw(missing) if name.kind == "wheel" else Oddity(missing)
    elif not _agrees(name, field, written):
        expected = name.project if field == "Name" else str(name.version)
        yield Flaw(
            f"has a {member} of something else: its {field} is {listed([written])}, not {listed([expected])}",
            "give the file back the name it was built with, or build it again",
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
