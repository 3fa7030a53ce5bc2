"""Add one distribution to the store, create-only, with its sidecars; step aside where other bytes are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from bucketwheel.errors import OutcomeUnknown, Unavailable
from bucketwheel.format.layout import file_marks, repository_of, run_of, sha256_of_file
from bucketwheel.format.manifest import PublishedFile
from bucketwheel.names import Sha256, sha256_of
from bucketwheel.parallel import Workers, attempts
from bucketwheel.protocol.plan import StoredFile, Upload
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import AddsInParts, Key, ObjectHeaders, ObjectInfo, Storage
from bucketwheel.storage.transfer import Origin, transfer

__all__ = ["add_metadata", "complete_upload", "in_parts", "store_upload"]


def in_parts(storage: Storage, upload: Upload) -> bool:
    """Return whether a store gets this file in parts."""
    source = upload.content.storage if isinstance(upload.content, Origin) else None
    return isinstance(storage, AddsInParts) and storage.in_parts(upload.size, source)


def store_upload(
    repository: Repository,
    upload: Upload,
    workers: Workers,
    *,
    keys: Iterable[Key],
    run_id: str,
    missing: PublishedFile | None = None,
) -> StoredFile:
    """Add the file and then its sidecars, at the first key that is free or already holds the same bytes.

    The sidecars are added also where the file was stored already: the run that put it there may have died before them.
    Those that a missing entry names and the upload does not have are looked for: each may be gone like the file.
    """
    layout = repository.layout
    for key in keys:
        added = _add(repository, key, upload.content, upload.sha256, upload.size, layout.distribution(), run_id)
        if added is None:  # rule: step aside
            continue  # other bytes: they belong to a run that died or is still at work, so leave them alone
        # rule: sidecars follow also a file of another run
        stored = _add_sidecars(repository, key, upload, workers, run_id)
        if not stored.get(".metadata", True):
            continue
        gpg_sig, provenance_sha256 = _sidecars_left(repository, key, missing)  # rule: what is gone is not named
        if upload.signature is not None:
            gpg_sig = True  # one that was stored already stays: it is of the same bytes
        if upload.provenance is not None:
            provenance_sha256 = _provenance_digest(repository, key, upload.provenance, same=stored[".provenance"])
        return StoredFile(key=key, added=added, gpg_sig=gpg_sig, provenance_sha256=provenance_sha256)
    raise AssertionError("keys never end")


def complete_upload(repository: Repository, upload: Upload, workers: Workers, *, key: Key, run_id: str) -> StoredFile:
    """Add the sidecars that an upload has, beside its file, which is published at this key."""
    stored = _add_sidecars(repository, key, upload, workers, run_id)
    provenance_sha256 = None
    if upload.provenance is not None:
        provenance_sha256 = _provenance_digest(repository, key, upload.provenance, same=stored[".provenance"])
    return StoredFile(key=key, added=False, gpg_sig=upload.signature is not None, provenance_sha256=provenance_sha256)


def _sidecars_left(repository: Repository, key: Key, missing: PublishedFile | None) -> tuple[bool, Sha256 | None]:
    """Return what is left of the signature and the attestations that a missing entry names."""
    gpg_sig, provenance = False, None
    if missing is not None and missing.gpg_sig:
        gpg_sig = repository.storage.stat(Key(f"{key}.asc")) is not None
    if missing is not None and missing.provenance_sha256 is not None:
        provenance = repository.storage.read(Key(f"{key}.provenance"))
    return gpg_sig, None if provenance is None else sha256_of(provenance.body)


def add_metadata(repository: Repository, key: Key, metadata: bytes, run_id: str) -> bool:
    """Add the `.metadata` of the file at a key; return whether exactly these bytes are stored now."""
    return _add_sidecar(repository, Key(f"{key}.metadata"), metadata, repository.layout.metadata(), run_id)


def _add_sidecars(repository: Repository, key: Key, upload: Upload, workers: Workers, run_id: str) -> dict[str, bool]:
    """Add all sidecars of a file side by side; return by suffix whether exactly these bytes are stored now.

    Their order means nothing: no page names any of them before the commit.
    """
    layout = repository.layout
    sidecars = (
        (".metadata", upload.metadata, layout.metadata()),
        (".asc", upload.signature, layout.signature()),
        (".provenance", upload.provenance, layout.provenance()),
    )
    adds = {
        suffix: partial(_add_sidecar, repository, Key(f"{key}{suffix}"), body, headers, run_id)
        for suffix, body, headers in sidecars
        if body is not None
    }
    return dict(zip(adds, workers.map_within(adds.values()), strict=True))


def _provenance_digest(repository: Repository, key: Key, provenance: bytes, *, same: bool) -> Sha256:
    """Return the digest of the attestations that are stored: others that were stored already stay."""
    stored = None if same else repository.storage.read(Key(f"{key}.provenance"))
    return sha256_of(provenance if stored is None else stored.body)


def _add_sidecar(repository: Repository, key: Key, body: bytes, headers: ObjectHeaders, run_id: str) -> bool:
    return _add(repository, key, body, sha256_of(body), len(body), headers, run_id) is not None


def _add(
    repository: Repository,
    key: Key,
    content: Path | bytes | Origin,
    sha256: Sha256,
    size: int,
    headers: ObjectHeaders,
    run_id: str,
) -> bool | None:
    """Add an object: True if it carries our run id, False if the same bytes were stored already, None if others are."""
    storage = repository.storage
    marks = file_marks(repository=repository.settings.id, run_id=run_id, sha256=sha256)
    for _ in attempts():
        try:
            if isinstance(content, Origin):
                created = transfer(content, storage, key, sha256=sha256, headers=headers, marks=marks)
            else:
                created = storage.add(key, content, sha256=sha256, headers=headers, marks=marks)
            if created:
                return True
        except OutcomeUnknown:
            pass  # it may be stored now, or never: the stat tells
        info = storage.stat(key)  # rule: a conflict is not proof that the key is taken
        if info is not None:
            return run_of(info.marks) == run_id if _has_bytes(repository, key, info, sha256, size) else None
    raise Unavailable(f"the store did not keep {key}; run the same command again")


def _has_bytes(repository: Repository, key: Key, info: ObjectInfo, sha256: Sha256, size: int) -> bool:
    if info.size != size:  # rule: a taken key is compared
        return False
    if info.sha256 is not None:
        return info.sha256 == sha256
    # The store vouches for no digest (the object is large or foreign), but our own publisher noted what it verified.
    if repository_of(info.marks) == repository.settings.id:  # rule: only a mark of our own is believed
        return sha256_of_file(info.marks) == sha256
    with repository.storage.open(key) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256  # type: ignore[arg-type]  # a BinaryIO
