"""Releases into any storage, without a door: for tests of the protocol itself."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from bucketwheel.distributions import validate
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.protocol.plan import Candidate, Existing
from bucketwheel.protocol.release import Outcome, ReleaseRequest, release
from bucketwheel.protocol.repository import Target, first_settings
from bucketwheel.protocol.upload import Upload
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage

__all__ = ["NOW", "PLACE", "manifest_of", "order_for", "page_json", "parcel_of", "place_of", "release_files", "site_of"]

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PLACE: Place = S3Place(bucket="bucket", prefix="")
_CALLS = count()


def site_of(storage: Storage, place: Place = PLACE, *, single_writer: bool = False) -> Target:
    """A site that a test's storage reaches."""
    return Target(place=place, storage=storage, single_writer=single_writer)


def parcel_of(path: Path) -> Upload:
    """A distribution on disk, ready to be released."""
    judged = validate(path)
    candidate = Candidate(
        name=judged.name,
        size=judged.size,
        sha256=judged.sha256,
        requires_python=judged.requires_python,
        metadata_sha256=None if judged.metadata is None else sha256_of(judged.metadata),
    )
    return Upload(candidate=candidate, content=path, metadata=judged.metadata)


def order_for(
    *paths: Path,
    existing: Existing = "same",
    run_id: str | None = None,
    create: bool = True,
    place: Place = PLACE,
    report: Report = ignore,
) -> ReleaseRequest:
    """An order for these files, by a call that no other order has."""
    return ReleaseRequest(
        parcels=tuple(parcel_of(path) for path in paths),
        existing=existing,
        run_id=run_id or f"run-{next(_CALLS)}",
        now=NOW,
        first=first_settings(place, {}) if create else None,
        report=report,
    )


def place_of(storage: Storage) -> Place:
    """What a user would have called the store."""
    return DirectoryPlace(path=storage.root) if isinstance(storage, DirectoryStorage) else PLACE


def release_files(storage: Storage, *paths: Path, existing: Existing = "same", run_id: str | None = None) -> Outcome:
    """Release these files, as one publish does."""
    place = place_of(storage)
    with Workers(4) as workers:
        return release(
            site_of(storage, place), order_for(*paths, existing=existing, run_id=run_id, place=place), workers
        )


def manifest_of(storage: Storage, project: str) -> Manifest:
    """A project's manifest as it lies in the store."""
    stored = storage.read(manifest_key(ProjectName(project)))
    assert stored is not None, f"{project} has no manifest"
    return decode_manifest(stored.body, ProjectName(project))


def page_json(storage: Storage, project: str) -> dict[str, Any]:
    """A project's JSON page; every file that it links to is checked to be there, with its bytes and sidecar."""
    stored = storage.read(Key(f"simple/{project}/index.json"))
    assert stored is not None, f"{project} has no JSON page"
    page: dict[str, Any] = json.loads(stored.body)
    for file in page["files"]:
        key = f"simple/{project}/{file['url'].replace('%2B', '+').replace('%21', '!')}"
        assert _digest(storage, key) == file["hashes"]["sha256"], key
        if "core-metadata" in file:
            assert _digest(storage, f"{key}.metadata") == file["core-metadata"]["sha256"], key
    return page


def _digest(storage: Storage, key: str) -> str:
    with storage.open(Key(key)) as stream:
        return hashlib.sha256(stream.read()).hexdigest()
