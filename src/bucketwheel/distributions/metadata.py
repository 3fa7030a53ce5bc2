"""Core metadata: METADATA in wheels, PKG-INFO in sdists (the core metadata specification; PEP 241 and successors).

pkginfo reads the fields; the bytes come from the one place in the archive where installers look for them.
(pkginfo, asked for an archive's metadata, would also take a `METADATA.txt` or another project's.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser

import pkginfo
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pkginfo.distribution import MAX_METADATA_VERSION_STR

from bucketwheel.distributions.findings import CoreMetadata, Finding, Flaw, Oddity, listed
from bucketwheel.names import DistributionName, project_name

__all__ = ["judge_licenses", "judge_metadata", "read_fields"]

_ONCE = ("Metadata-Version", "Name", "Version", "Requires-Python")
_HAS_LICENCE_FILES = re.compile(r"2\.([4-9]|[1-9][0-9])")
_MIME_HEADER = re.compile(rb"(?:\A|(?<=[\r\n]))content-", re.IGNORECASE)


def judge_metadata(name: DistributionName, member: str, body: bytes) -> Iterator[Finding]:
    """Hold metadata against the file's name; the last thing found is the metadata itself."""
    headers = HeaderParser().parsestr(_decoded(body))
    if not _is_utf8(body):
        yield Oddity(what=f"has a {member} that is not UTF-8")
    if several := [header for header in _ONCE if len(headers.get_all(header, ())) > 1]:
        yield Flaw(what=f"has a {member} that gives its {' and its '.join(several)} more than once")
    if headers.defects:
        yield Oddity(what=f"has a {member} with a line that is not a header, where some readers stop")
    if headers["Metadata-Version"] is None:
        yield Oddity(what=f"has a {member} without a Metadata-Version")
    fields = read_fields(body)
    yield from _judge_identity(name, member, "Name", fields.name)
    yield from _judge_identity(name, member, "Version", fields.version)
    requires_python = fields.requires_python
    if requires_python is not None and not _is_specifier(requires_python):
        yield Oddity(
            what=f"has a Requires-Python that is not a version specifier and is left out of the index:"
            f" {listed([requires_python])}"
        )
        requires_python = None
    yield CoreMetadata(body=body, requires_python=requires_python)


def judge_licenses(body: bytes, directory: str, paths: Iterable[str]) -> Iterator[Finding]:
    """Find licences that the metadata name and the archive does not have where PEP 639 puts them."""
    licences = {f"{directory}/{path}" for path in read_fields(body).license_file}
    version = HeaderParser().parsestr(_decoded(body)).get("Metadata-Version", "")
    # setuptools wrote the field for years before there was a rule about it.
    if _HAS_LICENCE_FILES.match(version) and (missing := licences.difference(paths)):
        yield Oddity(what=f"does not have licence files that its metadata name: {listed(sorted(missing))}")


def read_fields(body: bytes) -> pkginfo.Distribution:
    """Read all fields that pkginfo knows, whichever version of the specification the metadata claim to follow."""
    fields = pkginfo.Distribution()
    # Installers read Requires-Python under any version too; pkginfo would also warn of versions newer than itself.
    fields.metadata_version = MAX_METADATA_VERSION_STR
    # To an e-mail parser these headers mean messages within messages; in metadata they mean nothing.
    fields.parse(_MIME_HEADER.sub(rb"X-\g<0>", body))
    return fields


def _decoded(body: bytes) -> str:
    """Decode as pkginfo does: UTF-8, and what tools wrote before that was the rule."""
    return body.decode("utf-8" if _is_utf8(body) else "latin-1")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _judge_identity(name: DistributionName, member: str, field: str, written: str | None) -> Iterator[Finding]:
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
        SpecifierSet(text)
    except ValueError:  # InvalidSpecifier, and int() for numbers of thousands of digits
        return False
    return True
