"""Feeds: RSS 2.0 at PyPI's paths. The bytes depend on the releases only, never on a clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from html import escape
from operator import attrgetter
from typing import NamedTuple

from bucketwheel.format.layout import FRONT_KEY, people_key
from bucketwheel.format.views.projects import ViewedProject, moment
from bucketwheel.names import ProjectName

__all__ = [
    "FEED_RENDERER",
    "NEW_PROJECTS",
    "NEW_RELEASES",
    "FeedLinks",
    "Released",
    "released",
    "render_new_projects",
    "render_new_releases",
    "render_project_releases",
]

FEED_RENDERER = 2
"""Increase this whenever the bytes of a project's feed change for the same project."""

NEW_PROJECTS, NEW_RELEASES, _OF_A_PROJECT = 40, 100, 40

# XML 1.0 forbids these, even as references.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Released(NamedTuple):  # an index made from a list makes one of each version: a dataclass takes four times as long
    """One line of a feed: a version of a project, and when its first file came."""

    project: ProjectName
    version: str
    released: str
    """In PEP 700's form; empty if nobody knows."""
    summary: str = ""

    @property
    def order(self) -> tuple[str, str]:
        """The order of feeds, read backwards; releases of a project at one moment stay as they are sorted."""
        return self.released, self.project


class FeedLinks(NamedTuple):
    """Where the links of feeds lead: to pages for people, or to the simple index where there are none."""

    address: str
    """The address of the repository, ending in a slash."""
    people: bool = True
    simple: str = "simple/"
    page: str = ""
    """What a link to a page of the simple index ends in."""

    @property
    def front(self) -> str:
        """The page of all projects."""
        return f"{self.address}{FRONT_KEY if self.people else self.simple + self.page}"

    def project(self, project: ProjectName) -> str:
        """Return the address of a project's page."""
        return self._people(project) if self.people else f"{self.address}{self.simple}{project}/{self.page}"

    def guid(self, project: ProjectName, version: str) -> str:
        """Return what readers know an item by: the same whatever page there is, now and later."""
        return f"{self._people(project)}{version and '#'}{version}"

    def _people(self, project: ProjectName) -> str:
        return f"{self.address}{people_key(project)}"


def released(viewed: ViewedProject) -> list[Released]:
    """Return a project's releases, the newest first."""
    summary = viewed.facts.summary or ""
    lines = [Released(viewed.project, each.version, each.released or "", summary) for each in reversed(viewed.releases)]
    return sorted(lines, key=attrgetter("released"), reverse=True)


def render_new_releases(title: str, links: FeedLinks, lines: Iterable[Released]) -> bytes:
    """Write `rss/updates.xml`: the newest releases of all projects."""
    newest = sorted(lines, key=lambda line: line.order, reverse=True)[:NEW_RELEASES]
    items = [_item(f"{line.project} {line.version}", links, line, line.version) for line in newest]
    return _feed(f"{title}: new releases", links.front, f"The newest releases in {title}.", items)


def render_new_projects(title: str, links: FeedLinks, lines: Iterable[Released]) -> bytes:
    """Write `rss/packages.xml`: the newest projects, each by the line of its first release."""
    newest = sorted(lines, key=lambda line: line.order, reverse=True)[:NEW_PROJECTS]
    items = [_item(f"{line.project} added to {title}", links, line, "") for line in newest]
    return _feed(f"{title}: new projects", links.front, f"The newest projects in {title}.", items)


def render_project_releases(title: str, links: FeedLinks, viewed: ViewedProject) -> bytes:
    """Write `rss/project/<project>/releases.xml`."""
    project, page = viewed.project, links.project(viewed.project)
    items = [_item(line.version, links, line, line.version) for line in released(viewed)[:_OF_A_PROJECT]]
    return _feed(f"{title}: releases of {project}", page, f"The newest releases of {project}.", items)


def _item(title: str, links: FeedLinks, line: Released, version: str) -> str:
    link, guid = links.project(line.project), links.guid(line.project, version)
    date = format_datetime(moment(line.released), usegmt=False) if line.released else ""
    return (
        f"<item>\n<title>{_text(title)}</title>\n<link>{_text(link)}</link>\n"
        f'<guid isPermaLink="false">{_text(guid)}</guid>\n<description>{_text(line.summary)}</description>\n'
        f"{f'<pubDate>{date}</pubDate>' if date else ''}\n</item>\n"
    )


def _feed(title: str, link: str, description: str, items: Sequence[str]) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n<channel>\n'
        f"<title>{_text(title)}</title>\n<link>{_text(link)}</link>\n"
        f"<description>{_text(description)}</description>\n<language>en</language>\n"
        f"{''.join(items)}</channel>\n</rss>\n"
    ).encode()


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text), quote=False)  # not xml.sax.saxutils: it loads urllib.request
