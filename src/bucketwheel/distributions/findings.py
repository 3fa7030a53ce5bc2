"""What a look into an archive brings to light: flaws, oddities, and its core metadata."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from bucketwheel.names import shown

__all__ = ["REBUILD", "Broken", "CoreMetadata", "Finding", "Flaw", "Oddity", "listed"]

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
    first = [f"'{_shortened(shown(name))}'" for name in islice(remaining, _MOST_SHOWN)]
    more = sum(1 for _ in remaining)
    return ", ".join(first) + (f" and {more} more" if more else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
