"""Change what manifests say, then bring the pages to it: the ending of release, yank, status, removal and adopt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from bucketwheel.errors import BucketwheelError, Unfinished, WentBack, merged
from bucketwheel.format.views.published import changed_versions
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.catalogue import record
from bucketwheel.protocol.commit import (
    Committed,
    Decide,
    VersionedManifest,
    commit,
    confirm,
    fetch_manifest,
    read_manifest,
)
from bucketwheel.protocol.pages import Page
from bucketwheel.protocol.refresh import (
    PageVersions,
    Versions,
    is_current,
    no_versions,
    refresh_settled,
    write_pages,
)
from bucketwheel.protocol.repository import Context, Repository, open_to_read
from bucketwheel.protocol.views import version_views, view_keys

__all__ = ["Change", "change", "open_project", "read_and_look"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[T]):
    """The result of a change to some projects, whose pages are written."""

    committed: tuple[Committed[T], ...]
    """The projects that nothing failed for, changed or not."""
    failed: tuple[Exception, ...]
    pages_written: int

    def raise_failed(self) -> None:
        """Raise Unfinished if some projects failed: others are changed."""
        if self.failed:
            changed = ", ".join(each.project for each in self.committed if each.changed)
            raise Unfinished(
                f"committed: {changed}; not committed: {merged(self.failed)}; then run the same command again"
            )


def open_project(context: Context, project: ProjectName) -> tuple[Repository, VersionedManifest, PageVersions]:
    """Read the settings and the project's manifest, then look at its pages; raises Refused without a repository."""
    reading = context.workers.start(partial(read_manifest, context.target, project))
    repository = open_to_read(context.target)
    pages = PageVersions.start(repository, [project], context.workers)
    pages.look_at_catalogue(repository, context.workers)
    return repository, _confirmed(context, [reading.result()], pages)[0], pages


def read_and_look(
    context: Context, repository: Repository, projects: Sequence[ProjectName]
) -> tuple[list[VersionedManifest], PageVersions]:
    """Read the manifests of these projects and look at their pages, side by side; raises WentBack."""
    pages = PageVersions.start(repository, projects, context.workers)
    pages.look_at_catalogue(repository, context.workers)
    read = context.workers.map(partial(read_manifest, context.target, project) for project in projects)
    return _confirmed(context, read, pages), pages


def _confirmed(
    context: Context, manifests: Sequence[VersionedManifest], pages: PageVersions
) -> list[VersionedManifest]:
    """Return the manifests when the pages were looked at; one whose page is newer is read once more."""
    pages.wait()
    return context.workers.map(partial(confirm, context.target, read) for read in manifests)


def change(
    context: Context,
    repository: Repository,
    decisions: Sequence[tuple[VersionedManifest, Decide[T]]],
    pages: PageVersions,
    *,
    run_id: str | None = None,
    repairs: bool = False,
    versions: Versions = no_versions,
) -> Change[T]:
    """Commit each project's decision, and bring its pages to what is committed.

    `pages` are those of all these projects, looked at from before the commit. Raises what failed if nothing is
    committed, WentBack before anything is if a manifest is older than its pages, Unfinished if something is committed
    and the pages cannot be written. `repairs`: the decisions bring such manifests forward. `versions` are those that
    the command is about: their documents are written also if an earlier run has changed them.
    """
    workers = context.workers
    pages.look_at_catalogue(repository, workers)
    for read, _ in decisions:
        pages.add_versions(repository, read.project, versions(read.manifest), workers)
    pages.wait()
    if not repairs:
        confirmed = workers.map(partial(confirm, repository.target, read) for read, _ in decisions)
        decisions = [(read, decide) for read, (_, decide) in zip(confirmed, decisions, strict=True)]
    look, read_again = partial(pages.look_again, repository, workers), fetch_manifest if repairs else read_manifest
    outcomes = workers.map_settled(
        partial(commit, repository, read, decide, look=look, run_id=run_id, read_again=read_again)
        for read, decide in decisions
    )
    committed = [outcome for outcome in outcomes if isinstance(outcome, Committed)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if failed and not any(each.changed for each in committed):
        raise merged(failed)
    try:
        written = _write_views(context, repository, committed, pages, versions)
    except (Unfinished, WentBack):
        raise
    except BucketwheelError as error:
        raise Unfinished(
            f"everything is committed, but some pages are out of date: {error}; then run the same command again"
        ) from error
    return Change(committed=tuple(committed), failed=tuple(failed), pages_written=written)


def _write_views(
    context: Context,
    repository: Repository,
    committed: Sequence[Committed[T]],
    pages: PageVersions,
    versions: Versions,
) -> int:
    workers, found = context.workers, pages.catalogue
    if found is None:
        return _write_pages(repository, committed, pages, workers, versions)
    manifests = [each.now for each in committed if each.now.version is not None]
    recording = partial(record, repository, manifests, found, pages.sidecars(repository), workers, context.report)
    keys = [key for read in manifests for key in view_keys(repository.settings, read.project)]
    if any(pages[key].version is None for key in keys):  # rule: the front page names a project after its page
        written = _write_pages(repository, committed, pages, workers, versions)
        recording()
        return written
    beside = workers.start(recording)
    written = _write_pages(repository, committed, pages, workers, versions)
    beside.result()
    return written


def _write_pages(
    repository: Repository,
    committed: Sequence[Committed[T]],
    pages: PageVersions,
    workers: Workers,
    versions: Versions,
) -> int:
    changed = [each for each in committed if each.changed]
    documents = {each.project: _documents(repository, each, versions) for each in changed}
    refreshed = write_pages(repository, [each.now for each in changed], pages, workers, documents)
    # These manifests may have been read before the pages were looked at.
    unchanged = [each.now for each in committed if not each.changed and each.now.version is not None]
    outdated = [read.project for read in unchanged if not is_current(repository, read, pages, versions)]
    if outdated:  # rule: pages that a dead run left behind are written
        refreshed += refresh_settled(repository, outdated, workers, versions)
    refreshed.raise_failed()
    return refreshed.pages_written


def _documents(repository: Repository, committed: Committed[T], versions: Versions) -> list[Page]:
    """Return the documents of the versions that a commit changed, and of those that the command is about."""
    project, now = committed.project, committed.now.manifest
    if "json-versions" not in repository.settings.views:
        return []
    changed = changed_versions(committed.replaced, now)  # rule: a version without files keeps a document
    others = frozenset(versions(now)) - changed
    # rule: a changed version is written by its commit
    documents = version_views(repository, project, changed, since=now.revision)
    return documents + version_views(repository, project, others)
