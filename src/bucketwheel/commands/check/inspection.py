"""Inspection of one project: its findings, as far as a listing, its manifest and few further requests show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.commands.check.inventory import Inventory, Snapshot, read_snapshot, snapshot_of
from bucketwheel.commands.check.references import (
    ReferencedObject,
    check_bytes,
    check_headers,
    check_listed,
    referenced_objects,
)
from bucketwheel.commands.check.unreferenced import Owner, Unreferenced, check_records, unreferenced_keys
from bucketwheel.commands.check.views import check_names, check_page, check_page_headers, check_rendered, check_view
from bucketwheel.errors import Damaged, Unavailable
from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import FEED_KEYS, PEOPLE_KEYS, manifest_key, page_mark, repository_of
from bucketwheel.format.manifest import Manifest, empty_manifest
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.format.views.published import visible_versions
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest, fetch_manifest
from bucketwheel.protocol.listed_pages import expected_pages
from bucketwheel.protocol.pages import Page, is_newer, stat_page
from bucketwheel.protocol.repository import Repository
from bucketwheel.protocol.views import project_views, version_views
from bucketwheel.storage import Inspectable, Key, ListEntry, ObjectHeaders, Storage

__all__ = [
    "InspectedProject",
    "inspect_object",
    "inspect_page_headers",
    "inspect_project",
    "inspect_unreferenced",
    "read_body",
    "read_page",
    "views_of",
]

_MOST_ROUNDS = 5
_SHARED = (*PEOPLE_KEYS, *FEED_KEYS)
_PAGE_NAMES = ("/", "/index.html", "/index.json", "/json", "/releases.xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedProject:
    """One project with its findings so far."""

    read: VersionedManifest
    findings: tuple[Finding, ...]
    present: tuple[tuple[ReferencedObject, int], ...] = ()
    """The referenced objects that are there in the right size, each with its size."""
    unreferenced: tuple[Key, ...] = ()
    """The keys that no manifest names; each object must be looked at to tell whose it is."""

    @property
    def manifest(self) -> Manifest:
        """The project's manifest."""
        return self.read.manifest

    @property
    def clean(self) -> bool:
        """Return whether nothing seems wrong."""
        return not (self.findings or self.unreferenced)


def inspect_project(
    repository: Repository, inventory: Inventory | None, project: ProjectName, workers: Workers
) -> InspectedProject:
    """Inspect a project; take a second snapshot before any finding that a concurrent commit may explain."""
    try:
        snapshot = (
            read_snapshot(repository, project) if inventory is None else snapshot_of(repository, inventory, project)
        )
        inspection = _inspect(repository, snapshot, workers)
        if snapshot.settled or inspection.clean:
            return inspection
        return _inspect(repository, read_snapshot(repository, project, rounds=_MOST_ROUNDS), workers)
    except Damaged as error:
        damaged = finding("manifest-damaged", manifest_key(project), error=error.__cause__ or error)
        empty = VersionedManifest(manifest=empty_manifest(project), version=None)
        return InspectedProject(read=empty, findings=(damaged,))


def _inspect(repository: Repository, snapshot: Snapshot, workers: Workers) -> InspectedProject:
    manifest, objects, layout = snapshot.read.manifest, snapshot.objects, repository.layout
    findings: list[Finding] = []
    present: list[tuple[ReferencedObject, int]] = []
    for wanted in referenced_objects(manifest, layout):
        listed = objects.get(wanted.key)
        findings += check_listed(wanted, listed)
        if listed is not None and wanted.size in {None, listed.size}:
            present.append((wanted, listed.size))
    findings += check_records(manifest, layout, objects)
    if manifest.revision:
        findings += _check_pages(repository, snapshot)
        findings += _check_views(repository, snapshot, workers)
    return InspectedProject(
        read=snapshot.read,
        findings=tuple(findings),
        present=tuple(present),
        unreferenced=unreferenced_keys(manifest, layout, snapshot.folder),
    )


def _check_pages(repository: Repository, snapshot: Snapshot) -> Iterator[Finding]:
    for key, expected in expected_pages(repository, snapshot.read).items():
        body = read_page(repository.storage, key, snapshot.objects.get(key), expected)
        yield from check_page(key, body, expected, snapshot.read)


def _check_views(repository: Repository, snapshot: Snapshot, workers: Workers) -> Iterator[Finding]:
    """Look at each view that is on, and at the documents of versions that have one, with files or not."""
    read = snapshot.read
    views = [*project_views(repository, read.project), *_documents(repository, snapshot)]
    looks = workers.map_within(partial(stat_page, repository.storage, view.key) for view in views)
    for view, found in zip(views, looks, strict=True):
        mark = view.mark(read)
        if is_newer(found, mark):  # a publisher may have committed since the manifest was read
            now = fetch_manifest(repository.target, read.project)
            if is_newer(found, view.mark(now)):
                yield from check_view(view.key, found, mark, read)
        elif not view.is_right(found, mark, bytes):
            yield from check_view(view.key, found, mark, read)
            if found.mark is not None:
                yield from check_names(view.key, read_body(repository.storage, view.key) or b"", read.manifest)
        else:
            yield from check_rendered(view.key, found, mark, read)


def _documents(repository: Repository, snapshot: Snapshot) -> list[Page]:
    versions = visible_versions(snapshot.read.manifest) | snapshot.documents
    return version_views(repository, snapshot.read.project, versions)


def views_of(repository: Repository, inspected: InspectedProject) -> list[Page]:
    """Return the pages of the views of a project that are on, and that it must have."""
    project, manifest = inspected.manifest.project, inspected.manifest
    return [*project_views(repository, project), *version_views(repository, project, visible_versions(manifest))]


def read_page(storage: Storage, key: Key, listed: ListEntry | None, expected: bytes) -> bytes | None:
    """Return the bytes of a page, or None if the listing has none; send requests only if it may not be as expected."""
    if listed is None:
        return None
    if isinstance(storage, Inspectable) and listed.version == storage.version_of(expected):
        return expected
    info = storage.stat(key)
    if info is None or info.sha256 == sha256_of(expected):
        return None if info is None else expected
    return read_body(storage, key)


def read_body(storage: Storage, key: Key) -> bytes | None:
    """Read the bytes of an object; None if it is absent."""
    stored = storage.read(key)
    return None if stored is None else stored.body


def inspect_unreferenced(repository: Repository, key: Key) -> Unreferenced | None:
    """Look at an object to tell whose it is; None if it is gone."""
    info = repository.storage.stat(key)
    if info is None:
        return None
    if info.marks is not None:
        return Unreferenced(key=key, owner=_owner(repository, info.marks), modified=info.modified)
    # A directory has no marks, but a page of ours has a mark in its body.
    body = read_body(repository.storage, key) if key.endswith(_PAGE_NAMES) or key in _SHARED else None
    is_page = body is not None and read_page_mark(body) is not None
    return Unreferenced(key=key, owner="page" if is_page else "unknown", modified=info.modified)


def _owner(repository: Repository, marks: Mapping[str, str]) -> Owner:
    if page_mark(marks) is not None:
        return "page"
    return "file" if repository_of(marks) == repository.settings.id else "foreign"


# With --deep ---------------------------------------------------------------------------------------------------------


def inspect_object(repository: Repository, wanted: ReferencedObject, size: int, report: Report) -> list[Finding]:
    """Read an object to its end, and look at its headers."""
    storage, name = repository.storage, wanted.key.rpartition("/")[2]
    report(FileStarted(name=name, size=size))
    try:
        sha256 = None if wanted.sha256 is None else _digest(repository, wanted.key)
        served = storage.headers(wanted.key) if isinstance(storage, Inspectable) else None
    except Unavailable:
        if storage.stat(wanted.key) is not None:
            raise
        return []  # somebody deleted it after the listing, and its entry too
    report(FileDone(name=name, size=size))
    return [*check_bytes(wanted, sha256), *(() if served is None else check_headers(wanted, served))]


def inspect_page_headers(
    storage: Storage, key: Key, headers: ObjectHeaders, *, kind: str = "headers-wrong:page"
) -> list[Finding]:
    """Look at the headers of a page; `kind` is what to call it if they differ."""
    served = storage.headers(key) if isinstance(storage, Inspectable) else None
    return [] if served is None else list(check_page_headers(key, headers, served, kind))


def _digest(repository: Repository, key: Key) -> Sha256:
    with repository.storage.open(key) as stream:
        return Sha256(hashlib.file_digest(stream, "sha256").hexdigest())  # type: ignore[arg-type]  # a BinaryIO
