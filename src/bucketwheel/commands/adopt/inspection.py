"""Look at objects: what they are, and what lies beside them. Each is streamed once at most, and most are not.

The digest is the one that S3 verified and kept, or that the uploader noted; only where there is none the bytes are
read. A digest that another tool's page states proves nothing, and is only compared.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile, gettempdir
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from bucketwheel.commands.adopt.differences import Answer, Facts, Question
from bucketwheel.distributions import Contents, read_wheel_metadata, validate_archive
from bucketwheel.errors import Refused, Unavailable
from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import repository_of, sha256_of_file
from bucketwheel.format.manifest import PublishedFile
from bucketwheel.names import DistributionName, InvalidName, Sha256, distribution_name, is_sha256, sha256_of
from bucketwheel.protocol.repository import Repository
from bucketwheel.protocol.upload import place_metadata
from bucketwheel.storage import Key, ObjectInfo, Storage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Examiner", "RemoteFile"]

_TAIL: Final = 256 << 10
"""Bytes that hold the directory and the METADATA of nine wheels in ten; a smaller file comes whole."""


class RemoteFile(io.RawIOBase):
    """Reads of an object, each one request unless the last one brought it; raises Unavailable where one fails."""

    def __init__(self, storage: Storage, key: Key, size: int) -> None:
        super().__init__()
        self._storage = storage
        self._key = key
        self._size = size
        self._at = 0
        self._start, self._held = size, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is asked for yet."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer, or as much of it as there is up to the end."""
        room = memoryview(buffer)
        end = min(self._at + len(room), self._size)
        if end <= self._at:
            return 0
        if not self._start <= self._at <= end <= self._start + len(self._held):
            self._fetch(self._at, end)
        data = self._held[self._at - self._start : end - self._start]
        room[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _fetch(self, start: int, end: int) -> None:
        if end > self._size - _TAIL:
            start, end = min(start, max(0, self._size - _TAIL)), self._size
        with self._storage.open(self._key, start, end) as stream:
            self._start, self._held = start, stream.read()


_PYTORCH_MARK: Final = "checksum-sha256"
_IN_MEMORY: Final = 1 << 20
_BLOCK: Final = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Answers questions about objects, and makes the `.metadata` that a wheel lacks; remembers what it was asked."""

    repository: Repository
    run_id: str
    report: Report
    dry_run: bool
    _answers: dict[object, Answer] = field(default_factory=dict)

    def examine(self, question: Question) -> Answer:
        """Look at an object, and read as little of it as settles the question."""
        seen = self.repository.storage.stat(question.key)
        if seen is None:
            return "absent"
        expected = None if question.entry is None else question.entry.sha256
        asked = (question.key, seen.version, expected, question.released, question.beside)
        if asked not in self._answers:
            self.report(FileStarted(name=question.filename, size=seen.size))
            try:
                self._answers[asked] = self._answer(question, seen)
            except Unavailable:
                if self.repository.storage.stat(question.key) is not None:
                    raise
                return "absent"  # somebody removed it while it was read
            self.report(FileDone(name=question.filename, size=seen.size))
        return self._answers[asked]

    def _answer(self, question: Question, seen: ObjectInfo) -> Answer:
        ours, entry = repository_of(seen.marks) == self.repository.settings.id, question.entry
        if ours and not question.ours_counts:
            return "unfinished"
        if entry is None or _could_be(entry, seen):
            with _bytes(self.repository.storage, question, seen) as (sha256, file):
                if entry is None or entry.sha256 == sha256:
                    return self._facts(question, seen, sha256, file, ours=ours)
        return "unfinished" if ours and not question.released else "other bytes"

    def _facts(self, question: Question, seen: ObjectInfo, sha256: Sha256, file: BinaryIO, *, ours: bool) -> Facts:
        contents, legacy = _contents(question.filename, file, seen.size)
        metadata_sha256 = None if contents is None else self._metadata_beside(question, contents)
        return Facts(
            sha256=sha256,
            size=seen.size,
            modified=seen.modified,
            ours=ours,
            requires_python=None if contents is None else contents.requires_python,
            metadata_sha256=metadata_sha256,
            metadata_is_foreign=".metadata" in question.beside and metadata_sha256 is None,
            provenance_sha256=self._digest_beside(question, ".provenance"),
            legacy=legacy,
        )

    def _metadata_beside(self, question: Question, contents: Contents) -> Sha256 | None:
        """The digest of the `.metadata` that lies there now, if that is the file's own."""
        if contents.metadata is None:
            return None
        sha256 = sha256_of(contents.metadata)
        if ".metadata" in question.beside:
            return sha256 if self._digest_beside(question, ".metadata") == sha256 else None
        made = self.dry_run or place_metadata(self.repository, question.key, contents.metadata, self.run_id)
        return sha256 if made else None

    def _digest_beside(self, question: Question, ending: str) -> Sha256 | None:
        stored = self.repository.storage.read(Key(f"{question.key}{ending}")) if ending in question.beside else None
        return None if stored is None else sha256_of(stored.body)


def _could_be(entry: PublishedFile, seen: ObjectInfo) -> bool:
    return entry.size == seen.size and _kept_digest(seen) in {None, entry.sha256}


def _kept_digest(seen: ObjectInfo) -> Sha256 | None:
    """What S3 verified when the object was written, or else what its uploader noted: we, or PyTorch's tools."""
    noted = (sha256_of_file(seen.marks), (seen.marks or {}).get(_PYTORCH_MARK))
    return seen.sha256 or next((Sha256(digest) for digest in noted if digest and is_sha256(digest)), None)


@contextmanager
def _bytes(storage: Storage, question: Question, seen: ObjectInfo) -> Iterator[tuple[Sha256, BinaryIO]]:
    """An object's digest and its bytes; where neither needs all of them, they come as they are asked for."""
    kept, name = _kept_digest(seen), _name(question.filename)
    if kept is not None and (name is None or name.kind == "wheel"):
        with RemoteFile(storage, question.key, seen.size) as remote:
            yield kept, cast("BinaryIO", remote)
        return
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spooled, storage.open(question.key) as stream:
        file = cast("BinaryIO", spooled)
        yield _received(stream, file), file


def _received(stream: BinaryIO, file: BinaryIO) -> Sha256:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
        try:
            file.write(block)
        except OSError as error:
            raise Unavailable(
                f"{gettempdir()} cannot be written ({error.strerror}), where files are looked into; "
                "free some space there, or set TMPDIR, and run the same command again"
            ) from error
    return Sha256(digest.hexdigest())


def _contents(filename: str, file: BinaryIO, size: int) -> tuple[Contents | None, str | None]:
    """What an archive says about itself, and why no new one could be like it; judged as far as its bytes are here."""
    name = _name(filename)
    if name is None:
        return None, "does not have the name of a wheel or an sdist"
    legacy: str | None = None
    try:
        if not isinstance(file, RemoteFile):
            return validate_archive(name, file, size), None
    except Refused as refused:
        legacy = _reasons(refused)
    try:
        return (read_wheel_metadata(name, file, size) if name.kind == "wheel" else None), legacy
    except Refused as refused:
        return None, legacy or _reasons(refused)


def _reasons(refused: Refused) -> str:
    return "; ".join(problem.what for problem in refused.problems)


def _name(filename: str) -> DistributionName | None:
    try:
        return distribution_name(filename)
    except InvalidName:
        return None
