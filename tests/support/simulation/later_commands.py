"""The protocol of verbs that are not written yet, as short as the design has it: delete, orphans, adopt's drop.

When a verb is there, its command takes the place of the one here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from bucketwheel.commit import commit, read_truth
from bucketwheel.errors import Unavailable, Unfinished
from bucketwheel.manifest import DeletedFile, Manifest, PublishedFile
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.refresh import refresh
from bucketwheel.repository import Repository, Site, open_to_read, open_to_write
from bucketwheel.storage import Key, SwapLost
from support.simulation.history import key_of

__all__ = ["Adopt", "Delete", "RemoveOrphans"]

_SIDECARS = (".metadata", ".asc", ".provenance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """`bucketwheel delete --now`: some files, for ever."""

    project: ProjectName
    filenames: tuple[str, ...]

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Make the names dead, then refresh, then remove what lies under names that were dead before the refresh."""
        repository = open_to_write(site, open_to_read(site))
        truth = commit(repository, read_truth(site, self.project), call=None, decide=self._without)
        try:
            refresh(repository, [self.project], workers)
            _remove(repository, (_key(truth.manifest, file) for file in truth.manifest.deleted))
        except Unavailable as error:
            raise Unfinished("deleted, and not all is removed yet") from error
        return truth

    def shown_by(self, manifest: Manifest) -> bool:
        """The names are dead, if they were ever there."""
        return not any(file.filename in self.filenames for file in manifest.files)

    def stopped_by(self, manifest: Manifest) -> bool:
        """Never."""
        del manifest
        return False

    def _without(self, manifest: Manifest) -> Manifest | None:
        chosen = [file for file in (*manifest.files, *manifest.missing) if file.filename in self.filenames]
        return _next(
            manifest,
            files=_others(manifest.files, chosen),
            missing=_others(manifest.missing, chosen),
            deleted=(*manifest.deleted, *(_dead(file) for file in chosen)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans:
    """`bucketwheel prune --orphans`: what runs left behind that died before their commit."""

    project: ProjectName

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Make their keys dead, then refresh, then remove what lies at dead keys and under dead names."""
        repository = open_to_write(site, open_to_read(site))

        def decide(manifest: Manifest) -> Manifest | None:
            return _next(manifest, dead_keys=(*manifest.dead_keys, *_orphans(repository, manifest)))

        truth = commit(repository, read_truth(site, self.project), call=None, decide=decide)
        try:
            refresh(repository, [self.project], workers)
            _remove(repository, truth.manifest.dead_keys)
            _remove(repository, (_key(truth.manifest, file) for file in truth.manifest.deleted))
        except Unavailable as error:
            raise Unfinished("orphans are off the record, and not all are removed yet") from error
        return truth

    def shown_by(self, manifest: Manifest) -> bool:
        """Whatever the manifest says is right."""
        del manifest
        return True

    def stopped_by(self, manifest: Manifest) -> bool:
        """Never."""
        del manifest
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """`bucketwheel reindex --adopt`, as far as it calls missing what a person removed."""

    project: ProjectName

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Read the manifest, *then* list, *then* look at each difference; swap what was read, or start again."""
        repository = open_to_write(site, open_to_read(site))

        def decide(manifest: Manifest) -> Manifest | None:
            gone = _gone(repository, manifest)
            return _next(manifest, files=_others(manifest.files, gone), missing=(*manifest.missing, *gone))

        truth = commit(repository, read_truth(site, self.project), call=None, decide=decide)
        try:
            refresh(repository, [self.project], workers)
        except Unavailable as error:
            raise Unfinished("adopted, and pages are behind") from error
        return truth

    def shown_by(self, manifest: Manifest) -> bool:
        """Whatever the manifest says is right."""
        del manifest
        return True

    def stopped_by(self, manifest: Manifest) -> bool:
        """Never."""
        del manifest
        return False


def _next(manifest: Manifest, **changes: object) -> Manifest | None:
    changed = replace(manifest, **changes)  # type: ignore[arg-type]  # fields by name
    return None if changed == manifest else replace(changed, revision=manifest.revision + 1)


def _orphans(repository: Repository, manifest: Manifest) -> list[Key]:
    """Objects with our mark that no entry names, and that are not what a *missing* record waits for."""
    named = {key_of(manifest, file) for file in manifest.files}
    awaited = {file.sha256 for file in manifest.missing}
    orphans = []
    for listed in repository.storage.list(f"simple/{manifest.project}/"):
        if listed.key.endswith(("/", ".html", ".json", *_SIDECARS)) or listed.key in named:
            continue
        seen = repository.storage.look(listed.key)
        marks = (seen and seen.marks) or {}
        if marks.get("bucketwheel-repository") == repository.settings.id and marks["bucketwheel-sha256"] not in awaited:
            orphans.append(listed.key)
    return orphans


def _gone(repository: Repository, manifest: Manifest) -> list[PublishedFile]:
    """Entries whose objects are absent in the listing and in the look after it."""
    listed = {entry.key for entry in repository.storage.list(f"simple/{manifest.project}/")}
    return [
        file
        for file in manifest.files
        if key_of(manifest, file) not in listed and repository.storage.look(Key(key_of(manifest, file))) is None
    ]


def _remove(repository: Repository, keys: Iterable[Key]) -> None:
    """Remove files and, after each, its sidecars, also where the file is gone already."""
    for key in keys:
        for target in (key, *(Key(f"{key}{suffix}") for suffix in _SIDECARS)):
            seen = repository.storage.look(target)
            if seen is not None:
                with suppress(SwapLost):
                    repository.storage.remove(target, seen=seen.version)


def _dead(file: PublishedFile) -> DeletedFile:
    return DeletedFile(
        filename=file.filename, version=file.version, sha256=file.sha256, by=file.by, key=file.key
    )


def _key(manifest: Manifest, file: DeletedFile) -> Key:
    return Key(file.key or f"simple/{manifest.project}/{file.filename}")


_T = TypeVar("_T", bound=PublishedFile)


def _others(files: Iterable[_T], chosen: Iterable[_T]) -> tuple[_T, ...]:
    names = {file.filename for file in chosen}
    return tuple(file for file in files if file.filename not in names)
