"""Pages and root, brought to what the manifests say: views that never go back and never name what is not there.

A page's version is always looked at *before* the manifest that is rendered over it was read; the opposite order leaves
stale pages. Once a project's JSON page exists, both roots list it: so a project without one goes HTML page → JSON root
→ HTML root → JSON page, and a known project costs no request for the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bucketwheel.errors import Damaged, OutcomeUnknown, Unfinished, merged
from bucketwheel.format.layout import MANIFESTS, PageMark, page_mark, page_marks, project_of
from bucketwheel.format.manifest import Manifest, refuse_newer
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import read_root_json, render_project_json, render_root_json
from bucketwheel.format.pages.mark import RENDERER, read_page_mark
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.parallel import Workers, attempts
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, ObjectHeaders, ObjectVersion, SwapLost

__all__ = [
    "PageVersion",
    "PageVersions",
    "is_current",
    "list_in_root",
    "page_stats",
    "project_pages",
    "refresh",
    "stat_pages",
    "write_pages",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVersion:
    """What a look at a page's key showed."""

    version: ObjectVersion | None
    """None: there is no page."""
    mark: PageMark | None = None
    """None: no page, or not one that we wrote."""
    sha256: Sha256 | None = None


PageVersions = Mapping[Key, PageVersion]
"""Pages as they were seen, by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    key: Key
    headers: ObjectHeaders
    render: Callable[[Manifest], bytes]


def project_pages(repository: Repository, project: ProjectName) -> tuple[Key, ...]:
    """The keys of all of a project's pages."""
    return tuple(page.key for page in (*_html_pages(repository, project), _json_page(repository, project)))


def page_stats(repository: Repository, project: ProjectName) -> list[Callable[[], tuple[Key, PageVersion]]]:
    """The looks at all of a project's pages, for a wave that does other things too."""
    return [partial(_look_by_key, repository, key) for key in project_pages(repository, project)]


def stat_pages(repository: Repository, projects: Iterable[ProjectName], workers: Workers) -> PageVersions:
    """Look at all the pages of these projects in one wave."""
    return dict(workers.map(look for project in projects for look in page_stats(repository, project)))


def is_current(repository: Repository, truth: VersionedManifest, looks: PageVersions) -> bool:
    """Whether all of a project's pages show this revision, or a newer one."""
    pages = (*_html_pages(repository, truth.project), _json_page(repository, truth.project))
    return all(_as_good(looks[page.key], page.render(truth.manifest), _mark(truth.manifest)) for page in pages)


def refresh(repository: Repository, projects: Sequence[ProjectName], workers: Workers) -> int:
    """Bring these projects' pages to what their manifests say now; returns how many project pages were behind.

    A manifest that cannot be read whole holds up its own project only; its error is raised at the end.
    """
    looks = stat_pages(repository, projects, workers)
    read = workers.map_settled(partial(_known, repository, project) for project in projects)
    truths = [truth for truth in read if isinstance(truth, VersionedManifest) and truth.version is not None]
    written = write_pages(repository, truths, looks, workers)
    if failed := [error for error in read if isinstance(error, Exception)]:
        raise merged(failed)
    return written


def _known(repository: Repository, project: ProjectName) -> VersionedManifest:
    truth = read_manifest(repository.site, project)
    refuse_newer(truth.manifest)
    return truth


def write_pages(
    repository: Repository, truths: Sequence[VersionedManifest], looks: PageVersions, workers: Workers
) -> int:
    """Bring pages to the revisions in `truths` or newer ones, and the root with them.

    `looks` must be older than the commit or the reading of each truth. Returns how many project pages were written.
    """
    json_pages = {truth.project: _json_page(repository, truth.project) for truth in truths}
    new = [truth for truth in truths if looks[json_pages[truth.project].key].version is None]
    known = [truth for truth in truths if looks[json_pages[truth.project].key].version is not None]
    first = [(truth, page) for truth in truths for page in _html_pages(repository, truth.project)]
    first += [(truth, json_pages[truth.project]) for truth in known]
    written = _bring_all(repository, first, looks, workers)
    if new:
        list_in_root(repository, [truth.project for truth in new], workers)
        written += _bring_all(repository, [(truth, json_pages[truth.project]) for truth in new], looks, workers)
    return written


def _html_pages(repository: Repository, project: ProjectName) -> list[_Page]:
    layout, base_url = repository.layout, repository.settings.base_url

    def render(manifest: Manifest) -> bytes:
        return render_project_html(manifest, layout, base_url=base_url)

    return [_Page(key=key, headers=layout.html(), render=render) for key in layout.html_keys(project)]


def _json_page(repository: Repository, project: ProjectName) -> _Page:
    layout, base_url = repository.layout, repository.settings.base_url

    def render(manifest: Manifest) -> bytes:
        return render_project_json(manifest, layout, base_url=base_url)

    return _Page(key=layout.json_key(project), headers=layout.json(), render=render)


def _bring_all(
    repository: Repository, pages: Sequence[tuple[VersionedManifest, _Page]], looks: PageVersions, workers: Workers
) -> int:
    return sum(workers.map(partial(_bring, repository, truth, page, looks[page.key]) for truth, page in pages))


def _bring(repository: Repository, truth: VersionedManifest, page: _Page, seen: PageVersion) -> bool:
    """Bring one page to the truth's revision or a newer one; whether a write was needed."""
    for _ in attempts():
        try:
            return _swap_page(
                repository, page.key, seen, page.render(truth.manifest), page.headers, _mark(truth.manifest)
            )
        except (SwapLost, OutcomeUnknown):
            seen = _look(repository, page.key)
            truth = read_manifest(repository.site, truth.project)
    raise _not_written(repository, f"the page {page.key}")


def _mark(manifest: Manifest) -> PageMark:
    return PageMark(revision=manifest.revision, renderer=RENDERER)


def _swap_page(
    repository: Repository, key: Key, seen: PageVersion, body: bytes, headers: ObjectHeaders, mark: PageMark
) -> bool:
    if _as_good(seen, body, mark):
        return False
    repository.storage.swap(key, body, expected=seen.version, headers=headers, marks=page_marks(mark))
    return True


def _as_good(seen: PageVersion, body: bytes, ours: PageMark) -> bool:
    """Whether what is there needs no writing: equal bytes, a newer revision, or a newer renderer's page of this one."""
    if seen.sha256 == sha256_of(body):
        return True
    return seen.mark is not None and (
        seen.mark.revision > ours.revision
        or (seen.mark.revision == ours.revision and seen.mark.renderer > ours.renderer)
        # Where the store keeps no digest, the mark is all there is to go by.
        or (seen.mark == ours and seen.sha256 is None)
    )


def _look_by_key(repository: Repository, key: Key) -> tuple[Key, PageVersion]:
    return key, _look(repository, key)


def _look(repository: Repository, key: Key) -> PageVersion:
    seen = repository.storage.stat(key)
    if seen is None:
        return PageVersion(version=None)
    if seen.marks is not None:
        return PageVersion(version=seen.version, mark=page_mark(seen.marks), sha256=seen.sha256)
    # A store without marks (a directory): the page itself says which revision it shows.
    stored = repository.storage.read(key)
    if stored is None:
        return PageVersion(version=None)
    return PageVersion(version=stored.version, mark=read_page_mark(stored.body), sha256=sha256_of(stored.body))


# The root ------------------------------------------------------------------------------------------------------------


def list_in_root(repository: Repository, projects: Collection[ProjectName], workers: Workers) -> None:
    """See to it that both roots list these projects, the JSON one first: a set that only grows.

    Each of them must have its HTML page already: the root never names a page that is not there.
    """
    layout = repository.layout
    for _ in attempts():
        # Before the JSON root is read: so what it shows is never older than what the HTML root shows now.
        seen = {key: _look(repository, key) for key in layout.root_html_keys}
        try:
            names = _grow_json_root(repository, projects, workers)
            body, mark = render_root_html(names), PageMark(revision=len(names), renderer=RENDERER)
            for key, page in seen.items():
                _swap_page(repository, key, page, body, layout.html(), mark)
        except (SwapLost, OutcomeUnknown):
            continue
        return
    raise _not_written(repository, "the root page")


def _grow_json_root(
    repository: Repository, projects: Collection[ProjectName], workers: Workers
) -> tuple[ProjectName, ...]:
    key = repository.layout.root_json_key
    stored = repository.storage.read(key)
    try:
        listed = None if stored is None else set(read_root_json(stored.body))
    except Damaged:
        listed = None  # it is a view: what it listed, the manifests know
    names = tuple(sorted((_with_pages(repository, workers) if listed is None else listed) | set(projects)))
    body, mark = render_root_json(names), PageMark(revision=len(names), renderer=RENDERER)
    if stored is None or stored.body != body:
        version = None if stored is None else stored.version
        repository.storage.swap(key, body, expected=version, headers=repository.layout.json(), marks=page_marks(mark))
    return names


def _with_pages(repository: Repository, workers: Workers) -> set[ProjectName]:
    """The projects that have a manifest and an HTML page: one without a page yet is its publisher's to list."""
    listed = (project_of(entry.key) for entry in repository.storage.list(MANIFESTS))
    projects = [project for project in listed if project is not None]
    looks = workers.map(partial(_look, repository, repository.layout.html_keys(project)[0]) for project in projects)
    return {project for project, seen in zip(projects, looks, strict=True) if seen.version is not None}


def _not_written(repository: Repository, page: str) -> Unfinished:
    return Unfinished(
        f"{page} of {repository.site.place} could not be brought up to date, though everything is committed; "
        "run the same command again, or `bucketwheel reindex`"
    )
