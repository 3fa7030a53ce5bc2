"""Observations about an archive: flaws, oddities, its core metadata; and the rules that all archives share."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from bucketwheel.names import DistributionName, InvalidName, distribution_name, printable

__all__ = [
    "LARGEST_NAMES",
    "LARGEST_TEXT",
    "LONGEST_NAME",
    "MOST_MEMBERS",
    "Broken",
    "CoreMetadata",
    "Flaw",
    "Observation",
    "Oddity",
    "clean",
    "is_named_after",
    "listed",
    "validate_paths",
]

MOST_MEMBERS = 100_000
"""More than any archive on PyPI has; it keeps memory bounded."""

LONGEST_NAME = 4096
"""More than any file system takes as a path."""

LARGEST_NAMES = 64 << 20
"""The most bytes that all names of an archive may have together; they are in memory at once."""

LARGEST_TEXT = 1 << 20
"""The most bytes that METADATA and similar files may have; the largest real ones have a fifth of it."""

_REBUILD = "build it again with a current build tool, and publish it as it was built"
_LONGEST_SHOWN = 100
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Flaw:
    """A reason to refuse the file: two readers would see different contents, or no installer could install it."""

    what: str
    """Continues the file's name: "has two members named …"."""
    remedy: str = _REBUILD


@dataclass(frozen=True, slots=True)
class Oddity:
    """A broken rule that does no harm, and that PyPI did not always have; the user is warned."""

    what: str
    """Continues the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The bytes of METADATA or PKG-INFO, and the one field that index pages show."""

    body: bytes
    requires_python: str | None
    """As written; None also where it is not a version specifier."""


Observation: TypeAlias = Flaw | Oddity | CoreMetadata


class Broken(Exception):
    """The archive cannot be read any further; its flaw says why."""

    def __init__(self, what: str, remedy: str = _REBUILD) -> None:
        super().__init__(what)
        self.flaw = Flaw(what, remedy)


def listed(names: Iterable[str]) -> str:
    """Name the first few of many, made safe for a message: `'a', 'b', 'c' and 4 more`."""
    remaining = iter(names)
    first = [f"'{_shortened(printable(name))}'" for name in islice(remaining, _MOST_SHOWN)]
    more = sum(1 for _ in remaining)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def clean(path: str) -> str:
    """Give all paths to one place the same spelling: no `./`, no `//`, no slash at the end."""
    return posixpath.normpath(path)


def is_named_after(stem: str, name: DistributionName) -> bool:
    """Return whether PROJECT-VERSION, as directories inside archives are called, names this distribution."""
    try:
        inside = distribution_name(f"{stem}.tar.gz")
    except InvalidName:
        return False
    return (inside.project, inside.version) == (name.project, name.version)


# A drive letter makes a path absolute on Windows, and a backslash separates there.
_ELSEWHERE = re.compile(r"/|[A-Za-z]:|.*\\|(?:.*/)?\.\.(?:/|\Z)", re.DOTALL)


def validate_paths(paths: Sequence[str]) -> Iterator[Observation]:
    """Find members that installers would write to an unexpected place, or over one another."""
    if outside := [path for path in paths if _ELSEWHERE.match(path)]:
        yield Flaw(f"has members whose names lead out of the archive: {listed(outside)}")
    counts = Counter(clean(path) for path in paths)
    if doubled := [path for path, count in counts.items() if count > 1]:
        yield Flaw(f"has several members of one name, and readers differ in which one counts: {listed(doubled)}")
    folded = Counter(path.casefold() for path in counts)
    if colliding := [path for path in counts if folded[path.casefold()] > 1]:
        what = "has members that differ in case only, so that one overwrites the other on Windows and macOS"
        yield Oddity(f"{what}: {listed(colliding)}")
