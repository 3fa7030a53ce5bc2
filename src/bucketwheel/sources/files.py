"""Files on disk that are whole and right, or not there at all."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import BinaryIO

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.select import Read

__all__ = ["AS_UPLOADED", "holds", "part_beside", "save"]

AS_UPLOADED = "have the job that made it upload it again"
"""The remedy for a file that is not what its listing says."""

_BLOCK = 256 * 1024


@contextmanager
def part_beside(target: Path) -> Iterator[Path]:
    """Choose a new name in the target's directory; at the end its file is removed, unless it was renamed."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


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
