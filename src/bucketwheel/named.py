"""What users name: projects, patterns of them, and versions; judged, or refused as usage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from packaging.version import InvalidVersion, Version

from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.names import InvalidName, ProjectName, project_name, shown

__all__ = ["fixed_beginning", "is_version", "matching", "named_project", "named_version", "not_there", "same_version"]

_SEPARATORS = re.compile(r"[-_.]+")  # PEP 503: runs of these are one hyphen
_MAGIC = re.compile(r"[*?\[]")


def named_project(text: str) -> ProjectName:
    """Take a project's name; raises Misconfigured for what cannot be one."""
    try:
        return project_name(text)
    except InvalidName as error:
        raise Misconfigured(Problem(subject=shown(text), what=str(error), remedy="name it as pip would")) from error


def named_version(text: str) -> Version:
    """Take a version; raises Misconfigured for what is none of PEP 440's."""
    try:
        return Version(text)
    except InvalidVersion as error:
        raise Misconfigured(
            Problem(subject=shown(text), what="is not a version (PEP 440)", remedy="write PROJECT==VERSION")
        ) from error


def is_version(written: str, version: Version) -> bool:
    """Whether an entry's version is this one, however it is spelled."""
    try:
        return Version(written) == version
    except InvalidVersion:
        return False  # an adopted file whose version is none of PEP 440's


def same_version(written: str, named: str) -> bool:
    """Whether an entry's version is the one that is named; one that is none of PEP 440's is so by its text."""
    try:
        return is_version(written, Version(named))
    except InvalidVersion:
        return written == named


def not_there(subject: str, place: object) -> Problem:
    """Say that something that was named is not in a repository."""
    return Problem(
        subject=shown(subject),
        what=f"is not in {shown(str(place))}",
        remedy="check the name; `bucketwheel show` lists what is there",
    )


def matching(patterns: Sequence[str], projects: Iterable[ProjectName], place: object) -> tuple[ProjectName, ...]:
    """The projects that any of the patterns names, as a shell's do; raises Refused where one of them names none."""
    known = sorted(set(projects))
    found = {pattern: [name for name in known if fnmatchcase(name, _normal(pattern))] for pattern in patterns}
    if idle := [pattern for pattern, names in found.items() if not names]:
        raise Refused(*(not_there(pattern, place) for pattern in idle))
    return tuple(sorted({name for names in found.values() for name in names}))


def fixed_beginning(pattern: str) -> str:
    """What the name of every project begins with that the pattern may name."""
    return _MAGIC.split(_normal(pattern), maxsplit=1)[0]


def _normal(pattern: str) -> str:
    return _SEPARATORS.sub("-", pattern).lower()
