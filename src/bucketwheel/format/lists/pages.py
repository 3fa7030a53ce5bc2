"""The pages of an index made from a list, each with its key and headers: what is to be there, and nothing done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

from bucketwheel.format.catalogue import Catalogue
from bucketwheel.format.layout import FEED_KEYS, PEOPLE_KEYS, Layout, PageStyle, feed_key, people_key, project_json_key
from bucketwheel.format.lists.entries import Entry
from bucketwheel.format.views import people, simple, warehouse
from bucketwheel.format.views.feeds import FEED_RENDERER, FeedLinks, render_project_releases
from bucketwheel.format.views.logo import Logo
from bucketwheel.format.views.people import PEOPLE_RENDERER, Site
from bucketwheel.format.views.projects import NO_FACTS, CoreFacts, ReleaseView, ViewedProject, by_version, newest
from bucketwheel.format.views.shared import render_shared
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import Key, ObjectHeaders

__all__ = [
    "PACKAGES_KEY",
    "Page",
    "RenderedProject",
    "Style",
    "batches",
    "generation",
    "lines_digest",
    "logo_page",
    "project_keys",
    "render_project",
    "shared_keys",
    "shared_pages",
    "viewed_project",
]

PACKAGES_KEY = Key("packages.json")
"""The list as it was read."""

_RENDERER = 1
"""Increase this whenever the bytes of any page change for the same list whose view has no number of its own."""

_BATCH, _BATCH_BYTES = 10_000, 32 * 1024 * 1024
_FLAT_KEY = Key("find-links.html")


class Page(NamedTuple):
    """A page that the index has."""

    key: Key
    body: bytes
    headers: ObjectHeaders


class RenderedProject(NamedTuple):
    """The pages of one project, and what the pages of all projects together show of it."""

    project: ProjectName
    pages: tuple[Page, ...]
    anchors: bytes
    """Its lines of the flat page."""
    lines: bytes
    """Its lines of `packages.json`."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What decides, besides the list, which pages there are and what they show."""

    pages: PageStyle
    packages_url: str
    """Where the files are: absolute, or relative to a project's page."""
    index_url: str
    """The address of the simple index."""
    base_url: str | None
    """The public address, ending in a slash, which feeds and install lines need; a directory has none by itself."""
    title: str
    logo: str | None
    """A path below the index, or a URL."""
    logo_width: int
    versions: bool
    """Whether each version has a JSON document of its own."""

    @cached_property
    def layout(self) -> Layout:
        """The keys and headers of the pages."""
        return Layout(pages=self.pages)

    @cached_property
    def site(self) -> Site:
        """What the pages for people share."""
        return Site(
            title=self.title,
            index_url=None if self.base_url is None else self.index_url,
            logo=self.logo,
            logo_width=self.logo_width,
            feeds=self.base_url is not None,
            page="" if self.pages == "slash" else "index.html",
        )

    @cached_property
    def digest(self) -> str:
        """Whatever differs between two styles differs here."""
        return sha256_of(repr((self, generation())).encode("utf-8", "surrogatepass"))


@cache
def generation() -> str:
    """Return what else the bytes of the pages depend on: the program that renders them."""
    numbers = (_RENDERER, warehouse.WAREHOUSE_RENDERER, FEED_RENDERER, PEOPLE_RENDERER)
    return f"{'.'.join(map(str, numbers))} {' '.join(sorted(people.assets()))}"


def lines_digest(style: Style, entries: Iterable[Entry]) -> str:
    """Return the digest of all that the pages of a project depend on."""
    lines = "\n".join([style.digest, *(entry.line for entry in entries)])
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def batches(pages: Iterable[Page]) -> Iterator[list[Page]]:
    """Split pages into batches, so that memory does not hold all of them."""
    batch: list[Page] = []
    size = 0
    for page in pages:
        batch.append(page)
        size += len(page.body)
        if size >= _BATCH_BYTES or len(batch) == _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def render_project(
    style: Style, viewed: ViewedProject, entries: Sequence[Entry], *, changed: bool = True
) -> RenderedProject:
    """Render one project; its own pages only if they changed."""
    html, anchors = simple.render_html(viewed)
    pages = tuple(_project_pages(style, viewed, entries, html)) if changed else ()
    lines = "".join([f"{entry.line}\n" for entry in entries])
    return RenderedProject(viewed.project, pages, anchors, lines.encode())


def viewed_project(project: ProjectName, entries: Sequence[Entry]) -> ViewedProject:
    """Return a project as all pages show it."""
    releases = by_version([(entry.version, entry.file) for entry in entries])
    shown = newest(releases)
    requires = _requires(entries)
    facts = CoreFacts(requires_dist=None if shown is None else requires.get(shown.version))
    return ViewedProject(project=project, releases=releases, facts=facts)


def _requires(entries: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
    requires: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        if entry.requires_dist is not None:
            requires.setdefault(entry.version, entry.requires_dist)
    return requires


def _facts_of(entries: Sequence[Entry]) -> Callable[[ReleaseView], CoreFacts]:
    requires = _requires(entries)

    def facts(release: ReleaseView) -> CoreFacts:
        known = requires.get(release.version)
        return NO_FACTS if known is None else CoreFacts(requires_dist=known)

    return facts


def _project_pages(style: Style, viewed: ViewedProject, entries: Sequence[Entry], html: bytes) -> Iterator[Page]:
    layout, project = style.layout, viewed.project
    for key in layout.html_keys(project):
        yield Page(key=key, body=html, headers=layout.html())
    yield Page(key=layout.json_key(project), body=simple.render_json(viewed), headers=layout.json())
    url = _page_url(style, project)
    keys = [project_json_key(project)]
    api = layout.view(keys[0])
    if style.versions:
        keys += [_version_key(project, release.version) for release in viewed.releases]
    documents = warehouse.render_documents(viewed, _facts_of(entries), page=url)
    yield from (Page(key=key, body=body, headers=api) for key, body in zip(keys, documents, strict=False))
    yield Page(key=people_key(project), body=people.render_project(style.site, viewed), headers=layout.html())
    if style.base_url is not None:
        feed = render_project_releases(style.site.title, FeedLinks(style.base_url), viewed)
        yield Page(key=feed_key(project), body=feed, headers=layout.view(feed_key(project)))


def project_keys(style: Style, project: ProjectName, versions: Sequence[str]) -> Iterator[Key]:
    """Return the keys of a project's pages."""
    yield from (*style.layout.html_keys(project), style.layout.json_key(project), project_json_key(project))
    if style.versions:
        yield from (_version_key(project, version) for version in versions)
    yield people_key(project)
    if style.base_url is not None:
        yield feed_key(project)


def shared_pages(style: Style, rendered: Sequence[RenderedProject], catalogue: Catalogue) -> Iterator[Page]:
    """Render the pages of all projects together, which are in order of their names."""
    layout, projects = style.layout, [each.project for each in rendered]
    yield Page(key=layout.root_json_key, body=simple.render_root_json(projects), headers=layout.json())
    root = simple.render_root_html(projects)
    for key in layout.root_html_keys:
        yield Page(key=key, body=root, headers=layout.html())
    flat = simple.render_find_links([each.anchors for each in rendered])
    yield Page(key=_FLAT_KEY, body=flat, headers=layout.view(_FLAT_KEY))
    body = b"".join([each.lines for each in rendered])
    yield Page(key=PACKAGES_KEY, body=body, headers=layout.view(PACKAGES_KEY))
    for path, body in people.assets().items():
        yield Page(key=Key(path), body=body, headers=layout.view(Key(path)))
    for key in _catalogue_keys(style):
        body = render_shared(key, style.site, FeedLinks(style.base_url or ""), catalogue)
        yield Page(key=key, body=body, headers=layout.view(key))


def logo_page(style: Style, logo: Logo) -> Page:
    """Return the picture as one of the pages."""
    key = Key(logo.path)
    return Page(key=key, body=logo.body, headers=style.layout.view(key))


def shared_keys(style: Style) -> Iterator[Key]:
    """Return the keys of what `shared_pages` renders, but those that are only ever added."""
    yield from (style.layout.root_json_key, *style.layout.root_html_keys)
    yield from (PACKAGES_KEY, _FLAT_KEY)
    yield from _catalogue_keys(style)


def _catalogue_keys(style: Style) -> Iterator[Key]:
    yield from PEOPLE_KEYS if style.base_url is None else (*PEOPLE_KEYS, *FEED_KEYS)


def _page_url(style: Style, project: ProjectName) -> str | None:
    return None if style.base_url is None else f"{style.base_url}{people_key(project)}"


def _version_key(project: ProjectName, version: str) -> Key:
    return Key(f"pypi/{project}/{version}/json")
