"""What all doors say: events, results and errors as lines of text. Pure; the doors add their colours and streams."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from packaging.version import Version

import bucketwheel
from bucketwheel.commands.delete import Deletion
from bucketwheel.commands.init import Initialised
from bucketwheel.commands.promote import Promotion
from bucketwheel.commands.prune import Pruning
from bucketwheel.commands.prune_orphans import OrphansPruned
from bucketwheel.commands.publish import FilePublished, Publication
from bucketwheel.commands.reindex import Reindexed
from bucketwheel.commands.status import ProjectStatus
from bucketwheel.commands.yank import Withdrawal
from bucketwheel.errors import BucketwheelError, Misconfigured, Refused
from bucketwheel.events import Created, Event, FileDone, FileStarted, RequestSent, Stage, Warned
from bucketwheel.names import ProjectName, printable

__all__ = [
    "counted",
    "deletion_lines",
    "describe",
    "error_texts",
    "fate_words",
    "fetched_lines",
    "file_line",
    "initialised_lines",
    "install_lines",
    "orphan_lines",
    "page_lines",
    "pruning_lines",
    "publication_lines",
    "reindexed_lines",
    "size_words",
    "status_lines",
    "withdrawal_lines",
]

_KILO = 1000
_BY_PROJECT = {"checking", "reindexing"}


def describe(event: Event, *, verbosity: int = 0) -> str | None:
    """Say what happened; None for what this verbosity leaves out (below 0: all but warnings; from 1: each request)."""
    match event:
        case Warned(message=message):
            return message
        case RequestSent(verb=verb, target=target, status=status, milliseconds=milliseconds) if verbosity > 0:
            return f"{verb} {printable(target)} {status or 'no answer'} {milliseconds} ms"
        case Created(repository=repository) if verbosity >= 0:
            return f"created a new repository at {printable(repository)}"
        case Stage(doing=doing, count=count, total_bytes=total) if verbosity >= 0 and count:
            size = f" ({size_words(total)})" if total else ""
            return f"{doing} {counted(count, 'project' if doing in _BY_PROJECT else 'file')}{size}"
        case RequestSent() | Created() | Stage() | FileStarted() | FileDone():
            return None


def error_texts(error: BucketwheelError) -> tuple[str, ...]:
    """Every problem of an error by itself, each with its remedy."""
    if isinstance(error, Refused | Misconfigured):
        return tuple(str(problem) for problem in error.problems)
    return tuple(str(error).splitlines())


# Publish -------------------------------------------------------------------------------------------------------------


def publication_lines(publication: Publication) -> tuple[str, ...]:
    """Tell a whole publication, or what would be one; after a real one the last line says where to install from."""
    files = tuple(file_line(file, dry_run=publication.dry_run) for file in publication.files)
    if publication.dry_run:
        return (*files, *page_lines(publication))
    return (*files, *install_lines(publication))


def file_line(file: FilePublished, *, dry_run: bool) -> str:
    """Say what became, or would become, of one file."""
    if dry_run and file.fate == "published":
        return f"would publish {_path(file.path)}"
    return f"{_path(file.path)} ... {fate_words(file)}"


def fate_words(file: FilePublished) -> str:
    """Say what became of a file, in the words of Hatch's own publisher."""
    match file.fate:
        case "published":
            return "success"
        case "already there":
            return "already exists"
        case "skipped":
            return "skipped, already exists with other bytes"


def page_lines(publication: Publication | Promotion) -> tuple[str, ...]:
    """Name what else a dry run found would be: a new repository, and the pages that would change."""
    made = (
        (f"would create a new repository at {printable(str(publication.repository))}",) if publication.created else ()
    )
    pages = tuple(f"would change page {printable(page)}" for page in publication.pages)
    return (*made, *(pages or ("would change no page",)))


def install_lines(publication: Publication | Promotion) -> tuple[str, ...]:
    """Say how to install what was published: of each project the newest version.

    Always by --index-url: with --extra-index-url anybody could put the same name on the other index, and win.
    """
    newest: dict[ProjectName, Version] = {}
    for file in publication.files:
        version = Version(file.version)
        newest[file.project] = max(version, newest.get(file.project, version))
    releases = [f"{project}=={version}" for project, version in newest.items()]
    return (shlex.join(["pip", "install", "--index-url", publication.index_url, *releases]),)


# The other verbs -----------------------------------------------------------------------------------------------------


def fetched_lines(fetched: Sequence[bucketwheel.Fetched]) -> tuple[str, ...]:
    """Say of each file whether it was fetched or lay there already."""
    return tuple(f"{_path(file.path)} ... {'fetched' if file.fresh else 'already there'}" for file in fetched)


def initialised_lines(initialised: Initialised) -> tuple[str, ...]:
    """Say what stands there now, and what is still to be done."""
    repository = printable(str(initialised.repository))
    state = "is a new repository" if initialised.created else "is a repository"
    place = shlex.quote(repository)
    outdated = f"pages are still of the old settings: run `bucketwheel reindex -r {place}`"
    untaken = f"what lay there is not in the index yet: run `bucketwheel reindex --adopt -r {place}`"
    return (
        *((outdated,) if initialised.pages_outdated else ()),
        *((untaken,) if initialised.to_adopt else ()),
        f"{repository} {state}; its index is {initialised.index_url}",
    )


def withdrawal_lines(withdrawal: Withdrawal, verb: Literal["yank", "unyank"]) -> tuple[str, ...]:
    """Say which files were changed, or would be."""
    if not withdrawal.changed:
        return (f"nothing to {verb} in {withdrawal.project}=={withdrawal.version}",)
    words = f"would {verb}" if withdrawal.dry_run else f"{verb}ed"
    return tuple(f"{words} {printable(filename)}" for filename in withdrawal.changed)


def reindexed_lines(reindexed: Reindexed) -> tuple[str, ...]:
    """Say how much was looked at, and how much was behind."""
    looked = f"looked at {counted(reindexed.projects, 'project')}"
    if reindexed.dry_run:
        return (f"{looked}; the pages of {reindexed.pages_behind} would be written",)
    return (f"{looked}, wrote {counted(reindexed.pages_behind, 'page')}",)


def size_words(size: int) -> str:
    """Write a number of bytes as a person would say it, in powers of a thousand: `1.2 MB`."""
    if size < _KILO:
        return f"{size} bytes"
    amount, units = size / _KILO, ["kB", "MB", "GB", "TB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    return f"{amount:.1f} {units[0]}"


def counted(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _path(path: Path) -> str:
    return printable(str(path))


def deletion_lines(deletion: Deletion) -> tuple[str, ...]:
    """Say which names are dead now, and how much was removed; or would be."""
    words = "would delete" if deletion.dry_run else "deleted"
    lines = (
        *(f"{words} {printable(filename)}" for filename in deletion.deleted),
        *_objects(deletion.removed, dry_run=deletion.dry_run),
        *_waiting(deletion.waiting, dry_run=deletion.dry_run, remedy=", or --now"),
    )
    release = deletion.project if deletion.version is None else f"{deletion.project}=={deletion.version}"
    return lines or (f"nothing is left to delete of {printable(release)}",)


def pruning_lines(pruning: Pruning) -> tuple[str, ...]:
    """Say which files went, and how much they were; or would."""
    deed, done = ("hide", "hid") if pruning.hidden else ("delete", "deleted")
    words = f"would {deed}" if pruning.dry_run else done
    size = size_words(sum(file.size for file in pruning.files))
    total = f"{words} {counted(len(pruning.files), 'file')} ({size})" if pruning.files else f"nothing to {deed}"
    return (
        *(f"{words} {printable(file.filename)}" for file in pruning.files),
        f"{total} of {counted(len(pruning.projects), 'project')}",
        *_objects(pruning.removed, dry_run=pruning.dry_run),
        *_waiting(pruning.waiting, dry_run=pruning.dry_run),
    )


def orphan_lines(pruned: OrphansPruned) -> tuple[str, ...]:
    """Say which orphans went, and how many objects with them; or would."""
    words = "would remove" if pruned.dry_run else "removed"
    looked = f"of {counted(len(pruned.projects), 'project')}"
    return (
        *(f"{words} orphan {printable(orphan.key)} ({size_words(orphan.size)})" for orphan in pruned.orphans),
        *(() if pruned.orphans else (f"no orphans {looked}",)),
        *_objects(pruned.removed, dry_run=pruned.dry_run),
    )


def status_lines(status: ProjectStatus) -> tuple[str, ...]:
    """Say what a project's status is, or would be."""
    reason = f": {printable(status.status.reason)}" if status.status.reason else ""
    words = "would be" if status.changed and status.dry_run else "is"
    return (f"{status.project} {words} {status.status.status}{reason}",)


def _objects(removed: Sequence[str], *, dry_run: bool) -> tuple[str, ...]:
    words = "would remove" if dry_run else "removed"
    return (f"{words} {counted(len(removed), 'object')}",) if removed else ()


def _waiting(waiting: Sequence[str], *, dry_run: bool, remedy: str = "") -> tuple[str, ...]:
    if not waiting:
        return ()
    stay = "would stay" if dry_run else ("stays" if len(waiting) == 1 else "stay")
    until = f"until the next delete or prune{remedy}"
    return (f"{counted(len(waiting), 'file')} {stay} in the store {until}: caches may still show the old pages",)
