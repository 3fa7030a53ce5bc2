"""Feeds: RSS 2.0 at PyPI's paths. The bytes depend on the releases only, never on a clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from email.utils import format_datetime
from html import escape
from operator import attrgetter
from typing import NamedTuple

from bucketwheel.format.views.projects import ViewedProject, moment
from bucketwheel.names import ProjectName

__all__ = [
    "FEED_RENDERER",
    "NEW_PROJECTS",
    "NEW_RELEASES",
    "Released",
    "released",
    "render_new_projects",
    "render_new_releases",
    "render_project_releases",
]

FEED_RENDERER = 1
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


def released(viewed: ViewedProject) -> list[Released]:
    """Return a project's releases, the newest first."""
    summary = viewed.facts.summary or ""
    lines = [Released(viewed.project, each.version, each.released or "", summary) for each in reversed(viewed.releases)]
    return sorted(lines, key=attrgetter("released"), reverse=True)


def render_new_releases(title: str, home: str, lines: Iterable[Released], page: Callable[[ProjectName], str]) -> bytes:
    """Write `rss/updates.xml`: the newest releases of all projects. `page` gives the URL of a project's page."""
    newest = sorted(lines, key=lambda line: line.order, reverse=True)[:NEW_RELEASES]
    items = [_item(f"{line.project} {line.version}", page(line.project), line, line.version) for line in newest]
    return _feed(f"{title}: new releases", home, f"The newest releases in {title}.", items)


def render_new_projects(title: str, home: str, lines: Iterable[Released], page: Callable[[ProjectName], str]) -> bytes:
    """Write `rss/packages.xml`: the newest projects, each by the line of its first release."""
    newest = sorted(lines, key=lambda line: line.order, reverse=True)[:NEW_PROJECTS]
    items = [_item(f"{line.project} added to {title}", page(line.project), line, "") for line in newest]
    return _feed(f"{title}: new projects", home, f"The newest projects in {title}.", items)


def render_project_releases(title: str, viewed: ViewedProject, page: str) -> bytes:
    """Write `rss/project/<project>/releases.xml`."""
    items = [_item(line.version, page, line, line.version) for line in released(viewed)[:_OF_A_PROJECT]]
    return _feed(f"{title}: releases of {viewed.project}", page, f"The newest releases of {viewed.project}.", items)


def _item(title: str, link: str, line: Released, version: str) -> str:
    # The guid is permanent: the address of the project's page and the version, whatever the page shows later.
    guid = f"{link}#{version}" if version else link
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
