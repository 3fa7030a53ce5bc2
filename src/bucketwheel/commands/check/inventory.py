"""A listing taken apart: manifests, what lies in each project's folder, and what lies elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os.path import commonprefix

from bucketwheel.commands.check.files import named_objects
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key, project_of
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Inspectable, Key, ListEntry

__all__ = ["Ground", "Snapshot", "body_of", "sort_out", "survey_alone", "survey_anew", "survey_listed"]

_OURS = SETTINGS_KEY.rpartition("/")[0] + "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a listing shows, by what it would be."""

    objects: Mapping[Key, ListEntry]
    """All of it."""
    manifests: Mapping[ProjectName, ListEntry]
    folders: Mapping[str, Mapping[Key, ListEntry]]
    """What lies below the index, by the folder; of any name, also where no project could have it."""
    root: Mapping[Key, ListEntry]
    """What lies in the index itself."""
    elsewhere: Mapping[Key, ListEntry]


def sort_out(listing: Iterable[ListEntry], layout: Layout) -> Ground:
    """Tell what each object of a listing would be by its key."""
    objects = {entry.key: entry for entry in listing}
    manifests: dict[ProjectName, ListEntry] = {}
    folders: dict[str, dict[Key, ListEntry]] = defaultdict(dict)
    root: dict[Key, ListEntry] = {}
    elsewhere: dict[Key, ListEntry] = {}
    for key, entry in objects.items():
        if key.startswith(_OURS):
            if (project := project_of(key)) is not None:
                manifests[project] = entry
        elif not key.startswith(layout.simple):
            elsewhere[key] = entry
        elif "/" in (inside := key.removeprefix(layout.simple)):
            folders[inside.partition("/")[0]][key] = entry
        else:
            root[key] = entry
    return Ground(objects=objects, manifests=manifests, folders=dict(folders), root=root, elsewhere=elsewhere)


_MOST_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A project as it was seen."""

    manifest: Manifest
    objects: Mapping[Key, ListEntry]
    """What the listing shows where this project's objects may lie."""
    settled: bool
    """Whether the manifest is known to have been the same before the listing and after it."""


def survey_listed(repository: Repository, project: ProjectName, ground: Ground) -> Snapshot:
    """Read the manifest for a listing that is there already."""
    truth, listed = read_manifest(repository.site, project), ground.manifests.get(project)
    if listed is None:
        unchanged = truth.version is None  # a manifest that is there stays there
    else:
        unchanged = listed.version is not None and listed.version == truth.version
    # A listing is in the order of its keys, and may take a while: what it shows first, it saw first.
    in_time = manifest_key(project) < repository.layout.folder(project)
    return Snapshot(manifest=truth.manifest, objects=ground.objects, settled=unchanged and in_time)


def survey_alone(repository: Repository, project: ProjectName) -> Snapshot:
    """Read the manifest, and list where this project's objects may lie."""
    truth = read_manifest(repository.site, project)
    return Snapshot(manifest=truth.manifest, objects=_listing(repository, truth), settled=False)


def survey_anew(repository: Repository, project: ProjectName) -> Snapshot:
    """Read the manifest, list, and read it again, until nobody commits in between, or does so again and again."""
    truth = read_manifest(repository.site, project)
    objects = _listing(repository, truth)
    for _ in range(_MOST_ROUNDS):
        before, truth = truth, read_manifest(repository.site, project)
        if truth.version == before.version:
            return Snapshot(manifest=truth.manifest, objects=objects, settled=True)
        objects = _listing(repository, truth)
    return Snapshot(manifest=truth.manifest, objects=objects, settled=False)


def body_of(repository: Repository, key: Key, listed: ListEntry | None, expected: bytes) -> bytes | None:
    """The bytes of a page that a listing shows, or None where it does not; asks only if they are not as expected."""
    storage = repository.storage
    if listed is None:
        return None
    if isinstance(storage, Inspectable) and listed.version == storage.version_of(expected):
        return expected
    seen = storage.stat(key)
    if seen is None or seen.sha256 == sha256_of(expected):
        return None if seen is None else expected
    stored = storage.read(key)
    return None if stored is None else stored.body


def _listing(repository: Repository, truth: VersionedManifest) -> dict[Key, ListEntry]:
    """A project's folder, and around those of its files that lie outside of it."""
    folder = repository.layout.folder(truth.project)
    outside = {named.key for named in named_objects(truth.manifest, repository.layout)}
    outside = {key for key in outside if not key.startswith(folder)}
    around = commonprefix(list(outside))  # noqa: RUF071 - keys are strings, and so are the prefixes of listings
    found: Iterable[ListEntry] = repository.storage.list(around) if outside else ()
    return {
        **{entry.key: entry for entry in repository.storage.list(folder)},
        **{entry.key: entry for entry in found if entry.key in outside},
    }
