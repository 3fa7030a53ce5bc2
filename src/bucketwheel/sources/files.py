"""Files on disk that are whole and right, or not there at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import BinaryIO

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.select import Read, is_archive_name

__all__ = ["AS_UPLOADED", "holds", "part_beside", "remove_abandoned_parts", "save"]

AS_UPLOADED = "have the job that made it upload it again"
"""The remedy for a file that is not what its listing says."""

_BLOCK = 256 * 1024


_PART = re.compile(r"\.(?P<filename>.+)\.[0-9a-f]{8}\.part")


@contextmanager
def part_beside(target: Path) -> Iterator[BinaryIO]:
    """Make a new file in the target's directory; at the end it is removed, unless it was renamed.

    It is locked meanwhile, also after it was closed, so that another fetch knows that it is in use.
    """
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        # The name is new and taken exclusively, so that no link of that name is followed.
        with path.open("x+b") as file, _locked(file):
            if os.name == "nt" or path.exists():  # or else another fetch has just removed it, before it was locked
                try:
                    yield file
                finally:
                    file.close()  # Windows removes no open file
                    path.unlink(missing_ok=True)
                return


def remove_abandoned_parts(directory: Path) -> None:
    """Remove what killed fetches have left in a directory; what cannot be removed stays, for it does no harm."""
    with suppress(OSError):
        for path in sorted(directory.iterdir()):
            found = _PART.fullmatch(path.name)
            if found and is_archive_name(found["filename"]):
                with suppress(OSError):
                    _remove_if_abandoned(path)


if sys.platform == "win32":
    _ABANDONED_SECONDS = 24 * 3600

    @contextmanager
    def _locked(_file: BinaryIO) -> Iterator[None]:
        """Do nothing: Windows has no lock that lasts until a file is renamed."""
        yield

    def _remove_if_abandoned(path: Path) -> None:
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > _ABANDONED_SECONDS:
            path.unlink()

else:
    import fcntl

    @contextmanager
    def _locked(file: BinaryIO) -> Iterator[None]:
        """Lock a file while the context lasts; the system ends the lock of a process that is killed."""
        descriptor = os.dup(file.fileno())  # shares the lock, and is still open after the file was closed
        try:
            with suppress(OSError):  # no locks here: then no other fetch can lock it either, and so it stays
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _remove_if_abandoned(path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def save(read: Read, file: BinaryIO, *, subject: str, size: int | None, limits: Limits, stopped: Event) -> Sha256:
    """Write all that arrives, over what an earlier try left, and return its digest.

    `size` is what the listing says, if anything. Raises Refused for more or less than that and for more than the
    limit, Unavailable where the disk has no more room to spare or the user has interrupted us.
    """
    file.seek(0)
    file.truncate()
    digest = hashlib.sha256()
    directory = Path(file.name).parent
    most = limits.file_bytes if size is None else min(size, limits.file_bytes)
    while block := read(_BLOCK):
        if file.tell() + len(block) > most:
            raise _refused(subject, f"is longer than {'allowed' if size != most else 'its listing says'}: {most} bytes")
        if shutil.disk_usage(directory).free < limits.spare_bytes + len(block):
            raise Unavailable(f"{printable(str(directory))} has no room left for {subject}; free some space")
        if stopped.is_set():
            raise Unavailable(f"{subject} was not fetched: interrupted")
        digest.update(block)
        file.write(block)
    if size is not None and file.tell() != size:
        raise _refused(subject, f"has {file.tell()} bytes, where its listing says {size}")
    return Sha256(digest.hexdigest())


def holds(path: Path, sha256: Sha256, size: int | None) -> bool:
    """Return whether this is a file with these very bytes, and not a link to one. Raises OSError."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode) or size not in {None, found.st_size}:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _refused(subject: str, what: str) -> Refused:
    return Refused(Problem(subject=subject, what=what, remedy=AS_UPLOADED))
