"""The protocol of verbs that are not written yet, as short as the design has it: delete, orphans, adopt's drop.

When a verb is there, its command takes the place of the one here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

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
class _Upkeep:
    """A command for one project that no manifest can keep from its work, and whose success shows elsewhere."""

    project: ProjectName

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def shown_by(self, manifest: Manifest) -> bool:
        """By any."""
        return manifest.project == self.project

    def stopped_by(self, manifest: Manifest) -> bool:
        """By none."""
        return manifest.project != self.project


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_Upkeep):
    """`bucketwheel delete --now`: some files, for ever."""

    filenames: tuple[str, ...]

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Make the names dead, then refresh, then remove what lies under names that were dead before the refresh."""
        del call
        repository = open_to_write(site, open_to_read(site))
        truth = commit(repository, read_truth(site, self.project), call=None, decide=self._make_names_dead)

        def finish() -> None:
            refresh(repository, [self.project], workers)
            _remove(repository, _dead_names(truth.manifest))

        return _committed(finish)

    def shown_by(self, manifest: Manifest) -> bool:
        """None of the names is in use."""
        return not any(file.filename in self.filenames for file in manifest.files)

    def _make_names_dead(self, manifest: Manifest) -> Manifest | None:
        chosen = [file for file in (*manifest.files, *manifest.missing) if file.filename in self.filenames]
        if not chosen:
            return None
        return replace(
            manifest,
            revision=manifest.revision + 1,
            files=_without(manifest.files, chosen),
            missing=_without(manifest.missing, chosen),
            deleted=(*manifest.deleted, *(_deleted(file) for file in chosen)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans(_Upkeep):
    """`bucketwheel prune --orphans`: what runs left behind that died before their commit."""

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Make their keys dead, then refresh, then remove what lies at dead keys and under dead names."""
        del call
        repository = open_to_write(site, open_to_read(site))

        def decide(manifest: Manifest) -> Manifest | None:
            found = _orphans(repository, manifest)
            if not found:
                return None
            return replace(manifest, revision=manifest.revision + 1, dead_keys=(*manifest.dead_keys, *found))

        truth = commit(repository, read_truth(site, self.project), call=None, decide=decide)

        def finish() -> None:
            refresh(repository, [self.project], workers)
            _remove(repository, (*truth.manifest.dead_keys, *_dead_names(truth.manifest)))

        return _committed(finish)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt(_Upkeep):
    """`bucketwheel reindex --adopt`, as far as it calls missing what a person removed."""

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Read the manifest, *then* list, *then* look at each difference; swap what was read, or start again."""
        del call
        repository = open_to_write(site, open_to_read(site))

        def decide(manifest: Manifest) -> Manifest | None:
            gone = _gone(repository, manifest)
            if not gone:
                return None
            return replace(
                manifest,
                revision=manifest.revision + 1,
                files=_without(manifest.files, gone),
                missing=(*manifest.missing, *gone),
            )

        commit(repository, read_truth(site, self.project), call=None, decide=decide)
        return _committed(lambda: refresh(repository, [self.project], workers))


def _committed(finish: Callable[[], object]) -> object:
    """Do what follows the commit; no failure of it is a refusal."""
    try:
        return finish()
    except Unavailable as error:
        raise Unfinished(f"it is committed, and not all is done ({error}); run the same command again") from error


def _orphans(repository: Repository, manifest: Manifest) -> list[Key]:
    """Objects with our mark that no entry names, and that are not what a *missing* record waits for."""
    named = {key_of(manifest, file) for file in manifest.files}
    awaited = {file.sha256 for file in manifest.missing}
    orphans = []
    for listed in repository.storage.list(f"simple/{manifest.project}/"):
        if listed.key.endswith(("/", ".html", ".json", *_SIDECARS)) or listed.key in {*named, *manifest.dead_keys}:
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


def _dead_names(manifest: Manifest) -> tuple[Key, ...]:
    return tuple(file.key or Key(f"simple/{manifest.project}/{file.filename}") for file in manifest.deleted)


def _deleted(file: PublishedFile) -> DeletedFile:
    return DeletedFile(filename=file.filename, version=file.version, sha256=file.sha256, by=file.by, key=file.key)


def _without(files: Sequence[PublishedFile], chosen: Sequence[PublishedFile]) -> tuple[PublishedFile, ...]:
    return tuple(file for file in files if file not in chosen)
