"""Bring pages and root to what the manifests say: views that never go back and never name what is absent.

A page's version is always looked at *before* the manifest that is rendered over it is read or committed; the opposite
order leaves stale pages. Once a project's JSON page exists, both roots list it: so a project without one goes HTML page
→ JSON root → HTML root → JSON page, and a known project costs no request for the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import chain
from typing import Self, TypeAlias, TypeVar

from bucketwheel.errors import Damaged, OutcomeUnknown, Refused, Unfinished, WentBack, merged
from bucketwheel.format.layout import PageMark, page_marks, people_key, version_of_json_key
from bucketwheel.format.manifest import Manifest, refuse_newer
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import read_root_json, render_project_json, render_root_json
from bucketwheel.format.pages.listing import Listing, project_listing
from bucketwheel.format.pages.mark import RENDERER, mark_of
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.parallel import Patience, Workers
from bucketwheel.protocol.catalogue import FoundCatalogue, Seen, add_assets, look_at_catalogue, see_nothing, shared_keys
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.pages import (
    Page,
    PageVersion,
    Rendered,
    Shown,
    is_newer,
    is_up_to_date,
    page_version,
    project_mark,
    stat_page,
)
from bucketwheel.protocol.repository import Repository, list_projects, refuses_current
from bucketwheel.protocol.sidecars import Sidecars
from bucketwheel.protocol.views import project_views, version_keys, version_views, view_keys
from bucketwheel.storage import Key, Object, ObjectHeaders, SwapLost

__all__ = [
    "PageVersions",
    "Refreshed",
    "Versions",
    "batches",
    "is_current",
    "list_in_root",
    "no_versions",
    "page_keys",
    "read_known",
    "read_root",
    "refresh",
    "refresh_settled",
    "views_are_current",
    "write_pages",
]

_T = TypeVar("_T")

_BATCH = 128
"""Projects whose manifests are in memory together; some waves of calls for any usual number of threads."""

Versions: TypeAlias = Callable[[Manifest], Collection[str]]
"""Selects versions of a project whose documents must be right, whether this run changes them or not."""

_NO_DOCUMENTS: Mapping[ProjectName, Sequence[Page]] = {}


def no_versions(manifest: Manifest) -> Collection[str]:
    """Select none."""
    del manifest
    return ()


class PageVersions:
    """The versions of all pages of some projects, by key; the stats run side by side from the start."""

    def __init__(self, stats: Mapping[Key, Future[PageVersion]]) -> None:
        self._stats = dict(stats)
        self._keys: dict[ProjectName, list[Key]] = {}
        self._later: dict[Key, PageVersion] = {}
        self._root: Future[_Root] | None = None
        self.uploaded: dict[Sha256, bytes] = {}
        """The sidecars that this run uploads, by digest: its views need not read them back."""
        self._facts: dict[Sha256, CoreFacts] = {}
        self._catalogue: Future[FoundCatalogue] | None = None

    @classmethod
    def start(cls, repository: Repository, projects: Iterable[ProjectName], workers: Workers) -> Self:
        """Begin to look at the pages of these projects."""
        pages = cls({})
        pages.add(repository, projects, workers)
        return pages

    def add(self, repository: Repository, projects: Iterable[ProjectName], workers: Workers) -> None:
        """Begin to look at the pages of more projects, but for those of their versions."""
        for project in projects:
            self._look_at(
                repository,
                project,
                (*page_keys(repository, project), *view_keys(repository.settings, project)),
                workers,
            )

    def add_versions(
        self, repository: Repository, project: ProjectName, versions: Collection[str], workers: Workers
    ) -> None:
        """Begin to look at the documents of some versions too."""
        self._look_at(repository, project, version_keys(repository.settings, project, versions), workers)

    def expect_none(self, repository: Repository, project: ProjectName, versions: Collection[str]) -> None:
        """Count the documents of versions that no manifest names as absent; if one is there, its swap is lost."""
        keys = version_keys(repository.settings, project, versions)
        self._keys.setdefault(project, []).extend(keys)
        self._later |= dict.fromkeys(keys, page_version(None))

    def documents(self, project: ProjectName) -> frozenset[str]:
        """Return the versions of a project whose documents are looked at."""
        versions = (version_of_json_key(project, key) for key in self._keys.get(project, ()))
        return frozenset(version for version in versions if version is not None)

    def read_listed(
        self, repository: Repository, project: ProjectName, listed: Collection[Key]
    ) -> Mapping[Key, Object]:
        """Look at the pages of one more project by reading those that a listing shows, and return these.

        The others count as absent: if one has come since, its swap is lost.
        """
        keys = (*page_keys(repository, project), *view_keys(repository.settings, project))
        read = {key: repository.storage.read(key) for key in keys if key in listed}
        self._keys.setdefault(project, []).extend(keys)
        for key in keys:
            self._later[key] = _noted(repository, project, key, page_version(read.get(key)))
        return {key: stored for key, stored in read.items() if stored is not None}

    def _look_at(self, repository: Repository, project: ProjectName, keys: Collection[Key], workers: Workers) -> None:
        new = [key for key in keys if key not in self]
        self._keys.setdefault(project, []).extend(new)
        for key in new:
            self._stats[key] = workers.start(partial(_look, repository, project, key))

    def __getitem__(self, key: Key) -> PageVersion:
        return self._later.get(key) or self._stats[key].result()

    def __contains__(self, key: Key) -> bool:
        return key in self._stats or key in self._later

    def look_again(self, repository: Repository, workers: Workers, project: ProjectName) -> None:
        """Look at a project's pages once more; this may run on one of the threads of a wave."""
        keys = self._keys.get(project, ())
        looks = workers.map_within(partial(_look, repository, project, key) for key in keys)
        self._later |= zip(keys, looks, strict=True)

    def sidecars(self, repository: Repository) -> Sidecars:
        """Return the sidecars that views need; each is read once."""
        return Sidecars(storage=repository.storage, layout=repository.layout, uploaded=self.uploaded, read=self._facts)

    def look_at_catalogue(self, repository: Repository, workers: Workers) -> None:
        """Begin to look at the catalogue too, and at the pages made from it, if there are any."""
        if self._catalogue is None and shared_keys(repository.settings.views):
            self._catalogue = workers.start(partial(look_at_catalogue, repository, workers))

    @property
    def catalogue(self) -> FoundCatalogue | None:
        """Return the catalogue as it was looked at, if it was."""
        return None if self._catalogue is None else self._catalogue.result()

    def look_at_root(self, repository: Repository, workers: Workers) -> None:
        """Begin to look at the root too, which will have to list a new project."""
        self._root = workers.start(partial(_look_at_root, repository, workers))

    @property
    def root(self) -> _Root | None:
        """Return the root as it was looked at, if it was."""
        return None if self._root is None else self._root.result()

    def wait(self) -> None:
        """Wait until each page was looked at; raises what went wrong."""
        for stat in self._stats.values():
            stat.result()
        if self._root is not None:
            self._root.result()


def _shown(repository: Repository, read: VersionedManifest, pages: PageVersions) -> Shown:
    return Shown(
        repository=repository,
        read=read,
        listing=_listing(repository, read),
        sidecars=pages.sidecars(repository),
    )


def _listing(repository: Repository, read: VersionedManifest) -> Listing:
    return project_listing(read.manifest, repository.layout, repository.settings.base_url)


def page_keys(repository: Repository, project: ProjectName) -> tuple[Key, ...]:
    """Return the keys of all of a project's pages in the simple index."""
    return (*repository.layout.html_keys(project), repository.layout.json_key(project))


def is_current(
    repository: Repository, read: VersionedManifest, pages: PageVersions, versions: Versions = no_versions
) -> bool:
    """Return whether all of a project's pages show this revision, and the documents of some versions what it says."""
    shown = _shown(repository, read, pages)
    fixed = [*_html_pages(repository, read.project), _json_page(repository, read.project)]
    fixed += project_views(repository, read.project)
    return all(_is_right(shown, page, pages[page.key]) for page in fixed) and all(
        _is_right(shown, page, _found(shown, page, pages))
        for page in version_views(repository, read.project, versions(read.manifest))
    )


def views_are_current(repository: Repository, read: VersionedManifest, workers: Workers, versions: Versions) -> bool:
    """Look at a project's views, on a thread of a wave, and return whether they show what a manifest says."""
    views = project_views(repository, read.project)
    views += version_views(repository, read.project, versions(read.manifest))
    if not views:
        return True
    shown = _shown(repository, read, PageVersions({}))
    looks = workers.map_within(partial(_look, repository, read.project, page.key) for page in views)
    return all(_is_right(shown, page, found) for page, found in zip(views, looks, strict=True))


def _is_right(shown: Shown, page: Page, found: PageVersion) -> bool:
    mark = page.mark(shown.read)
    return not is_newer(found, mark) and page.is_right(found, mark, lambda: page.render(shown, mark).body)


def _found(shown: Shown, page: Page, pages: PageVersions) -> PageVersion:
    """Return a page as it was looked at, or look now: whatever it shows, no later revision is replaced."""
    return pages[page.key] if page.key in pages else _look(shown.repository, shown.project, page.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a refresh did; a manifest that cannot be used holds up its own project only."""

    projects: tuple[ProjectName, ...]
    """The projects whose pages are up to date."""
    pages_written: int
    failed: tuple[Exception, ...]

    def __add__(self, other: Refreshed) -> Refreshed:
        """Return what both did."""
        return Refreshed(
            projects=(*self.projects, *other.projects),
            pages_written=self.pages_written + other.pages_written,
            failed=(*self.failed, *other.failed),
        )

    def raise_failed(self) -> None:
        """Raise what failed; Unfinished if a manifest went back and pages were written."""
        if self.failed:
            failure = merged(self.failed)
            went_back = any(isinstance(error, WentBack) for error in self.failed)
            raise Unfinished(str(failure)) if self.pages_written and went_back else failure


def refresh(
    repository: Repository, projects: Sequence[ProjectName], workers: Workers, versions: Versions = no_versions
) -> int:
    """Bring these projects' pages to what their manifests say now; return how many project pages were written.

    A manifest that cannot be read whole, or went back, holds up its own project only; its error is raised at the end.
    """
    refreshed = refresh_settled(repository, projects, workers, versions)
    refreshed.raise_failed()
    return refreshed.pages_written


def refresh_settled(
    repository: Repository,
    projects: Sequence[ProjectName],
    workers: Workers,
    versions: Versions = no_versions,
    seen: Seen = see_nothing,
) -> Refreshed:
    """Bring these projects' pages to what their manifests say now, and return what failed."""
    done = [_refresh_batch(repository, batch, workers, versions, seen) for batch in batches(projects)]
    return Refreshed(
        projects=tuple(chain.from_iterable(each.projects for each in done)),
        pages_written=sum(each.pages_written for each in done),
        failed=tuple(chain.from_iterable(each.failed for each in done)),
    )


def batches(projects: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Split projects into batches, so that memory holds the manifests of one batch and not of a whole repository."""
    return (projects[start : start + _BATCH] for start in range(0, len(projects), _BATCH))


def _refresh_batch(
    repository: Repository, projects: Sequence[ProjectName], workers: Workers, versions: Versions, seen: Seen
) -> Refreshed:
    pages = PageVersions.start(repository, projects, workers)  # rule: look at a page before its manifest is read
    pages.wait()
    read = workers.map_settled(partial(read_known, repository, project) for project in projects)
    manifests = [each for each in read if isinstance(each, VersionedManifest) and each.version is not None]
    documents = {each.project: version_views(repository, each.project, versions(each.manifest)) for each in manifests}
    # rule: what was looked at is written
    refreshed = write_pages(repository, manifests, pages, workers, documents)
    workers.map(partial(seen, each, pages.sidecars(repository)) for each in manifests)
    unread = tuple(each for each in read if isinstance(each, Exception))
    return replace(refreshed, failed=(*unread, *refreshed.failed))


def read_known(repository: Repository, project: ProjectName) -> VersionedManifest:
    """Read a manifest of which pages can be rendered; raises Refused for one of a newer bucketwheel."""
    read = read_manifest(repository.target, project)
    refuse_newer(read.manifest)
    return read


def write_pages(
    repository: Repository,
    manifests: Sequence[VersionedManifest],
    pages: PageVersions,
    workers: Workers,
    documents: Mapping[ProjectName, Sequence[Page]] = _NO_DOCUMENTS,
) -> Refreshed:
    """Bring pages to these revisions or newer ones, and the root with them; and these documents of versions.

    `pages` must have been looked at before each manifest was committed or read.
    """
    all_shown = [_shown(repository, read, pages) for read in manifests]
    json_pages = {shown.project: _json_page(repository, shown.project) for shown in all_shown}
    new = [shown for shown in all_shown if pages[json_pages[shown.project].key].version is None]
    known = [shown for shown in all_shown if pages[json_pages[shown.project].key].version is not None]
    first = [_job(shown, page, pages) for shown in all_shown for page in _html_pages(repository, shown.project)]
    # rule: the JSON page comes after the root
    first += [_job(shown, json_pages[shown.project], pages) for shown in known]
    for shown in all_shown:
        first += _view_jobs(shown, documents.get(shown.project, ()), pages, workers)
    _add_assets(repository, manifests, pages, workers)  # rule: style and script before the page
    written, failed = _write_all(workers, first)  # rule: the HTML page comes before the root
    if new := [shown for shown in new if shown.project not in failed]:
        list_in_root(repository, [shown.project for shown in new], workers, found=pages.root)
        last = [_job(shown, json_pages[shown.project], pages) for shown in new]
        also_written, also_failed = _write_all(workers, last)
        written, failed = written + also_written, failed | also_failed
    return Refreshed(
        projects=tuple(shown.project for shown in all_shown if shown.project not in failed),
        pages_written=written,
        failed=tuple(failed.values()),
    )


def _add_assets(
    repository: Repository, manifests: Sequence[VersionedManifest], pages: PageVersions, workers: Workers
) -> None:
    """Add what pages for people refer to, before the first of them that our renderer writes."""
    found = [pages[key] for key in (people_key(read.project) for read in manifests) if key in pages]
    if found:
        add_assets(repository, [*found, *(pages.catalogue.front if pages.catalogue else ())], workers)


def _html_pages(repository: Repository, project: ProjectName) -> list[Page]:
    layout = repository.layout
    return [_simple_page(repository, key, layout.html(), render_project_html) for key in layout.html_keys(project)]


def _json_page(repository: Repository, project: ProjectName) -> Page:
    layout = repository.layout
    return _simple_page(repository, layout.json_key(project), layout.json(), render_project_json)


def _simple_page(
    repository: Repository, key: Key, headers: ObjectHeaders, render: Callable[[Listing, PageMark], bytes]
) -> Page:
    return Page(
        key=key,
        headers=headers,
        mark=partial(project_mark, repository),
        render=lambda shown, mark: Rendered(render(shown.listing, mark), mark),
        is_right=is_up_to_date,
    )


_Job: TypeAlias = tuple[ProjectName, Callable[[], int]]
"""Pages of a project to write: how many had to be."""


def _job(shown: Shown, page: Page, pages: PageVersions) -> _Job:
    return shown.project, partial(_write, shown, page, pages[page.key])


def _view_jobs(shown: Shown, documents: Sequence[Page], pages: PageVersions, workers: Workers) -> Iterator[_Job]:
    if views := project_views(shown.repository, shown.project):
        yield shown.project, partial(_write_views, shown, views, pages, workers)
    for page in documents:
        yield shown.project, partial(_write_document, shown, page, pages)


def _write_views(shown: Shown, views: Sequence[Page], pages: PageVersions, workers: Workers) -> int:
    """Bring a project's views to this revision; the sidecar that they share is read once, and only if one is behind."""
    behind = [page for page in views if not _is_right(shown, page, pages[page.key])]
    if behind:
        shown.sidecars.of_project(shown.read.manifest)
    return sum(workers.map_within(partial(_write, shown, page, pages[page.key]) for page in behind)) if behind else 0


def _write_document(shown: Shown, page: Page, pages: PageVersions) -> int:
    return _write(shown, page, _found(shown, page, pages))


def _write_all(workers: Workers, jobs: Sequence[_Job]) -> tuple[int, dict[ProjectName, Exception]]:
    """Return how many pages were written, and the projects whose manifest cannot be used any more."""
    outcomes = workers.map(partial(_try_to_write, write) for _, write in jobs)
    settled = [(project, outcome) for (project, _), outcome in zip(jobs, outcomes, strict=True)]
    failed: dict[ProjectName, Exception] = {each: error for each, error in settled if isinstance(error, Exception)}
    return sum(outcome for _, outcome in settled if isinstance(outcome, int)), failed


def _try_to_write(write: Callable[[], int]) -> int | Damaged | Refused:
    try:
        return write()
    except (Damaged, Refused) as error:  # of a manifest that was read again
        return error


def _write(shown: Shown, page: Page, found: PageVersion) -> bool:
    """Bring one page to this revision or a newer one; return whether a write was needed."""
    repository, patience = shown.repository, Patience()
    for _ in patience:
        mark = page.mark(shown.read)
        if is_newer(found, mark):  # rule: a newer page is not done by itself
            shown = _read_again(shown)
            continue
        try:
            return _swap_page(repository, page, found, mark, partial(page.render, shown, mark))
        except (SwapLost, OutcomeUnknown) as error:
            if patience.ends_at(error.refused if isinstance(error, SwapLost) else ""):
                raise refuses_current(repository.target, page.key) from error
            patience.give_way()
            found = _look(repository, shown.project, page.key)  # rule: a lost page is looked at first
            shown = _read_again(shown)  # rule: then its manifest is read
    raise _not_written(repository, f"the page {page.key}")


def _read_again(shown: Shown) -> Shown:
    read = read_known(shown.repository, shown.project)
    return replace(shown, read=read, listing=_listing(shown.repository, read))


def _swap_page(
    repository: Repository, page: Page, found: PageVersion, mark: PageMark, render: Callable[[], Rendered]
) -> bool:
    rendered = cache(render)
    if page.is_right(found, mark, lambda: rendered().body):  # rule: a right page is not written again
        return False
    body, mark = rendered()
    _swap(repository, page.key, found, body, page.headers, mark)
    return True


def _swap(
    repository: Repository, key: Key, found: PageVersion, body: bytes, headers: ObjectHeaders, mark: PageMark
) -> None:
    repository.target.changed_pages.add(key, repository.settings)
    repository.storage.swap(key, body, expected=found.version, headers=headers, marks=page_marks(mark))


def _look(repository: Repository, project: ProjectName, key: Key) -> PageVersion:
    """Look at a page of a project, and remember which revision it shows."""
    return _noted(repository, project, key, stat_page(repository.storage, key))


def _noted(repository: Repository, project: ProjectName, key: Key, page: PageVersion) -> PageVersion:
    if page.mark is not None:  # rule: both pages count
        # The mark of a version's document has the digest of that version, not of the manifest.
        is_document = version_of_json_key(project, key) is not None
        seen = replace(page.mark, manifest=None) if is_document else page.mark
        repository.target.sightings.saw_page(project, seen)
    return page


# The root ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """The root as it was found."""

    html: Mapping[Key, PageVersion]
    json: Object | None
    listed: frozenset[ProjectName]
    """The projects on the JSON root; if it is absent or damaged, those that have a manifest and a page."""
    by_newer: bool
    """Whether a newer bucketwheel wrote the JSON root, and we can read it."""


def list_in_root(
    repository: Repository, projects: Collection[ProjectName], workers: Workers, *, found: _Root | None = None
) -> None:
    """Make both roots list these projects, the JSON one first: it is a set that only grows.

    Each of them must have its HTML page already: the root never names a page that is absent. `found` is the root as it
    was looked at before, perhaps long ago: if it has changed since, the swap is lost and the root is looked at again.
    """
    layout = repository.layout
    patience = Patience()
    for _ in patience:
        root, found = found or _look_at_root(repository, workers, projects), None
        try:
            names = _grow_json_root(repository, projects, root)  # rule: the HTML root follows the JSON root
            body, mark = render_root_html(names), PageMark(revision=len(names), renderer=RENDERER)
            for key, page in root.html.items():
                if not is_up_to_date(page, mark, lambda body=body: body):  # type: ignore[misc]  # bound now
                    _swap(repository, key, page, body, layout.html(), mark)
        except SwapLost as lost:
            if patience.ends_at(lost.refused):
                raise refuses_current(repository.target, Key(lost.key)) from lost
            patience.give_way()
            continue
        except OutcomeUnknown:
            continue
        return
    raise _not_written(repository, "the root page")


def read_root(repository: Repository) -> frozenset[ProjectName]:
    """Read which projects the JSON root lists; none if it is absent or damaged."""
    return _listed(repository.storage.read(repository.layout.root_json_key)) or frozenset()


def _listed(root: Object | None) -> frozenset[ProjectName] | None:
    try:
        return None if root is None else frozenset(read_root_json(root.body))
    except Damaged:
        return None  # it is a view: the manifests know what it listed


def _look_at_root(repository: Repository, workers: Workers, known: Collection[ProjectName] = ()) -> _Root:
    """Look at the HTML root, then read the JSON root: what that shows is never older than what the HTML root shows.

    Of the `known` projects it is known that they have a page.
    """
    storage, layout = repository.storage, repository.layout
    html = {key: stat_page(storage, key) for key in layout.root_html_keys}
    stored = storage.read(layout.root_json_key)
    listed = _listed(stored)
    if stored is None or listed is None:
        return _Root(html=html, json=stored, listed=_with_pages(repository, workers, known), by_newer=False)
    return _Root(html=html, json=stored, listed=listed, by_newer=_renderer_of(stored) > RENDERER)


def _grow_json_root(repository: Repository, projects: Collection[ProjectName], root: _Root) -> tuple[ProjectName, ...]:
    key, stored = repository.layout.root_json_key, root.json
    names = tuple(sorted(root.listed.union(projects)))
    body, mark = render_root_json(names), PageMark(revision=len(names), renderer=RENDERER)
    # Two versions of bucketwheel never rewrite each other's root again and again.
    is_newer = root.by_newer and root.listed == set(names)
    if stored is None or (stored.body != body and not is_newer):
        version = None if stored is None else stored.version
        headers = repository.layout.json()
        repository.target.changed_pages.add(key, repository.settings)
        repository.storage.swap(key, body, expected=version, headers=headers, marks=page_marks(mark))
    return names


def _renderer_of(page: Object) -> int:
    mark = mark_of(page)
    return 0 if mark is None else mark.renderer


def _with_pages(repository: Repository, workers: Workers, known: Collection[ProjectName]) -> frozenset[ProjectName]:
    """Find the other projects that have a manifest and an HTML page; the publisher of any other lists it itself."""
    projects = sorted(set(list_projects(repository.storage)).difference(known))
    pages = workers.map_within(
        partial(stat_page, repository.storage, repository.layout.html_keys(each)[0]) for each in projects
    )
    return frozenset(
        project for project, page in zip(projects, pages, strict=True) if page.version is not None
    )  # rule: a new root names pages that exist


def _not_written(repository: Repository, page: str) -> Unfinished:
    return Unfinished(
        f"everything is committed, but {page} of {repository.target.place} is out of date; run the same command again"
    )
