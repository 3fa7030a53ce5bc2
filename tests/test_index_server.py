"""The host that client tests rely on answers as a bucket with a CDN does, or what they prove is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from urllib3 import PoolManager
from urllib3.response import BaseHTTPResponse

from support.index_server import HTML, HTML_V1, JSON, IndexServer, Request, negotiated, serve_index

PIP = f"{JSON}, {HTML_V1}; q=0.1, {HTML}; q=0.01"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[IndexServer]:
    """A host of two pages and a file."""
    folder = tmp_path / "root" / "simple" / "demo"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("html")
    (folder / "index.json").write_text("json")
    (folder / "demo-1.0+cu.whl").write_bytes(b"0123456789")
    (tmp_path / "secret").write_text("outside")
    with serve_index(tmp_path / "root") as server:
        yield server


def get(host: IndexServer, path: str, method: str = "GET", **headers: str) -> BaseHTTPResponse:
    """Ask once, on a connection of its own."""
    with PoolManager(retries=False) as pool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return pool.request(method, f"{host.url}{path}", headers=named)


@pytest.mark.parametrize(
    ("accept", "offers", "chosen"),
    [
        (None, (HTML, HTML_V1, JSON), HTML),
        ("*/*", (HTML, HTML_V1, JSON), HTML),
        (PIP, (HTML, HTML_V1, JSON), JSON),
        (PIP, (HTML, HTML_V1), HTML_V1),
        (PIP, (HTML,), HTML),
        (f"{JSON};q=0.1, {HTML}", (HTML, JSON), HTML),
        ("application/unheard-of", (HTML, JSON), HTML),
    ],
)
def test_negotiation(accept: str | None, offers: tuple[str, ...], chosen: str) -> None:
    """The client's preference decides among what the host offers, and HTML where it has none."""
    assert negotiated(accept, offers) == chosen


def test_pages(host: IndexServer) -> None:
    """A URL that ends in a slash has the page that was asked for, with its exact type, to be checked each time."""
    html, json = get(host, "simple/demo/"), get(host, "simple/demo/", Accept=PIP)

    assert (html.data, html.headers["Content-Type"]) == (b"html", "text/html; charset=utf-8")
    assert (json.data, json.headers["Content-Type"]) == (b"json", JSON)
    assert html.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    again = get(host, "simple/demo/", If_None_Match=html.headers["ETag"])
    assert (again.status, again.data) == (304, b"")


def test_files(host: IndexServer) -> None:
    """Files come whole or in ranges, by their percent-encoded name only, and are kept for ever."""
    whole = get(host, "simple/demo/demo-1.0%2Bcu.whl")

    assert (whole.status, whole.data) == (200, b"0123456789")
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    ranges = {"bytes=2-3": b"23", "bytes=8-": b"89", "bytes=-3": b"789", "bytes=8-99": b"89"}
    for wanted, part in ranges.items():
        answer = get(host, "simple/demo/demo-1.0%2Bcu.whl", Range=wanted)
        assert (answer.status, answer.data) == (206, part)
    assert get(host, "simple/demo/demo-1.0%2Bcu.whl", Range="bytes=10-").status == 416
    head = get(host, "simple/demo/demo-1.0%2Bcu.whl", method="HEAD")
    assert (head.data, head.headers["Content-Length"]) == (b"", "10")


@pytest.mark.parametrize(
    "path", ["", "simple/", "simple/demo", "simple/demo/x.whl", "simple/demo/demo-1.0+cu.whl", "%2e%2e/secret"]
)
def test_missing(host: IndexServer, path: str) -> None:
    """What does not exist, or lies outside, or is written with a bare plus, is a 404."""
    assert get(host, path).status == 404


def test_requests_are_kept(host: IndexServer) -> None:
    """Every request is kept as it was answered."""
    get(host, "simple/demo/", Accept="a/b")
    get(host, "x%2By", method="HEAD")

    assert host.requests == [
        Request(method="GET", path="/simple/demo/", status=200, accept="a/b"),
        Request(method="HEAD", path="/x%2By", status=404, accept=None),
    ]
    assert host.asked_for("%2By") == host.requests[1:]
