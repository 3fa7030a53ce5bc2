"""The inspection of objects and their sidecars. Each object is streamed once at most, and most are not.

The digest is the one that S3 verified, when the object was written or when bucketwheel sent it; only where there is
none the bytes are read. A digest that another tool's page states, or that an uploader noted with the object, is only
compared, for it proves nothing; the user can choose to believe the note. A wheel without a `.metadata` sidecar gets
one, unless this is a dry run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import SpooledTemporaryFile, gettempdir
from typing import BinaryIO, Final, cast

from bucketwheel.commands.adopt.differences import AdoptRules, Difference, FileInfo, Inspection
from bucketwheel.distributions import Contents, read_wheel_metadata, validate_archive
from bucketwheel.errors import Refused, Unavailable
from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import repository_of, sha256_of_file
from bucketwheel.names import DistributionName, InvalidName, Sha256, distribution_name, is_sha256, sha256_of
from bucketwheel.protocol.repository import Repository
from bucketwheel.protocol.upload import add_metadata
from bucketwheel.storage import Inspectable, Key, ObjectInfo, ObjectVersion, OpensWhole, Storage

__all__ = ["Inspector"]

_NO_CONTENTS: Final = Contents(requires_python=None, metadata=None, warnings=())
_UPLOADER_NOTE: Final = "checksum-sha256"  # as PyTorch's tools write it
_IN_MEMORY: Final = 1 << 20
_BLOCK: Final = 1 << 18
_TAIL: Final = 256 << 10
"""Bytes that hold the directory and the METADATA of nine wheels in ten; a smaller file comes whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """All that one run inspects; it remembers every inspection, so that a lost swap reads no object again."""

    repository: Repository
    rules: AdoptRules
    run_id: str
    now: datetime
    """For files of a store that does not tell when they were written."""
    report: Report
    dry_run: bool
    _known: dict[object, Inspection] = field(default_factory=dict)
    _opened: set[Key] = field(default_factory=set)
    _in_vain: set[Key] = field(default_factory=set)
    """Large files that came whole although their answer brought a digest: others here will have one too."""

    def inspect(self, difference: Difference) -> Inspection:
        """Look at an object, and read as little of it as settles the difference."""
        if difference.entry is None and not self.rules.unmarked:
            return "waiting"
        size = difference.found.size
        self.report(FileStarted(name=difference.filename, size=size))
        inspection = self._inspect(difference)
        self.report(FileDone(name=difference.filename, size=size))
        return inspection

    def _inspect(self, difference: Difference) -> Inspection:
        with ExitStack() as stack:
            seen, stream = self._look(difference, stack)
            if seen is None:  # rule: look before calling it missing
                return "absent"
            expected = None if difference.entry is None else difference.entry.sha256
            sidecars = (difference.sidecars, difference.metadata_version)
            state = (difference.key, seen.version, expected, difference.released, sidecars)
            if state not in self._known:
                try:
                    self._known[state] = self._read(difference, seen, stream)
                except Unavailable:
                    if self.repository.storage.stat(difference.key) is not None:
                        raise
                    return "absent"  # somebody removed it while it was read
            return self._known[state]

    def _look(self, difference: Difference, stack: ExitStack) -> tuple[ObjectInfo | None, BinaryIO | None]:
        """Look at an object; a new file that will be read whole comes in the same answer, once."""
        storage, key = self.repository.storage, difference.key
        # A large file whose digest is known need not come whole.
        probably_known = difference.found.size > _TAIL and (self.rules.trust_uploader_digests or self._in_vain)
        if difference.entry is not None or probably_known or key in self._opened or not isinstance(storage, OpensWhole):
            return storage.stat(key), None
        self._opened.add(key)
        return stack.enter_context(storage.open_whole(key)) or (None, None)

    def _read(self, difference: Difference, seen: ObjectInfo, stream: BinaryIO | None) -> Inspection:
        ours, entry = repository_of(seen.marks) == self.repository.settings.id, difference.entry
        if ours and entry is None and not self.rules.ours:  # rule: our unfinished uploads are not adopted
            return "unfinished"  # or its publisher died
        verified, note, name = _verified_digest(seen), _uploader_note(seen), _parse(difference.filename)
        # A note does not overrule the digest of an entry, which may have been read.
        trusted = self.rules.trust_uploader_digests and (entry is None or note == entry.sha256)
        stated = verified or (note if trusted else None)
        if stream is not None and stated is not None and seen.size > _TAIL:
            self._in_vain.add(difference.key)
        if entry is None or (entry.size == seen.size and stated in {None, entry.sha256}):
            with _open(self.repository.storage, difference.key, seen.size, name, stated, stream) as (sha256, file):
                if entry is None or entry.sha256 == sha256:
                    contents, legacy = _contents(name, file, seen.size)
                    return FileInfo(
                        sha256=sha256,
                        size=seen.size,
                        modified=seen.modified or self.now,
                        ours=ours,
                        requires_python=contents.requires_python,
                        metadata_sha256=self._metadata_digest(difference, contents.metadata),
                        provenance_sha256=self._sidecar_digest(difference, ".provenance"),
                        legacy=legacy,
                        unverified=verified is None and isinstance(file, _RemoteFile),
                        contradicts_note=note not in {None, sha256},
                    )
        return "unfinished" if ours and not difference.released else "other bytes"

    def _metadata_digest(self, difference: Difference, metadata: bytes | None) -> Sha256 | None:
        """Return the digest of the `.metadata` sidecar if it is the file's own; add the sidecar if there is none."""
        if metadata is None:
            return None
        sha256 = sha256_of(metadata)
        if ".metadata" in difference.sidecars:
            same = self._is_stored(metadata, difference.metadata_version)
            return sha256 if same or self._sidecar_digest(difference, ".metadata") == sha256 else None
        placed = self.dry_run or add_metadata(self.repository, difference.key, metadata, self.run_id)
        return sha256 if placed else None

    def _is_stored(self, body: bytes, version: ObjectVersion | None) -> bool:
        """Return whether the listing proves that an object has these bytes, so that it need not be read."""
        storage = self.repository.storage
        return isinstance(storage, Inspectable) and version == storage.version_of(body)

    def _sidecar_digest(self, difference: Difference, suffix: str) -> Sha256 | None:
        if suffix not in difference.sidecars:
            return None
        stored = self.repository.storage.read(Key(f"{difference.key}{suffix}"))
        return None if stored is None else sha256_of(stored.body)


def _verified_digest(seen: ObjectInfo) -> Sha256 | None:
    """Return the digest that S3 keeps of the whole object, or the one in a mark: S3 verified it during our upload."""
    mark = sha256_of_file(seen.marks)
    return seen.sha256 or (Sha256(mark) if mark and is_sha256(mark) else None)


def _uploader_note(seen: ObjectInfo) -> Sha256 | None:
    """Return the digest that an uploader noted in the object's metadata; S3 does not compare it with the bytes."""
    note = (seen.marks or {}).get(_UPLOADER_NOTE)
    return Sha256(note) if note and is_sha256(note) else None


def _parse(filename: str) -> DistributionName | None:
    try:
        return distribution_name(filename)
    except InvalidName:
        return None


# Bytes ---------------------------------------------------------------------------------------------------------------


class _RemoteFile:
    """A wheel in the store: each read is one request, unless the last one brought the bytes already."""

    def __init__(self, storage: Storage, key: Key, size: int, whole: bytes | None) -> None:
        self._storage = storage
        self._key = key
        self._size = size
        self._at = 0
        self._start, self._held = (size, b"") if whole is None else (0, whole)

    def seek(self, offset: int) -> int:
        """Move; this sends no request."""
        self._at = offset
        return offset

    def read(self, size: int) -> bytes:
        """Return the next bytes; raises Unavailable if the request fails."""
        start, end = self._at, min(self._at + size, self._size)
        if start < end and not self._start <= start <= end <= self._start + len(self._held):
            self._fetch(start, end)
        self._at = max(start, end)
        return self._held[start - self._start : end - self._start] if start < end else b""

    def _fetch(self, start: int, end: int) -> None:
        if end > self._size - _TAIL:
            start, end = min(start, max(0, self._size - _TAIL)), self._size
        with self._storage.open(self._key, start, end) as stream:
            self._start, self._held = start, stream.read()


@contextmanager
def _open(
    storage: Storage,
    key: Key,
    size: int,
    name: DistributionName | None,
    noted: Sha256 | None,
    begun: BinaryIO | None,
) -> Iterator[tuple[Sha256, BinaryIO]]:
    """Give an object's digest and its bytes; a wheel with a digest comes in the pieces that are read.

    The stream that has begun brings all of a file that is no larger than such a piece.
    """
    if noted is not None and (name is None or name.kind == "wheel"):
        remote = _RemoteFile(storage, key, size, begun.read() if begun is not None and size <= _TAIL else None)
        yield noted, cast("BinaryIO", remote)
        return
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as spooled:
        file = cast("BinaryIO", spooled)
        with nullcontext(begun) if begun is not None else storage.open(key) as stream:
            sha256 = _receive(stream, file)
        yield sha256, file


def _receive(stream: BinaryIO, file: BinaryIO) -> Sha256:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
        try:
            file.write(block)
        except OSError as error:
            raise Unavailable(
                f"cannot write temporary files to {gettempdir()} ({error.strerror}); "
                "free some space there or set TMPDIR, and run the same command again"
            ) from error
    return Sha256(digest.hexdigest())


def _contents(name: DistributionName | None, file: BinaryIO, size: int) -> tuple[Contents, str | None]:
    """Return what an archive says about itself, and why no new one could be like it, as far as its bytes are here."""
    if name is None:
        return _NO_CONTENTS, "does not have the name of a wheel or an sdist"
    legacy: str | None = None
    try:
        if not isinstance(file, _RemoteFile):
            return validate_archive(name, file, size), None
    except Refused as refused:
        legacy = _reasons(refused)
    try:
        return (read_wheel_metadata(name, file, size) if name.kind == "wheel" else _NO_CONTENTS), legacy
    except Refused as refused:
        return _NO_CONTENTS, legacy or _reasons(refused)


def _reasons(refused: Refused) -> str:
    return "; ".join(problem.what for problem in refused.problems)
