"""The storage that a command gets: each call is a request, and the simulation decides what becomes of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, TypeVar, cast

from bucketwheel.names import Sha256
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.storage import (
    Key,
    ListEntry,
    Object,
    ObjectHeaders,
    ObjectInfo,
    ObjectVersion,
    ServedHeaders,
    SwapLost,
)
from support.memory import MemoryStorage

__all__ = ["CRASHES", "DIRECTORY", "OLD_S3", "S3", "Connection", "Fate", "Request", "Store", "StoreKind", "Verb"]

Verb: TypeAlias = Literal["read", "stat", "open", "list", "add", "swap", "remove"]
_T = TypeVar("_T")

_LIST_PAGE = 3
"""Entries on one page of a listing. A listing is no snapshot: other requests come between its pages."""


class Fate(Enum):
    """What becomes of a request; each is something that S3, its SDK, a network or a CI runner does."""

    PROCEEDS = "proceeds"
    FAILS = "fails: nothing happens, and the sender is told so"
    UNDECIDED = "ends in 409: nothing happens, and the store only says that it is not done"
    LOST = "is lost on its way: nothing happens, and the sender cannot know"
    ANSWER_LOST = "happens, and its answer is lost: the sender cannot know"
    LATE = "happens later, after the sender gave up waiting"
    REPEATED = "happens, its answer is lost, and the SDK sends it again without telling the sender"
    TWICE = "happens, and a copy of it arrives once more later"
    DIES_BEFORE = "is never sent: its sender dies, with all that it had under way"
    DIES_SENDING = "is sent and its sender dies: all that it had under way happens later"
    DIES_AFTER = "happens, and its sender dies before it learns so"


CRASHES = frozenset({Fate.DIES_BEFORE, Fate.DIES_SENDING, Fate.DIES_AFTER})
_WRITE_FATES = tuple(Fate)
_READ_FATES = (Fate.PROCEEDS, Fate.FAILS, Fate.DIES_BEFORE, Fate.DIES_SENDING)


@dataclass(slots=True, kw_only=True)
class Request:
    """A call of the storage that waits for its fate."""

    verb: Verb
    key: str
    call: Callable[[], object]
    """Does it, with its condition compared at that very moment; raises what the storage raises."""
    sent: bool = False
    """True once an earlier attempt may have applied: then the SDK can never say that nothing happened."""

    @property
    def writes(self) -> bool:
        """Say whether it can change the store."""
        return self.verb in {"add", "swap", "remove"}

    @property
    def fates(self) -> tuple[Fate, ...]:
        """Return what may become of it."""
        return _WRITE_FATES if self.writes else _READ_FATES

    def __str__(self) -> str:
        return f"{self.verb} {self.key or '/'}"


class Store(MemoryStorage):
    """The store of a simulation."""

    suspended = False
    """Whether it refuses to replace any version, as Ceph does after the versioning of its bucket was suspended."""

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Create or replace an object."""
        if self.suspended and expected is not None:
            raise SwapLost(key, refused=f"{key} {expected}")
        return super().swap(key, body, expected=expected, headers=headers, marks=marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreKind:
    """A kind of store: what it tells about an object."""

    place: Place
    marks: bool = True
    digests: bool = True

    @property
    def remote(self) -> bool:
        """Say whether requests travel over a network, on which they can get lost."""
        return isinstance(self.place, S3Place)


S3 = StoreKind(place=S3Place(bucket="bucket", prefix=""))
OLD_S3 = replace(S3, digests=False)
"""A store that keeps no SHA-256."""
DIRECTORY = StoreKind(place=DirectoryPlace(path=Path("repository")), marks=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A `Storage` over the simulation's one store; every method sends one request, `list` one for each page."""

    store: MemoryStorage
    kind: StoreKind
    ask: Callable[[Request], object]
    """Waits for the fate of a request and returns its answer."""

    def address(self, key: str) -> str:
        """Return a URL that no store serves."""
        return self.store.address(key)

    def read(self, key: Key) -> Object | None:
        """Return the whole object, without marks where the store keeps none."""
        found = self._ask("read", key, partial(self.store.read, key))
        return found if found is None or self.kind.marks else replace(found, marks=None)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return what this kind of store tells about an object."""
        info = self._ask("stat", key, partial(self.store.stat, key))
        return None if info is None else self._told(info)

    def _told(self, info: ObjectInfo) -> ObjectInfo:
        marks, sha256 = info.marks if self.kind.marks else None, info.sha256 if self.kind.digests else None
        return replace(info, marks=marks, sha256=sha256)

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """Stream a range of an object."""

        def whole() -> bytes:
            with self.store.open(key, start, end) as stream:
                return stream.read()

        yield io.BytesIO(self._ask("open", key, whole))

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List page by page; each page shows what exists when its own request is served."""
        last = ""
        while True:
            page = self._ask("list", prefix, partial(self._page, prefix, last))
            yield from page
            if len(page) < _LIST_PAGE:
                return
            last = page[-1].key

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object."""
        call = partial(self.store.add, key, body, sha256=sha256, headers=headers, marks=marks)
        return self._ask("add", key, call)

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Create or replace an object."""
        call = partial(self.store.swap, key, body, expected=expected, headers=headers, marks=marks)
        return self._ask("swap", key, call)

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove an object."""
        self._ask("remove", key, partial(self.store.remove, key, expected=expected))

    @contextmanager
    def open_whole(self, key: Key) -> Iterator[tuple[ObjectInfo, BinaryIO] | None]:
        """Stream an object, and return what this kind of store tells about it."""

        def whole() -> tuple[ObjectInfo, bytes] | None:
            with self.store.open_whole(key) as found:
                return None if found is None else (found[0], found[1].read())

        found = self._ask("open", key, whole)
        yield None if found is None else (self._told(found[0]), io.BytesIO(found[1]))

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return the version of an object of these bytes; this is no request."""
        return self.store.version_of(body)

    def headers(self, key: Key) -> ServedHeaders | None:
        """Return the headers that it was written with; no simulated command asks for them."""
        return self.store.headers(key)

    def _ask(self, verb: Verb, key: str, call: Callable[[], _T]) -> _T:
        return cast("_T", self.ask(Request(verb=verb, key=key, call=call)))

    def _page(self, prefix: str, after: str) -> tuple[ListEntry, ...]:
        return tuple(islice((entry for entry in self.store.list(prefix) if entry.key > after), _LIST_PAGE))
