"""A gzipped file, unpacked from its beginning to its end in bounded memory and never on to disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken
from bucketwheel.distributions.inflate import GZIP, PIECE, inflated, inflation_limit

__all__ = ["GzipStream"]

_MAGIC = b"\x1f\x8b"


class GzipStream:
    """What a gzipped file holds, to be read once.

    Raises Broken for a damaged file, and for one that unpacks to far more than its size.
    """

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.position = 0
        self._pieces = _unpacked(file, length)
        self._buffer = b""

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end only."""
        parts = []
        while piece := self._take(size):
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    def skip_to(self, position: int) -> None:
        """Go forward to this position; raises Broken where the end comes before."""
        while self.position < position:
            if not self._take(position - self.position):
                raise Broken("is cut off in the middle of its tar archive")

    def rest(self) -> Iterator[bytes]:
        """Read on to the end, which is where the CRC is checked."""
        while piece := self._take(PIECE):
            yield piece

    def _take(self, size: int) -> bytes:
        """Take up to `size` bytes; none at the end only."""
        available = self._buffer or next(self._pieces, b"")
        taken, self._buffer = available[:size], available[size:]
        self.position += len(taken)
        return taken


def _unpacked(file: BinaryIO, length: int) -> Iterator[bytes]:
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        raise Broken("is not a gzipped tar archive", "build it again, or download it again")
    file.seek(0)
    left_over = yield from inflated(file, length, GZIP, inflation_limit(length))
    file.seek(length - left_over)
    while padding := file.read(PIECE):
        if padding.strip(b"\0"):
            # Another gzip member, say: some readers go on with it, some do not.
            raise Broken("has data after the end of its gzip stream")
