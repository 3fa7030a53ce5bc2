"""Storages: the protocol's only way to the objects of a store.

A storage knows keys and bytes, not manifests or pages. **There is no plain overwrite**: `add` creates what is absent,
`swap` and `remove` act on exactly what was read. No combination of these calls can lose an update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NewType, Protocol, runtime_checkable

from bucketwheel.errors import Denied
from bucketwheel.names import Sha256, printable
from bucketwheel.places import Place

__all__ = [
    "NO_MARKS",
    "AddsInParts",
    "CredentialsInfo",
    "HasFolders",
    "Inspectable",
    "KeepsUploads",
    "KeepsVersions",
    "Key",
    "KeyRefused",
    "LiesWithinOthers",
    "ListEntry",
    "Object",
    "ObjectHeaders",
    "ObjectInfo",
    "ObjectVersion",
    "OpensWhole",
    "Passed",
    "PassesOn",
    "Presigns",
    "ServedHeaders",
    "SigningClient",
    "SignsElsewhere",
    "Span",
    "Storage",
    "SwapLost",
    "SwapsMany",
    "UnfinishedUpload",
]

Key = NewType("Key", str)
"""A path under the repository: no leading slash, no `.` or `..` segment; may end in a slash on S3."""

ObjectVersion = NewType("ObjectVersion", str)
"""The name of one state of one object: an ETag on S3, the sha256 in a directory. Opaque: only compare it."""

NO_MARKS: Mapping[str, str] = {}


class SwapLost(Exception):
    """The loss of a swap: the object is not what the caller saw, or the store cannot say.

    The caller reads again, because a retry of its own write, whose first answer was lost, may have changed the object.
    """

    def __init__(self, key: str, *, refused: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.refused = refused
        """Key and version that the store says is not there, if no attempt of this call can have applied; else empty."""


class KeyRefused(Denied):
    """The refusal of a key that ends in a slash, at which some stores can keep no object with a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectHeaders:
    """The headers to serve an object with, and how the store keeps it."""

    content_type: str
    cache_control: str
    put_args: Mapping[str, str] = field(default_factory=dict)
    """Further arguments of S3's PutObject by their API names (`StorageClass`, `ACL` …); a directory ignores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """An object without its bytes."""

    version: ObjectVersion
    size: int
    marks: Mapping[str, str] | None = field(default_factory=dict)
    """Notes of its writer (S3 user metadata); None where a store has no place for them (a directory)."""
    sha256: Sha256 | None = None
    """The digest of all its bytes if the store has verified it, else None. Never a composite checksum."""
    modified: datetime | None = None
    """When it was written, by the store's own clock: for courtesy, never for safety. None: the store does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object with all its bytes."""

    body: bytes
    version: ObjectVersion
    marks: Mapping[str, str] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """An object in a listing."""

    key: Key
    size: int
    version: ObjectVersion | None = None
    """None in a directory, which would have to read the file."""
    etag: str | None = None
    """The same in a later listing if the object was not touched: the ETag on S3, time and size in a directory.

    It saves reading what is known; no write depends on it.
    """


class Storage(Protocol):
    """The calls that the protocol makes to a store.

    Every method raises `errors.Denied` or `errors.Unavailable` (for writes also its subclass `OutcomeUnknown`) with a
    message for the user. Reads return None only for what the store itself calls absent, never for an error. Several
    threads may call every method at once.
    """

    def address(self, key: str) -> str:
        """Return the URL at which the store itself serves a key, whether or not the public may read it."""

    def read(self, key: Key) -> Object | None:
        """Read an object whole (manifests, pages and settings, never distributions); None: it is absent."""

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return an object's version, size and marks; None: it is absent."""

    def open(self, key: Key, start: int = 0, end: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Stream an object's bytes from `start` up to but not including `end`; raises Unavailable if it is absent."""

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List the objects whose keys begin with the prefix, in the order of the keys."""

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object that must not exist, with these bytes verified by the store; False: the key is taken."""

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Replace exactly what was seen (None: it must be absent) and return the new version; raises SwapLost."""

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove exactly what was seen; raises SwapLost if it is something else now. Absent already is success."""


@runtime_checkable
class OpensWhole(Protocol):
    """A store that tells about an object in the answer that brings its bytes."""

    def open_whole(self, key: Key) -> AbstractContextManager[tuple[ObjectInfo, BinaryIO] | None]:
        """Give what `stat` returns and the stream of all bytes, by one request; None: it is absent."""


@runtime_checkable
class SwapsMany(Protocol):
    """A store in which many swaps at once are cheaper than one by one."""

    def swap_many(self, swaps: Iterable[tuple[Key, bytes, ObjectVersion | None]]) -> None:
        """Swap each as `swap` does, in this order, no key twice; raises SwapLost at the first that is lost.

        A crash of the system may undo them until `settle` has returned.
        """

    def settle(self) -> None:
        """Make all that was swapped so far as durable as `swap` does."""


@runtime_checkable
class HasFolders(Protocol):
    """A store that makes folders, which stay when the objects in them are removed."""

    def remove_folders(self, keys: Iterable[Key]) -> None:
        """Remove the folders that these keys are in and that are empty, all but the top; one that is not stays.

        No `add` or `swap` into them may run meanwhile, but `swap_many` may.
        """


@runtime_checkable
class Inspectable(Protocol):
    """A store that can say how it serves an object."""

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return the version of an object of these bytes, unless the store encrypts it in an unusual way."""

    def headers(self, key: Key) -> ServedHeaders | None:
        """Return the headers of an object; None: it is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedHeaders:
    """The headers that a store serves an object with; a missing one is empty."""

    content_type: str = ""
    cache_control: str = ""
    content_encoding: str = ""

    def is_of(self, headers: ObjectHeaders) -> bool:
        """Return whether an object is served as it should be."""
        return (self.content_type, self.cache_control) == (headers.content_type, headers.cache_control)

    def other_than(self, headers: ObjectHeaders) -> str:
        """Say which headers differ from what they should be."""
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
class Span:
    """The bytes of an object that a reader asks for."""

    first: int | None
    """None: the last bytes, as many as `last` says."""
    last: int | None = None
    """The last byte, which belongs to it; None: up to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An object, or a part of it, on its way to a reader."""

    etag: str
    """The name of this state for readers, in quotes; it says nothing about the bytes."""
    size: int
    """Of the whole object."""
    start: int = 0
    end: int
    """The first byte that does not belong to it any more."""
    modified: datetime | None = None
    body: BinaryIO | None = None
    """None where the reader has this state already, or asked for the headers only."""
    unchanged: bool = False
    """True if the reader has this state already."""
    out_of_range: bool = False
    """True if the object ends before the bytes that the reader asked for."""


@runtime_checkable
class PassesOn(Protocol):
    """A store whose objects can be passed on to a reader, each by one request."""

    def pass_on(
        self, key: Key, *, span: Span | None = None, known: str = "", same_as: str = "", headers_only: bool = False
    ) -> AbstractContextManager[Passed | None]:
        """Open an object for a reader; None: it is absent.

        `known` is the ETag that the reader has: where it still counts there is no body. A `span` counts only while the
        object is the `same_as`, if that is given; else the whole object comes.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsInfo:
    """The credentials that a store is read with, without their secrets."""

    temporary: bool = False
    """True if they are a session's, which ends."""
    ends: datetime | None = None
    """When it ends; None: never, or that is not known."""


@runtime_checkable
class Presigns(Protocol):
    """A store that makes links by which anybody can read one object, until they end."""

    def credentials_info(self) -> CredentialsInfo:
        """Return what is known of the credentials that sign the links; they end with these."""

    def presigner(self, *, seconds: int) -> Callable[[Key], str]:
        """Return what makes a link to one object; links are secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningClient:
    """What another program needs to read a bucket with requests that it signs."""

    url: str
    """The bucket's own address, without a slash at its end."""
    region: str
    credentials: Mapping[str, str] = field(repr=False)
    """As AWS_ variables: secrets."""


@runtime_checkable
class SignsElsewhere(Protocol):
    """A store that other programs can read with the same credentials."""

    def client(self) -> SigningClient:
        """Return what such a program needs."""


@runtime_checkable
class LiesWithinOthers(Protocol):
    """A store whose place can be inside of others, each of which may be a repository."""

    def above(self) -> Sequence[tuple[Place, Storage]]:
        """Return the places around this one with their storages, the nearest first."""


@runtime_checkable
class AddsInParts(Protocol):
    """A store that gets some objects in parts, of which the last request makes an object."""

    def in_parts(self, size: int, source: Storage | None) -> bool:
        """Return whether an object of this size, perhaps copied from another storage, is added in parts."""

    def add_one_part(self, key: Key, body: bytes, *, headers: ObjectHeaders, marks: Mapping[str, str]) -> bool:
        """Create an object that must not exist of one small part; False: the key is taken."""


@runtime_checkable
class KeepsUploads(Protocol):
    """A store that keeps the parts of uploads that were not completed."""

    def unfinished_uploads(self) -> Iterator[UnfinishedUpload]:
        """List the uploads that are under way or were given up."""

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Free what is kept of an upload; if its sender is still at work, it fails. Gone already is success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedUpload:
    """The parts of an object that does not exist yet, kept until the upload is completed or aborted."""

    key: Key
    """The object's; in a directory the temporary file's, whose name does not say what it was to be."""
    begun: datetime
    id: str = ""
    """Which upload of the key it is, where there may be several."""


@runtime_checkable
class KeepsVersions(Protocol):
    """A store that may keep what was overwritten."""

    def overwritten(self, prefix: str) -> Iterator[Key]:
        """List the keys that have several versions, not all of the same bytes."""
