"""Bring pages and root to what the manifests say: views that never go back and never name what is absent.

A page's version is always looked at *before* the manifest that is rendered over it is read or committed; the opposite
order leaves stale pages. Once a project's JSON page exists, both roots list it: so a project without one goes HTML page
→ JSON root → HTML root → JSON page, and a known project costs no request for the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Self

from bucketwheel.errors import Damaged, OutcomeUnknown, Refused, Unfinished, WentBack, merged
from bucketwheel.format.layout import PageMark, page_mark, page_marks
from bucketwheel.format.manifest import refuse_newer
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import read_root_json, render_project_json, render_root_json
from bucketwheel.format.pages.listing import Listing, project_listing
from bucketwheel.format.pages.mark import RENDERER, mark_of, read_page_mark
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.parallel import Patience, Workers
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.repository import Repository, list_projects, refuses_current
from bucketwheel.storage import Key, Object, ObjectHeaders, ObjectVersion, Storage, SwapLost

__all__ = [
    "PageVersion",
    "PageVersions",
    "Refreshed",
    "batches",
    "is_current",
    "list_in_root",
    "page_keys",
    "project_mark",
    "read_known",
    "read_root",
    "refresh",
    "refresh_settled",
    "stat_page",
    "write_pages",
]

_BATCH = 128
"""Projects whose manifests are in memory together; some waves of calls for any usual number of threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVersion:
    """A page as a stat showed it."""

    version: ObjectVersion | None
    """None: there is no page."""
    mark: PageMark | None = None
    """None: no page, or not one that we wrote."""
    sha256: Sha256 | None = None
    is_empty: bool = False
    """An object without bytes, as consoles make it for a folder."""


class PageVersions:
    """The versions of all pages of some projects, by key; the stats run side by side from the start."""

    def __init__(self, stats: Mapping[Key, Future[PageVersion]]) -> None:
        self._stats = dict(stats)
        self._later: dict[Key, PageVersion] = {}
        self._root: Future[_Root] | None = None

    @classmethod
    def start(cls, repository: Repository, projects: Iterable[ProjectName], workers: Workers) -> Self:
        """Begin to look at the pages of these projects."""
        pages = cls({})
        pages.add(repository, projects, workers)
        return pages

    def add(self, repository: Repository, projects: Iterable[ProjectName], workers: Workers) -> None:
        """Begin to look at the pages of more projects."""
        for project in projects:
            for key in page_keys(repository, project):
                self._stats[key] = workers.start(partial(_look, repository, project, key))

    def __getitem__(self, key: Key) -> PageVersion:
        return self._later.get(key) or self._stats[key].result()

    def look_again(self, repository: Repository, workers: Workers, project: ProjectName) -> None:
        """Look at a project's pages once more; this may run on one of the threads of a wave."""
        keys = page_keys(repository, project)
        looks = workers.map_within(partial(_look, repository, project, key) for key in keys)
        self._later |= zip(keys, looks, strict=True)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    key: Key
    headers: ObjectHeaders
    render: Callable[[Listing, PageMark], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """All that the pages of a manifest show, found once for all of them."""

    project: ProjectName
    listing: Listing
    mark: PageMark


def _view(repository: Repository, read: VersionedManifest) -> _View:
    listing = project_listing(read.manifest, repository.layout, repository.settings.base_url)
    return _View(project=read.project, listing=listing, mark=project_mark(repository, read))


def page_keys(repository: Repository, project: ProjectName) -> tuple[Key, ...]:
    """Return the keys of all of a project's pages."""
    return (*repository.layout.html_keys(project), repository.layout.json_key(project))


def is_current(repository: Repository, read: VersionedManifest, pages: PageVersions) -> bool:
    """Return whether all of a project's pages show this revision."""
    view = _view(repository, read)
    return all(
        not _is_newer(pages[page.key], view.mark)
        and _is_up_to_date(pages[page.key], page.render(view.listing, view.mark), view.mark)
        for page in (*_html_pages(repository, read.project), _json_page(repository, read.project))
    )


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


def refresh(repository: Repository, projects: Sequence[ProjectName], workers: Workers) -> int:
    """Bring these projects' pages to what their manifests say now; return how many project pages were written.

    A manifest that cannot be read whole, or went back, holds up its own project only; its error is raised at the end.
    """
    refreshed = refresh_settled(repository, projects, workers)
    refreshed.raise_failed()
    return refreshed.pages_written


def refresh_settled(repository: Repository, projects: Sequence[ProjectName], workers: Workers) -> Refreshed:
    """Bring these projects' pages to what their manifests say now, and return what failed."""
    done = [_refresh_batch(repository, batch, workers) for batch in batches(projects)]
    return Refreshed(
        projects=tuple(chain.from_iterable(each.projects for each in done)),
        pages_written=sum(each.pages_written for each in done),
        failed=tuple(chain.from_iterable(each.failed for each in done)),
    )


def batches(projects: Sequence[ProjectName]) -> Iterator[Sequence[ProjectName]]:
    """Split projects into batches, so that memory holds the manifests of one batch and not of a whole repository."""
    return (projects[start : start + _BATCH] for start in range(0, len(projects), _BATCH))


def _refresh_batch(repository: Repository, projects: Sequence[ProjectName], workers: Workers) -> Refreshed:
    pages = PageVersions.start(repository, projects, workers)  # rule: look at a page before its manifest is read
    pages.wait()
    read = workers.map_settled(partial(read_known, repository, project) for project in projects)
    manifests = [each for each in read if isinstance(each, VersionedManifest) and each.version is not None]
    refreshed = write_pages(repository, manifests, pages, workers)  # rule: what was looked at is written
    unread = tuple(each for each in read if isinstance(each, Exception))
    return replace(refreshed, failed=(*unread, *refreshed.failed))


def read_known(repository: Repository, project: ProjectName) -> VersionedManifest:
    """Read a manifest of which pages can be rendered; raises Refused for one of a newer bucketwheel."""
    read = read_manifest(repository.target, project)
    refuse_newer(read.manifest)
    return read


def write_pages(
    repository: Repository, manifests: Sequence[VersionedManifest], pages: PageVersions, workers: Workers
) -> Refreshed:
    """Bring pages to these revisions or newer ones, and the root with them.

    `pages` must have been looked at before each manifest was committed or read.
    """
    views = [_view(repository, read) for read in manifests]
    json_pages = {view.project: _json_page(repository, view.project) for view in views}
    new = [view for view in views if pages[json_pages[view.project].key].version is None]
    known = [view for view in views if pages[json_pages[view.project].key].version is not None]
    first = [(view, page) for view in views for page in _html_pages(repository, view.project)]
    first += [(view, json_pages[view.project]) for view in known]  # rule: the JSON page comes after the root
    written, failed = _write_all(repository, first, pages, workers)  # rule: the HTML page comes before the root
    if new := [view for view in new if view.project not in failed]:
        list_in_root(repository, [view.project for view in new], workers, found=pages.root)
        last = [(view, json_pages[view.project]) for view in new]
        also_written, also_failed = _write_all(repository, last, pages, workers)
        written, failed = written + also_written, failed | also_failed
    return Refreshed(
        projects=tuple(view.project for view in views if view.project not in failed),
        pages_written=written,
        failed=tuple(failed.values()),
    )


def _html_pages(repository: Repository, project: ProjectName) -> list[_Page]:
    layout = repository.layout
    return [_Page(key=key, headers=layout.html(), render=render_project_html) for key in layout.html_keys(project)]


def _json_page(repository: Repository, project: ProjectName) -> _Page:
    layout = repository.layout
    return _Page(key=layout.json_key(project), headers=layout.json(), render=render_project_json)


def _write_all(
    repository: Repository,
    wanted: Sequence[tuple[_View, _Page]],
    pages: PageVersions,
    workers: Workers,
) -> tuple[int, dict[ProjectName, Exception]]:
    """Return how many pages were written, and the projects whose manifest cannot be used any more."""
    outcomes = workers.map(partial(_try_to_write, repository, view, page, pages[page.key]) for view, page in wanted)
    settled = [(view.project, outcome) for (view, _), outcome in zip(wanted, outcomes, strict=True)]
    failed: dict[ProjectName, Exception] = {each: error for each, error in settled if isinstance(error, Exception)}
    return sum(outcome is True for _, outcome in settled), failed


def _try_to_write(repository: Repository, view: _View, page: _Page, found: PageVersion) -> bool | Damaged | Refused:
    try:
        return _write(repository, view, page, found)
    except (Damaged, Refused) as error:  # of a manifest that was read again
        return error


def _write(repository: Repository, view: _View, page: _Page, found: PageVersion) -> bool:
    """Bring one page to this revision or a newer one; return whether a write was needed."""
    patience = Patience()
    for _ in patience:
        if _is_newer(found, view.mark):  # rule: a newer page is not done by itself
            view = _view(repository, read_known(repository, view.project))
            continue
        try:
            body = page.render(view.listing, view.mark)
            return _swap_page(repository, page.key, found, body, page.headers, view.mark)
        except (SwapLost, OutcomeUnknown) as error:
            if patience.ends_at(error.refused if isinstance(error, SwapLost) else ""):
                raise refuses_current(repository.target, page.key) from error
            patience.give_way()
            found = _look(repository, view.project, page.key)  # rule: a lost page is looked at first
            view = _view(repository, read_known(repository, view.project))  # rule: then its manifest is read
    raise _not_written(repository, f"the page {page.key}")


def project_mark(repository: Repository, read: VersionedManifest) -> PageMark:
    """Return the mark of the pages that show this manifest."""
    return PageMark(
        revision=read.manifest.revision,
        renderer=RENDERER,
        manifest=read.sha256,
        repository=repository.settings.id,
    )


def _is_newer(found: PageVersion, mark: PageMark) -> bool:
    return found.mark is not None and found.mark.revision > mark.revision


def _swap_page(
    repository: Repository, key: Key, found: PageVersion, body: bytes, headers: ObjectHeaders, mark: PageMark
) -> bool:
    if _is_up_to_date(found, body, mark):  # rule: a right page is not written again
        return False
    repository.target.changed_pages.add(key, repository.settings)
    repository.storage.swap(key, body, expected=found.version, headers=headers, marks=page_marks(mark))
    return True


def _is_up_to_date(found: PageVersion, body: bytes, ours: PageMark) -> bool:
    """Return whether a page needs no write: equal bytes, a newer revision, or this one by a newer renderer."""
    if found.sha256 == sha256_of(body):
        return True
    if found.mark is None:
        return False
    if found.mark.revision > ours.revision:  # rule: a page never goes back
        return True
    if found.mark.revision == ours.revision and found.mark.renderer > ours.renderer:
        return True
    # Where the store keeps no digest, only the mark can tell.
    return found.mark == ours and found.sha256 is None


def _look(repository: Repository, project: ProjectName, key: Key) -> PageVersion:
    """Look at a page of a project, and remember which revision it shows."""
    page = stat_page(repository.storage, key)
    if page.mark is not None:  # rule: both pages count
        repository.target.sightings.saw_page(project, page.mark)
    return page


def stat_page(storage: Storage, key: Key) -> PageVersion:
    """Look at a page, whatever it is a page of."""
    info = storage.stat(key)
    if info is None:
        return PageVersion(version=None)
    if info.marks is not None:
        mark = page_mark(info.marks)
        return PageVersion(version=info.version, mark=mark, sha256=info.sha256, is_empty=info.size == 0)
    # A store without marks (a directory): the page itself says which revision it shows.
    stored = storage.read(key)
    if stored is None:
        return PageVersion(version=None)
    return PageVersion(version=stored.version, mark=read_page_mark(stored.body), sha256=sha256_of(stored.body))


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
        root, found = found or _look_at_root(repository, workers), None
        try:
            names = _grow_json_root(repository, projects, root)  # rule: the HTML root follows the JSON root
            body, mark = render_root_html(names), PageMark(revision=len(names), renderer=RENDERER)
            for key, page in root.html.items():
                _swap_page(repository, key, page, body, layout.html(), mark)
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


def _look_at_root(repository: Repository, workers: Workers) -> _Root:
    """Look at the HTML root, then read the JSON root: what that shows is never older than what the HTML root shows."""
    storage, layout = repository.storage, repository.layout
    html = {key: stat_page(storage, key) for key in layout.root_html_keys}
    stored = storage.read(layout.root_json_key)
    listed = _listed(stored)
    if stored is None or listed is None:
        return _Root(html=html, json=stored, listed=_with_pages(repository, workers), by_newer=False)
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


def _with_pages(repository: Repository, workers: Workers) -> frozenset[ProjectName]:
    """Find the projects that have a manifest and an HTML page; the publisher of any other lists it itself."""
    projects = list_projects(repository.storage)
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
