"""Views in a real S3 server: what they cost on the wire, and what their readers get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import feedparser  # type: ignore[import-untyped]
import pytest
import urllib3

import bucketwheel
from bucketwheel import Settings
from bucketwheel.commands.check import Checked
from bucketwheel.names import sha256_of
from core.test_requests import in_waves, verbs, wheels
from support.archives import make_wheel
from support.ministack import TestBucket
from support.view_pages import parsed_view_key
from support.wire import Wire, run_wire

ALL = "json,json-versions,people,feeds"
PAGES = {
    "pypi/demo-pkg/json": "application/json",
    "pypi/demo-pkg/1.0/json": "application/json",
    "project/demo-pkg/index.html": "text/html; charset=utf-8",
    "rss/project/demo-pkg/releases.xml": "text/xml; charset=utf-8",
}


class Line:
    """A repository with all views on, in a bucket behind a wire."""

    def __init__(self, bucket: TestBucket, wire: Wire) -> None:
        self.wire = wire
        self.options = {"repository": str(bucket.place), "endpoint-url": wire.url, "region": "us-east-1", "jobs": 16}
        bucketwheel.initialise(self.settings, changes={"views": ALL, "title": "Northwind"})
        bucketwheel.reindex(self.settings)
        self.storage = bucket.storage()

    @property
    def settings(self) -> Settings:
        """The settings of a command."""
        return bucketwheel.load_settings(options=self.options, environ={})

    def publish(self, *paths: Path) -> list[str]:
        """Publish, and return the requests as `VERB path`."""
        self.wire.log.clear()
        bucketwheel.publish(paths, self.settings)
        return [f"{one.verb} {one.path}" for one in self.wire.log]

    def check(self) -> Checked:
        """Check all of it."""
        return bucketwheel.check(self.settings, deep=True)

    def get(self, key: str) -> urllib3.BaseHTTPResponse:
        """Read an object as a reader does who knows its address only."""
        return urllib3.request("GET", self.storage.address(key))


@pytest.fixture
def line(bucket: TestBucket) -> Iterator[Line]:
    """Give a repository with nothing in it."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(bucket, wire)


def test_a_version_costs_two_requests_a_wheel_and_twenty_five(line: Line, tmp_path: Path) -> None:
    """The views of a project cost a look at three of their pages and a swap of all four, and no round trip.

    Those of all projects cost a look at each of five, the catalogue, and a round trip for the four that show versions.
    """
    line.publish(*wheels(tmp_path, "1.0", 1))
    line.wire.harm = in_waves(2, 5 + 2 + 3 + 5, 5 + 1, 1, 2 + 4 + 1, 4)
    requests = line.publish(*wheels(tmp_path, "1.1", 5))
    assert len(requests) == 2 * 5 + 25
    assert verbs(line.wire.log) == {"PUT": 2 * 5 + 3 + 4 + 1 + 4, "GET": 2 + 1, "HEAD": 2 + 3 + 5}


def test_readers_get_each_view_with_its_type(line: Line, tmp_path: Path) -> None:
    """The address, the type and the caching are right; files that a document names are there."""
    line.publish(make_wheel(tmp_path, metadata_extra="Summary: a demonstration\n"))
    for key, content_type in PAGES.items():
        answer = line.get(key)
        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type), key
        assert answer.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    whole = json.loads(line.get("pypi/demo-pkg/json").data)
    assert (whole["info"]["summary"], whole["last_serial"]) == ("a demonstration", 1)
    [file] = whole["urls"]
    assert sha256_of(urllib3.request("GET", file["url"]).data) == file["digests"]["sha256"]
    feed = feedparser.parse(line.get("rss/project/demo-pkg/releases.xml").data)
    assert (feed.bozo, feed.feed.title) == (False, "Northwind: releases of demo-pkg")
    assert urllib3.request("GET", feed.entries[0].link).data == line.get("project/demo-pkg/index.html").data


def test_every_verb_leaves_views_as_they_should_be(line: Line, tmp_path: Path) -> None:
    """A deep check finds nothing after any of them."""
    line.publish(make_wheel(tmp_path), make_wheel(tmp_path, "other"))
    line.publish(make_wheel(tmp_path, version="1.1"), make_wheel(tmp_path, version="1.2"))
    bucketwheel.yank("demo-pkg", "1.2", line.settings, reason="bad")
    bucketwheel.hide("demo-pkg", "1.1", line.settings)
    bucketwheel.delete("demo-pkg", line.settings, version="1.0", at_once=True)
    bucketwheel.set_status("other", "quarantined", line.settings)
    bucketwheel.reindex(line.settings)
    assert line.check().findings == ()
    bucketwheel.initialise(line.settings, changes={"views": "people"})
    bucketwheel.reindex(line.settings)
    assert line.check().findings == ()
    views = {entry.key for entry in line.storage.list("") if parsed_view_key(entry.key)}
    assert views == {"project/demo-pkg/index.html", "project/other/index.html"}


def test_views_that_are_switched_on_later_are_told_of_and_written(line: Line, tmp_path: Path) -> None:
    """`init` says that pages are to be written; a second reindex writes nothing."""
    line.publish(make_wheel(tmp_path))
    assert bucketwheel.initialise(line.settings, changes={"title": "Southwind"}).pages_outdated
    assert not bucketwheel.initialise(line.settings, changes={"title": "Southwind"}).pages_outdated
    assert {finding.code for finding in line.check().findings} == {"page-behind"}
    # Of the project, and all of the front page, changelog, search and feeds that show the title.
    assert bucketwheel.reindex(line.settings).pages_behind == 4 + 4
    assert bucketwheel.reindex(line.settings).pages_behind == 0
    assert line.check().findings == ()
