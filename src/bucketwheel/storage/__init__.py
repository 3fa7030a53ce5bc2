"""Where objects lie: the one seam between the protocol and a store.

A storage knows keys and bytes, never manifests or pages. **There is no plain overwrite**: one can `add` what is absent,
and `swap` or `remove` exactly what was read. A lost update cannot be spelled with these calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NewType, Protocol, runtime_checkable

from bucketwheel.names import Sha256, printable

__all__ = [
    "NO_MARKS",
    "Inspectable",
    "KeepsUploads",
    "KeepsVersions",
    "Key",
    "ListEntry",
    "Object",
    "ObjectHeaders",
    "ObjectInfo",
    "ObjectVersion",
    "ServedHeaders",
    "Storage",
    "SwapLost",
    "UnfinishedUpload",
]

Key = NewType("Key", str)
"""A path under the repository: no leading slash, no `.` or `..` segment; may end in a slash on S3."""

ObjectVersion = NewType("ObjectVersion", str)
"""Names one state of one object: an ETag on S3, the sha256 in a directory. Opaque, only ever compared."""

NO_MARKS: Mapping[str, str] = {}


class SwapLost(Exception):
    """The object is not (or no longer) what the caller saw, or the store cannot say; nothing was decided by us.

    The write may even be our own, done by a retry whose first answer was lost: the caller reads back.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectHeaders:
    """How an object is served and kept: its exact media type, its caching, and what the store should do with it."""

    content_type: str
    cache_control: str
    put_args: Mapping[str, str] = field(default_factory=dict)
    """Further arguments of S3's PutObject by their API names (`StorageClass`, `ACL` …); a directory has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """An object as a look shows it, without its bytes."""

    version: ObjectVersion
    size: int
    marks: Mapping[str, str] | None = field(default_factory=dict)
    """What its writer noted on it; None where a store has no place for marks (a directory)."""
    sha256: Sha256 | None = None
    """The digest of all its bytes where the store vouches for it, else None. Never a composite checksum."""
    modified: datetime | None = None
    """When it was written, by the store's own clock: to be courteous by, never to be safe by. None: it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object read whole."""

    body: bytes
    version: ObjectVersion
    marks: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """An object as a listing shows it."""

    key: Key
    size: int
    version: ObjectVersion | None = None
    """None where finding it would mean reading the object (a directory)."""
    etag: str | None = None
    """What a later listing shows again if nobody touched the object: the ETag on S3, time and size in a directory.

    It saves reading what is known; no write ever depends on it.
    """


class Storage(Protocol):
    """What the protocol asks of a store.

    Every method raises `errors.Denied` or `errors.Unavailable` (of which `OutcomeUnknown`, for writes) with a message
    for the user. Reads answer None for absent, and absent is only what the store calls by that name: an error is never
    taken for it. Every method may be called from several threads at once.
    """

    def address(self, key: str) -> str:
        """The URL under which the store itself serves this key, whether or not it may be read there."""

    def read(self, key: Key) -> Object | None:
        """Read an object whole; for manifests, pages and settings, never for distributions."""

    def stat(self, key: Key) -> ObjectInfo | None:
        """See an object's version, size and marks."""

    def open(self, key: Key, start: int = 0, end: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Stream an object's bytes from `start` up to but not including `end`; raises Unavailable if it is absent."""

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """Every object whose key begins with the prefix, in the order of their keys."""

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object that must not exist, with these bytes verified by the store; False: the key is taken."""

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Replace exactly what was seen (None: it must be absent) and return the new version; raises SwapLost."""

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove exactly what was seen; raises SwapLost if it is something else now. Absent already is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedHeaders:
    """With which headers an object is served; empty where it has none of a name."""

    content_type: str = ""
    cache_control: str = ""
    content_encoding: str = ""

    def is_of(self, headers: ObjectHeaders) -> bool:
        """Whether an object is served as it should be."""
        return (self.content_type, self.cache_control) == (headers.content_type, headers.cache_control)

    def other_than(self, headers: ObjectHeaders) -> str:
        """Say which headers are others, and what they should be."""
        pairs = (
            ("Content-Type", self.content_type, headers.content_type),
            ("Cache-Control", self.cache_control, headers.cache_control),
        )
        return ", ".join(
            f"{name} {printable(found) or '(none)'} where {wanted} should be"
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

    def headers(self, key: Key) -> ServedHeaders | None:
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
