"""What a check asks of a store beyond the Storage protocol; a directory has none of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bucketwheel.names import shown
from bucketwheel.storage import Key, Kind, ObjectVersion

__all__ = ["Headers", "Inspectable", "KeepsUploads", "KeepsVersions", "UnfinishedUpload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """With which headers an object is served; empty where it has none of a name."""

    content_type: str = ""
    cache_control: str = ""
    content_encoding: str = ""

    def is_of(self, kind: Kind) -> bool:
        """Whether an object of this kind is served as it should be."""
        return (self.content_type, self.cache_control) == (kind.content_type, kind.cache_control)

    def other_than(self, kind: Kind) -> str:
        """Say which headers are others, and what they should be."""
        pairs = (
            ("Content-Type", self.content_type, kind.content_type),
            ("Cache-Control", self.cache_control, kind.cache_control),
        )
        return ", ".join(
            f"{name} {shown(found) or '(none)'} where {wanted} should be"
            for name, found, wanted in pairs
            if found != wanted
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUpload:
    """The parts of an object that is not there yet, kept until the upload is completed or aborted."""

    key: Key
    begun: datetime


@runtime_checkable
class Inspectable(Protocol):
    """A store that can say how it serves an object."""

    def version_of(self, body: bytes) -> ObjectVersion:
        """The version that an object of these bytes has, unless it is kept in another way than most are."""

    def headers(self, key: Key) -> Headers | None:
        """How an object is served; None: it is absent."""


@runtime_checkable
class KeepsUploads(Protocol):
    """A store that keeps the parts of uploads that came to no end."""

    def unfinished_uploads(self) -> Iterator[UnfinishedUpload]:
        """Those that are under way or were left so."""


@runtime_checkable
class KeepsVersions(Protocol):
    """A store that may keep what was written over."""

    def overwritten(self, prefix: str) -> Iterator[Key]:
        """The keys that have several versions, not all of the same bytes."""
