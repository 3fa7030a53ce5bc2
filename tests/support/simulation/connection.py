"""The storage that an actor holds: every call of it waits for its fate."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from bucketwheel.names import Sha256
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.storage import Key, ListEntry, Object, ObjectHeaders, ObjectInfo, ObjectVersion
from support.memory import MemoryStorage
from support.simulation.requests import Request, Verb
from support.simulation.strands import Strand

__all__ = ["DIRECTORY", "OLD_S3", "S3", "Connection", "Flavour"]

_T = TypeVar("_T")

_PAGE = 3
"""Entries to a page of a listing, which is no snapshot: others may write between two of its pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """A kind of store: what it tells about an object."""

    place: Place
    marks: bool = True
    digests: bool = True

    @property
    def remote(self) -> bool:
        """Whether requests travel over a network, on which they can get lost."""
        return isinstance(self.place, S3Place)


S3 = Flavour(place=S3Place(bucket="bucket", prefix=""))
OLD_S3 = replace(S3, digests=False)
"""A store that keeps no SHA-256."""
DIRECTORY = Flavour(place=DirectoryPlace(path=Path("repository")), marks=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """A `Storage` over the one store of a world."""

    store: MemoryStorage
    flavour: Flavour

    def address(self, key: str) -> str:
        """No store serves it."""
        return self.store.address(key)

    def read(self, key: Key) -> Object | None:
        """One request."""
        return self._ask("read", key, lambda: self._stored(self.store.read(key)))

    def stat(self, key: Key) -> ObjectInfo | None:
        """One request."""
        return self._ask("look", key, lambda: self._seen(self.store.stat(key)))

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """One request, and the stream is whole."""

        def whole() -> bytes:
            with self.store.open(key, start, end) as stream:
                return stream.read()

        yield io.BytesIO(self._ask("open", key, whole))

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """One request to a page; each shows what lies there when its own turn comes."""
        last = ""
        while True:
            page = self._ask("list", prefix, partial(self._page, prefix, last))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].key

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """One request."""
        return self._ask("add", key, lambda: self.store.add(key, body, sha256=sha256, headers=headers, marks=marks))

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """One request."""
        return self._ask(
            "swap", key, lambda: self.store.swap(key, body, expected=expected, headers=headers, marks=marks)
        )

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """One request."""
        return self._ask("remove", key, lambda: self.store.remove(key, expected=expected))

    def _ask(self, verb: Verb, key: str, carry_out: Callable[[], _T]) -> _T:
        return cast("_T", Strand.current().ask(Request(verb=verb, key=key, carry_out=carry_out)))

    def _stored(self, stored: Object | None) -> Object | None:
        return stored if stored is None or self.flavour.marks else replace(stored, marks=None)

    def _seen(self, seen: ObjectInfo | None) -> ObjectInfo | None:
        if seen is None:
            return None
        return replace(
            seen,
            marks=seen.marks if self.flavour.marks else None,
            sha256=seen.sha256 if self.flavour.digests else None,
        )

    def _page(self, prefix: str, after: str) -> tuple[ListEntry, ...]:
        return tuple(islice((entry for entry in self.store.list(prefix) if entry.key > after), _PAGE))
