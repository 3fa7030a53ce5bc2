"""The base-url as clients see it, in a check: a host as it should be, and hosts that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bucketwheel.events import Event, Warned
from bucketwheel.format.manifest import Status
from bucketwheel.storage import Key
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_wheel
from support.http_server import Behaviour, Exchange, WebServer, answer, serve
from support.index_server import HTML, JSON, serve_index
from support.releasing import release_files
from support.tampering import change_settings, check_store, rebuild, stored, write_manifest

CACHING = "public, max-age=0, must-revalidate"
PAGE, FILE = "/simple/demo-pkg/", "/simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A repository in a directory, and a web server that is its public address."""

    storage: DirectoryStorage
    site: WebServer
    absences: list[Behaviour]
    """How the server behaves where nothing is: the last one counts."""

    def page(self, path: str) -> bytes:
        """A page as it is in the repository."""
        return stored(self.storage, f"{path.lstrip('/')}index.html").body

    def found(self, *projects: str, deep: bool = False) -> set[tuple[str, str]]:
        """What a check finds, and at which path."""
        findings = check_store(self.storage, *projects, deep=deep).findings
        return {(finding.code, finding.subject.removeprefix(self.site.root)) for finding in findings}


def good_page(
    body: bytes, *, content_type: str = "text/html; charset=utf-8", cache_control: str = CACHING
) -> Behaviour:
    """Serve a page as it should be, or with another header."""
    return answer(body, Content_Type=content_type, Cache_Control=cache_control)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    """Serve a repository of two projects as it should be."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, name="zoo"))
    absences = [answer(status=404)]

    def nothing_there(exchange: Exchange) -> None:
        absences[-1](exchange)

    with serve(nothing_there) as site:
        change_settings(storage, lambda settings: replace(settings, base_url=f"{site.root}/"))
        rebuild(storage)
        host = Hosted(storage=storage, site=site, absences=absences)
        for path in ("/simple/", PAGE, "/simple/zoo/"):
            site.put(path, good_page(host.page(path)))
        for listed in storage.list("simple/"):
            if listed.key.endswith((".whl", ".metadata")):
                site.put(f"/{listed.key}", answer(stored(storage, listed.key).body))
        yield host


@pytest.mark.parametrize("offers", [(HTML,), (JSON,), (HTML, JSON)], ids=["html", "json", "both"])
def test_a_decent_host_has_nothing_to_find(tmp_path: Path, offers: tuple[str, ...]) -> None:
    """A host that serves HTML only, JSON only, or what each client likes best."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path, version="1.0+cpu"))
    with serve_index(storage.root, offers=offers) as host:
        change_settings(storage, lambda settings: replace(settings, base_url=host.url))
        rebuild(storage)
        assert check_store(storage, deep=True).findings == ()
    assert [request.status for request in host.asked_for(".whl")] == [200]


def test_without_deep_one_project_stands_for_all(hosted: Hosted) -> None:
    """The root, a project that is not there, and one project's page, in both tastes, and one file with its metadata."""
    assert hosted.found() == set()
    asked = hosted.site.paths()
    assert [path for path in asked if "no-such-project" not in path] == [
        "/simple/",
        PAGE,
        PAGE,
        FILE,
        f"{FILE}.metadata",
    ]
    hosted.site.asked.clear()
    assert hosted.found("zoo") == set()
    assert "/simple/zoo/" in hosted.site.paths()
    assert PAGE not in hosted.site.paths()
    hosted.site.asked.clear()
    assert hosted.found(deep=True) == set()
    assert {PAGE, "/simple/zoo/"} <= set(hosted.site.paths())


def _gzipped(exchange: Exchange) -> None:
    exchange.send(200, {"Content-Encoding": "gzip"}, b"whatever")


@pytest.mark.parametrize(
    ("path", "change", "found"),
    [
        (PAGE, lambda page: good_page(page, content_type="application/octet-stream"), "client-page-type"),
        (PAGE, lambda page: good_page(page, content_type=JSON), "client-page-type"),
        (PAGE, lambda page: good_page(page, cache_control="max-age=600"), "client-page-caching"),
        (PAGE, lambda page: answer(page, Content_Type="text/html"), "client-page-caching"),
        (PAGE, lambda page: good_page(page.replace(b"demo_pkg", b"evil_pkg")), "client-page-differs"),
        (PAGE, lambda _: good_page(b"<form>Log in</form>"), "client-page-differs"),
        (PAGE, lambda _: answer(status=404), "client-page-missing"),
        (PAGE, lambda _: answer(status=403), "client-unreachable"),
        (PAGE, lambda _: answer(status=418), "client-unreachable"),
        ("/simple/", lambda _: good_page(b"<h1>It works!</h1>"), "client-page-differs"),
        (FILE, lambda _: answer(status=404), "client-file-missing"),
        (FILE, lambda _: answer(status=403), "client-unreachable"),
        (f"{FILE}.metadata", lambda _: _gzipped, "client-file-encoded"),
    ],
)
def test_a_host_that_is_not_as_it_should_be_is_found(
    hosted: Hosted, path: str, change: Callable[[bytes], Behaviour], found: str
) -> None:
    """One thing is wrong at one path, and that is what is found there."""
    hosted.site.put(path, change(hosted.page(path) if path.endswith("/") else b""))
    assert hosted.found() == {(found, path)}


def test_a_page_that_a_cache_kept_is_found(hosted: Hosted) -> None:
    """A page of an earlier revision is told from one that somebody changed."""
    write_manifest(hosted.storage, "demo-pkg", lambda m: replace(m, status=Status(status="deprecated")))
    assert hosted.found() == {("client-page-old", PAGE)}


@pytest.mark.parametrize(
    ("absence", "found"),
    [(answer(status=403), "client-forbidden"), (good_page(b"welcome"), "client-page-differs")],
    ids=["403", "200"],
)
def test_what_is_not_there_must_be_answered_with_404(hosted: Hosted, absence: Behaviour, found: str) -> None:
    """A bucket that may not be listed answers 403 to what is absent, and installers stop at that."""
    hosted.absences.append(absence)
    [(code, path)] = hosted.found()
    assert (code, path[:24]) == (found, "/simple/no-such-project-")


def test_an_address_that_is_not_open_to_us_is_no_finding(hosted: Hosted) -> None:
    """A private host may be intended: a warning says that the check does not cover it."""
    hosted.site.put("/simple/", answer(status=401))
    events: list[Event] = []
    assert check_store(hosted.storage, report=events.append).findings == ()
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert "/simple/ is not open to us, so the check does not cover" in warning


def test_an_address_without_a_server_is_one_finding(tmp_path: Path) -> None:
    """A check of a server that is down reports only that."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    with serve() as site:
        address = f"{site.root}/"
    change_settings(storage, lambda settings: replace(settings, base_url=address))
    rebuild(storage)
    [finding] = check_store(storage).findings
    assert (finding.code, finding.subject) == ("client-unreachable", f"{address}simple/")


def test_nothing_is_asked_for_where_nothing_is_published(tmp_path: Path) -> None:
    """A new repository has no pages for clients to fetch."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    change_settings(storage, lambda settings: replace(settings, base_url="http://127.0.0.1:1/"))
    for listed in list(storage.list("")):
        if not listed.key.endswith("repository.json"):
            storage.remove(Key(listed.key), expected=stored(storage, listed.key).version)
    assert check_store(storage).findings == ()


def test_an_address_that_is_none_is_one_finding(tmp_path: Path) -> None:
    """A base-url may be set to a URL that names no host."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    change_settings(storage, lambda settings: replace(settings, base_url="https://pypi!example.com/"))
    rebuild(storage)
    [finding] = check_store(storage).findings
    assert (finding.code, finding.subject) == ("client-unreachable", "https://pypi!example.com/")
    assert "names no host" in finding.what
