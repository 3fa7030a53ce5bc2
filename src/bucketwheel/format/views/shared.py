"""The pages of all projects together: front page, search, changelog and feeds, made from the catalogue alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bucketwheel.format.catalogue import Catalogue
from bucketwheel.format.layout import FEED_KEYS, PEOPLE_KEYS
from bucketwheel.format.views import people
from bucketwheel.format.views.feeds import FeedLinks, Released, render_new_projects, render_new_releases
from bucketwheel.format.views.people import Site
from bucketwheel.storage import Key

__all__ = ["SHARED_RENDERER", "render_shared"]

SHARED_RENDERER = people.PEOPLE_RENDERER
"""Of all these pages: they have the style of the pages for people."""


def render_shared(key: Key, site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    """Render one of these pages; `links` are those of feeds."""
    return _RENDERERS[key](site, links, catalogue)


def _search(site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    del site, links
    return people.render_search((name, line.latest, line.summary) for name, line in catalogue.shown.items())


def _changelog(site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    del links
    return people.render_changelog(site, catalogue.releases)


def _front(site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    del links
    return people.render_front(site, len(catalogue.shown), catalogue.releases)


def _new_releases(site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    return render_new_releases(site.title, links, catalogue.releases)


def _new_projects(site: Site, links: FeedLinks, catalogue: Catalogue) -> bytes:
    first = (
        Released(project=project, version=line.latest, released=line.first, summary=line.summary)
        for project, line in catalogue.shown.items()
    )
    return render_new_projects(site.title, links, first)


_RENDERERS: Mapping[Key, Callable[[Site, FeedLinks, Catalogue], bytes]] = dict(
    zip((*PEOPLE_KEYS, *FEED_KEYS), (_search, _changelog, _front, _new_releases, _new_projects), strict=True)
)
