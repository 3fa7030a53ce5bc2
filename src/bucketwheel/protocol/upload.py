"""One distribution to its key, create-only, with its sidecars: never over anything, and aside where others lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bucketwheel.errors import OutcomeUnknown, Unavailable
from bucketwheel.format.layout import file_marks, run_of
from bucketwheel.names import Sha256, sha256_of
from bucketwheel.parallel import attempts
from bucketwheel.protocol.plan import Candidate, StoredFile
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, ObjectHeaders, ObjectInfo, Storage
from bucketwheel.storage.transfer import Origin, transfer

__all__ = ["Upload", "place", "place_metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A distribution's bytes and what goes with them."""

    candidate: Candidate
    content: Path | Origin
    """A file on disk, or an object of another repository."""
    metadata: bytes | None = None
    """The wheel's METADATA, byte for byte, for the `.metadata` sidecar (PEP 658)."""
    signature: bytes | None = None
    provenance: bytes | None = None
    """Its attestations (PEP 740)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    content: Path | bytes | Origin
    size: int
    sha256: Sha256
    headers: ObjectHeaders


def place(repository: Repository, parcel: Upload, *, keys: Iterable[Key], run_id: str) -> StoredFile:
    """Add the file and then its sidecars at the first of the keys where nobody else's bytes lie.

    The sidecars are added also where the file lies already: whoever put it there may have died before them.
    """
    layout, candidate = repository.layout, parcel.candidate
    body = _Body(content=parcel.content, size=candidate.size, sha256=candidate.sha256, headers=layout.distribution())
    for key in keys:
        added = _add(repository, key, body, run_id)
        if added is None:
            continue
        if parcel.metadata is not None:
            lies_there = place_metadata(repository, key, parcel.metadata, run_id)
            if not lies_there:
                continue
        if parcel.signature is not None:
            # One that lies there already stays: it is of the same bytes.
            _add(repository, Key(f"{key}.asc"), _small(parcel.signature, layout.signature()), run_id)
        return StoredFile(
            key=key,
            added=added,
            gpg_sig=parcel.signature is not None,
            provenance_sha256=_place_provenance(repository, Key(f"{key}.provenance"), parcel.provenance, run_id),
        )
    raise AssertionError("keys never end")


def place_metadata(repository: Repository, key: Key, metadata: bytes, run_id: str) -> bool:
    """Add the `.metadata` of the file at a key, and say whether these very bytes lie there now."""
    body = _small(metadata, repository.layout.metadata())
    return _add(repository, Key(f"{key}.metadata"), body, run_id) is not None


def _place_provenance(repository: Repository, key: Key, provenance: bytes | None, run_id: str) -> Sha256 | None:
    """Add attestations; those that lie there already stay, and theirs is the digest that counts."""
    if provenance is None:
        return None
    body = _small(provenance, repository.layout.provenance())
    there = repository.storage.read(key) if _add(repository, key, body, run_id) is None else None
    return body.sha256 if there is None else sha256_of(there.body)


def _small(content: bytes, headers: ObjectHeaders) -> _Body:
    return _Body(content=content, size=len(content), sha256=sha256_of(content), headers=headers)


def _add(repository: Repository, key: Key, body: _Body, run_id: str) -> bool | None:
    """Add an object: True if it carries our call's id, False if the same bytes lay there, None if others do."""
    marks = file_marks(repository=repository.settings.id, run_id=run_id, sha256=body.sha256)
    for _ in attempts():
        try:
            if _create(repository.storage, key, body, marks):
                return True
        except OutcomeUnknown:
            pass  # it may lie there now, or never: the look tells
        seen = repository.storage.stat(key)
        if seen is not None:
            return run_of(seen.marks) == run_id if _same_bytes(repository, key, seen, body) else None
    raise Unavailable(f"{key} could not be written: the store keeps losing it; try again later")


def _create(storage: Storage, key: Key, body: _Body, marks: Mapping[str, str]) -> bool:
    if isinstance(body.content, Origin):
        return transfer(body.content, storage, key, sha256=body.sha256, headers=body.headers, marks=marks)
    return storage.add(key, body.content, sha256=body.sha256, headers=body.headers, marks=marks)


def _same_bytes(repository: Repository, key: Key, seen: ObjectInfo, body: _Body) -> bool:
    if seen.size != body.size:
        return False
    if seen.sha256 is not None:
        return seen.sha256 == body.sha256
    # No digest that the store vouches for (a large or foreign object): the bytes themselves decide.
    with repository.storage.open(key) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == body.sha256  # type: ignore[arg-type]  # a BinaryIO
