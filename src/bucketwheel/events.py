"""What happened, as frozen facts: the core reports them, the doors find the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Created",
    "Event",
    "FileDone",
    "FileStarted",
    "Report",
    "RequestSent",
    "Stage",
    "Warned",
    "ignore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSent:
    """One request to a store or server, after its answer; no header and no query is ever part of it."""

    verb: str
    target: str
    """The key, or the URL without user, password and query."""
    status: int
    """The HTTP status; 0 where no answer came."""
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step of long work begins: "judging", "uploading", "fetching" …, with the number of things it will do."""

    doing: str
    count: int
    total_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStarted:
    """A file's turn has come within the current stage."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """A file's turn is over within the current stage."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new repository was made where nothing was."""

    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that the user should know and that does not stop the work."""

    message: str


Event: TypeAlias = RequestSent | Stage | FileStarted | FileDone | Created | Warned
Report: TypeAlias = Callable[[Event], None]
"""Takes events as they happen, from any thread."""


def ignore(event: Event) -> None:
    """Report to nobody."""
