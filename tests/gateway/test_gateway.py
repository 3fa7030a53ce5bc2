"""The gateway over HTTP, to a repository in a directory and one in S3: what it answers, and what it never shows."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

import bucketwheel
import bucketwheel.storage.s3.bucket
from bucketwheel.events import ignore
from bucketwheel.format.layout import Layout
from bucketwheel.gateway.web import THREADS
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.places import S3Place
from bucketwheel.storage import NO_MARKS, Key
from bucketwheel.storage.opening import open_storage
from support.archives import make_sdist, make_wheel
from support.gateways import JSON, TestGateway, run_gateway, settings_for
from support.http_server import WebServer, answer, serve
from support.ministack import TestBucket
from support.wire import SILENCE_BEFORE, TRUNCATED, Exchange, Fault, run_wire, says

LOCAL = "demo_pkg-2.0+cu118-py3-none-any.whl"
ESCAPED = LOCAL.replace("+", "%2B")


def publish(directory: Path, settings: bucketwheel.Settings) -> None:
    """Publish two wheels of one project, one with a local version, and a project that is emptied afterwards."""
    made = [make_wheel(directory, version="1.0"), make_wheel(directory, version="2.0+cu118")]
    bucketwheel.publish([*made, make_sdist(directory, "emptied", "1.0")], settings)
    bucketwheel.hide("emptied", "1.0", settings)


@pytest.fixture(params=["directory", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> bucketwheel.Settings:
    """Give a repository of each kind, with two projects in it."""
    place: Path | TestBucket = tmp_path / "repository"
    if request.param == "s3":
        place = request.getfixturevalue("bucket")
    settings = settings_for(place)
    publish(tmp_path / "dist", settings)
    return settings


@pytest.fixture
def gateway(settings: bucketwheel.Settings) -> Iterator[TestGateway]:
    """Run a gateway without a fallback."""
    with run_gateway(settings) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[WebServer]:
    """Run a server that may be asked for what the repository lacks."""
    with serve(answer(b"<!DOCTYPE html>", Content_Type="text/html")) as server:
        yield server


# Pages and files ------------------------------------------------------------------------------------------------------


def test_pages_in_both_forms(gateway: TestGateway) -> None:
    """By Accept, for a project and for the root, with headers that let each client keep them only after asking."""
    for path in ("/simple/", "/simple/demo-pkg/"):
        html, json = gateway.ask(path), gateway.ask(path, Accept=f"{JSON}, text/html;q=0.1")
        assert (html.status, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (json.status, json.headers["content-type"]) == (200, JSON)
        assert html.body.startswith(b"<!DOCTYPE html>")
        assert json.body.startswith(b"{")
        for got in (html, json):
            assert got.headers["vary"] == "Accept"
            assert got.headers["cache-control"] == "private, max-age=0, must-revalidate"
            assert got.headers["content-length"] == str(len(got.body))
            assert got.headers["x-content-type-options"] == "nosniff"
            assert not [name for name in got.headers if name.startswith("access-control-")]


def test_a_file_with_its_sidecar(gateway: TestGateway) -> None:
    """A name with a plus is found by %2B, and by a plus as it is; one request to the store for each."""
    json = gateway.ask("/simple/demo-pkg/", Accept=JSON).body
    for name in (ESCAPED, LOCAL):
        got = gateway.ask(f"/simple/demo-pkg/{name}")
        assert got.status == 200
        assert hashlib.sha256(got.body).hexdigest().encode() in json
        assert got.headers["content-type"] == "application/octet-stream"
        assert got.headers["cache-control"] == "private, max-age=31536000, immutable"
        sidecar = gateway.ask(f"/simple/demo-pkg/{name}.metadata")
        assert (sidecar.status, sidecar.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert b"Version: 2.0+cu118" in sidecar.body
    asked = gateway.read(f"simple/demo-pkg/{LOCAL}")
    assert len(asked) in {0, 4}  # a directory is asked nothing


def test_head_is_get_without_a_body(gateway: TestGateway) -> None:
    """For pages, files, sidecars, and what is absent."""
    for path in (
        "/simple/",
        "/simple/demo-pkg/",
        f"/simple/demo-pkg/{ESCAPED}",
        "/simple/demo-pkg/absent.whl",
        "/simple/no/",
    ):
        got, head = gateway.ask(path), gateway.ask(path, method="HEAD")
        assert head.body == b""
        assert (head.status, head.headers["content-length"]) == (got.status, got.headers["content-length"])
        assert head.headers.get("etag") == got.headers.get("etag")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=5-99999", 5, None)],
)
def test_a_range(gateway: TestGateway, asked: str, start: int, end: int | None) -> None:
    """A part of a file, as installers ask for to read metadata or to go on."""
    whole = gateway.ask(f"/simple/demo-pkg/{ESCAPED}").body
    part = gateway.ask(f"/simple/demo-pkg/{ESCAPED}", Range=asked)
    assert (part.status, part.body) == (206, whole[start:end])
    first = len(whole) + start if start < 0 else start
    assert part.headers["content-range"] == f"bytes {first}-{first + len(part.body) - 1}/{len(whole)}"
    assert part.headers["content-length"] == str(len(part.body))


def test_a_range_that_cannot_be_answered(gateway: TestGateway) -> None:
    """Behind the end: 416 with the size. Of another state, several, or of a page: all of it."""
    path = f"/simple/demo-pkg/{ESCAPED}"
    whole = gateway.ask(path)
    beyond = gateway.ask(path, Range="bytes=99999-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.body)}")
    same = gateway.ask(path, Range="bytes=0-9", If_Range=whole.headers["etag"])
    assert (same.status, len(same.body)) == (206, 10)
    for headers in (
        {"Range": "bytes=0-9", "If_Range": '"another"'},
        {"Range": "bytes=0-9", "If_Range": whole.headers["last-modified"]},
        {"Range": "bytes=0-9,20-29"},
    ):
        got = gateway.ask(path, **headers)
        assert (got.status, got.body) == (200, whole.body)
    assert gateway.ask("/simple/demo-pkg/", Range="bytes=0-9").status == 200


def test_what_the_client_has_is_not_sent_again(
    gateway: TestGateway, settings: bucketwheel.Settings, tmp_path: Path
) -> None:
    """304 while the ETag counts; a new release changes the page's."""
    for path in ("/simple/demo-pkg/", f"/simple/demo-pkg/{ESCAPED}"):
        first = gateway.ask(path)
        known = gateway.ask(path, If_None_Match=first.headers["etag"])
        assert (known.status, known.body, known.headers["etag"]) == (304, b"", first.headers["etag"])
        assert gateway.ask(path, method="HEAD", If_None_Match=first.headers["etag"]).status == 304
        assert gateway.ask(path, If_None_Match='"another"').status == 200
    page = gateway.ask("/simple/demo-pkg/")
    bucketwheel.publish(make_wheel(tmp_path, version="3.0"), settings)
    changed = gateway.ask("/simple/demo-pkg/", If_None_Match=page.headers["etag"])
    assert (changed.status, b"demo_pkg-3.0" in changed.body) == (200, True)


def test_what_is_absent(gateway: TestGateway) -> None:
    """404, whatever it would be; nothing else is asked."""
    for path in (
        "/simple/absent/",
        "/simple/demo-pkg/absent.whl",
        "/simple/absent/x.whl",
        "/x/",
        "/x",
        f"/simple/demo-pkg/{ESCAPED}/x",
    ):
        assert gateway.ask(path).status == 404
    assert gateway.warnings == []


def test_views_for_other_readers(gateway: TestGateway, settings: bucketwheel.Settings) -> None:
    """Each has the type that a browser or a client needs, by its key; a folder is its page for people."""
    types = {
        "index.html": "text/html; charset=utf-8",
        "project/demo-pkg/index.html": "text/html; charset=utf-8",
        "pypi/demo-pkg/json": "application/json",
        "rss/updates.xml": "text/xml; charset=utf-8",
        "search/projects.js": "text/javascript; charset=utf-8",
        "assets/0123456789abcdef.css": "text/css; charset=utf-8",
    }
    storage = open_storage(settings.require_repository(), settings.connection, jobs=1, report=ignore)
    for key, content_type in types.items():
        storage.swap(Key(key), b"view", expected=None, headers=Layout().html(), marks=NO_MARKS)
        got = gateway.ask(f"/{key}")
        assert (got.status, got.body, got.headers["content-type"]) == (200, b"view", content_type)
        assert ("immutable" in got.headers["cache-control"]) == key.startswith("assets/")
    assert gateway.ask("/").body == gateway.ask("/project/demo-pkg/").body == b"view"


def test_records_are_never_shown(gateway: TestGateway) -> None:
    """Nor asked for: the manifests are there, and no spelling of their keys leads to one."""
    before = len(gateway.read("_bucketwheel"))
    for path in (
        *("/_bucketwheel/", "/_bucketwheel/repository.json", "/_bucketwheel/manifests/demo-pkg.json"),
        *("/simple/../_bucketwheel/repository.json", "/simple/%2e%2e/_bucketwheel/repository.json"),
        *(
            "//_bucketwheel/repository.json",
            "/%5Fbucketwheel/repository.json",
            "/simple/%2e%2e%2f_bucketwheel/repository.json",
        ),
        "/simple/demo-pkg/%00",
    ):
        assert gateway.ask(path).status == 404, path
    assert len(gateway.read("_bucketwheel")) == before


def test_other_spellings_lead_to_the_page(gateway: TestGateway) -> None:
    """301, relative, so that it is right behind a proxy too."""
    for path, location in {
        "/simple": "simple/",
        "/simple/Demo_Pkg/": "../demo-pkg/",
        "/simple/demo-pkg": "demo-pkg/",
        "/simple/Demo.Pkg": "demo-pkg/",
    }.items():
        got = gateway.ask(path)
        assert (got.status, got.headers["location"]) == (301, location)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FETCH"])
def test_it_only_reads(gateway: TestGateway, method: str) -> None:
    """405, with what is allowed; a preflight of a browser gets no more."""
    got = gateway.ask("/simple/demo-pkg/", method=method, Origin="https://evil.example")
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
    assert "access-control-allow-origin" not in got.headers


def test_only_its_own_name_and_password(gateway: TestGateway) -> None:
    """421 for another Host, 401 without the password: nothing is told of what is there."""
    for host in ("evil.example", f"evil.example:{gateway.netloc.partition(':')[2]}", "127.0.0.1:1"):
        assert gateway.ask("/simple/", Host=host).status == 421
    for path in ("/simple/", "/simple/absent/", "/_bucketwheel/repository.json"):
        got = gateway.ask(path, Authorization="Basic eDp5")
        assert (got.status, got.headers["www-authenticate"]) == (401, 'Basic realm="bucketwheel"')
    assert gateway.ask("/simple/", Host=f"localhost:{gateway.netloc.partition(':')[2]}").status == 200


# Ours first -----------------------------------------------------------------------------------------------------------


def test_only_what_is_lacking_is_looked_up_elsewhere(settings: bucketwheel.Settings, elsewhere: WebServer) -> None:
    """A project of ours is ours, with an empty page too; for another the client is sent on, by 307."""
    with run_gateway(settings, fallback=f"{elsewhere.root}/simple/") as gateway:
        for accept in ("text/html", JSON):
            assert gateway.ask("/simple/demo-pkg/", Accept=accept).status == 200
            assert gateway.ask("/simple/emptied/", Accept=accept).status == 200
            got = gateway.ask("/simple/numpy/", Accept=accept)
            assert (got.status, got.headers["location"]) == (307, f"{elsewhere.root}/simple/numpy/")
            assert got.headers["cache-control"] == "no-store"
        assert gateway.ask("/simple/Zope.Interface/").status == 301
        assert gateway.ask("/simple/demo-pkg/absent.whl").status == 404
        assert gateway.ask("/simple/numpy/numpy-1.whl").status == 404
    assert elsewhere.asked == []


def test_a_name_is_taken_by_either_form_of_its_page(settings: bucketwheel.Settings, elsewhere: WebServer) -> None:
    """While a project is published for the first time it has one form only: its name is ours already."""
    in_s3 = isinstance(settings.repository, S3Place)
    layout = Layout() if in_s3 else Layout(pages="index.html")
    html_only, json_only = ProjectName("only-html"), ProjectName("only-json")
    storage = open_storage(settings.require_repository(), settings.connection, jobs=1, report=ignore)
    for key, body in ((layout.html_keys(html_only)[0], b"<!DOCTYPE html>"), (layout.json_key(json_only), b"{}")):
        assert storage.add(key, body, sha256=sha256_of(body), headers=layout.html(), marks=NO_MARKS)
    with run_gateway(settings, fallback=f"{elsewhere.root}/simple/") as gateway:
        for project in (html_only, json_only):
            for accept in ("text/html", JSON):
                assert gateway.ask(f"/simple/{project}/", Accept=accept).status == 200


def test_what_the_store_refuses_is_no_absence(bucket: TestBucket, tmp_path: Path, elsewhere: WebServer) -> None:
    """403, 5xx, a bucket that is gone, and no answer at all are 502 in words, never a redirect or 404."""
    publish(tmp_path / "dist", settings_for(bucket))
    harms: dict[str, Fault] = {
        "denied": says(403, "AccessDenied"),
        "expired": says(400, "ExpiredToken"),
        "broken": says(500, "InternalError"),
        "gone": says(404, "NoSuchBucket"),
        "silent": SILENCE_BEFORE,
    }

    def harm(exchange: Exchange) -> Fault | None:
        return next((fault for name, fault in harms.items() if f"/{name}" in exchange.path), None)

    with (
        run_wire(bucket.connection.endpoint_url, harm) as wire,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(bucketwheel.storage.s3.bucket, "_READ_TIMEOUT", 0.2)
        with run_gateway(settings_for(bucket, endpoint_url=wire.url), fallback=f"{elsewhere.root}/simple/") as gateway:
            for name in harms:
                for path in (f"/simple/{name}/", f"/simple/{name}/file.whl"):
                    got = gateway.ask(path)
                    if name == "denied":  # a listing says that it is absent
                        continue
                    assert (got.status, got.headers["content-type"]) == (502, "text/plain; charset=utf-8"), path
                    assert name.encode() in got.body or b"expired" in got.body or b"no bucket" in got.body
            assert gateway.ask("/simple/demo-pkg/").status == 200
            assert len(gateway.warnings) == len(set(gateway.warnings))
    assert elsewhere.asked == []


def test_without_the_right_to_list_nothing_is_known(bucket: TestBucket, tmp_path: Path, elsewhere: WebServer) -> None:
    """S3 says 403 for what is absent then: 502, with the permission to grant."""
    publish(tmp_path / "dist", settings_for(bucket))

    def harm(exchange: Exchange) -> Fault | None:
        return says(403, "AccessDenied") if "absent" in exchange.path or "list-type" in exchange.path else None

    with (
        run_wire(bucket.connection.endpoint_url, harm) as wire,
        run_gateway(settings_for(bucket, endpoint_url=wire.url), fallback=f"{elsewhere.root}/simple/") as gateway,
    ):
        got = gateway.ask("/simple/absent/")
        assert (got.status, b"s3:ListBucket" in got.body) == (502, True)
        assert gateway.ask("/simple/demo-pkg/").status == 200
    assert elsewhere.asked == []


def test_a_file_that_cannot_be_read_is_no_absence(tmp_path: Path, elsewhere: WebServer) -> None:
    """In a directory too: a loop of links stands for what root can read all the same."""
    settings = settings_for(tmp_path / "repository")
    publish(tmp_path / "dist", settings)
    page = tmp_path / "repository" / "simple" / "looped" / "index.json"
    page.parent.mkdir()
    page.symlink_to(page)
    with run_gateway(settings, fallback=f"{elsewhere.root}/simple/") as gateway:
        assert gateway.ask("/simple/looped/").status == 502
    assert elsewhere.asked == []


# Streams --------------------------------------------------------------------------------------------------------------


def large(settings: bucketwheel.Settings, size: int) -> bytes:
    """Put a large file where a distribution would be, and return its path; nothing lists it."""
    storage = open_storage(settings.require_repository(), settings.connection, jobs=1, report=ignore)
    body = bytes(range(256)) * (size // 256)
    key = Key("simple/demo-pkg/large-1.0.tar.gz")
    assert storage.add(key, body, sha256=sha256_of(body), headers=Layout().distribution(), marks=NO_MARKS)
    return body


def test_a_client_that_goes_away(gateway: TestGateway, settings: bucketwheel.Settings) -> None:
    """What it asked for is read no further, and others are answered."""
    body = large(settings, 32 << 20)
    path = "/simple/demo-pkg/large-1.0.tar.gz"
    assert gateway.ask(path).body == body
    for _ in range(THREADS + 4):
        host, _, port = gateway.netloc.partition(":")
        with closing(socket.create_connection((host, int(port)))) as connection:
            password = gateway.local.url_with_password.partition("@")[0].partition("://")[2]
            authorization = b"Authorization: Basic " + base64.b64encode(password.encode())
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {gateway.netloc}\r\n".encode() + authorization + b"\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert gateway.ask(path).body == body
    assert gateway.warnings == []


def test_a_stream_that_breaks_off_is_not_taken_for_whole(bucket: TestBucket, tmp_path: Path) -> None:
    """The client sees that bytes are missing, and the user is told."""
    settings = settings_for(bucket)
    publish(tmp_path / "dist", settings)
    large(settings, 1 << 20)

    def harm(exchange: Exchange) -> Fault | None:
        return TRUNCATED if exchange.path.endswith("large-1.0.tar.gz") else None

    with (
        run_wire(bucket.connection.endpoint_url, harm) as wire,
        run_gateway(settings_for(bucket, endpoint_url=wire.url)) as gateway,
    ):
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            gateway.ask("/simple/demo-pkg/large-1.0.tar.gz")
        assert len(gateway.warnings) == 1
        assert gateway.ask("/simple/demo-pkg/").status == 200


def test_many_clients_at_once(gateway: TestGateway) -> None:
    """32 of them, each with several requests, get what is theirs."""
    whole = {path: gateway.ask(path).body for path in ("/simple/demo-pkg/", f"/simple/demo-pkg/{ESCAPED}")}

    def client(number: int) -> bool:
        return all(gateway.ask(path).body == body for path, body in [*whole.items()] * (1 + number % 3))

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(client, range(64)))
    assert gateway.warnings == []


def test_a_page_of_20000_files(tmp_path: Path) -> None:
    """It is passed on as it is, in both forms."""
    root = tmp_path / "repository"
    settings = settings_for(root)
    publish(tmp_path / "dist", settings)
    page = root / "simple" / "demo-pkg" / "index.json"
    files = b",".join(b'{"filename": "demo_pkg-1.0.%d-py3-none-any.whl"}' % number for number in range(20_000))
    page.write_bytes(b'{"files": [' + files + b"]}")
    with run_gateway(settings) as gateway:
        assert gateway.ask("/simple/demo-pkg/", Accept=JSON).body == page.read_bytes()


def test_it_ends_though_the_store_is_silent(bucket: TestBucket, tmp_path: Path) -> None:
    """Within two seconds, with a request under way and a connection that is kept."""
    publish(tmp_path / "dist", settings_for(bucket))

    def harm(exchange: Exchange) -> Fault | None:
        return SILENCE_BEFORE if "demo-pkg" in exchange.path else None

    with run_wire(bucket.connection.endpoint_url, harm) as wire:
        with run_gateway(settings_for(bucket, endpoint_url=wire.url)) as gateway:
            assert gateway.ask("/simple/").status == 200

            def hanging() -> None:
                with suppress(OSError, http.client.HTTPException):
                    gateway.ask("/simple/demo-pkg/")

            threading.Thread(target=hanging, daemon=True).start()
            while not wire.asked("GET", "/simple/demo-pkg/"):
                time.sleep(0.01)
            begin = time.monotonic()
        assert time.monotonic() - begin < 2


def test_nothing_said_has_the_password(gateway: TestGateway) -> None:
    """Not an event, not what describes the gateway."""
    gateway.ask("/simple/demo-pkg/")
    gateway.ask("/simple/demo-pkg/", Authorization="Basic !")
    assert gateway.local.password not in repr(gateway.events) + repr(gateway.local)
    assert gateway.local.password not in gateway.local.url
