"""Names of projects, distributions and versions: validated, compared, and found by what the user typed.

Project names: PEP 503. Wheel file names: PEP 427. Source distributions: PEP 625 and what came before it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, NewType

from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from bucketwheel.errors import Misconfigured, Problem, Refused

__all__ = [
    "DISTRIBUTION_ENDINGS",
    "LEGACY_ENDINGS",
    "DistributionName",
    "InvalidName",
    "ProjectName",
    "Sha256",
    "Spellings",
    "distribution_name",
    "fixed_beginning",
    "is_sha256",
    "is_version",
    "matching",
    "named_project",
    "named_version",
    "not_there",
    "parsed_version",
    "printable",
    "project_name",
    "same_version",
    "sha256_of",
    "version_order",
]

ProjectName = NewType("ProjectName", str)
"""A project's name in its one normal spelling (PEP 503)."""

Sha256 = NewType("Sha256", str)
"""64 lowercase hexadecimal digits."""

DISTRIBUTION_ENDINGS = (".whl", ".tar.gz", ".zip")
"""The endings of wheels and sdists, the only files that can be published."""

LEGACY_ENDINGS = (
    *(".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tlz", ".tar.lz", ".tar.Z", ".tar"),
    *(".egg", ".exe", ".msi", ".rpm", ".deb", ".dmg"),
)
"""More endings of files in old indexes: PyPI's own list since its beginning, and the archives that pip unpacks."""

# \Z and not $: a trailing newline is not part of a name (PEP 503 as PyPI checks it).
_PROJECT = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])\Z", re.IGNORECASE | re.ASCII)
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\Z", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SEPARATORS = re.compile(r"[-_.]+")  # PEP 503: runs of these are one hyphen
_NO_DIGITS = re.compile(r"[^1-9]+")
_WILDCARD = re.compile(r"[*?\[]")
_LONGEST_FILENAME = 220  # file systems allow 255 bytes, and sidecars and temporary names append to ours


class InvalidName(ValueError):
    """An error in the name of a project or distribution; the message continues the name."""


def project_name(text: str) -> ProjectName:
    """Return a project's name in its normal spelling (PEP 503); raises InvalidName for what PyPI would refuse."""
    if not _PROJECT.match(text):
        raise InvalidName("is not a project name: ASCII letters, digits and . - _, with a letter or digit at both ends")
    return ProjectName(canonicalize_name(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionName:
    """The parts of a wheel's or sdist's file name, as `packaging` reads it; the file itself was not read."""

    filename: str
    project: ProjectName
    version: Version
    kind: Literal["wheel", "sdist"]
    build: tuple[()] | tuple[int, str] = ()
    tags: frozenset[Tag] = frozenset()

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two spellings of one distribution: `Legacy.Proj-3.0.tar.gz` and `legacy_proj-3.0.tar.gz`."""
        build = tuple(part.lower() if isinstance(part, str) else part for part in self.build)
        return (self.project, self.version, self.kind, build, self.tags)


def distribution_name(filename: str) -> DistributionName:
    """Read a wheel's or sdist's file name; raises InvalidName for anything else, hostile names included."""
    if len(filename) > _LONGEST_FILENAME or not _FILENAME.match(filename):
        raise InvalidName("has a name that no wheel or sdist can have")
    if filename.endswith(".publish.attestation"):
        raise InvalidName("is not a wheel or an sdist")
    build: tuple[()] | tuple[int, str] = ()
    tags: frozenset[Tag] = frozenset()
    kind: Literal["wheel", "sdist"] = "sdist"
    try:
        if filename.endswith(".whl"):
            kind = "wheel"
            project, version, build, tags = parse_wheel_filename(filename)
        elif filename.endswith(DISTRIBUTION_ENDINGS):
            project, version = parse_sdist_filename(filename)
        else:
            raise InvalidName("is not a wheel (.whl) or an sdist (.tar.gz)")
    except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion) as error:
        raise InvalidName(f"does not have a valid file name ({printable(str(error))})") from error
    return DistributionName(
        filename=filename, project=project_name(project), version=version, kind=kind, build=build, tags=tags
    )


class Spellings:
    """File names, found by any other spelling of the distribution that they name."""

    def __init__(self, filenames: Iterable[str]) -> None:
        # There may be a hundred thousand: only those with the same digits are read whole, and once.
        self._filenames: dict[str, list[str]] = defaultdict(list)
        self._positions: dict[str, dict[object, list[int]]] = {}
        for filename in filenames:
            self._filenames[_digits(filename)].append(filename)

    def of(self, name: DistributionName) -> tuple[str, ...]:
        """Return the other spellings of a distribution's name.

        Names that differ in case only are spellings of one name, whatever they are: in a directory on macOS or Windows
        they would be one file.
        """
        digits = _digits(name.filename)
        alike = self._filenames.get(digits, [])
        if digits not in self._positions:
            self._positions[digits] = _positions(alike)
        positions = self._positions[digits]
        found = {*positions.get(name.identity, ()), *positions.get(name.filename.lower(), ())}
        return tuple(alike[position] for position in sorted(found) if alike[position] != name.filename)


def _positions(filenames: Iterable[str]) -> dict[object, list[int]]:
    """Index file names by what all spellings of a name share: what they identify, and their letters in lower case."""
    positions: dict[object, list[int]] = defaultdict(list)
    for position, filename in enumerate(filenames):
        positions[filename.lower()].append(position)
        positions[_identity(filename)].append(position)
    return positions


def _digits(filename: str) -> str:
    """Return what all spellings share: the digits of project, version and build number, but no zeros (1.0 is 1.0.0)."""
    spelled = filename.rsplit("-", 3)[0] if filename.lower().endswith(".whl") else filename
    return _NO_DIGITS.sub("", spelled)


def _identity(filename: str) -> object:
    try:
        return distribution_name(filename).identity
    except InvalidName:
        return None  # adopted from another tool, under a name that no new file could have


@lru_cache(maxsize=1024)
def parsed_version(text: str) -> Version:
    """Read a version; raises InvalidVersion. The files of one version follow each other, and each asks for it."""
    return Version(text)


def is_version(written: str, version: Version) -> bool:
    """Return whether an entry's version is this one, in any spelling."""
    try:
        return parsed_version(written) == version
    except InvalidVersion:
        return False  # an adopted file whose version PEP 440 cannot read


def same_version(written: str, named: str) -> bool:
    """Return whether an entry has the version that the user named; one that PEP 440 cannot read compares as text."""
    try:
        return is_version(written, parsed_version(named))
    except InvalidVersion:
        return written == named


def version_order(version: str) -> tuple[bool, Version, str]:
    """Return a sort key for any version: those that are not PEP 440's come first, by their text."""
    try:
        return True, parsed_version(version), ""
    except InvalidVersion:
        return False, Version("0"), version


def is_sha256(text: str) -> bool:
    """Return whether a text is a whole sha256 in lowercase."""
    return _SHA256.match(text) is not None


def sha256_of(content: bytes) -> Sha256:
    """Return the digest of bytes."""
    return Sha256(hashlib.sha256(content).hexdigest())


def printable(text: str) -> str:
    """Escape control, bidirectional and invisible characters of a text from outside, for a terminal and a log."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() and unicodedata.category(character) not in {"Cf", "Co", "Cn"}
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def named_project(text: str) -> ProjectName:
    """Return the project that the user named; raises Misconfigured for what cannot be one."""
    try:
        return project_name(text)
    except InvalidName as error:
        raise Misconfigured(Problem(subject=printable(text), what=str(error), remedy="name it as pip would")) from error


def named_version(text: str) -> Version:
    """Return the version that the user named; raises Misconfigured for what PEP 440 cannot read."""
    try:
        return Version(text)
    except InvalidVersion as error:
        raise Misconfigured(
            Problem(
                subject=printable(text), what="is not a version (PEP 440)", remedy="write it as in a file name: 1.2.0"
            )
        ) from error


def matching(patterns: Sequence[str], projects: Iterable[ProjectName], place: object) -> tuple[ProjectName, ...]:
    """Return the projects that match any of the shell patterns; raises Refused for patterns that match none."""
    known = sorted(set(projects))
    found = {pattern: [name for name in known if fnmatchcase(name, _normal(pattern))] for pattern in patterns}
    if idle := [pattern for pattern, names in found.items() if not names]:
        raise Refused(*(not_there(pattern, place) for pattern in idle))
    return tuple(sorted({name for names in found.values() for name in names}))


def fixed_beginning(pattern: str) -> str:
    """Return what the names of all matching projects begin with."""
    return _WILDCARD.split(_normal(pattern), maxsplit=1)[0]


def _normal(pattern: str) -> str:
    return _SEPARATORS.sub("-", pattern).lower()


def not_there(subject: str, place: object) -> Problem:
    """Return the problem of what the user named and a repository does not have."""
    return Problem(
        subject=printable(subject),
        what=f"is not in {printable(str(place))}",
        remedy="check the name; `bucketwheel show` lists all names",
    )
