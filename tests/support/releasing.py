"""Releases into any storage, without the command line, for tests of the protocol itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from bucketwheel.distributions import validate
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.format.views.safe_html import RenderedDescription
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.protocol.descriptions import Descriptions
from bucketwheel.protocol.plan import Existing, Upload
from bucketwheel.protocol.release import Outcome, ReleaseRequest, release
from bucketwheel.protocol.repository import Context, Target, first_settings
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.witness import Witness

__all__ = [
    "NOW",
    "PLACE",
    "TextOnly",
    "context_for",
    "manifest_of",
    "page_json",
    "place_of",
    "release_files",
    "request_for",
    "target_of",
    "upload_of",
]

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
PLACE: Place = S3Place(bucket="bucket", prefix="")
_RUNS = count()


class TextOnly(Descriptions):
    """Shows every description as text for good, so that no process is started."""

    def rendered(self, facts: CoreFacts) -> RenderedDescription | None:
        """Leave it as text."""
        del facts
        return RenderedDescription(None)


@contextmanager
def context_for(
    storage: Storage, place: Place | None = None, *, report: Report = ignore, dry_run: bool = False
) -> Iterator[Context]:
    """Give a command its context: a test's storage and four threads."""
    target = target_of(storage, place)
    try:
        with Workers(4) as workers:
            yield Context(target=target, workers=workers, report=report, dry_run=dry_run)
    finally:
        target.descriptions.end()


def target_of(storage: Storage, place: Place | None = None, *, single_writer: bool = False) -> Target:
    """Return the target that a test's storage reaches."""
    return Target(place=place or place_of(storage), storage=storage, single_writer=single_writer)


def place_of(storage: Storage) -> Place:
    """Return the place that a user would name for the store."""
    inner = storage.storage if isinstance(storage, Witness) else storage
    return DirectoryPlace(path=inner.root) if isinstance(inner, DirectoryStorage) else PLACE


def upload_of(path: Path) -> Upload:
    """Validate a distribution on disk, for a release."""
    distribution = validate(path)
    return Upload(
        name=distribution.name,
        size=distribution.size,
        sha256=distribution.sha256,
        content=path,
        requires_python=distribution.requires_python,
        metadata=distribution.metadata,
    )


def request_for(
    *paths: Path,
    existing: Existing = "same",
    run_id: str | None = None,
    create: bool = True,
    place: Place = PLACE,
) -> ReleaseRequest:
    """Make a request to release these files, by a run of its own."""
    return ReleaseRequest(
        uploads=tuple(upload_of(path) for path in paths),
        existing=existing,
        run_id=run_id or f"run-{next(_RUNS)}",
        now=NOW,
        first=first_settings(place, {}) if create else None,
    )


def release_files(
    storage: Storage, *paths: Path, existing: Existing = "same", run_id: str | None = None, dry_run: bool = False
) -> Outcome:
    """Release these files, as one publish does."""
    with context_for(storage, dry_run=dry_run) as context:
        request = request_for(*paths, existing=existing, run_id=run_id, place=context.target.place)
        return release(context, request)


def manifest_of(storage: Storage, project: str) -> Manifest:
    """Read a project's manifest."""
    stored = storage.read(manifest_key(ProjectName(project)))
    assert stored is not None, f"{project} has no manifest"
    return decode_manifest(stored.body, ProjectName(project))


def page_json(storage: Storage, project: str) -> dict[str, Any]:
    """Read a project's JSON page, and check the bytes and the sidecar of every file that it links to."""
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
