"""Rebuild the pages and the root from the manifests; a page that is up to date is not written again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Refused, Unavailable, Unfinished
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.views.published import visible_versions
from bucketwheel.names import ProjectName, named_project, not_there
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.catalogue import Rebuild, look_at_catalogue, restore_assets, see_nothing, shared_keys
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.listed_pages import current_projects, list_documents, list_pages
from bucketwheel.protocol.pages import stat_page
from bucketwheel.protocol.refresh import (
    PageVersions,
    Versions,
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
    store,
)
from bucketwheel.protocol.views import retired_view_keys
from bucketwheel.storage import Key, ObjectVersion, SwapLost

__all__ = ["Reindexed", "reindex", "reindex_projects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """The result of a reindex; with `dry_run`, what it would be."""

    projects: int
    """How many projects were looked at."""
    pages_behind: int
    """How many pages were written, but for the root; after a dry run, how many projects have pages to write."""
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
    # Before the projects are listed: one that it has, and the listing has not, is gone.
    found = look_at_catalogue(repository, context.workers) if shared_keys(repository.settings.views) else None
    selected = _select(repository, projects, context.workers)
    context.report(Stage(doing="reindexing", count=len(selected)))
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
    # The listing is the look at the pages, so it comes before the manifests are read.
    listed = None if projects else list_pages(repository, selected)
    documents = list_documents(repository, selected)
    versions = partial(_shown_versions, documents)
    rebuild = None if found is None else Rebuild(repository, found)
    seen = see_nothing if rebuild is None else rebuild.see
    current = current_projects(repository, listed, selected, context.workers, versions, seen)
    others = [project for project in selected if project not in current]
    if context.dry_run:
        outdated = sum(_count_outdated(context, repository, batch, versions) for batch in batches(others))
        return Reindexed(projects=len(selected), pages_behind=outdated, dry_run=True)
    if found is not None:
        restore_assets(repository, context.workers)
    refreshed = refresh_settled(repository, others, context.workers, versions, seen)
    done = sorted(current.union(refreshed.projects))
    if done:
        list_in_root(repository, done, context.workers)
    if not isinstance(context.target.place, DirectoryPlace):
        # The page of the old style is the only one of a project whose manifest cannot be used.
        _remove_retired_pages(context, repository, done, listed)
    shared = 0 if rebuild is None else _write_catalogue(context, rebuild, selected, everything=not projects)
    retired = [*retired_view_keys(repository.settings, done, documents)]
    retired += () if projects else shared_keys(repository.settings.retired_views)
    all_gone = _remove_ours(context, repository, retired)
    if not projects:
        _remove_catalogue(repository)
    refreshed.raise_failed()
    if all_gone and not projects:
        _forget_retired_views(repository)
    return Reindexed(projects=len(selected), pages_behind=refreshed.pages_written + shared, dry_run=False)


def _write_catalogue(context: Context, rebuild: Rebuild, projects: Sequence[ProjectName], *, everything: bool) -> int:
    """Write what was read of these projects; a catalogue that does not exist is made of all projects only."""
    known = rebuild.found.catalogue
    if everything:
        written = rebuild.write(context.workers, gone=set(() if known is None else known.lines).difference(projects))
        # rule: what was committed while there was no catalogue is taken in
        if known is None and (left := _left_to_us(context, rebuild.repository)):
            written += reindex_projects(context, left).pages_behind
        return written
    return 0 if known is None else rebuild.write(context.workers, gone=())


def _left_to_us(context: Context, repository: Repository) -> list[ProjectName]:
    """List the projects that were changed by runs that found no catalogue yet, and so did not write into it."""
    found, behind = look_at_catalogue(repository, context.workers), list[ProjectName]()
    for batch in batches(list_projects(repository.storage)):
        # What is wrong with other manifests was told.
        manifests = context.workers.map_settled(partial(read_known, repository, project) for project in batch)
        behind += (read.project for read in manifests if isinstance(read, VersionedManifest) and found.is_behind(read))
    return behind


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


def _shown_versions(documents: Mapping[ProjectName, frozenset[str]], manifest: Manifest) -> frozenset[str]:
    """Select the versions that have files, and those that have a document, which may name files that are gone."""
    return visible_versions(manifest) | documents.get(manifest.project, frozenset())


def _count_outdated(
    context: Context, repository: Repository, projects: Sequence[ProjectName], versions: Versions
) -> int:
    pages = PageVersions.start(repository, projects, context.workers)
    pages.wait()
    manifests = context.workers.map(partial(read_known, repository, project) for project in projects)
    return sum(not is_current(repository, read, pages, versions) for read in manifests)


def _remove_retired_pages(
    context: Context, repository: Repository, projects: Sequence[ProjectName], listed: Collection[Key] | None
) -> None:
    """Remove the pages of styles that are not in use, as far as we wrote them."""
    keys = [key for project in (*projects, None) for key in repository.layout.retired_html_keys(project)]
    _remove_ours(context, repository, [key for key in keys if listed is None or key in listed])


def _remove_ours(context: Context, repository: Repository, keys: Sequence[Key]) -> bool:
    """Remove the pages at these keys, as far as we wrote them; return whether nothing is left there."""
    looks = context.workers.map(partial(stat_page, repository.storage, key) for key in keys)
    ours = {key: page.version for key, page in zip(keys, looks, strict=True) if page.mark and page.version}
    removed: list[bool] = []
    if ours:
        repository = open_to_remove(repository, tuple(ours))
        try:
            removed = context.workers.map(partial(_remove_page, repository, key, seen) for key, seen in ours.items())
        except Unavailable as error:
            raise Unfinished(
                f"the pages are up to date, but some that are not in use are left: {error}; run the same command again"
            ) from error
    return all(removed) and len(ours) == sum(page.version is not None for page in looks)


def _remove_catalogue(repository: Repository) -> None:
    """Remove the catalogue once no page is made from it: it would be out of date when a view is switched on again."""
    settings = repository.settings
    if shared_keys(settings.views) or not shared_keys(settings.retired_views):
        return
    found = repository.storage.stat(CATALOGUE_KEY)
    if found is not None:
        storage = open_to_remove(repository, (CATALOGUE_KEY,)).storage
        with suppress(SwapLost):  # of a run that began with the views of before
            storage.remove(CATALOGUE_KEY, expected=found.version)


def _forget_retired_views(repository: Repository) -> None:
    """Record that no page of a view that is off is left, unless somebody changes the settings now."""
    if repository.settings.retired_views:
        now = open_to_read(repository.target)
        if now.settings.retired_views == repository.settings.retired_views:
            store(now.target, replace(now.settings, retired_views=()), expected=now.version)


def _remove_page(repository: Repository, key: Key, seen: ObjectVersion) -> bool:
    repository.target.changed_pages.add(key, repository.settings)
    try:
        repository.storage.remove(key, expected=seen)
    except SwapLost:
        return False  # somebody wrote there just now: it is not the page that we saw
    return True
