"""Rebuild the pages and the root from the manifests; what is as it should be is not written again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.layout import MANIFESTS, page_mark, project_of
from bucketwheel.names import InvalidName, ProjectName, printable, project_name
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.refresh import is_current, list_in_root, refresh, stat_pages
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key, SwapLost

__all__ = ["Reindexed", "reindex", "reindex_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """What a reindex did, or with `dry_run` would do."""

    projects: int
    """How many projects were looked at."""
    pages_behind: int
    """How many project pages were written; after a dry run, how many projects have pages to write."""
    dry_run: bool


def reindex(settings: Settings, *, projects: Sequence[str] = (), report: Report = ignore) -> Reindexed:
    """Bring the pages of these projects, or of all, to what their manifests say, and the root with them.

    May run beside publishers at any time; a second run writes nothing. A manifest that cannot be read holds up its own
    project only, and is raised as Damaged when the rest is done. Raises Refused for a project that is not there.
    """
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return reindex_at(site, projects, dry_run=settings.dry_run, workers=workers, report=report)


def reindex_at(
    site: Target, projects: Sequence[str], *, dry_run: bool, workers: Workers, report: Report = ignore
) -> Reindexed:
    """Refresh the pages, then the root, then remove our pages of styles that are not in use."""
    repository = open_to_read(site)
    chosen = _chosen(repository, projects)
    report(Stage(doing="reindexing", count=len(chosen)))
    if dry_run:
        return Reindexed(projects=len(chosen), pages_behind=_behind(repository, chosen, workers), dry_run=True)
    repository = open_to_write(site, repository)
    written = refresh(repository, chosen, workers)
    if chosen:
        list_in_root(repository, chosen, workers)
    if not isinstance(site.place, DirectoryPlace):
        workers.map(
            partial(_remove_ours, repository, key)
            for project in (*chosen, None)
            for key in repository.layout.retired_html_keys(project)
        )
    return Reindexed(projects=len(chosen), pages_behind=written, dry_run=False)


def _chosen(repository: Repository, projects: Sequence[str]) -> list[ProjectName]:
    listed = {project_of(entry.key) for entry in repository.storage.list(MANIFESTS)} - {None}
    known = sorted(project for project in listed if project is not None)
    if not projects:
        return known
    try:
        wanted = [project_name(project) for project in projects]
    except InvalidName as error:
        raise Misconfigured(
            Problem(subject=printable(" ".join(projects)), what=str(error), remedy="name projects as pip would")
        ) from error
    if absent := [project for project in wanted if project not in known]:
        raise Refused(
            *(
                Problem(
                    subject=project,
                    what=f"is not in {repository.site.place}",
                    remedy="check the name; `bucketwheel show` lists what is there",
                )
                for project in absent
            )
        )
    return wanted


def _behind(repository: Repository, projects: Sequence[ProjectName], workers: Workers) -> int:
    looks = stat_pages(repository, projects, workers)
    truths = workers.map(partial(read_manifest, repository.site, project) for project in projects)
    return sum(not is_current(repository, truth, looks) for truth in truths)


def _remove_ours(repository: Repository, key: Key) -> None:
    """Remove a page of a style that is not in use any more, if it is one that we wrote."""
    seen = repository.storage.stat(key)
    if seen is not None and page_mark(seen.marks or {}) is not None:
        try:
            repository.storage.remove(key, expected=seen.version)
        except SwapLost:
            return  # somebody wrote there just now: not the page that we saw
