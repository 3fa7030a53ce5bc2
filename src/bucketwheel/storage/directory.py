"""A repository in a directory: a file appears whole or not at all, under its final name.

Writers prepare a temporary file beside the target. To create, they link it to the final name, which the file system
does for one of any number of contenders; to replace or remove, they compare and act under one lock. Network file
systems may offer less: there, only one writer may run at a time.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.events import Report, Writing, ignore
from bucketwheel.names import Sha256, printable, sha256_of
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.storage import (
    Key,
    ListEntry,
    Object,
    ObjectHeaders,
    ObjectInfo,
    ObjectVersion,
    Passed,
    Span,
    Storage,
    SwapLost,
    UnfinishedUpload,
)
from bucketwheel.storage.progress import Progress
from bucketwheel.storage.transfer import Slice, bytes_changed, copy_bytes, digest_of, open_body

__all__ = ["DirectoryStorage", "exclusive"]

_TEMPORARY = ".bucketwheel-"
_LOCK = "_bucketwheel/.lock"
_NOT_IN_A_NAME = frozenset("\\:\0")  # a separator, a drive or stream, and the end of a name, on some system
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_BUFFER = 1 << 20
_READERS_HINDER = sys.platform == "win32"
"""Whether the system refuses to replace and to remove a file while somebody reads it."""
_READING_ENDS = 5.0  # seconds
_AT_WORK = timedelta(minutes=10)
"""Time after which a writer that added nothing to its temporary file is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryStorage:
    """Objects as files under a root, which the first write creates; a version is the sha256 of the bytes.

    A directory has no place for headers and marks.
    """

    root: Path
    report: Report = ignore

    def above(self) -> Sequence[tuple[Place, Storage]]:
        """Return the directories above."""
        return [(DirectoryPlace(path=each), replace(self, root=each)) for each in self.root.parents]

    def address(self, key: str) -> str:
        """Return a file URL."""
        return f"{self.root.as_uri()}/{quote(key)}"

    def read(self, key: Key) -> Object | None:
        """Read a file whole."""
        path = self._path(key)
        with _in_words(path):
            try:
                body = path.read_bytes()
            except FileNotFoundError:
                return None
        return Object(body=body, version=ObjectVersion(sha256_of(body)), marks=None)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return a file's size, digest and time, which means reading it."""
        path = self._path(key)
        with _in_words(path):
            try:
                with path.open("rb") as file:
                    digest = digest_of(file, Progress(self.report, key).add)
                    size = file.tell()
                    modified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            except FileNotFoundError:
                return None
        return ObjectInfo(version=ObjectVersion(digest), size=size, marks=None, sha256=digest, modified=modified)

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """Stream a file's bytes from `start` up to but not including `end`."""
        if end is not None and end <= start:
            raise ValueError("a range of no bytes cannot be asked for")
        path = self._path(key)
        with _in_words(path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                raise Unavailable(f"{printable(str(path))} no longer exists; run the same command again") from None
        with file:
            size = os.fstat(file.fileno()).st_size
            reached = Progress(self.report, key).reached()
            yield io.BufferedReader(Slice(file, start, size if end is None else min(end, size), reached), _BUFFER)

    @contextmanager
    def pass_on(
        self, key: Key, *, span: Span | None = None, known: str = "", same_as: str = "", headers_only: bool = False
    ) -> Iterator[Passed | None]:
        """Open a file for a reader; its ETag is time and size, so that it need not be read whole."""
        path = self._path(key)
        with _in_words(path), ExitStack() as opened:
            try:
                if not S_ISREG(path.stat().st_mode):  # opening a pipe would wait
                    yield None
                    return
                file = opened.enter_context(path.open("rb"))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                yield None
                return
            found = os.fstat(file.fileno())
            etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
            asked = span if same_as in {"", etag} else None
            start, end = _bytes_of(asked, found.st_size)
            passed = Passed(
                etag=etag,
                size=found.st_size,
                start=start,
                end=end,
                modified=datetime.fromtimestamp(found.st_mtime, UTC),
                unchanged=known == etag,
                out_of_range=asked is not None and start >= end,
            )
            if not (passed.unchanged or passed.out_of_range or headers_only):
                passed = replace(passed, body=io.BufferedReader(Slice(file, start, end), _BUFFER))
            yield passed

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List files. Names with a leading dot are no objects: the lock, temporary files, a desktop's `.DS_Store`."""
        folder, slash, _ = prefix.rpartition("/")
        top = self._path(Key(folder)) if slash else self.root
        with _in_words(top):
            found = sorted(_files(top, folder + slash), key=attrgetter("key"))
        for entry in found:
            if entry.key.startswith(prefix):
                yield entry

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create a file; False: the name is taken."""
        del headers, marks
        path = self._path(key)
        self.report(Writing(target=key))
        with _in_words(path), self._temporary(path, body, sha256) as temporary:
            if self._create(temporary, path):
                return True
            _refuse_other_case(path.parent, key.rpartition("/")[2])
            return False

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Replace a file that has the expected version, or create it."""
        del headers, marks
        path = self._path(key)
        sha256 = sha256_of(body)
        self.report(Writing(target=key))
        with _in_words(path), self._temporary(path, body, sha256) as temporary:
            if expected is None:
                if not self._create(temporary, path):
                    raise SwapLost(key)
            else:
                with self._locked():
                    if self._version_of(path) != expected:
                        raise SwapLost(key)
                    _when_unread(lambda: temporary.replace(path))
                _sync(path.parent)
        return ObjectVersion(sha256)

    def swap_many(self, swaps: Iterable[tuple[Key, bytes, ObjectVersion | None]]) -> None:
        """Replace or create files under one lock."""
        folders = {"": _Folder(str(self.root), is_new=False)}
        temporary = f"{os.sep}{_TEMPORARY}{secrets.token_hex(8)}"
        with self._locked(), _in_words(self.root):
            for key, body, expected in swaps:
                above, _, name = key.rpartition("/")
                folder = folders.get(above) or self._make_ready(above, folders)
                path = folder.inside(name)
                if not (folder.is_new and expected is None) and self._version_of(Path(path)) != expected:
                    raise SwapLost(key)
                self.report(Writing(target=key))
                _put(folder.path + temporary, body, path)

    def settle(self) -> None:
        """Ask the system once: to ask for each of a hundred thousand files takes minutes."""
        if hasattr(os, "sync"):
            os.sync()

    def _make_ready(self, key: str, folders: dict[str, _Folder]) -> _Folder:
        """Make a directory and those above it; what was made just now cannot be a link that leads elsewhere."""
        above, _, name = key.rpartition("/")
        path = (folders.get(above) or self._make_ready(above, folders)).inside(name)
        try:
            os.mkdir(path)  # noqa: PTH102 - a Path costs more than the call
        except FileExistsError:
            self._confine(Path(path, _TEMPORARY))
            folders[key] = _Folder(path, is_new=False)
        else:
            folders[key] = _Folder(path, is_new=True)
        return folders[key]

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove a file that has the expected version; the directories around it stay."""
        path = self._path(key)
        with _in_words(path):
            try:
                path.stat()
            except FileNotFoundError:  # removed already, also where nothing may be written
                return
            self._confine(path)
            self.report(Writing(target=key))
            with self._locked():
                if self._version_of(path) not in {expected, None}:
                    raise SwapLost(key)
                _when_unread(lambda: path.unlink(missing_ok=True))
            _sync(path.parent)

    def remove_folders(self, keys: Iterable[Key]) -> None:
        """Remove the directories that these keys are in and that are empty, the deepest first."""
        folders = {folder for key in keys for folder in self._path(key).relative_to(self.root).parents}
        with self._locked(), _in_words(self.root):
            for folder in sorted(folders - {Path()}, key=lambda folder: len(folder.parts), reverse=True):
                self._confine(self.root / folder / _TEMPORARY)
                with suppress(OSError):  # it is not empty, was removed already, or somebody is in it
                    (self.root / folder).rmdir()

    def unfinished_uploads(self) -> Iterator[UnfinishedUpload]:
        """List the temporary files that killed writers left."""
        with _in_words(self.root):
            found = sorted(_temporary_files(self.root, ""), key=attrgetter("key"))
        yield from (each for each in found if each.begun < datetime.now(UTC) - _AT_WORK)

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Remove a temporary file; its writer, if it is still at work, fails."""
        path = self._path(upload.key)
        if not path.name.startswith(_TEMPORARY):
            raise ValueError(f"{upload.key!r} is not a temporary file")
        self._confine(path)
        with _in_words(path):
            _when_unread(lambda: path.unlink(missing_ok=True))

    def _path(self, key: Key) -> Path:
        """Return the path of a key; a key that can have none is an error of the program, not of the user."""
        segments = key.split("/")
        if any(segment in {"", ".", ".."} or _NOT_IN_A_NAME & set(segment) for segment in segments):
            raise ValueError(f"{key!r} cannot be a file in a directory")
        return self.root.joinpath(*segments)

    def _confine(self, path: Path) -> None:
        """Refuse to write through a symbolic link that leads out of the root."""
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise Denied(
                f"{printable(str(path.parent))} leads out of {printable(str(self.root))}; remove the symbolic link"
            )

    def _version_of(self, path: Path) -> ObjectVersion | None:
        try:
            with path.open("rb") as file:
                return ObjectVersion(digest_of(file, Progress(self.report, path.name).add))
        except FileNotFoundError:
            return None

    @contextmanager
    def _temporary(self, path: Path, body: Path | bytes, sha256: Sha256) -> Iterator[Path]:
        """Write the whole body to a file beside its target, verify its digest, and remove the file afterwards."""
        self._confine(path)
        _make_directories(path.parent)
        temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        # The tempfile module makes files that only this user may read, but a web server may serve these.
        descriptor = os.open(temporary, _NEW, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as target, open_body(body) as source:
                if copy_bytes(source, target, Progress(self.report, path.name).add) != sha256:
                    raise bytes_changed(str(path))
                target.flush()
                os.fsync(target.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _create(self, temporary: Path, path: Path) -> bool:
        """Give a temporary file its final name unless that is taken."""
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError:  # no hard links here (FAT, some network and FUSE file systems): rename under the lock
            with self._locked():
                if os.path.lexists(path):
                    return False
                temporary.rename(path)
        _sync(path.parent)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.root / _LOCK
        lock.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(lock):
            yield


class _Folder(NamedTuple):
    path: str
    is_new: bool
    """Whether it was made just now, while the lock is held: nothing is in it that we did not put there."""

    def inside(self, name: str) -> str:
        """Return the path of a name in it."""
        if name in {"", ".", ".."} or not _NOT_IN_A_NAME.isdisjoint(name):
            raise ValueError(f"{name!r} cannot be a file in a directory")
        return f"{self.path}{os.sep}{name}"


def _put(temporary: str, body: bytes, path: str) -> None:
    """Give a path these bytes, all at once, while the lock is held; there are a hundred thousand of them."""
    try:
        descriptor = os.open(temporary, _NEW, 0o666)
        try:
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        _when_unread(lambda: os.replace(temporary, path))  # noqa: PTH105 - a Path costs as much as the call
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - likewise
        raise


def _bytes_of(span: Span | None, size: int) -> tuple[int, int]:
    """Return the first byte of a span and the one after its last; they do not meet where the file ends before it."""
    if span is None:
        return 0, size
    if span.first is None:
        return max(0, size - (span.last or 0)), size
    return span.first, size if span.last is None else min(size, span.last + 1)


def _refuse_other_case(directory: Path, name: str) -> None:
    """Refuse a name that is taken in another case only (macOS, Windows): two names must never share a file."""
    names = {path.name for path in directory.iterdir()}
    other = next((each for each in names if each.lower() == name.lower()), name)
    if name not in names and other != name:
        raise Denied(
            f"{printable(str(directory / other))} is in the way of {printable(name)}: this file system does not tell "
            "upper from lower case; remove that file or choose another name"
        )


def _files(top: Path, prefix: str) -> Iterator[ListEntry]:
    """List every file under a directory, in no order; what vanishes meanwhile was removed, so is absent."""
    for entry in _entries(top):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(top / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file():
            with suppress(FileNotFoundError):
                found = entry.stat()
                etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"
                yield ListEntry(key=Key(f"{prefix}{entry.name}"), size=found.st_size, etag=etag)


def _temporary_files(top: Path, prefix: str) -> Iterator[UnfinishedUpload]:
    """List every temporary file under a directory, in no order."""
    for entry in _entries(top):
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _temporary_files(top / entry.name, f"{prefix}{entry.name}/")
        elif entry.name.startswith(_TEMPORARY) and entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                begun = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                yield UnfinishedUpload(key=Key(f"{prefix}{entry.name}"), begun=begun)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(directory))
    except FileNotFoundError:
        return []


def _when_unread(call: Callable[[], object]) -> None:
    """Replace or remove a file; on Windows, which refuses that while somebody reads it, try for a moment."""
    deadline = time.monotonic() + _READING_ENDS
    while True:
        try:
            call()
        except PermissionError:
            if not _READERS_HINDER or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _make_directories(directory: Path) -> None:
    """Make a directory and those above it, as durable as the files in them."""
    missing = list(takewhile(lambda each: not each.exists(), (directory, *directory.parents)))
    directory.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync(each.parent)


def _sync(directory: Path) -> None:
    """Make names as durable as their contents, where directories can be synced (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the only lock on this file, which stays behind, empty; raises OSError where the file system has no locks."""
    # Each holder opens the file itself: both systems give the lock to the open file, so threads exclude each other too.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:  # another process holds it; Windows has no call that waits as long as it takes
                time.sleep(0.01)
            else:
                return

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)


_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_PERMISSION = "permission is denied; give this user access to it"
_FILE_IN_THE_WAY = "a file is in the way of a directory; move it elsewhere"
_DENIED = {
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "the file system is read-only; use a directory that can be written",
    errno.ENOTDIR: _FILE_IN_THE_WAY,
    errno.EEXIST: _FILE_IN_THE_WAY,
    errno.EISDIR: "a directory is in the way of a file; move it elsewhere",
    errno.ENAMETOOLONG: "the path is too long for this file system; use a directory with a shorter path",
    errno.ENOLCK: "the file system has no locks; use a directory on another one",
}
_UNAVAILABLE = {
    errno.ENOSPC: "no space is left; free some and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
}


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Raise Denied or Unavailable for what the system refuses."""
    try:
        yield
    except OSError as error:
        subject = printable(str(error.filename or path))
        if error.errno in _DENIED:
            raise Denied(f"{subject}: {_DENIED[error.errno]}") from error
        remedy = _UNAVAILABLE.get(error.errno or 0, f"{error.strerror}; check the disk, and run the same command again")
        raise Unavailable(f"{subject}: {remedy}") from error
