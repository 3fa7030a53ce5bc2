"""An object from one storage into another: copied by the store itself where that is possible, streamed where not."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.storage import Key, ObjectHeaders, ObjectInfo, Storage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CopiesWithin", "Origin", "Slice", "bytes_changed", "open_body", "transfer"]


def open_body(body: Path | bytes) -> BinaryIO:
    """Open what is to be stored; raises Unavailable for a file that cannot be read."""
    if isinstance(body, bytes):
        return io.BytesIO(body)
    try:
        return body.open("rb")
    except OSError as error:
        raise Unavailable(f"{printable(str(body))} cannot be read ({error.strerror}); make it readable") from error


def bytes_changed(target: str) -> Unavailable:
    """What to say when the bytes stored would not be those that were judged."""
    return Unavailable(
        f"the bytes for {printable(target)} are not those that were judged; "
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


_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where bytes lie that are wanted elsewhere too."""

    storage: Storage
    key: Key
    seen: ObjectInfo
    """The object as it was looked at before anything was decided."""


@runtime_checkable
class CopiesWithin(Protocol):
    """A store that can copy what lies in its reach without the bytes passing through here."""

    def copy(
        self, key: Key, origin: Origin, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool | None:
        """Create an object that must not exist, with bytes proven to have this digest; False: the key is taken.

        None: it is out of reach, or the store cannot prove the digest; nothing was created.
        """


def transfer(
    origin: Origin, storage: Storage, key: Key, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
) -> bool:
    """Create an object from another storage's, with its digest verified; False: the key is taken.

    Raises Refused where the origin's bytes have another digest.
    """
    if isinstance(storage, CopiesWithin):
        copied = storage.copy(key, origin, sha256=sha256, headers=headers, marks=marks)
        if copied is not None:
            return copied
    with _temporary_file() as path:
        if _save(origin, path) != sha256:
            raise Refused(
                Problem(
                    subject=printable(origin.storage.address(origin.key)),
                    what="has other bytes than its repository says",
                    remedy="see what `bucketwheel check --deep` says of that repository",
                )
            )
        return storage.add(key, path, sha256=sha256, headers=headers, marks=marks)


@contextmanager
def _temporary_file() -> Iterator[Path]:
    """A place on this machine's disk for a file on its way; whatever the disk refuses comes out in words."""
    try:
        with tempfile.TemporaryDirectory(prefix="bucketwheel-", ignore_cleanup_errors=True) as directory:
            yield Path(directory) / "file"
    except OSError as error:
        raise Unavailable(
            f"a file cannot be kept on this machine on its way ({error.strerror}); "
            "make room in its directory for temporary files, or name another in TMPDIR"
        ) from error


def _save(origin: Origin, path: Path) -> str:
    """Write the origin's bytes to a file; returns their digest."""
    digest = hashlib.sha256()
    with origin.storage.open(origin.key) as source, path.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()
