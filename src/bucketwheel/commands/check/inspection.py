"""Inspection of one project: its findings, as far as a listing, its manifest and few further requests show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
from bucketwheel.commands.check.views import check_page, check_page_headers
from bucketwheel.errors import Damaged, Unavailable
from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import manifest_key, page_mark, repository_of
from bucketwheel.format.manifest import Manifest, empty_manifest
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.listed_pages import expected_pages
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Inspectable, Key, ListEntry, Storage

__all__ = [
    "InspectedProject",
    "inspect_object",
    "inspect_page_headers",
    "inspect_project",
    "inspect_unreferenced",
    "read_body",
    "read_page",
]

_MOST_ROUNDS = 5
_PAGE_NAMES = ("/", "/index.html", "/index.json")


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


def inspect_project(repository: Repository, inventory: Inventory | None, project: ProjectName) -> InspectedProject:
    """Inspect a project; take a second snapshot before any finding that a concurrent commit may explain."""
    try:
        snapshot = (
            read_snapshot(repository, project) if inventory is None else snapshot_of(repository, inventory, project)
        )
        inspection = _inspect(repository, snapshot)
        if snapshot.settled or inspection.clean:
            return inspection
        return _inspect(repository, read_snapshot(repository, project, rounds=_MOST_ROUNDS))
    except Damaged as error:
        damaged = finding("manifest-damaged", manifest_key(project), error=error.__cause__ or error)
        empty = VersionedManifest(manifest=empty_manifest(project), version=None)
        return InspectedProject(read=empty, findings=(damaged,))


def _inspect(repository: Repository, snapshot: Snapshot) -> InspectedProject:
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
    body = read_body(repository.storage, key) if key.endswith(_PAGE_NAMES) else None
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


def inspect_page_headers(repository: Repository, key: Key) -> list[Finding]:
    """Look at the headers of a page."""
    storage, layout = repository.storage, repository.layout
    headers = layout.json() if key.endswith(".json") else layout.html()
    served = storage.headers(key) if isinstance(storage, Inspectable) else None
    return [] if served is None else list(check_page_headers(key, headers, served))


def _digest(repository: Repository, key: Key) -> Sha256:
    with repository.storage.open(key) as stream:
        return Sha256(hashlib.file_digest(stream, "sha256").hexdigest())  # type: ignore[arg-type]  # a BinaryIO
