"""Distributions on the local disk, validated without being extracted: what they are, and whether they may be published.

A file is refused if it is dangerous (two readers would see different contents) or if it cannot be installed. A file
that only breaks a rule that PyPI did not always have gets a warning, so everything that PyPI serves today passes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bucketwheel.distributions.observations import Broken, CoreMetadata, Flaw, Observation, Oddity, listed
from bucketwheel.distributions.wheel import validate_wheel, validate_wheel_metadata
from bucketwheel.errors import Problem, Refused
from bucketwheel.names import DistributionName, InvalidName, Sha256, distribution_name, printable

__all__ = ["Contents", "Distribution", "read_wheel_metadata", "validate", "validate_archive"]

_GENERIC_LINUX = re.compile(r"linux_(?!armv[67]l)")  # these two have no manylinux, and PyPI takes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The facts that a valid archive contains about itself."""

    requires_python: str | None
    """As written in the metadata; None also where it is not a version specifier (with a warning)."""
    metadata: bytes | None
    """A wheel's METADATA, byte for byte (PEP 658); None for an sdist, because a build may change its metadata."""
    warnings: tuple[str, ...]
    """Whole sentences, each naming the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution(Contents):
    """A valid distribution on disk, with everything that an index says about it."""

    name: DistributionName
    path: Path
    size: int
    sha256: Sha256


def validate(path: Path) -> Distribution:
    """Validate a file by its name and all of its bytes; raises Refused with everything that is wrong with it.

    The digest is of the same bytes. A symbolic link means its target.
    """
    subject = printable(str(path))
    try:
        name = distribution_name(path.name)
    except InvalidName as error:
        raise _refusal(subject, str(error), "name wheels and sdists only") from error
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _refusal(subject, "is not a file", "name wheels and sdists only")
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            sha256 = Sha256(hashlib.file_digest(file, "sha256").hexdigest())
            contents = validate_archive(name, file, before.st_size, subject)
            after = os.fstat(file.fileno())
    except OSError as error:
        what = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise _refusal(subject, what, "check the path and its permissions") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _refusal(subject, "changed while it was read", "wait until its build is done, then try again")
    return Distribution(
        name=name,
        path=path,
        size=before.st_size,
        sha256=sha256,
        requires_python=contents.requires_python,
        metadata=contents.metadata,
        warnings=contents.warnings,
    )


def validate_archive(name: DistributionName, file: BinaryIO, size: int, subject: str | None = None) -> Contents:
    """Validate an open, seekable archive of `size` bytes, from its beginning; raises Refused likewise.

    It proves that a file fetched without a digest is whole, undamaged and the distribution that it is named after.
    Messages call it `subject`, or else by its name.
    """
    return _contents(name, _observe(name, file, size), subject)


def read_wheel_metadata(name: DistributionName, file: BinaryIO, size: int) -> Contents:
    """Read a wheel's METADATA and nothing else, with three reads of the file at most; raises Refused if unsound."""
    return _contents(name, validate_wheel_metadata(name, file, size))


def _contents(name: DistributionName, observations: Iterator[Observation], subject: str | None = None) -> Contents:
    subject = subject or printable(name.filename)
    flaws: list[Flaw] = []
    warnings: list[str] = []
    metadata: CoreMetadata | None = None
    try:
        for observation in observations:
            if isinstance(observation, Flaw):
                flaws.append(observation)
            elif isinstance(observation, Oddity):
                warnings.append(f"{subject} {observation.what}.")
            else:
                metadata = observation
    except Broken as broken:
        flaws.append(broken.flaw)
    if flaws:
        raise Refused(*(Problem(subject=subject, what=flaw.what, remedy=flaw.remedy) for flaw in flaws))
    return Contents(
        requires_python=metadata.requires_python if metadata else None,
        metadata=metadata.body if metadata and name.kind == "wheel" else None,
        warnings=tuple(warnings),
    )


def _observe(name: DistributionName, file: BinaryIO, size: int) -> Iterator[Observation]:
    yield from _validate_spelling(name)
    if size == 0:
        raise Broken("is empty", "build it again, or download it again")
    file.seek(0)
    if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise Broken("is a web page, perhaps a login form", "download it again")
    if name.kind == "wheel":
        yield from validate_wheel(name, file, size)
    else:
        from bucketwheel.distributions.sdist import validate_sdist  # noqa: PLC0415 - most releases are wheels only

        yield from validate_sdist(name, file, size)


def _validate_spelling(name: DistributionName) -> Iterator[Oddity]:
    project = name.project.replace("-", "_")
    if name.kind == "sdist" and name.filename != (expected := f"{project}-{name.version}.tar.gz"):
        yield Oddity(f"would be called {expected} by PEP 625")
    if name.kind == "wheel" and not name.filename.startswith(f"{project}-"):
        yield Oddity(f"would begin with {project}- by the binary distribution format specification")
    if generic := sorted({tag.platform for tag in name.tags if _GENERIC_LINUX.match(tag.platform)}):
        yield Oddity(f"is for {listed(generic)}, which does not say what C library it needs, as manylinux does")


def _refusal(subject: str, what: str, remedy: str) -> Refused:
    return Refused(Problem(subject=subject, what=what, remedy=remedy))
