"""Feeds are RSS that strict readers take, the same bytes at any time, and safe whatever metadata say."""

from __future__ import annotations

from xml.parsers import expat

import feedparser  # type: ignore[import-untyped]
import pytest

from bucketwheel.format.views.feeds import (
    FeedLinks,
    Released,
    released,
    render_new_projects,
    render_new_releases,
    render_project_releases,
)
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.names import ProjectName
from support.viewed import HOSTILE, viewed

HOME = "https://pypi.example.com/"
LINKS = FeedLinks(HOME)


def line(number: int, project: str = "demo") -> Released:
    """A release of day `number`."""
    moment = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T00:00:00Z"
    return Released(project=ProjectName(project), version=f"1.{number}", released=moment, summary=HOSTILE)


FEEDS = {
    "updates": render_new_releases(HOSTILE, LINKS, map(line, range(150))),
    "packages": render_new_projects(HOSTILE, LINKS, (line(each, f"p{each}") for each in range(60))),
    "project": render_project_releases(HOSTILE, LINKS, viewed(*(f"1.{each}" for each in range(60)))),
}


@pytest.mark.parametrize(("name", "entries"), [("updates", 100), ("packages", 40), ("project", 40)])
def test_readers_take_it(name: str, entries: int) -> None:
    """Expat reads it, feedparser finds nothing wrong, every guid is its own, and the length is PyPI's."""
    expat.ParserCreate().Parse(FEEDS[name], True)  # noqa: FBT003 - expat's
    feed = feedparser.parse(FEEDS[name])

    assert not feed.bozo
    assert len(feed.entries) == len({entry.id for entry in feed.entries}) == entries
    assert all(entry.link.startswith(HOME) for entry in feed.entries)


def test_newest_first_and_undated_last() -> None:
    """The newest release comes first; one of an unknown day is last and has no date."""
    undated = Released(project=ProjectName("demo"), version="9", released="")
    feed = feedparser.parse(render_new_releases("T", LINKS, [undated, line(3), line(4)]))

    assert [entry.title for entry in feed.entries] == ["demo 1.4", "demo 1.3", "demo 9"]
    assert feed.entries[0].published == "Mon, 05 Jan 2026 00:00:00 +0000"
    assert "published" not in feed.entries[2]


def test_a_projects_releases() -> None:
    """Releases of one moment are listed the highest version first, with the project's summary."""
    lines = released(viewed("1.9", "1.10", facts=CoreFacts(summary="Does it.")))

    assert [each.version for each in lines] == ["1.10", "1.9"]
    assert {each.summary for each in lines} == {"Does it."}


def test_a_reader_that_knows_an_item_knows_it_for_ever() -> None:
    """Without pages for people links lead to the simple index, and guids are the same as with them."""
    project = viewed("1.0")
    feeds = [
        feedparser.parse(render_project_releases("T", links, project))
        for links in (LINKS, FeedLinks(HOME, people=False), FeedLinks(HOME, people=False, page="index.html"))
    ]

    assert [feed.entries[0].link for feed in feeds] == [
        f"{HOME}project/demo/index.html",
        f"{HOME}simple/demo/",
        f"{HOME}simple/demo/index.html",
    ]
    assert {feed.entries[0].id for feed in feeds} == {f"{HOME}project/demo/index.html#1.0"}
