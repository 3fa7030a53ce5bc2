"""Delete a project, a version or some files for good: names first, then pages, then objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Refused
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, not_a_file, not_published
from bucketwheel.format.parsed_names import parse_name
from bucketwheel.names import ProjectName, named_project, same_version, version_order
from bucketwheel.protocol.change import open_project
from bucketwheel.protocol.removal import delete_names, remove
from bucketwheel.protocol.repository import Context, open_context, open_to_write
from bucketwheel.storage import Key

__all__ = ["Deletion", "FilesToDelete", "delete", "delete_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """The result of a delete; with `dry_run`, what it would be."""

    project: ProjectName
    version: str | None
    """None: it was about the whole project, or about files of any version."""
    deleted: tuple[str, ...]
    """The file names that this run deleted; empty where all were deleted already."""
    removed: tuple[Key, ...]
    """The objects that were removed, with sidecars and what interrupted deletes had left."""
    waiting: tuple[str, ...]
    """File names whose objects the next delete or prune removes, because caches may keep pages."""
    dry_run: bool


def delete(
    project: str,
    settings: Settings,
    *,
    version: str | None = None,
    filenames: Sequence[str] = (),
    at_once: bool = False,
    report: Report = ignore,
) -> Deletion:
    """Delete a project's files, all or those of a version or those named; their names are never used again.

    The project stays, with an empty page, so that no one else can take its name. Where caches may keep pages for more
    than a minute, objects wait for the next delete or prune unless `at_once`. Raises Refused for what never existed,
    Unfinished where names are deleted and the rest is not done: the same call again finishes it.
    """
    name, selection = named_project(project), FilesToDelete(version=version, filenames=tuple(filenames))
    with open_context(settings, report) as context:
        return delete_files(context, name, selection, at_once=at_once)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesToDelete:
    """The files of a project that are to be deleted."""

    version: str | None = None
    """None: any."""
    filenames: tuple[str, ...] = ()
    """Empty: all."""

    def select(self, manifest: Manifest) -> tuple[PublishedFile, ...]:
        """Select the files that are not deleted yet, missing ones too; raises Refused for what never existed."""
        files = (*manifest.files, *manifest.missing)
        alive = {file.filename: file for file in files if self._is_of_version(file.version)}
        if manifest.revision == 0 or not (alive or self._may_be_deleted(manifest)):
            raise Refused(not_published(manifest, self.version))
        deleted = {record.filename: record for record in manifest.deleted}
        absent = [
            name
            for name in self.filenames
            if name not in alive
            and not (name in deleted and self._is_of_version(_version_of(manifest.project, deleted[name])))
        ]
        if absent:
            raise Refused(*(not_a_file(name, manifest, self.version, alive) for name in absent))
        named = [file for name, file in alive.items() if not self.filenames or name in self.filenames]
        return tuple(sorted(named, key=lambda file: (version_order(file.version), file.filename)))

    def apply(self, manifest: Manifest, selected: tuple[PublishedFile, ...]) -> Manifest:
        """Return the next revision, without them."""
        return delete_names(manifest, selected)

    def _may_be_deleted(self, manifest: Manifest) -> bool:
        """Return whether all files of the version may be deleted; reads the names of all that are."""
        return self.version is None or any(
            self._is_of_version(_version_of(manifest.project, record)) for record in manifest.deleted
        )

    def _is_of_version(self, version: str | None) -> bool:
        return self.version is None or (version is not None and same_version(version, self.version))


def _version_of(project: ProjectName, record: DeletedFile) -> str | None:
    """Return a deleted file's version; of a shrunk record it is in the name only."""
    if not record.is_shrunk:
        return record.version
    name = parse_name(record.filename, project)
    return None if name is None else name.version


def delete_files(
    context: Context, project: ProjectName, selection: FilesToDelete, *, at_once: bool = False
) -> Deletion:
    """Commit the deletion, bring the pages to it, then remove the objects."""
    repository, read, pages = open_project(context, project)
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
    removal = remove(context, repository, [read], pages, selection, at_once=at_once)
    return Deletion(
        project=project,
        version=selection.version,
        deleted=tuple(file.filename for file in removal.selected),
        removed=removal.removed,
        waiting=removal.waiting,
        dry_run=context.dry_run,
    )
