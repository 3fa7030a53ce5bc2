"""Events that the protocol and the commands report; the frontends put them into words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

__all__ = [
    "BytesMoved",
    "Created",
    "Event",
    "FileDone",
    "FileStarted",
    "Report",
    "RequestSent",
    "Stage",
    "Uploaded",
    "Warned",
    "Writing",
    "ignore",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSent:
    """One request to a store or server, after its answer; without headers and query."""

    verb: str
    target: str
    """The key, or the URL without user, password and query."""
    status: int
    """The HTTP status; 0 where no answer came."""
    milliseconds: int
    reason: str = ""
    """Why no answer came, as far as it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The begin of a write to a store: from now on it may have happened."""

    target: str
    """The key; empty for a bucket that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The begin of a step of long work ("uploading", "fetching" …), with the number of things it will do."""

    doing: str
    count: int
    total_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStarted:
    """The begin of the work on a file within the current stage."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesMoved:
    """Bytes of a file that were sent or received; a few times a second for each file."""

    name: str
    """The file, as in FileStarted."""
    count: int
    """How many since the last event for this file; after a broken connection some may count again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDone:
    """The end of the work on a file within the current stage."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The creation of a new repository."""

    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A warning for the user that does not stop the work."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """One upload through the gateway, after its answer; nothing of its headers."""

    at: datetime
    peer: str
    """The address of who sent it; behind a proxy the proxy's."""
    filename: str
    sha256: str
    """The digest of what came of the file; empty without one."""
    answer: str
    """The status and its reason."""


Event: TypeAlias = RequestSent | Writing | Stage | FileStarted | BytesMoved | FileDone | Created | Warned | Uploaded
Report: TypeAlias = Callable[[Event], None]
"""Receives events as they happen, from any thread."""


def ignore(event: Event) -> None:
    """Ignore an event."""
