"""A store in memory that keeps the contract of storages, marks included."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from bucketwheel.errors import Unavailable
from bucketwheel.names import Sha256
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
from bucketwheel.storage.transfer import bytes_changed

__all__ = ["MemoryStorage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    body: bytes
    version: ObjectVersion
    headers: ObjectHeaders
    marks: Mapping[str, str]
    modified: datetime


@dataclass(slots=True)
class MemoryStorage:
    """Objects in a dictionary; equal bytes have the same version, as under an ETag."""

    objects: dict[str, _Object] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def address(self, key: str) -> str:
        """Return a URL that no store serves."""
        return f"memory:///{key}"

    def read(self, key: Key) -> Object | None:
        """Return the whole object."""
        found = self.objects.get(key)
        return None if found is None else Object(body=found.body, version=found.version, marks=found.marks)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return the object without its bytes."""
        found = self.objects.get(key)
        if found is None:
            return None
        return ObjectInfo(
            version=found.version,
            size=len(found.body),
            marks=found.marks,
            sha256=Sha256(found.version),
            modified=found.modified,
        )

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """Stream a range of it."""
        if end is not None and end <= start:
            raise ValueError("a range of no bytes cannot be asked for")
        if key not in self.objects:
            raise Unavailable(f"{key} no longer exists; run the same command again")
        yield io.BytesIO(self.objects[key].body[start:end])

    @contextmanager
    def open_whole(self, key: Key) -> Iterator[tuple[ObjectInfo, BinaryIO] | None]:
        """Give all of it, with what `stat` returns."""
        info, found = MemoryStorage.stat(self, key), self.objects.get(key)
        yield None if info is None or found is None else (info, io.BytesIO(found.body))

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List what exists at this moment."""
        for key, found in sorted(self.objects.copy().items()):
            if key.startswith(prefix):
                yield ListEntry(key=Key(key), size=len(found.body), version=found.version, etag=found.version)

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object."""
        whole = body if isinstance(body, bytes) else body.read_bytes()
        if hashlib.sha256(whole).hexdigest() != sha256:
            raise bytes_changed(key)
        try:
            self.swap(key, whole, expected=None, headers=headers, marks=marks)
        except SwapLost:
            return False
        return True

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Create or replace an object."""
        with self._lock:
            self._compare(key, expected)
            version = ObjectVersion(hashlib.sha256(body).hexdigest())
            self.objects[key] = _Object(
                body=body, version=version, headers=headers, marks=dict(marks), modified=datetime.now(UTC)
            )
        return version

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove an object."""
        with self._lock:
            if key in self.objects:
                self._compare(key, expected)
                del self.objects[key]

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return the digest."""
        return ObjectVersion(hashlib.sha256(body).hexdigest())

    def headers(self, key: Key) -> ServedHeaders | None:
        """Return the headers it was written with."""
        found = self.objects.get(key)
        if found is None:
            return None
        return ServedHeaders(content_type=found.headers.content_type, cache_control=found.headers.cache_control)

    def _compare(self, key: Key, seen: ObjectVersion | None) -> None:
        found = self.objects.get(key)
        if (found and found.version) != seen:  # rule: the store compares
            raise SwapLost(key, refused=f"{key} {seen}")
