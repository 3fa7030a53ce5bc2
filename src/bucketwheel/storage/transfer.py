"""Bytes on their way into a storage: from memory, from a file, or from another storage."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.parallel import stop_if_interrupted
from bucketwheel.storage import Key, ObjectHeaders, ObjectInfo, Storage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Origin", "Slice", "bytes_changed", "copy_bytes", "digest_of", "open_body", "read_blocks", "transfer"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """An object to copy into another storage."""

    storage: Storage
    key: Key
    seen: ObjectInfo
    """The object as it was when the copy was decided."""


@runtime_checkable
class _CopiesWithin(Protocol):
    """A store that can copy objects itself, so that their bytes do not pass through this machine."""

    def copy(
        self, key: Key, origin: Origin, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool | None:
        """Create an object that must not exist, with bytes proven to have this digest; False: the key is taken.

        None: the store cannot copy it or cannot prove the digest; nothing was created.
        """


def transfer(
    origin: Origin, storage: Storage, key: Key, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
) -> bool:
    """Create an object from another storage's, with its digest verified; False: the key is taken.

    The store copies it where it can; else it goes by a file here. Raises Refused for bytes of another digest.
    """
    if isinstance(storage, _CopiesWithin):
        copied = storage.copy(key, origin, sha256=sha256, headers=headers, marks=marks)
        if copied is not None:
            return copied
    with _temporary_file() as path:
        with origin.storage.open(origin.key) as source, path.open("wb") as target:
            arrived = copy_bytes(source, target)
        if arrived != sha256:
            raise Refused(
                Problem(
                    subject=printable(origin.storage.address(origin.key)),
                    what="has other bytes than its repository says",
                    remedy="run `bucketwheel check --deep` on that repository",
                )
            )
        return storage.add(key, path, sha256=sha256, headers=headers, marks=marks)


@contextmanager
def _temporary_file() -> Iterator[Path]:
    """Make room for a file on this machine's disk, and say in words what the disk refuses."""
    try:
        with tempfile.TemporaryDirectory(prefix="bucketwheel-", ignore_cleanup_errors=True) as directory:
            yield Path(directory) / "file"
    except OSError as error:
        raise Unavailable(
            f"a temporary file cannot be written ({error.strerror}); "
            "free some space in the directory for temporary files, or name another in TMPDIR"
        ) from error


def open_body(body: Path | bytes) -> BinaryIO:
    """Open what is to be stored; raises Unavailable for a file that cannot be read."""
    if isinstance(body, bytes):
        return io.BytesIO(body)
    try:
        return body.open("rb")
    except OSError as error:
        raise Unavailable(f"{printable(str(body))} cannot be read ({error.strerror}); make it readable") from error


def read_blocks(source: BinaryIO | io.RawIOBase) -> Iterator[bytes]:
    """Read a file to its end."""
    while block := source.read(_BLOCK):
        yield block
        stop_if_interrupted()


def digest_of(source: BinaryIO, moved: Callable[[int], None]) -> Sha256:
    """Read a file to its end; return the digest of its bytes."""
    digest = hashlib.sha256()
    for block in read_blocks(source):
        digest.update(block)
        moved(len(block))
    return Sha256(digest.hexdigest())


def copy_bytes(source: BinaryIO, target: BinaryIO, moved: Callable[[int], None] = lambda _: None) -> Sha256:
    """Copy a file to its end; return the digest of its bytes."""
    digest = hashlib.sha256()
    for block in read_blocks(source):
        digest.update(block)
        target.write(block)
        moved(len(block))
    return Sha256(digest.hexdigest())


def bytes_changed(target: str) -> Unavailable:
    """Return the error for bytes that are not those that were validated."""
    return Unavailable(
        f"the bytes for {printable(target)} changed after they were checked; "
        "leave files alone while they are published, and run the same command again"
    )


class Slice(io.RawIOBase):
    """Bytes `start` up to `end` of an open file, which stays the caller's; raises Unavailable where reading fails."""

    def __init__(self, file: BinaryIO, start: int, end: int, reached: Callable[[int], None] = lambda _: None) -> None:
        """`reached` gets the position within the slice after each reading."""
        self._file = file
        self._start = start
        self._size = max(0, end - start)
        self._at = 0
        self._reached = reached

    def __len__(self) -> int:
        return self._size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: the SDK rewinds what it sends again."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move within the slice."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Return the position within the slice."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read no further than the end of the slice."""
        stop_if_interrupted()
        room = memoryview(buffer)[: max(0, self._size - self._at)]
        try:
            self._file.seek(self._start + self._at)
            data = self._file.read(len(room))
        except OSError as error:
            raise Unavailable(f"a file could not be read to its end ({error.strerror}); check its disk") from error
        room[: len(data)] = data
        self._at += len(data)
        self._reached(self._at)
        return len(data)
