"""What a look into an archive brings to light: flaws, oddities, and its core metadata."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from bucketwheel.names import DistributionName, printable

__all__ = [
    "LARGEST_NAMES",
    "LARGEST_TEXT",
    "LONGEST_NAME",
    "MOST_MEMBERS",
    "REBUILD",
    "Broken",
    "CoreMetadata",
    "Finding",
    "Flaw",
    "Oddity",
    "clean",
    "listed",
    "validate_paths",
    "validate_spelling",
]

REBUILD = "build it again with a current build tool, and publish it as it was built"

_LONGEST_SHOWN = 100
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A reason to refuse the file: two readers would see different contents, or nobody could install it."""

    what: str
    """Continues the file's name: "has two members named …"."""
    remedy: str = REBUILD


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A rule broken without harm, as files do that PyPI took in when it was less strict; worth a warning."""

    what: str
    """Continues the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """The bytes of METADATA or PKG-INFO, and the one field that index pages show."""

    body: bytes
    requires_python: str | None
    """As written; None also where it cannot be read as a version specifier."""


Finding: TypeAlias = Flaw | Oddity | CoreMetadata


class Broken(Exception):
    """The archive cannot be read any further; its flaw says why."""

    def __init__(self, what: str, remedy: str = REBUILD) -> None:
        super().__init__(what)
        self.flaw = Flaw(what=what, remedy=remedy)


def listed(names: Iterable[str]) -> str:
    """Name the first few of many, fit for a message whatever they contain: `'a', 'b', 'c' and 4 more`."""
    remaining = iter(names)
    first = [f"'{_shortened(printable(name))}'" for name in islice(remaining, _MOST_SHOWN)]
    more = sum(1 for _ in remaining)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


MOST_MEMBERS = 100_000
"""More than any archive on PyPI has; beyond it memory would no longer be bounded."""

LONGEST_NAME = 4096
"""More than any file system takes as a path."""

LARGEST_NAMES = 64 << 20
"""The most that all names of an archive may have merged, in bytes; they are held at once."""

LARGEST_TEXT = 1 << 20
"""The most that METADATA and its like may have, in bytes; the largest real ones have a fifth of it."""

# A drive letter makes a path absolute on Windows, and a backslash separates there.
_ELSEWHERE = re.compile(r"/|[A-Za-z]:|.*\\|(?:.*/)?\.\.(?:/|\Z)", re.DOTALL)


def validate_paths(paths: Sequence[str]) -> Iterator[Finding]:
    """Find members that installers would write to an unexpected place, or over one another."""
    if outside := [path for path in paths if _ELSEWHERE.match(path)]:
        yield Flaw(what=f"has members whose names lead out of the archive: {listed(outside)}")
    counts = Counter(clean(path) for path in paths)
    if doubled := [path for path, count in counts.items() if count > 1]:
        yield Flaw(what=f"has several members of one name, and readers differ in which one counts: {listed(doubled)}")
    folded = Counter(path.casefold() for path in counts)
    if colliding := [path for path in counts if folded[path.casefold()] > 1]:
        yield Oddity(
            what=f"has members that differ in case only, so that one overwrites the other on Windows and macOS:"
            f" {listed(colliding)}"
        )


def clean(path: str) -> str:
    """Give a path the one spelling of all that lead to the same place: no `./`, no `//`, no slash at the end."""
    return posixpath.normpath(path)


_GENERIC_LINUX = re.compile(r"linux_(?!armv[67]l)")  # these two have no manylinux, and PyPI takes them


def validate_spelling(name: DistributionName) -> Iterator[Finding]:
    """Find what is unusual about a file's name, before anybody looks inside."""
    project = name.project.replace("-", "_")
    if name.kind == "sdist" and name.filename != (expected := f"{project}-{name.version}.tar.gz"):
        yield Oddity(what=f"would be called {expected} by PEP 625")
    if name.kind == "wheel" and not name.filename.startswith(f"{project}-"):
        yield Oddity(what=f"would begin with {project}- by the binary distribution format specification")
    if generic := sorted({tag.platform for tag in name.tags if _GENERIC_LINUX.match(tag.platform)}):
        yield Oddity(what=f"is for {listed(generic)}, which does not say what C library it needs, as manylinux does")
