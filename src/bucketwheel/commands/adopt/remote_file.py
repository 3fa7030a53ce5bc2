"""An object as a file that can be read anywhere: its tail comes with the first read, the rest as it is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from bucketwheel.storage import Key, Storage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["RemoteFile"]

_TAIL: Final = 256 << 10
"""Bytes that hold the directory and the METADATA of nine wheels in ten; a smaller file comes whole."""


class RemoteFile(io.RawIOBase):
    """Reads of an object, each one request unless the last one brought it; raises Unavailable where one fails."""

    def __init__(self, storage: Storage, key: Key, size: int) -> None:
        super().__init__()
        self._storage = storage
        self._key = key
        self._size = size
        self._at = 0
        self._start, self._held = size, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is asked for yet."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, or as much of it as there is up to the end."""
        room = memoryview(buffer)
        end = min(self._at + len(room), self._size)
        if end <= self._at:
            return 0
        if not self._start <= self._at <= end <= self._start + len(self._held):
            self._fetch(self._at, end)
        data = self._held[self._at - self._start : end - self._start]
        room[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _fetch(self, start: int, end: int) -> None:
        if end > self._size - _TAIL:
            start, end = min(start, max(0, self._size - _TAIL)), self._size
        with self._storage.open(self._key, start, end) as stream:
            self._start, self._held = start, stream.read()
