"""Servers that lead astray, keep one waiting, or never stop: each is given up in words, in time, within bounds."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Refused, Unavailable
from bucketwheel.events import RequestSent
from bucketwheel.frontends.text import describe
from bucketwheel.sources import connections
from support.archives import make_wheel
from support.fetching import HASTY, QUICK, Fetching, sha256_link
from support.http_server import (
    Behaviour,
    Certificate,
    Exchange,
    WebServer,
    answer,
    broken_off,
    dribbled_body,
    dribbled_head,
    endless,
    html,
    in_turn,
    redirect,
    serve,
    serve_proxy,
    silence,
)

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
FILE = f"/files/{WHEEL}"


def listing(wheel: Path) -> Behaviour:
    """Make a page that lists the wheel with its digest."""
    return html(sha256_link(wheel, "/files/"))


# Leading astray ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: WebServer, fetching: Fetching, wheel: Path, status: int) -> None:
    """Of all kinds, for pages and for files."""
    site.put("/", listing(wheel))
    site.put("/moved", answer(wheel.read_bytes()))
    site.put(FILE, redirect("../moved", status=status))
    assert fetching(site.put("/old", redirect("/", status=status)))
    assert site.paths() == ["/old", "/", FILE, "/moved"]


def test_five_redirects_are_followed_and_a_sixth_is_not(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """In a circle or not."""
    site.put("/0", listing(wheel))
    for number in range(1, 8):
        site.put(f"/{number}", redirect(f"/{number - 1}"))
    assert fetching(site.root + "/5")
    with pytest.raises(Refused, match=rf"^{site.root}/6 leads through more than 5 redirects; name the page"):
        fetching(site.root + "/6")
    with pytest.raises(Refused, match=r"/circle leads through more than 5 redirects; "):
        fetching(site.put("/circle", redirect("/circle")))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("file:///etc/passwd", "is neither an http nor an https URL"),
        ("ftp://127.0.0.1/x", "is neither an http nor an https URL"),
        ("javascript:alert(1)", "is neither an http nor an https URL"),
        ("data:text/html,<a href=demo_pkg-1.0.tar.gz>", "is neither an http nor an https URL"),
        ("http://me:secret@127.0.0.1/", "contains a user or password, which only the URL of a source may"),
        ("http://127.0.0.1:port/", "is not a URL"),
    ],
)
def test_a_redirect_to_anything_else_is_refused(site: WebServer, fetching: Fetching, target: str, reason: str) -> None:
    """Nothing but the web is followed."""
    with pytest.raises(Refused) as caught:
        fetching(site.put("/page", redirect(target)))
    assert (
        str(caught.value)
        == f"{site.root}/page redirects to an address that {reason}; name the page or the server itself"
    )


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "metadata.google.internal",
        "metadata.google.internal.",
    ],
)
def test_no_server_leads_to_a_metadata_service(site: WebServer, fetching: Fetching, host: str) -> None:
    """In any spelling; not even a connection is tried, for the message comes at once."""
    began = time.monotonic()
    with pytest.raises(Refused, match=r" is at a link-local address, which is never asked; "):
        fetching(site.put("/page", redirect(f"http://{host}/latest/meta-data/")))
    with pytest.raises(Refused, match=r" is at a link-local address, which is never asked; "):
        fetching(site.put("/files", html(f'<a href="http://{host}/{WHEEL}">')))
    assert time.monotonic() - began < 1


def test_a_name_that_resolves_to_a_metadata_service_is_found_out(
    site: WebServer, fetching: Fetching, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer of the connection counts, so a name server cannot give one answer to a check and another to us."""
    site.put("/page", listing(wheel))
    assert fetching(site.root.replace("127.0.0.1", "localhost") + "/page")
    monkeypatch.setattr(connections, "is_link_local", lambda peer: peer == "127.0.0.1")
    with pytest.raises(Refused, match=r"^http://localhost:\d+/page is at a link-local address, which is never asked; "):
        fetching(site.root.replace("127.0.0.1", "localhost") + "/page")


def test_over_https_the_peer_is_checked_too(
    fetching: Fetching, wheel: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted certificate changes nothing: the connection is closed before a request goes over it."""
    fetching.environ["SSL_CERT_FILE"] = str(certificate.certificate)
    with serve(certificate=certificate) as secure:
        url = secure.put("/page", html(sha256_link(wheel, "files/"))).replace("127.0.0.1", "localhost")
        monkeypatch.setattr(connections, "is_link_local", lambda peer: peer == "127.0.0.1")
        with pytest.raises(Refused, match=r"^https://localhost:\d+/page is at a link-local address, which is never "):
            fetching(url)
        assert secure.asked == []


def test_a_proxy_may_be_anywhere(
    site: WebServer, fetching: Fetching, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user chose it, and we do not see what it connects to: only the URL itself is checked."""
    site.put("/page", listing(wheel))
    monkeypatch.setattr(connections, "is_link_local", lambda peer: peer == "127.0.0.1")
    with serve_proxy() as (proxy, asked):
        fetching.environ["HTTP_PROXY"] = proxy
        assert fetching(site.root + "/page")
        assert len(asked) == 2
        with pytest.raises(Refused, match=r" is at a link-local address, which is never asked; "):
            fetching(site.put("/astray", html(f'<a href="http://169.254.169.254/{WHEEL}">')))


def test_https_never_leads_to_http(
    site: WebServer, fetching: Fetching, wheel: Path, sdist: Path, certificate: Certificate
) -> None:
    """Not by a redirect, not by a link, not for a file that has a digest."""
    fetching.environ["SSL_CERT_FILE"] = str(certificate.certificate)
    site.put("/", listing(wheel))
    with serve(certificate=certificate) as secure:
        with pytest.raises(Refused, match=r"/page redirects to an address that leads from https to http; "):
            fetching(secure.put("/page", redirect(f"{site.root}/")))
        with pytest.raises(Refused, match=rf"^{WHEEL} \(listed by {secure.root}/list\) leads from https to http; "):
            fetching(secure.put("/list", html(sha256_link(wheel, f"{site.root}/files/"))))
        secure.put(f"/files/{sdist.name}", redirect(f"{site.root}/files/{sdist.name}"))
        with pytest.raises(Refused, match=rf"/files/{sdist.name} redirects to an address that leads from https"):
            fetching(secure.put("/sdist", html(sha256_link(sdist, "files/"))))
    assert site.asked == []


# Keeping one waiting -------------------------------------------------------------------------------------------------


def late(exchange: Exchange) -> None:
    """Send half of a body at once, and the rest never."""
    broken_off(b"x" * 50, promised=100)(exchange)
    silence(exchange)


NOTHING = {"silence": silence, "head": dribbled_head, "body": dribbled_body, "late": late}


def test_servers_that_send_nothing_are_given_up(site: WebServer, fetching: Fetching) -> None:
    """Silent, or a byte at a time in the head or between chunks: one try each, no longer than the limits say."""
    sources = [site.put(f"/{name}", behaviour) for name, behaviour in NOTHING.items()]
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        fetching(*sources, limits=HASTY)
    assert time.monotonic() - began < 20  # a silent server waits a minute
    told = str(caught.value).splitlines()
    assert [line.partition(" timed out")[0] for line in told] == sources
    assert {line.partition("; ")[2] for line in told} == {"run again later"}
    assert sorted(site.paths()) == ["/body", "/head", "/late", "/silence"]


def test_files_that_never_come_are_given_up(site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path) -> None:
    """Likewise, beside one that does; nothing of them stays."""
    versions = dict(zip(NOTHING, ("2.0", "3.0", "4.0", "5.0"), strict=True))
    files = {name: make_wheel(tmp_path / "never", "demo-pkg", version) for name, version in versions.items()}
    for name, behaviour in NOTHING.items():
        site.put(f"/never/{files[name].name}", behaviour)
    links = [sha256_link(path, "/never/") for path in files.values()]
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        fetching(site.put("/page", html(*links, sha256_link(wheel, "/files/"))), limits=HASTY, jobs=5)
    assert time.monotonic() - began < 20  # a silent server waits a minute
    assert str(caught.value).count(" timed out") == 4
    assert len(site.paths()) == 6
    assert fetching.there() == [WHEEL]


def test_a_host_that_does_not_take_the_connection_is_given_up(fetching: Fetching) -> None:
    """A firewall that drops what it does not like: one limit of its own, well below that for answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as callers:
        for _ in range(3):
            caller = callers.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(full.getsockname())
        began = time.monotonic()
        limits = replace(QUICK, connect_seconds=0.2, answer_seconds=10)
        with pytest.raises(Unavailable, match=r" cannot be reached \(timed out\); check the network, and run again"):
            fetching(f"http://127.0.0.1:{full.getsockname()[1]}/", limits=limits)
        assert time.monotonic() - began < 8  # less than answer_seconds


def test_a_slow_server_that_keeps_the_pace_is_waited_for(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Longer than any single limit, as long as bytes arrive; here 1 KiB for each half second."""

    def slowly(exchange: Exchange) -> None:
        body = wheel.read_bytes()
        broken_off(b"", promised=len(body))(exchange)
        step = len(body) // 6 + 1
        for start in range(0, len(body), step):
            time.sleep(0.25)
            exchange.wfile.write(body[start : start + step])

    site.put("/page", listing(wheel))
    site.put(FILE, slowly)
    limits = replace(QUICK, answer_seconds=0.6, pace_seconds=0.6, pace_bytes=wheel.stat().st_size // 6)
    assert fetching(site.root + "/page", limits=limits)


def test_an_overloaded_server_is_asked_again(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """After 429 and 5xx, after a reset, and after what `Retry-After` says if that is not too long."""
    busy = [answer(status=status) for status in (429, 503)]
    site.put("/page", in_turn(*busy, broken_off(b"", promised=1), listing(wheel)))
    site.put(FILE, in_turn(answer(status=503, Retry_After="86400"), answer(wheel.read_bytes())))
    began = time.monotonic()
    assert fetching(site.root + "/page", limits=replace(QUICK, longest_wait=0.2))
    assert time.monotonic() - began < 20  # a day, if Retry-After were followed
    assert site.paths() == ["/page"] * 4 + [FILE] * 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_stays_overloaded_is_given_up(site: WebServer, fetching: Fetching, status: int) -> None:
    """After four tries, with the last answer."""
    with pytest.raises(Unavailable, match=rf"/page cannot be read \(HTTP {status}\); run again later$"):
        fetching(site.put("/page", answer(status=status)))
    assert site.paths() == ["/page"] * 4


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 418, 501])
def test_other_answers_are_not_asked_for_again(site: WebServer, fetching: Fetching, status: int) -> None:
    """Asking again would not change them."""
    with pytest.raises((Unavailable, Refused)):
        fetching(site.put("/page", answer(status=status)))
    assert site.paths() == ["/page"]


def test_tries_waits_and_redirects_share_one_patience(site: WebServer, fetching: Fetching) -> None:
    """A server cannot spend the time of an answer again with each of them."""

    def slow_and_busy(exchange: Exchange) -> None:
        time.sleep(0.3)
        answer(status=503)(exchange)

    def slow_and_away(exchange: Exchange) -> None:
        time.sleep(0.3)
        redirect(f"/away?{len(site.asked)}")(exchange)

    for path, behaviour in (("/busy", slow_and_busy), ("/away", slow_and_away)):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            fetching(site.put(path, behaviour), limits=replace(QUICK, answer_seconds=0.5))
        assert time.monotonic() - began < 1


def test_a_wait_that_is_longer_than_the_patience_is_not_begun(site: WebServer, fetching: Fetching) -> None:
    """The last answer is told at once."""
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"/page cannot be read \(HTTP 503\); run again later"):
        fetching(site.put("/page", answer(status=503, Retry_After="3")), limits=replace(HASTY, longest_wait=5))
    assert time.monotonic() - began < 2.5  # less than Retry-After
    assert site.paths() == ["/page"]


def test_a_request_that_fails_is_told_as_one_without_an_answer(site: WebServer, fetching: Fetching) -> None:
    """`-v` shows it with status 0."""
    with pytest.raises(Unavailable):
        fetching(site.put("/page", silence), limits=replace(QUICK, answer_seconds=0.1))
    assert fetching.requests() == [(f"{site.root}/page", 0)]


# Never stopping ------------------------------------------------------------------------------------------------------


def test_an_endless_page_is_cut_off(site: WebServer, fetching: Fetching) -> None:
    """At the limit for pages."""
    with pytest.raises(Refused, match=rf"^{site.root}/page is longer than 1048576 bytes; name the URL of a page"):
        fetching(site.put("/page", endless))


def test_an_endless_file_is_cut_off(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """At the limit for files, and nothing of it stays."""
    site.put(FILE, endless)
    with pytest.raises(Refused, match=rf"^{WHEEL} from {site.root}{FILE} is longer than allowed: 1048576 bytes; "):
        fetching(site.put("/page", listing(wheel)))
    assert fetching.there() == []


def test_a_compressed_page_is_read(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Static hosts store them so, and pages of thousands of links are worth it."""
    page = gzip.compress(sha256_link(wheel, "/files/").encode())
    assert fetching(site.put("/page", answer(page, Content_Type="text/html", Content_Encoding="GZIP")))
    assert dict(site.asked[0].headers)["Accept-Encoding"] == "gzip"


def test_a_compressed_bomb_stays_small(site: WebServer, fetching: Fetching) -> None:
    """The limit counts what comes out, and it is not made first: 200 MB of it take no 20 in memory."""
    bomb = gzip.compress(bytes(200_000_000))
    site.put("/page", answer(bomb, Content_Type="text/html", Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=r"/page is longer than 1048576 bytes; "):
            fetching(site.root + "/page")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"<a>", "gzip", "is marked as gzip and is not gzip"),
        (gzip.compress(b"<a href=x>" * 100, mtime=0)[:-9], "gzip", "is gzip that ends too early"),
        (b"<a>", "br", "comes in an encoding that was not asked for"),
        (b"<a>", "gzip, gzip", "comes in an encoding that was not asked for"),
    ],
)
def test_a_page_in_a_broken_or_other_encoding_is_refused(
    site: WebServer, fetching: Fetching, body: bytes, encoding: str, reason: str
) -> None:
    """In words."""
    with pytest.raises(Refused, match=rf"/page {reason}; name the URL of a page that lists files"):
        fetching(site.put("/page", answer(body, Content_Type="text/html", Content_Encoding=encoding)))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"x" * 10_000_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
    ids=["20,000 headers", "a huge header", "no HTTP", "two lengths", "no chunks", "nothing"],
)
def test_what_is_no_answer_is_an_error(site: WebServer, fetching: Fetching, head: bytes) -> None:
    """Whatever a server writes, it ends in a sentence."""
    with pytest.raises(Unavailable, match=rf"^{site.root}/page sent an incomplete answer; run again$"):
        fetching(site.put("/page", lambda exchange: exchange.send_raw(head)))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "http://127.0.0.1:1/",
            r"^http://127\.0\.0\.1:1/ cannot be reached \(connection refused\); check .* run again when it is up$",
        ),
        ("http://no-such-host.invalid/", r"cannot be reached \(name not found\); check the spelling of its host$"),
        (f"http://{'x' * 64}.example/", r"/ is not a valid URL; check its spelling$"),
    ],
)
def test_a_host_that_is_not_there_is_said(fetching: Fetching, url: str, words: str) -> None:
    """Nobody listening, no such name, a name that none can have."""
    with pytest.raises((Unavailable, Refused), match=words):
        fetching(url)


def test_each_try_tells_why_it_failed(fetching: Fetching) -> None:
    """With -v each is a line of its own, with the same words as the error."""
    with pytest.raises(Unavailable):
        fetching("http://127.0.0.1:1/")
    told = [describe(event, verbosity=1) for event in fetching.events if isinstance(event, RequestSent)]
    assert told
    assert all(line and line.startswith("GET http://127.0.0.1:1/ connection refused ") for line in told)
