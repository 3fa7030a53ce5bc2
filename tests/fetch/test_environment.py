"""Proxies, certificates, netrc and variables, as common tools read them; credentials go to their origin only."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bucketwheel.errors import BucketwheelError, Denied, Misconfigured, Unavailable
from bucketwheel.events import ignore
from bucketwheel.sources.credentials import read_netrc
from bucketwheel.sources.urls import UserInfo
from support.archives import make_wheel
from support.fetching import QUICK, Fetching, sha256_link
from support.http_server import (
    Asked,
    Certificate,
    Exchange,
    WebServer,
    answer,
    html,
    make_certificate,
    redirect,
    serve,
    serve_proxy,
    silence,
    simple_json,
)

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
FILE = f"/files/{WHEEL}"


def basic(user: str, password: str) -> str:
    """Return the Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def shown_to(site: WebServer) -> list[tuple[str, str | None]]:
    """Return each path asked for, with its Authorization header."""
    return [(asked.path, dict(asked.headers).get("Authorization")) for asked in site.asked]


def with_user(url: str, userinfo: str) -> str:
    """Put a user and password into a URL."""
    return url.replace("://", f"://{userinfo}@")


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[Asked]]]:
    """Run a proxy."""
    with serve_proxy() as running:
        yield running


# Proxies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_is_used(
    site: WebServer, fetching: Fetching, wheel: Path, proxy: tuple[str, list[Asked]], variable: str
) -> None:
    """For pages and for files, with the user and password of its URL, which the server never sees."""
    url, asked = proxy
    fetching.environ[variable] = with_user(url, "me:p%40ss")
    fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert [each.path for each in asked] == [f"{site.root}/", f"{site.root}{FILE}"]
    assert {dict(each.headers)["Proxy-Authorization"] for each in asked} == {basic("me", "p@ss")}
    assert site.paths() == ["/", FILE]
    assert all("Proxy-Authorization" not in each.headers for each in site.asked)


@pytest.mark.parametrize("exempt", ["127.0.0.1", "example.com, 127.0.0.1", "*", "127.0.0.1:{port}", ".0.0.1"])
def test_no_proxy_exempts_hosts(
    site: WebServer, fetching: Fetching, wheel: Path, proxy: tuple[str, list[Asked]], exempt: str
) -> None:
    """By name, by name and port, by suffix, or all."""
    url, asked = proxy
    fetching.environ |= {"HTTP_PROXY": url, "NO_PROXY": exempt.format(port=urlsplit(site.root).port)}
    assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert asked == []


def test_no_proxy_exempts_nobody_else(
    site: WebServer, fetching: Fetching, wheel: Path, proxy: tuple[str, list[Asked]]
) -> None:
    """Names that merely look alike still go through the proxy; the lower-case variable wins."""
    url, asked = proxy
    fetching.environ |= {"http_proxy": url.removeprefix("http://"), "HTTP_PROXY": "http://127.0.0.1:1"}
    fetching.environ |= {"no_proxy": "127.0.0.10,27.0.0.1,localhost", "NO_PROXY": "*"}
    assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert len(asked) == 2


def test_a_cgi_client_names_no_proxy(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """In a CGI process HTTP_PROXY is a header of the client's."""
    fetching.environ |= {"HTTP_PROXY": "http://127.0.0.1:1", "REQUEST_METHOD": "GET"}
    assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))


def test_https_goes_through_a_tunnel(
    fetching: Fetching, wheel: Path, proxy: tuple[str, list[Asked]], certificate: Certificate
) -> None:
    """The proxy sees a host and a port; the certificate is the server's."""
    url, asked = proxy
    fetching.environ |= {"HTTPS_PROXY": url, "HTTP_PROXY": "http://127.0.0.1:1"}
    fetching.environ["SSL_CERT_FILE"] = str(certificate.certificate)
    with serve(certificate=certificate) as site:
        site.put(FILE, answer(wheel.read_bytes()))
        assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))
        assert {each.path for each in asked} == {site.root.removeprefix("https://")}


def test_a_proxy_that_does_not_answer_is_said(site: WebServer, fetching: Fetching) -> None:
    """And not taken for the server's fault."""
    fetching.environ["HTTP_PROXY"] = "http://127.0.0.1:1"
    with pytest.raises(
        Unavailable, match=rf"^{site.root}/ cannot be reached: its proxy does not answer \(connection refused\); "
    ):
        fetching(site.root + "/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_is_said(fetching: Fetching, scheme: str) -> None:
    """Before the tunnel and without one."""
    with serve(answer(status=407)) as proxy:
        fetching.environ["ALL_PROXY"] = proxy.root
        with pytest.raises(Denied, match=r"^https?://ci\.example/ cannot be reached: the proxy needs a user and "):
            fetching(f"{scheme}://ci.example/")


# Certificates --------------------------------------------------------------------------------------------------------


def test_a_server_nobody_vouches_for_is_not_believed(fetching: Fetching, certificate: Certificate) -> None:
    """The message says why, and which variable helps."""
    with serve(certificate=certificate) as site, pytest.raises(Unavailable) as caught:
        fetching(site.root + "/")
    assert str(caught.value) == (
        f"{site.root}/ cannot be reached (certificate not trusted: self-signed certificate); "
        "set SSL_CERT_FILE to the file with its authority's certificate"
    )


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_certificates_is_believed(
    fetching: Fetching, wheel: Path, certificate: Certificate, variable: str
) -> None:
    """In either variable."""
    fetching.environ[variable] = str(certificate.certificate)
    with serve(certificate=certificate) as site:
        site.put(FILE, answer(wheel.read_bytes()))
        assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))


def test_certificates_are_read_once_for_all_connections(
    fetching: Fetching, wheel: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading them takes longer than a connection does."""
    readings = []
    read = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *files: Any) -> None:  # noqa: ANN401 - as the method's
        read(context, *files)
        readings.append(files)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    fetching.environ["SSL_CERT_FILE"] = str(certificate.certificate)
    wheels = [wheel, make_wheel(wheel.parent, version="2.0")]
    together, ports = threading.Barrier(len(wheels)), set()

    def deliver(path: Path, exchange: Exchange) -> None:
        together.wait(30)  # each in its own connection
        ports.add(exchange.client_address[1])
        answer(path.read_bytes())(exchange)

    with serve(certificate=certificate) as site:
        for path in wheels:
            site.put(f"/files/{path.name}", partial(deliver, path))
        fetching(site.put("/", html(*(sha256_link(path, "files/") for path in wheels))))
    assert len(ports) == len(wheels)
    assert len(readings) == 1


def test_a_certificate_is_for_the_names_in_it(fetching: Fetching, tmp_path: Path) -> None:
    """A trusted certificate of another host is none for this one."""
    other = make_certificate(tmp_path, names="DNS:localhost")
    fetching.environ["SSL_CERT_FILE"] = str(other.certificate)
    with serve(certificate=other) as site, pytest.raises(Unavailable, match=r"not trusted: IP address mismatch, "):
        fetching(site.root + "/")


def test_a_server_without_tls_is_not_taken_for_one_with_a_bad_certificate(site: WebServer, fetching: Fetching) -> None:
    """An https URL with the port of a plain server: the URL is wrong, and no certificate helps."""
    url = site.root.replace("http:", "https:")
    with pytest.raises(Unavailable, match=rf"^{url}/ cannot be reached \(no TLS: [a-z ]+\); check "):
        fetching(f"{url}/")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_said(
    fetching: Fetching, certificate: Certificate, tmp_path: Path, content: str | None
) -> None:
    """Missing or of another kind: the variable is named."""
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    fetching.environ["SSL_CERT_FILE"] = str(path)
    with serve(certificate=certificate) as site, pytest.raises(Misconfigured) as caught:
        fetching(site.root + "/")
    assert str(caught.value) == ("SSL_CERT_FILE names no readable file of certificates; set it to a file in PEM format")


# Credentials ---------------------------------------------------------------------------------------------------------


def test_the_user_of_a_source_is_shown_to_its_origin_only(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """To pages and files there; not to another port, by link or by redirect; and again on the way back."""
    with serve(answer(wheel.read_bytes())) as elsewhere:
        other = make_wheel(wheel.parent, "demo-pkg", "2.0")
        back = make_wheel(wheel.parent, "demo-pkg", "3.0")
        elsewhere.put("/away", redirect(f"{site.root}/back/{back.name}"))
        elsewhere.put(f"/link/{other.name}", answer(other.read_bytes()))
        site.put(f"/back/{back.name}", answer(back.read_bytes()))
        site.put(f"/gone/{back.name}", redirect(f"{elsewhere.root}/away"))
        links = [(wheel, "files/"), (other, f"{elsewhere.root}/link/"), (back, "gone/")]
        page = site.put("/", html(*(sha256_link(path, prefix) for path, prefix in links)))
        assert len(fetching(with_user(page, "me:p%40ss"))) == 3
        mine = basic("me", "p@ss")
        assert sorted(shown_to(site)) == [
            ("/", mine),
            (f"/back/{back.name}", mine),
            (FILE, mine),
            (f"/gone/{back.name}", mine),
        ]
        assert sorted(shown_to(elsewhere)) == [("/away", None), (f"/link/{other.name}", None)]
        assert all("Referer" not in asked.headers and "Cookie" not in asked.headers for asked in elsewhere.asked)


def test_two_sources_of_one_origin_keep_their_users(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Deploy tokens are given per project, on one host."""
    one = with_user(site.put("/one/", html(sha256_link(wheel, "../files/"))), "one:1")
    other = make_wheel(wheel.parent, "demo-pkg", "2.0")
    site.put(f"/files/{other.name}", answer(other.read_bytes()))
    two = with_user(site.put("/two/", html(sha256_link(other, "../files/"))), "two:2")
    fetching(one, two)
    assert sorted(shown_to(site)) == [
        (FILE, basic("one", "1")),
        (f"/files/{other.name}", basic("two", "2")),
        ("/one/", basic("one", "1")),
        ("/two/", basic("two", "2")),
    ]


def test_netrc_gives_the_user_of_a_host(site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path) -> None:
    """From the file that NETRC names, or at home; a source's own user comes first; the default entry is ignored."""
    url = site.put("/", html(sha256_link(wheel, "files/")))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".netrc").write_text("machine 127.0.0.1 login home password h@me\n")
    fetching(url)
    assert shown_to(site) == [("/", basic("home", "h@me")), (FILE, basic("home", "h@me"))]
    fetching.environ["NETRC"] = str(tmp_path / "other")
    (tmp_path / "other").write_text("machine ci.example login a password b\ndefault login any password body\n")
    site.asked.clear()
    fetching(url)
    assert shown_to(site)[0] == ("/", None)
    (tmp_path / "other").write_text("machine 127.0.0.1 login a password b\n")
    site.asked.clear()
    fetching(with_user(url, "me:own"))
    assert shown_to(site)[0] == ("/", basic("me", "own"))


def test_the_default_entry_of_netrc_is_not_read(tmp_path: Path) -> None:
    """It would show one password to every server that a page leads to; hosts are known in lower case."""
    (tmp_path / "netrc").write_text("machine CI.example login a password b\ndefault login any password body\n")
    machines = read_netrc({"NETRC": str(tmp_path / "netrc")}, ignore)
    assert machines == {"ci.example": UserInfo(user="a", password="b")}  # noqa: S106 - made up


def test_netrc_is_never_sent_in_clear_by_a_servers_choice(
    site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path
) -> None:
    """A page may link to another port of a host that netrc knows: over http it gets no password."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    fetching.environ["NETRC"] = str(tmp_path / "netrc")
    with serve(answer(wheel.read_bytes())) as elsewhere:
        fetching(site.put("/", html(sha256_link(wheel, f"{elsewhere.root}/files/"))))
        assert shown_to(site) == [("/", basic("a", "b"))]
        assert shown_to(elsewhere) == [(FILE, None)]


def test_netrc_is_used_for_another_host_over_https(
    fetching: Fetching, wheel: Path, tmp_path: Path, certificate: Certificate
) -> None:
    """Indexes and their files are often on two hosts, and netrc names both."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    fetching.environ |= {"NETRC": str(tmp_path / "netrc"), "SSL_CERT_FILE": str(certificate.certificate)}
    with serve(certificate=certificate) as site, serve(certificate=certificate) as files:
        files.put(FILE, answer(wheel.read_bytes()))
        page = site.put("/", html(sha256_link(wheel, f"{files.root}/files/")))
        fetching(page.replace("127.0.0.1", "localhost"))
        assert shown_to(files) == [(FILE, basic("a", "b"))]


def test_a_broken_netrc_is_warned_of(site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path) -> None:
    """By file and line, without the token that was stumbled over; the fetch goes on."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1\n  login a\n  passwort canary\n")
    fetching.environ["NETRC"] = str(tmp_path / "netrc")
    assert fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    assert fetching.warnings() == [f"{tmp_path / 'netrc'} cannot be read as a netrc file, line 3; going on without it"]
    fetching.environ["NETRC"] = str(tmp_path / "missing")
    fetching.events.clear()
    assert fetching(site.root + "/")
    assert fetching.warnings() == [f"{tmp_path / 'missing'} cannot be read as a netrc file; going on without it"]


# Secrets -------------------------------------------------------------------------------------------------------------


CANARY = "c4naryT0ken"


def test_no_secret_is_ever_told(site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path) -> None:
    """In a user, a password, a path, a query, netrc or a proxy: no event, result, message, repr or traceback has it."""
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {CANARY} password {CANARY}\nmachin {CANARY}\n")
    fetching.environ |= {"TOKEN": CANARY, "NETRC": str(tmp_path / "netrc")}
    fetching.environ["WHOLE"] = f"{with_user(site.root, f'{CANARY}:{CANARY}')}/{CANARY}/"
    file = {"filename": wheel.name, "url": f"blob?X-Amz-Signature={CANARY}"}
    site.put(f"/{CANARY}/", simple_json(json.dumps({"files": [file]})))
    site.put(f"/{CANARY}/login", html('<input type="password">'))
    blob = f"/{CANARY}/blob"
    sources = [
        with_user(site.root, "${TOKEN}:${TOKEN}") + "/${TOKEN}/?key=${TOKEN}",
        "${WHOLE}",
        "${WHOLE}login",
        "${WHOLE}nothing?${TOKEN}",
        "${WHOLE}silent",
        "http://${TOKEN}:${TOKEN}@127.0.0.1:1/${TOKEN}",
        "http://${TOKEN}@no-host.invalid/${TOKEN}",
        "ftp://${TOKEN}@127.0.0.1/?${TOKEN}",
        "http://me:${MISSING}@h/?${TOKEN}",
    ]
    site.put(f"/{CANARY}/silent", silence)
    told: list[object] = []

    def tell(source: str) -> None:
        try:
            told.append(fetching(source, limits=replace(QUICK, answer_seconds=0.2)))
        except BucketwheelError as error:
            told.extend([str(error), repr(error), "".join(traceback.format_exception(error))])

    for source in sources:
        tell(source)
    for behave in (answer(b"wrong"), answer(status=403), answer(status=500), redirect("ftp:x"), silence):
        site.put(blob, behave)
        tell(sources[0])
    for proxy in (f"http://{CANARY}:{CANARY}@127.0.0.1:1", f"socks5://{CANARY}@127.0.0.1:1", f"http://{CANARY}:x"):
        fetching.environ["HTTP_PROXY"] = proxy
        tell(sources[0])
    told += fetching.events
    assert blob in {urlsplit(path).path for path in site.paths()}
    assert len(told) > 60
    assert [text for text in map(repr, told) if CANARY in text] == []


def test_a_variable_is_shown_as_it_was_typed(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Also in the URLs of files below it, so that the user recognises them."""
    fetching.environ["TOKEN"] = CANARY
    page = html(sha256_link(wheel, "files/"))
    site.put(f"/{CANARY}/", page)
    site.put(f"/{CANARY}{FILE}", answer(wheel.read_bytes()))
    fetching(site.root + "/${TOKEN}/")
    assert fetching.requests() == [(f"{site.root}/${{TOKEN}}/", 200), (f"{site.root}/${{TOKEN}}{FILE}", 200)]
