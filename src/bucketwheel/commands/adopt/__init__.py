"""The adoption of what others put into the bucket: list, find differences, inspect, reconcile, commit, write pages.

No file is moved and none is removed. Where a listing and a manifest agree, no request is sent; only differences are
inspected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from uuid import uuid4

from bucketwheel.commands.adopt.differences import AdoptRules, Inspection, ProjectDiff, find_differences
from bucketwheel.commands.adopt.inspection import Inspector
from bucketwheel.commands.adopt.old_pages import OldPages, read_old_pages, refuse_flat_root
from bucketwheel.commands.adopt.reconciliation import FileAdopted, Reconciled, reconcile
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import BucketwheelError, Refused, Unfinished, merged
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.listed_files import (
    FoundFile,
    ListedFiles,
    can_be_linked,
    linked_file,
    prefixes,
    sort_listing,
)
from bucketwheel.format.manifest import Manifest, empty_manifest, refuse_newer
from bucketwheel.names import ProjectName, named_project, not_there
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.commit import VersionedManifest, commit, read_manifest
from bucketwheel.protocol.refresh import is_current, list_in_root, refresh, stat_pages
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Adopted", "adopt", "adopt_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The result of an adoption; after a dry run, what it would be."""

    repository: Place
    projects: int
    """The number of projects that were looked at."""
    files: tuple[FileAdopted, ...]
    """Every difference, by project and key."""
    leftovers: tuple[Key, ...]
    """Objects among the projects' files that are no part of an index: another tool's pages and records, mostly."""
    pages_behind: int
    """The number of project pages that were written; after a dry run, of projects that have pages to write."""
    dry_run: bool

    @property
    def needs_a_person(self) -> bool:
        """Return whether some bytes cannot be trusted without a person's decision."""
        return any(file.fate in {"other bytes", "contested"} for file in self.files)


def adopt(
    settings: Settings,
    *,
    projects: Sequence[str] = (),
    reread: bool = False,
    ours: bool = False,
    yes: bool = False,
    report: Report = ignore,
) -> Adopted:
    """Reconcile these projects, or all, with the bucket's contents, and bring their pages up to date.

    `reread` believes only upload times, yank states and deleted names, and reads the rest again. `ours` also takes in
    files with our mark, after a loss of manifests. A directory has no marks: there nothing new is taken in without
    `yes`. Raises Refused, Unavailable or Damaged with nothing committed; Unfinished where something is.
    """
    target = open_target(settings, report)
    rules = AdoptRules(reread=reread, ours=ours, unmarked=yes or not isinstance(target.place, DirectoryPlace))
    with Workers(settings.jobs) as workers:
        return adopt_at(target, projects, rules, dry_run=settings.dry_run, workers=workers, report=report)


def adopt_at(
    target: Target,
    projects: Sequence[str],
    rules: AdoptRules,
    *,
    dry_run: bool,
    workers: Workers,
    report: Report = ignore,
) -> Adopted:
    """Adopt as `adopt` does, in a place that is open."""
    repository = open_to_read(target)
    if not dry_run:
        repository = open_to_write(target, repository)
    inspector = Inspector(
        repository=repository,
        rules=rules,
        run_id=uuid4().hex,
        now=datetime.now(UTC),
        report=report,
        dry_run=dry_run,
    )
    named = {named_project(project): project for project in projects}
    manifests, listed, failed = _list(repository, named, workers)
    diffs = workers.map(
        partial(_find_differences, inspector, each.manifest, listed, named=each.project in named) for each in manifests
    )
    if any(diff.differences and not diff.manifest.revision for diff in diffs):
        refuse_flat_root(repository)
    differences = [difference for diff in diffs for difference in diff.differences]
    report(Stage(doing="looking at", count=len(differences)))
    inspections = workers.map_settled(partial(inspector.inspect, difference) for difference in differences)
    changes, failures = _reconcile_all(inspector, manifests, diffs, inspections)
    failed += failures
    if dry_run:
        done, behind = changes, _count_outdated(repository, changes, workers)
    else:
        done, failures = _commit(inspector, changes, workers)
        failed += failures
        behind = _bring_pages(repository, done, workers)
    if failed:
        raise _failure(done, failed, dry_run=dry_run)
    return Adopted(
        repository=target.place,
        projects=sum(change.manifest.version is not None or bool(change.reconciled.files) for change in done),
        files=_files(repository, listed, done, with_ignored=not projects),
        leftovers=_leftovers(repository, listed, done),
        pages_behind=behind,
        dry_run=dry_run,
    )


# List ----------------------------------------------------------------------------------------------------------------


def _list(
    repository: Repository, named: Mapping[ProjectName, str], workers: Workers
) -> tuple[list[VersionedManifest], ListedFiles, list[Exception]]:
    """Read the manifests of the named projects, or of all; then list what belongs to them, or the whole bucket.

    A named project is also looked for in the spelling that the user typed. An error stops its own project only.
    """
    storage, layout = repository.storage, repository.layout
    projects = list(named)
    if not named:
        projects = [project for entry in storage.list(MANIFESTS) if (project := project_of(entry.key)) is not None]
    reads = [partial(_read_manifest, repository, project) for project in projects]
    read = workers.map_settled(reads)
    manifests = [each for each in read if isinstance(each, VersionedManifest)]
    failed = [each for each in read if isinstance(each, Exception)]
    wanted = {""}
    if named:
        typed = {project: f"{layout.simple}{name}/" for project, name in named.items()}
        wanted = {key for each in manifests for key in prefixes(layout, each.manifest, [typed[each.project]])}
    listings = workers.map(partial(lambda prefix: list(storage.list(prefix)), prefix) for prefix in sorted(wanted))
    listed = sort_listing(chain.from_iterable(listings), layout)
    known = {*listed.files, *listed.pages}
    if not named:
        # The first listing showed no manifest of these. If there is one now, their swap loses.
        new = sorted(known.difference(projects))
        manifests += [VersionedManifest(manifest=empty_manifest(project), version=None) for project in new]
    elif absent := [each for each in manifests if each.version is None and each.project not in known]:
        raise Refused(*(not_there(each.project, repository.site.place) for each in absent))
    return manifests, listed, failed


def _read_manifest(repository: Repository, project: ProjectName) -> VersionedManifest:
    read = read_manifest(repository.site, project)
    refuse_newer(read.manifest)
    return read


# Find differences, inspect, reconcile --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A project's manifest, and what becomes of it."""

    manifest: VersionedManifest
    """As it was read; once the change is committed, as it was committed."""
    diff: ProjectDiff
    reconciled: Reconciled


def _find_differences(inspector: Inspector, manifest: Manifest, listed: ListedFiles, *, named: bool) -> ProjectDiff:
    """Find what differs from a manifest that was read before the listing was made.

    Without a manifest, the project's pages are read, and the files that they link to are differences too.
    """
    repository, old = inspector.repository, OldPages()
    found = [*listed.files.get(manifest.project, ())]
    if not manifest.revision:
        old = read_old_pages(repository, listed.pages.get(manifest.project, ()))
        found += _linked_files(repository, manifest.project, old, {file.key for file in found})
    differences = find_differences(manifest, found, listed, repository.layout, inspector.rules)
    return ProjectDiff(manifest=manifest, old=old, differences=differences, named=named)


def _linked_files(
    repository: Repository, project: ProjectName, old: OldPages, known: Collection[Key]
) -> Iterator[FoundFile]:
    """Look for the other files that the old pages link to."""
    keys = {link.key for links in old.links.values() for link in links if link.key is not None}
    for key in sorted(filter(can_be_linked, keys.difference(known))):
        entry = next((listed for listed in repository.storage.list(key) if listed.key == key), None)
        if entry is not None and (found := linked_file(entry, project)) is not None:
            yield found


def _reconcile_all(
    inspector: Inspector,
    manifests: Sequence[VersionedManifest],
    diffs: Sequence[ProjectDiff],
    outcomes: Iterable[Inspection | Exception],
) -> tuple[list[_Change], list[Exception]]:
    """Reconcile each project that was inspected without an error."""
    changes: list[_Change] = []
    failed: list[Exception] = []
    remaining = iter(outcomes)
    for manifest, diff in zip(manifests, diffs, strict=True):
        found = list(islice(remaining, len(diff.differences)))
        inspections = [each for each in found if not isinstance(each, Exception)]
        failed += [each for each in found if isinstance(each, Exception)]
        if len(inspections) == len(found):
            reconciled = _reconcile(inspector, diff, inspections)
            changes.append(_Change(manifest=manifest, diff=diff, reconciled=reconciled))
    return changes, failed


def _reconcile(inspector: Inspector, diff: ProjectDiff, inspections: Sequence[Inspection]) -> Reconciled:
    layout = inspector.repository.layout
    return reconcile(diff, inspections, layout=layout, rules=inspector.rules, run_id=inspector.run_id)


def _reconcile_again(inspector: Inspector, manifest: Manifest, before: ProjectDiff) -> Reconciled:
    """List, find differences, inspect and reconcile again, for a manifest that somebody else has changed."""
    storage, layout = inspector.repository.storage, inspector.repository.layout
    folders = {difference.key[: difference.key.rfind("/") + 1] for difference in before.differences}
    listing = chain.from_iterable(storage.list(prefix) for prefix in prefixes(layout, manifest, folders))
    diff = _find_differences(inspector, manifest, sort_listing(listing, layout), named=before.named)
    return _reconcile(inspector, diff, [inspector.inspect(difference) for difference in diff.differences])


# Commit, write pages -------------------------------------------------------------------------------------------------


def _commit(
    inspector: Inspector, changes: Sequence[_Change], workers: Workers
) -> tuple[list[_Change], list[Exception]]:
    outcomes = workers.map_settled(_committing(inspector, change) for change in changes)
    return (
        [outcome for outcome in outcomes if isinstance(outcome, _Change)],
        [outcome for outcome in outcomes if isinstance(outcome, Exception)],
    )


def _committing(inspector: Inspector, change: _Change) -> Callable[[], _Change]:
    reconciled = change.reconciled

    def decide(manifest: Manifest) -> Manifest | None:
        nonlocal reconciled
        if manifest is not change.manifest.manifest:
            reconciled = _reconcile_again(inspector, manifest, change.diff)
        return reconciled.manifest

    def run() -> _Change:
        # What was dropped or updated leaves no trace of who did it.
        committed = commit(inspector.repository, change.manifest, run_id=None, decide=decide)
        return _Change(manifest=committed, diff=change.diff, reconciled=reconciled)

    return run


def _bring_pages(repository: Repository, done: Sequence[_Change], workers: Workers) -> int:
    projects = [change.manifest.project for change in done if change.manifest.version is not None]
    if not projects:
        return 0
    try:
        written = refresh(repository, projects, workers)
        list_in_root(repository, projects, workers)
    except BucketwheelError as error:
        raise Unfinished(
            f"everything is committed, but pages could not be brought up to date ({error}); run the same command again"
        ) from error
    return written


def _count_outdated(repository: Repository, changes: Sequence[_Change], workers: Workers) -> int:
    """Count the projects whose pages would be written."""
    unchanged = [change.manifest for change in changes if change.reconciled.manifest is None]
    published = [manifest for manifest in unchanged if manifest.version is not None]
    versions = stat_pages(repository, [manifest.project for manifest in published], workers)
    outdated = sum(not is_current(repository, manifest, versions) for manifest in published)
    return len(changes) - len(unchanged) + outdated


# Report --------------------------------------------------------------------------------------------------------------


def _failure(done: Sequence[_Change], failed: Sequence[Exception], *, dry_run: bool) -> Exception:
    error = merged(failed)
    changed = [change.manifest.project for change in done if change.reconciled.manifest is not None]
    if dry_run or not changed or not isinstance(error, BucketwheelError):
        return error
    return Unfinished(f"adopted: {', '.join(changed)}; the rest failed: {error}")


def _files(
    repository: Repository, listed: ListedFiles, done: Sequence[_Change], *, with_ignored: bool
) -> tuple[FileAdopted, ...]:
    """Report every difference, and the distributions that no project can have, unless an entry or a page names them."""
    files = [file for change in done for file in change.reconciled.files]
    if with_ignored:
        named = {file.key for file in files}
        for change in done:
            entries = change.manifest.manifest.files
            named |= {repository.layout.key_of(change.manifest.project, entry) for entry in entries}
        files += [
            FileAdopted(project=ignored.project, key=key, fate="left out", note=ignored.reason)
            for key, ignored in listed.ignored.items()
            if key not in named
        ]
    return tuple(sorted(files, key=lambda file: (file.project or "", file.key)))


def _leftovers(repository: Repository, listed: ListedFiles, done: Sequence[_Change]) -> tuple[Key, ...]:
    layout, keys = repository.layout, [*listed.others.get(None, ())]
    for change in done:
        project = change.manifest.project
        if change.manifest.version is not None or change.reconciled.manifest is not None:
            pages = {*layout.html_keys(project), layout.json_key(project)}
            keys += [
                *listed.others.get(project, ()),
                *(key for key in listed.pages.get(project, ()) if key not in pages),
            ]
    return tuple(sorted(keys))
