"""The pages of all projects together: front page, search, changelog and feeds, made from the catalogue alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bucketwheel.format.catalogue import Catalogue
from bucketwheel.format.views import people
from bucketwheel.format.views.feeds import Released, render_new_projects, render_new_releases
from bucketwheel.format.views.people import Site
from bucketwheel.names import ProjectName

__all__ = ["FEED_PATHS", "PEOPLE_PATHS", "SharedPage", "shared_feeds", "shared_people"]

PEOPLE_PATHS = ("search/projects.js", "changelog/index.html", "index.html")
"""The front page is the last: it links to the others."""
FEED_PATHS = ("rss/updates.xml", "rss/packages.xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPage:
    """A page of all projects together."""

    path: str
    body: bytes


def shared_people(site: Site, catalogue: Catalogue) -> Iterator[SharedPage]:
    """Render the pages for people."""
    shown = catalogue.shown
    search = people.render_search((project, line.latest, line.summary) for project, line in shown.items())
    changelog = people.render_changelog(site, catalogue.releases)
    front = people.render_front(site, len(shown), catalogue.releases)
    for path, body in zip(PEOPLE_PATHS, (search, changelog, front), strict=True):
        yield SharedPage(path=path, body=body)


def shared_feeds(title: str, home: str, catalogue: Catalogue) -> Iterator[SharedPage]:
    """Render the feeds; `home` is the address of the repository, ending in a slash."""

    def page(project: ProjectName) -> str:
        return f"{home}project/{project}/index.html"

    first = (
        Released(project=project, version=line.latest, released=line.first, summary=line.summary)
        for project, line in catalogue.shown.items()
    )
    updates = render_new_releases(title, home, catalogue.releases, page)
    packages = render_new_projects(title, home, first, page)
    for path, body in zip(FEED_PATHS, (updates, packages), strict=True):
        yield SharedPage(path=path, body=body)
