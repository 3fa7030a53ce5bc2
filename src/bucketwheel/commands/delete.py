"""Delete a project, a version or some files for ever: names first, then pages, then objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeAlias

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Problem, Refused
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile
from bucketwheel.names import ProjectName, named_project, printable, same_version
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.removal import clear, give_up, rehearse
from bucketwheel.protocol.repository import Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Choice", "Deletion", "delete", "delete_at"]

_Entry: TypeAlias = PublishedFile | DeletedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What a delete did, or with `dry_run` would do."""

    project: ProjectName
    version: str | None
    """None: it was about the whole project, or about files of any version."""
    deleted: tuple[str, ...]
    """The file names that are dead since this call; empty where all were so already."""
    removed: tuple[Key, ...]
    """The objects that went, sidecars and what interrupted deletes had left included."""
    waiting: tuple[str, ...]
    """File names whose objects the next delete or prune removes, because caches may keep pages."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be deleted of a project."""

    version: str | None = None
    """None: any."""
    filenames: tuple[str, ...] = ()
    """None named: all."""

    def chosen(self, manifest: Manifest) -> tuple[PublishedFile, ...]:
        """The files that are not deleted yet, missing ones too; raises Refused for what was never there."""
        self._validate(manifest)
        published = (file for file in (*manifest.files, *manifest.missing) if self._is_about(file))
        return tuple(sorted(published, key=attrgetter("filename")))

    def carried_out(self, manifest: Manifest, chosen: tuple[PublishedFile, ...]) -> Manifest:
        """The next revision, without them."""
        return give_up(manifest, chosen)

    def _validate(self, manifest: Manifest) -> None:
        entries: tuple[_Entry, ...] = (*manifest.files, *manifest.missing, *manifest.deleted)
        names = sorted(entry.filename for entry in entries if self._is_of_version(entry))
        if manifest.revision == 0 or (self.version is not None and not names):
            raise Refused(_never_there(manifest, self.version))
        if absent := [filename for filename in self.filenames if filename not in names]:
            raise Refused(*(_no_file(filename, manifest.project, names) for filename in absent))

    def _is_about(self, file: PublishedFile) -> bool:
        return self._is_of_version(file) and (not self.filenames or file.filename in self.filenames)

    def _is_of_version(self, file: _Entry) -> bool:
        return self.version is None or same_version(file.version, self.version)


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

    The project stays, with an empty page, so that its name is not free for somebody else. Where caches may keep pages
    for more than a minute, objects wait for the next delete or prune unless `at_once`. Raises Refused for what was
    never there, Unfinished where names are dead and the rest is not done: the same call again finishes it.
    """
    name = named_project(project)
    choice = Choice(version=version, filenames=tuple(filenames))
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return delete_at(site, name, choice, at_once=at_once, dry_run=settings.dry_run, workers=workers, report=report)


def delete_at(
    site: Target,
    project: ProjectName,
    choice: Choice,
    *,
    at_once: bool,
    dry_run: bool,
    workers: Workers,
    report: Report = ignore,
) -> Deletion:
    """Swap the manifest, then refresh the pages, then remove what lies under names that were dead before that."""
    reading = workers.start(lambda: read_manifest(site, project))
    found, truths = open_to_read(site), [reading.result()]
    if dry_run:
        cleared = rehearse(found, truths, choice, at_once=at_once, workers=workers)
    else:
        repository = open_to_write(site, found)
        cleared = clear(repository, truths, choice, at_once=at_once, workers=workers, report=report)
    return Deletion(
        project=project,
        version=choice.version,
        deleted=tuple(file.filename for file in cleared.chosen),
        removed=cleared.removed,
        waiting=cleared.waiting,
        dry_run=dry_run,
    )


def _never_there(manifest: Manifest, version: str | None) -> Problem:
    known = sorted({file.version for file in manifest.files})
    return Problem(
        subject=manifest.project if version is None else printable(f"{manifest.project}=={version}"),
        what="is not published here",
        remedy=f"choose one of {printable(', '.join(known))}" if known else "check the name and the repository",
    )


def _no_file(filename: str, project: ProjectName, names: Sequence[str]) -> Problem:
    return Problem(
        subject=printable(filename),
        what=f"is not a file of {project}",
        remedy=f"choose among {printable(', '.join(names))}" if names else "check the name",
    )
