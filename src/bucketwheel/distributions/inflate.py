"""Decompression in bounded memory: no piece of output is larger than asked for, however small its input."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken

__all__ = ["GZIP", "PIECE", "RAW_DEFLATE", "inflated", "inflation_limit"]

PIECE = 1 << 18
"""The largest piece of input or output held at once, in bytes."""

# The window sizes that tell zlib which container to expect (zlib manual, inflateInit2).
GZIP = 31
RAW_DEFLATE = -15

_ALWAYS_ALLOWED = 64 << 20
_HIGHEST_RATIO = 50


def inflation_limit(compressed: int) -> int:
    """How many bytes an archive of this size may unpack to before it counts as a bomb, as PyPI has it."""
    return max(_ALWAYS_ALLOWED, _HIGHEST_RATIO * compressed)


def inflated(file: BinaryIO, length: int, wbits: int, limit: int) -> Generator[bytes, None, int]:
    """Unpack one stream of at most `length` bytes, from where the file stands, into at most `limit` bytes.

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
            break
        pending = stream.unconsumed_tail
        total += len(piece)
        if total > limit:
            raise Broken(f"holds more than it may: {length} compressed bytes unpack to more than {limit}")
        yield piece
    if not stream.eof:
        raise Broken("is cut off in the middle of its compressed data")
    return unread + len(stream.unused_data)
