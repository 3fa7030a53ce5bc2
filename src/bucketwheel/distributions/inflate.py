"""Decompression in bounded memory: no piece of output is larger than asked for, however small its input."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from bucketwheel.distributions.observations import Broken

__all__ = ["PIECE", "RAW_DEFLATE", "GzipStream", "inflated", "inflation_limit"]

PIECE = 1 << 18
"""The largest piece of input or output in memory at once, in bytes."""

# The window sizes that tell zlib which container to expect (zlib manual, inflateInit2).
RAW_DEFLATE = -15
_GZIP = 31

_GZIP_MAGIC = b"\x1f\x8b"
_ALWAYS_ALLOWED = 64 << 20
_HIGHEST_RATIO = 50


def inflation_limit(compressed: int) -> int:
    """Return how many bytes an archive of this size may unpack to before PyPI, and we, call it a bomb."""
    return max(_ALWAYS_ALLOWED, _HIGHEST_RATIO * compressed)


def inflated(file: BinaryIO, length: int, wbits: int, limit: int) -> Generator[bytes, None, int]:
    """Unpack one stream of at most `length` bytes, from the file's position, into at most `limit` bytes.

    The generator's value is how many of the `length` bytes come after the stream's end. Raises Broken where the
    stream is damaged, holds more, or does not end within them.
    """
    stream = zlib.decompressobj(wbits)
    unread, pending, total = length, b"", 0
    while not stream.eof:
        if not pending:
            pending = file.read(min(PIECE, unread))
            unread -= len(pending)
        try:
            piece = stream.decompress(pending, PIECE)
        except zlib.error as error:
            raise Broken("has damaged compressed data") from error
        if not piece and not pending:
            raise Broken("is cut off in the middle of its compressed data")
        pending = stream.unconsumed_tail
        total += len(piece)
        if total > limit:
            raise Broken(f"holds more than it may: {length} compressed bytes unpack to more than {limit}")
        yield piece
    return unread + len(stream.unused_data)


class GzipStream:
    """The contents of a gzipped file, to be read once.

    Reading raises Broken for a damaged file, and for one that unpacks to far more than its size.
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
        """Yield all up to the end, where the CRC is checked."""
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
    if file.read(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
        raise Broken("is not a gzipped tar archive", "build it again, or download it again")
    file.seek(0)
    left_over = yield from inflated(file, length, _GZIP, inflation_limit(length))
    file.seek(length - left_over)
    while padding := file.read(PIECE):
        if padding.strip(b"\0"):
            # Another gzip member, for example: some readers go on with it, some do not.
            raise Broken("has data after the end of its gzip stream")
