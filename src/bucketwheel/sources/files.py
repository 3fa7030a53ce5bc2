"""Bytes from anywhere to a file that is whole and right, or to no file at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO, Protocol

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.sources.connections import Limits

__all__ = ["Part", "Readable", "holds", "part_beside", "save"]

_BLOCK = 256 * 1024


class Readable(Protocol):
    """Bytes that arrive; reading raises a BucketwheelError where they stop arriving."""

    def read(self, size: int, /) -> bytes:
        """Take up to so many bytes; empty at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that has arrived and has not got its name yet."""

    path: Path
    sha256: Sha256
    size: int


@contextmanager
def part_beside(target: Path, write: Callable[[BinaryIO], tuple[Sha256, int]]) -> Iterator[Part]:
    """Have a new file written in the target's directory; it goes when the context ends, unless it was renamed.

    The name is new and taken exclusively, so that no link that lies there is followed. Raises OSError.
    """
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with path.open("x+b") as file:
            sha256, size = write(file)
            file.flush()
            os.fsync(file.fileno())
        yield Part(path=path, sha256=sha256, size=size)
    finally:
        path.unlink(missing_ok=True)


def save(
    source: Readable, file: BinaryIO, *, subject: str, size: int | None, limits: Limits, directory: Path, stopped: Event
) -> tuple[Sha256, int]:
    """Write all that arrives, over whatever an earlier try left; returns its digest and its length.

    `size` is what was promised, if anything was. Raises Refused for more or less than that and for more than the
    limit, Unavailable where the disk has no more room to spare or the user has interrupted us.
    """
    file.seek(0)
    file.truncate()
    digest = hashlib.sha256()
    received = 0
    most = limits.file_bytes if size is None else min(size, limits.file_bytes)
    while block := source.read(_BLOCK):
        received += len(block)
        if received > most:
            raise _refused(subject, f"is longer than {'allowed' if size != most else 'its listing says'}: {most} bytes")
        if shutil.disk_usage(directory).free < limits.spare_bytes + len(block):
            raise Unavailable(
                f"{printable(str(directory))} has no room left for {subject}; free some space and try again"
            )
        if stopped.is_set():
            raise Unavailable(f"{subject} was not fetched: interrupted")
        digest.update(block)
        file.write(block)
    if size is not None and received != size:
        raise _refused(subject, f"has {received} bytes, where its listing says {size}")
    return Sha256(digest.hexdigest()), received


def holds(path: Path, sha256: Sha256, size: int | None) -> bool:
    """Whether a file with these very bytes lies there, and not a link to one. Raises OSError."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or size not in {None, found.st_size}:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _refused(subject: str, what: str) -> Refused:
    return Refused(Problem(subject=subject, what=what, remedy="have the job that made it upload it again"))
