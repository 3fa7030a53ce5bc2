"""An inventory of the whole repository, and a snapshot of one project: a listing, sorted by what each key can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os.path import commonprefix

from bucketwheel.commands.check.references import referenced_objects
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key, project_of
from bucketwheel.names import InvalidName, ProjectName, project_name
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.listed_pages import list_documents, sort_documents
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, ListEntry

__all__ = ["Inventory", "Snapshot", "project_at", "read_inventory", "read_snapshot", "snapshot_of"]

_OURS = SETTINGS_KEY.rpartition("/")[0] + "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All objects of a repository, as one listing shows them."""

    objects: Mapping[Key, ListEntry]
    manifests: frozenset[ProjectName]
    projects: Mapping[ProjectName, Iterable[Key]]
    """The keys in the folder of each project that has a manifest or a folder."""
    others: Mapping[str, Iterable[Key]]
    """All keys outside of these folders, by place: the first folder in the index or in the repository."""
    documents: Mapping[ProjectName, frozenset[str]]
    """The versions of each project that have a document in Warehouse's JSON API."""


def read_inventory(repository: Repository) -> Inventory:
    """List the repository, and sort its objects by their keys."""
    layout = repository.layout
    objects = {entry.key: entry for entry in repository.storage.list("")}
    manifests = frozenset(project for key in objects if (project := project_of(key)) is not None)
    projects: dict[ProjectName, list[Key]] = {project: [] for project in manifests}
    others: dict[str, list[Key]] = {}
    places: dict[str, list[Key]] = defaultdict(list)
    for key in objects:
        if not key.startswith(_OURS):
            places[_place(key, layout)].append(key)
    for place, keys in places.items():
        project = _project_in(place, layout)
        if project is None:
            others[place] = keys
        else:
            projects[project] = keys
    documents = sort_documents(others.get("pypi/", ()))
    return Inventory(objects=objects, manifests=manifests, projects=projects, others=others, documents=documents)


def project_at(layout: Layout, key: Key) -> ProjectName | None:
    """Return the project whose folder a key is in; None for any other key."""
    return _project_in(_place(key, layout), layout)


def _place(key: Key, layout: Layout) -> str:
    """Return the first folder of a key, in the index or else in the repository; the index or `/` for a key in none."""
    above = layout.simple if key.startswith(layout.simple) else ""
    folder, slash, _ = key.removeprefix(above).partition("/")
    return f"{above}{folder}/" if slash else above or "/"


def _project_in(place: str, layout: Layout) -> ProjectName | None:
    """Return the project whose folder this is; None for a folder that no project can have."""
    try:
        project = project_name(place.removeprefix(layout.simple).removesuffix("/"))
    except InvalidName:
        return None
    return project if place == layout.folder(project) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A project's manifest, and a listing of its objects."""

    read: VersionedManifest
    objects: Mapping[Key, ListEntry]
    """All objects that may belong to the project, perhaps among others."""
    folder: Iterable[Key]
    """The keys in the project's folder."""
    documents: frozenset[str]
    """The versions that have a document in Warehouse's JSON API."""
    settled: bool
    """Whether the manifest is known to be the same before and after the listing."""


def snapshot_of(repository: Repository, inventory: Inventory, project: ProjectName) -> Snapshot:
    """Read a project's manifest, and take its objects from an inventory that was read before."""
    found, listed = read_manifest(repository.target, project), inventory.objects.get(manifest_key(project))
    if listed is None:
        unchanged = found.version is None  # a manifest is never removed
    else:
        unchanged = listed.version is not None and listed.version == found.version
    # A listing takes a while and goes in the order of keys: the manifest must have been listed before the files.
    in_time = manifest_key(project) < repository.layout.folder(project)
    return Snapshot(
        read=found,
        objects=inventory.objects,
        folder=inventory.projects[project],
        documents=inventory.documents.get(project, frozenset()),
        settled=unchanged and in_time,
    )


def read_snapshot(repository: Repository, project: ProjectName, *, rounds: int = 0) -> Snapshot:
    """Read a project's manifest, then list its objects; do both again while commits come in between."""
    found = read_manifest(repository.target, project)
    objects, settled = _list_objects(repository, found), False
    for _ in range(rounds):
        before, found = found, read_manifest(repository.target, project)
        settled = found.version == before.version
        if settled:
            break
        objects = _list_objects(repository, found)
    folder = repository.layout.folder(project)
    inside = [key for key in objects if key.startswith(folder)]
    documents = list_documents(repository, [project]).get(project, frozenset())
    return Snapshot(read=found, objects=objects, folder=inside, documents=documents, settled=settled)


def _list_objects(repository: Repository, found: VersionedManifest) -> dict[Key, ListEntry]:
    """List a project's folder, and the prefix that its files outside of that folder have in common."""
    folder = repository.layout.folder(found.project)
    keys = {wanted.key for wanted in referenced_objects(found.manifest, repository.layout)}
    outside = {key for key in keys if not key.startswith(folder)}
    around = commonprefix(list(outside))  # noqa: RUF071 - keys are strings, and so are the prefixes of listings
    listed = [entry for entry in repository.storage.list(around) if entry.key in outside] if outside else []
    return {entry.key: entry for entry in (*repository.storage.list(folder), *listed)}
