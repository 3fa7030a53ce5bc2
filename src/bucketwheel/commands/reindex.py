"""Rebuild the pages and the root from the manifests; a page that is up to date is not written again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Refused
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.layout import page_mark
from bucketwheel.names import ProjectName, named_project, not_there
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.listed_pages import current_projects, list_pages
from bucketwheel.protocol.refresh import (
    PageVersions,
    batches,
    is_current,
    list_in_root,
    page_keys,
    read_known,
    read_root,
    refresh_settled,
)
from bucketwheel.protocol.repository import (
    Context,
    Repository,
    list_projects,
    open_context,
    open_to_read,
    open_to_remove,
    open_to_write,
)
from bucketwheel.storage import Key, ObjectInfo, SwapLost

__all__ = ["Reindexed", "reindex", "reindex_projects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """The result of a reindex; with `dry_run`, what it would be."""

    projects: int
    """How many projects were looked at."""
    pages_behind: int
    """How many project pages were written; after a dry run, how many projects have pages to write."""
    dry_run: bool


def reindex(settings: Settings, *, projects: Sequence[str] = (), report: Report = ignore) -> Reindexed:
    """Bring the pages of these projects, or of all, to what their manifests say, and the root with them.

    May run beside publishers at any time; a second run writes nothing. A manifest that is damaged, or that a newer
    bucketwheel wrote, holds up its own project only, and is raised as Damaged or Refused when the rest is done. Raises
    Refused for a project that does not exist.
    """
    with open_context(settings, report) as context:
        return reindex_projects(context, projects)


def reindex_projects(context: Context, projects: Sequence[str]) -> Reindexed:
    """Refresh the pages, then the root, then remove our pages of styles that are not in use."""
    repository = open_to_read(context.target)
    selected = _select(repository, projects, context.workers)
    context.report(Stage(doing="reindexing", count=len(selected)))
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
    # The listing is the look at the pages, so it comes before the manifests are read.
    listed = None if projects else list_pages(repository, selected)
    current = current_projects(repository, listed, selected, context.workers)
    others = [project for project in selected if project not in current]
    if context.dry_run:
        outdated = sum(_count_outdated(context, repository, batch) for batch in batches(others))
        return Reindexed(projects=len(selected), pages_behind=outdated, dry_run=True)
    refreshed = refresh_settled(repository, others, context.workers)
    done = sorted(current.union(refreshed.projects))
    if done:
        list_in_root(repository, done, context.workers)
    if not isinstance(context.target.place, DirectoryPlace):
        # The page of the old style is the only one of a project whose manifest cannot be used.
        _remove_retired_pages(context, repository, done, listed)
    refreshed.raise_failed()
    return Reindexed(projects=len(selected), pages_behind=refreshed.pages_written, dry_run=False)


def _select(repository: Repository, projects: Sequence[str], workers: Workers) -> list[ProjectName]:
    """Return the wanted projects: those that have a manifest, and those whose pages show that theirs was lost."""
    known = set(list_projects(repository.storage))
    wanted = [named_project(project) for project in projects] or sorted(known.union(read_root(repository)))
    unknown = [project for project in wanted if project not in known]
    pages = PageVersions.start(repository, unknown, workers)
    known |= {each for each in unknown if any(pages[key].mark for key in page_keys(repository, each))}
    if projects and (absent := [project for project in wanted if project not in known]):
        raise Refused(*(not_there(project, repository.target.place) for project in absent))
    return [project for project in wanted if project in known]


def _count_outdated(context: Context, repository: Repository, projects: Sequence[ProjectName]) -> int:
    pages = PageVersions.start(repository, projects, context.workers)
    pages.wait()
    manifests = context.workers.map(partial(read_known, repository, project) for project in projects)
    return sum(not is_current(repository, read, pages) for read in manifests)


def _remove_retired_pages(
    context: Context, repository: Repository, projects: Sequence[ProjectName], listed: Collection[Key] | None
) -> None:
    """Remove the pages of styles that are not in use, as far as we wrote them."""
    keys = [key for project in (*projects, None) for key in repository.layout.retired_html_keys(project)]
    retired = [key for key in keys if listed is None or key in listed]
    looks = context.workers.map(partial(repository.storage.stat, key) for key in retired)
    ours = {key: info for key, info in zip(retired, looks, strict=True) if info and page_mark(info.marks or {})}
    if ours:
        repository = open_to_remove(repository, tuple(ours))
        context.workers.map(partial(_remove_page, repository, key, info) for key, info in ours.items())


def _remove_page(repository: Repository, key: Key, seen: ObjectInfo) -> None:
    repository.target.changed_pages.add(key, repository.settings)
    try:
        repository.storage.remove(key, expected=seen.version)
    except SwapLost:
        return  # somebody wrote there just now: it is not the page that we saw
