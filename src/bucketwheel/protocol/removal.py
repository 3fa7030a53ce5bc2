"""Delete names for good and remove their objects: only once a manifest says so, and no page names them any more.

So every removal makes every pending swap of a publisher fail, and a request that arrives late finds nothing to spoil.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, takewhile
from typing import Generic, Protocol, TypeVar

from bucketwheel.errors import BucketwheelError, Unfinished, WentBack
from bucketwheel.events import FileDone, FileStarted, Stage
from bucketwheel.format.layout import Layout, sidecar_keys
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, refuse_newer
from bucketwheel.format.views.published import removed_versions
from bucketwheel.names import ProjectName
from bucketwheel.protocol.change import change
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.refresh import PageVersions
from bucketwheel.protocol.repository import Context, Repository
from bucketwheel.storage import Key, ListEntry, ObjectVersion, SwapLost

__all__ = ["Removal", "Rule", "deletable_keys", "delete_names", "deleted_file", "remove"]

T = TypeVar("T")

_SHORT = 60  # seconds


class Rule(Protocol[T]):
    """Decides what goes, for whatever state a project is found in."""

    def select(self, manifest: Manifest) -> tuple[T, ...]:
        """Select what goes; raises Refused where it must stay."""

    def apply(self, manifest: Manifest, selected: tuple[T, ...]) -> Manifest:
        """Return the next revision, which says that this is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal(Generic[T]):
    """The result of a removal; with a dry run, what it would be."""

    selected: tuple[T, ...]
    removed: tuple[Key, ...]
    """The objects, sidecars included; also those that interrupted runs had left."""
    waiting: tuple[str, ...]
    """File names whose objects stay until the next run, because caches may keep pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Generic[T]):
    before: Manifest
    after: Manifest
    selected: tuple[T, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Garbage:
    """The objects at one deletable key, and beside it."""

    project: ProjectName
    objects: tuple[tuple[Key, ObjectVersion], ...]
    """The file, if it still exists, and then its sidecars; each exactly as it was seen."""
    size: int

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(key for key, _ in self.objects)


def remove(
    context: Context,
    repository: Repository,
    manifests: Sequence[VersionedManifest],
    pages: PageVersions,
    rule: Rule[T],
    *,
    at_once: bool = False,
) -> Removal[T]:
    """Commit what the rule selects, bring the pages to it, then remove the objects.

    The pages are those of these projects, looked at before the manifests were read. Raises Unfinished where something
    is deleted and the rest fails; the next run finds done what is done.
    """
    if context.dry_run:
        steps = context.workers.map(partial(_foreseen, rule, read.manifest) for read in manifests)
        garbage = _find_all(context, repository, _deletable(repository.layout, steps, at_once=at_once))
        return _removal(repository, steps, chain.from_iterable(each.keys for each in garbage), at_once=at_once)
    decisions = [(read, partial(_decide, repository, rule)) for read in manifests]
    dead = removed_versions  # rule: no document of a version names what is removed
    changed = change(repository, decisions, pages, context.workers, versions=dead)  # rule: pages before the removal
    # Only keys that were deletable in the revision that the pages show now: never of a manifest that is read later.
    steps = [_Step(before=each.before, after=each.now.manifest, selected=each.decision) for each in changed.committed]
    deletable = _deletable(repository.layout, steps, at_once=at_once)
    try:
        # What was deleted just now has objects to remove, so its manifest is read beside the listing.
        certain = {step.after.project for step in steps if step.selected and deletable[step.after.project]}
        reading = _start_reading(context, repository, steps, certain)
        garbage = _find_all(context, repository, deletable)  # rule: only keys that were deletable before
        reading += _start_reading(context, repository, steps, {each.project for each in garbage} - certain)
        for each in reading:
            each.result()
        size = sum(each.size for each in garbage)
        context.report(Stage(doing="removing", count=len(garbage), total_bytes=size))
        # rule: objects go last
        removed = context.workers.map(partial(_remove, context, repository, each) for each in garbage)
    except (Unfinished, WentBack):
        raise
    except BucketwheelError as error:
        raise Unfinished(
            f"the deletion is committed, but objects are left over: {error}; then run the same command again"
        ) from error
    changed.raise_failed()
    return _removal(repository, steps, chain.from_iterable(removed), at_once=at_once)


def delete_names(manifest: Manifest, files: Collection[PublishedFile]) -> Manifest:
    """Return the next revision, in which the names of these files are deleted for good.

    A record keeps the id of the run that released the file.
    """
    names = {file.filename for file in files}
    deleted = (*manifest.deleted, *map(deleted_file, files))  # rule: a deleted name is recorded
    return replace(
        manifest,
        revision=manifest.revision + 1,
        files=tuple(file for file in manifest.files if file.filename not in names),
        missing=tuple(file for file in manifest.missing if file.filename not in names),
        deleted=deleted,
    )


def deleted_file(file: PublishedFile) -> DeletedFile:
    """Return the record of a deleted name."""
    return DeletedFile(filename=file.filename, version=file.version, sha256=file.sha256, by=file.by, key=file.key)


def _decide(repository: Repository, rule: Rule[T], manifest: Manifest) -> tuple[Manifest | None, tuple[T, ...]]:
    """Decide about one project, and shrink the records of earlier removals in the same swap."""
    refuse_newer(manifest)
    selected = rule.select(manifest)  # rule: a lost swap selects again
    if not selected:
        return None, selected
    after = rule.apply(manifest, selected)
    gone = _gone(repository, manifest)
    deleted = (_shrunk(record) if record.filename in gone else record for record in after.deleted)
    return replace(after, deleted=tuple(deleted)), selected  # rule: commit before the removal


def _foreseen(rule: Rule[T], manifest: Manifest) -> _Step[T]:
    refuse_newer(manifest)
    selected = rule.select(manifest)
    after = rule.apply(manifest, selected) if selected else manifest
    return _Step(before=manifest, after=after, selected=selected)


def _gone(repository: Repository, manifest: Manifest) -> set[str]:
    """Return the deleted names whose files and sidecars are gone, by a listing that is newer than the manifest.

    What turns up under such a name later is an orphan.
    """
    project, layout = manifest.project, repository.layout
    keys = {file.filename: layout.key_of(project, file) for file in manifest.deleted if not file.is_shrunk}
    found = _list_groups(repository, project, keys.values())
    return {filename for filename, key in keys.items() if key not in found}


def _shrunk(record: DeletedFile) -> DeletedFile:
    return DeletedFile(filename=record.filename, by=record.by)  # rule: a shrunk record keeps its run


# Which keys ----------------------------------------------------------------------------------------------------------


def deletable_keys(layout: Layout, manifest: Manifest, *, spared: Collection[str] = ()) -> frozenset[Key]:
    """Return where nothing may be stored any more: under deleted names, but for those spared, and at dead keys.

    Never a key that an entry names, whatever else the manifest says of it.
    """
    dead = (
        layout.key_of(manifest.project, file)
        for file in manifest.deleted
        if not file.is_shrunk and file.filename not in spared
    )
    in_use = {layout.key_of(manifest.project, file) for file in manifest.files}
    return frozenset(chain(dead, manifest.dead_keys)) - in_use  # rule: no key that an entry names


def _deletable(layout: Layout, steps: Iterable[_Step[T]], *, at_once: bool) -> dict[ProjectName, frozenset[Key]]:
    deletable: dict[ProjectName, frozenset[Key]] = {}
    for step in steps:
        spared = _waiting(layout, step, at_once=at_once)
        deletable[step.after.project] = deletable_keys(layout, step.after, spared=spared)  # rule: keys are dead first
    return deletable


def _waiting(layout: Layout, step: _Step[T], *, at_once: bool) -> frozenset[str]:
    """Return the names that were deleted just now, while caches may still show pages that name them.

    Their objects wait for the next run: a courtesy to clients behind such a cache, never a safety rule.
    """
    if at_once or layout.seconds_in_caches <= _SHORT:
        return frozenset()
    return frozenset(_deleted_names(step.after)) - frozenset(_deleted_names(step.before))


def _deleted_names(manifest: Manifest) -> Iterator[str]:
    return (file.filename for file in manifest.deleted)


# Objects -------------------------------------------------------------------------------------------------------------


def _find_all(
    context: Context, repository: Repository, deletable: Mapping[ProjectName, Collection[Key]]
) -> list[_Garbage]:
    found = context.workers.map(partial(_find, repository, project, keys) for project, keys in deletable.items())
    return list(chain.from_iterable(found))


def _find(repository: Repository, project: ProjectName, deletable: Collection[Key]) -> list[_Garbage]:
    """Find what is stored at a project's deletable keys and beside them, in the order of these keys."""
    groups = _list_groups(repository, project, deletable)
    return [garbage for key in sorted(groups) if (garbage := _garbage(repository, project, groups[key])).objects]


def _list_groups(repository: Repository, project: ProjectName, keys: Collection[Key]) -> dict[Key, list[ListEntry]]:
    """List what is stored at these keys of distributions and beside them: by key, the file first."""
    folder, wanted = repository.layout.folder(project), frozenset(_with_sidecars(keys))
    inside = frozenset(key for key in wanted if key.startswith(folder))
    found: dict[Key, ListEntry] = {}
    for part in (inside, wanted - inside):  # an adopted file may be anywhere
        # One listing shows all of them, with the versions that a removal needs.
        listing = repository.storage.list(_common_prefix(part)) if part else ()
        found |= {entry.key: entry for entry in listing if entry.key in part}
    groups = {key: [found[each] for each in _with_sidecars([key]) if each in found] for key in keys}
    return {key: group for key, group in groups.items() if group}


def _garbage(repository: Repository, project: ProjectName, group: list[ListEntry]) -> _Garbage:
    objects = ((entry.key, entry.version or _version(repository, entry.key)) for entry in group)
    return _Garbage(
        project=project,
        objects=tuple((key, version) for key, version in objects if version is not None),
        size=sum(entry.size for entry in group),
    )


def _version(repository: Repository, key: Key) -> ObjectVersion | None:
    """Look at an object whose version the listing does not show."""
    info = repository.storage.stat(key)
    return None if info is None else info.version


def _start_reading(
    context: Context, repository: Repository, steps: Sequence[_Step[T]], projects: Collection[ProjectName]
) -> list[Future[None]]:
    """Begin to read the manifests of these projects once more."""
    losing = (step.after for step in steps if step.after.project in projects)
    return [context.workers.start(partial(_refuse_forgotten, repository, after)) for after in losing]


def _refuse_forgotten(repository: Repository, before: Manifest) -> None:
    """Read the manifest once more, and refuse to remove what it does not call deleted any more."""
    now = read_manifest(repository.target, before.project).manifest  # rule: read the manifest before a removal
    forgotten = frozenset(_deleted_names(before)) - frozenset(_deleted_names(now))
    if forgotten or not set(before.dead_keys) <= set(now.dead_keys):
        raise repository.target.sightings.error(before.project, "has a manifest that forgets what was deleted")


def _remove(context: Context, repository: Repository, garbage: _Garbage) -> list[Key]:
    """Remove a file and then its sidecars; what somebody stored there just now is left to the next run."""
    name = garbage.keys[0].rpartition("/")[2]
    context.report(FileStarted(name=name, size=garbage.size))
    first, *others = garbage.objects
    removed = [first[0]] if _remove_object(repository, first) else []
    if removed:
        gone = context.workers.map_within(partial(_remove_object, repository, each) for each in others)
        removed += [key for (key, _), is_gone in zip(others, gone, strict=True) if is_gone]
    context.report(FileDone(name=name, size=garbage.size))
    return removed


def _remove_object(repository: Repository, found: tuple[Key, ObjectVersion]) -> bool:
    key, version = found
    try:
        repository.storage.remove(key, expected=version)
    except SwapLost:
        return False
    return True


def _common_prefix(keys: Collection[Key]) -> str:
    pairs = zip(min(keys), max(keys), strict=False)  # what these two share, all keys between them share
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _with_sidecars(keys: Iterable[Key]) -> list[Key]:
    return [each for key in keys for each in (key, *sidecar_keys(key))]


def _removal(repository: Repository, steps: Sequence[_Step[T]], removed: Iterable[Key], *, at_once: bool) -> Removal[T]:
    waiting = (_waiting(repository.layout, step, at_once=at_once) for step in steps)
    return Removal(
        selected=tuple(chain.from_iterable(step.selected for step in steps)),
        removed=tuple(removed),
        waiting=tuple(sorted(chain.from_iterable(waiting))),
    )
