"""Distributions on the local disk, judged without being extracted: what they are, and whether they may be published.

Refused is what is dangerous (two readers would see different contents) or what nobody could install. What merely
breaks a rule that PyPI did not always have is a warning, so nothing that PyPI serves today is turned away.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, CoreMetadata, Finding, Flaw, Oddity, validate_spelling
from bucketwheel.distributions.metadata import find_metadata
from bucketwheel.distributions.sdist import validate_sdist
from bucketwheel.distributions.wheel import validate_wheel
from bucketwheel.errors import Problem, Refused
from bucketwheel.names import DistributionName, InvalidName, Sha256, distribution_name, printable

__all__ = ["Contents", "Distribution", "file_sha256", "read_wheel_metadata", "validate", "validate_archive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a sound archive says about itself."""

    requires_python: str | None
    """As written in the metadata; None also where it is not a version specifier (with a warning)."""
    metadata: bytes | None
    """A wheel's METADATA, byte for byte (PEP 658); None for an sdist, whose metadata a build may still change."""
    warnings: tuple[str, ...]
    """Whole sentences, each naming the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A distribution that may be published, and everything that an index says about it."""

    name: DistributionName
    path: Path
    size: int
    sha256: Sha256
    requires_python: str | None
    """As written in the metadata; None also where it is not a version specifier (with a warning)."""
    metadata: bytes | None
    """A wheel's METADATA, byte for byte (PEP 658); None for an sdist, whose metadata a build may still change."""
    warnings: tuple[str, ...]
    """Whole sentences, each naming the file."""


def validate(path: Path) -> Distribution:
    """Judge a file by its name and all of its bytes; raises Refused with everything that is wrong with it.

    The digest and the verdict are of the same bytes. A symbolic link stands for what it leads to.
    """
    subject = printable(str(path))
    try:
        name = distribution_name(path.name)
    except InvalidName as error:
        raise Refused(Problem(subject=subject, what=str(error), remedy="name wheels and sdists only")) from error
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Refused(Problem(subject=subject, what="is not a file", remedy="name wheels and sdists only"))
        with path.open("rb") as file:
            return _validate_file(subject, name, path, file)
    except OSError as error:
        what = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise Refused(Problem(subject=subject, what=what, remedy="check the path and its permissions")) from error


def validate_archive(name: DistributionName, file: BinaryIO, size: int) -> Contents:
    """Judge an open, seekable archive of `size` bytes, from its beginning; raises Refused likewise.

    For a file that was fetched without a digest: it is at least what its name says, whole and undamaged.
    """
    return _validate_archive(printable(name.filename), name, file, size)


def read_wheel_metadata(name: DistributionName, file: BinaryIO, size: int) -> Contents:
    """Read what a wheel's METADATA says, with three reads of the file at most; raises Refused where that is unsound.

    Nothing else of the archive is judged.
    """
    return _contents(printable(name.filename), name, find_metadata(name, file, size))


def file_sha256(path: Path) -> Sha256:
    """Digest a file's bytes; raises OSError."""
    with path.open("rb") as file:
        return _sha256(file)


def _validate_file(subject: str, name: DistributionName, path: Path, file: BufferedReader) -> Distribution:
    before = os.fstat(file.fileno())
    digest = _sha256(file)
    contents = _validate_archive(subject, name, file, before.st_size)
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Refused(
            Problem(
                subject=subject, what="changed while it was read", remedy="wait until its build is done, then try again"
            )
        )
    return Distribution(
        name=name,
        path=path,
        size=before.st_size,
        sha256=digest,
        requires_python=contents.requires_python,
        metadata=contents.metadata,
        warnings=contents.warnings,
    )


def _sha256(file: BufferedReader) -> Sha256:
    return Sha256(hashlib.file_digest(file, "sha256").hexdigest())


def _validate_archive(subject: str, name: DistributionName, file: BinaryIO, size: int) -> Contents:
    return _contents(subject, name, _findings(name, file, size))


def _contents(subject: str, name: DistributionName, found: Iterator[Finding]) -> Contents:
    findings = tuple(_up_to_where_it_breaks(found))
    flaws = [finding for finding in findings if isinstance(finding, Flaw)]
    if flaws:
        raise Refused(*(Problem(subject=subject, what=flaw.what, remedy=flaw.remedy) for flaw in flaws))
    metadata = next((finding for finding in findings if isinstance(finding, CoreMetadata)), None)
    return Contents(
        requires_python=metadata.requires_python if metadata else None,
        metadata=metadata.body if metadata and name.kind == "wheel" else None,
        warnings=tuple(f"{subject} {finding.what}." for finding in findings if isinstance(finding, Oddity)),
    )


def _findings(name: DistributionName, file: BinaryIO, size: int) -> Iterator[Finding]:
    yield from validate_spelling(name)
    if size == 0:
        yield Flaw(what="is empty", remedy="build it again, or download it again")
        return
    file.seek(0)
    if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield Flaw(what="is a web page, perhaps a login form", remedy="download it again")
        return
    yield from (validate_wheel if name.kind == "wheel" else validate_sdist)(name, file, size)


def _up_to_where_it_breaks(found: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from found
    except Broken as broken:
        yield broken.flaw
