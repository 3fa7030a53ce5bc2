"""What is to be stored, as streams: bytes, files, and stretches of files that are read at once and held nowhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bucketwheel.errors import Unavailable
from bucketwheel.names import shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Slice", "bytes_changed", "open_body"]


def open_body(body: Path | bytes) -> BinaryIO:
    """Open what is to be stored; raises Unavailable for a file that cannot be read."""
    if isinstance(body, bytes):
        return io.BytesIO(body)
    try:
        return body.open("rb")
    except OSError as error:
        raise Unavailable(f"{shown(str(body))} cannot be read ({error.strerror}); make it readable") from error


def bytes_changed(target: str) -> Unavailable:
    """What to say when the bytes stored would not be those that were judged."""
    return Unavailable(
        f"the bytes for {shown(target)} are not those that were judged; "
        "leave files alone while they are published, and run the same command again"
    )


class Slice(io.RawIOBase):
    """Bytes `start` up to `end` of an open file, which stays the caller's; raises Unavailable where reading fails."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._size = max(0, end - start)
        self._at = 0

    def __len__(self) -> int:
        return self._size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: the SDK rewinds what it sends again."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the stretch."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Where in the stretch the next byte comes from."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read no further than the stretch goes."""
        room = memoryview(buffer)[: max(0, self._size - self._at)]
        try:
            self._file.seek(self._start + self._at)
            data = self._file.read(len(room))
        except OSError as error:
            raise Unavailable(f"a file could not be read to its end ({error.strerror}); check its disk") from error
        room[: len(data)] = data
        self._at += len(data)
        return len(data)
