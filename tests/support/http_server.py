"""A web server and a proxy that can misbehave: each path has a behaviour, and every request is remembered."""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from urllib3 import PoolManager

__all__ = [
    "Asked",
    "Behaviour",
    "Certificate",
    "WebServer",
    "answer",
    "broken_off",
    "broken_tls",
    "dribbled_body",
    "dribbled_head",
    "endless",
    "html",
    "in_turn",
    "make_certificate",
    "redirect",
    "serve",
    "serve_proxy",
    "silence",
    "simple_json",
    "tree",
]

HTML = "text/html; charset=utf-8"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


class Exchange(BaseHTTPRequestHandler):
    """One request being answered, as behaviours see it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second must not wait for the client

    server: _Server

    @property
    def site(self) -> WebServer:
        """Return the server as tests see it."""
        return self.server.site

    def do_GET(self) -> None:
        """Remember the request, then behave as its path says."""
        self.site.asked.append(Asked(path=self.path, headers=dict(self.headers.items())))
        behave = self.site.behaviours.get(urlsplit(self.path).path, self.site.otherwise)
        with suppress(ConnectionError):
            behave(self)

    # The standard library finds them by these names.
    do_CONNECT = do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - see above

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Log nothing: the requests are kept instead."""

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a complete answer."""
        self.send_response(status)
        if status != HTTPStatus.NOT_MODIFIED:
            headers = {"Content-Length": str(len(body)), **headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_raw(self, data: bytes) -> None:
        """Write these bytes, and close the connection afterwards."""
        self.close_connection = True
        self.wfile.write(data)


Behaviour: TypeAlias = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A throw-away certificate for localhost, in PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """A running server."""

    root: str
    """`http://127.0.0.1:port`, without a slash at its end."""
    otherwise: Behaviour
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, for behaviours without an end."""

    def put(self, path: str, behaviour: Behaviour) -> str:
        """Give a path its behaviour; returns its URL."""
        self.behaviours[path] = behaviour
        return self.root + path

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [asked.path for asked in self.asked]


# Behaviours ----------------------------------------------------------------------------------------------------------


def answer(body: bytes = b"", *, status: int = 200, **headers: str) -> Behaviour:
    """Send this; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(status, named, body)


def html(*lines: str) -> Behaviour:
    """Send a page with these lines in its body."""
    return answer(f"<!DOCTYPE html><html><body>{'<br>'.join(lines)}</body></html>".encode(), Content_Type=HTML)


def simple_json(document: str) -> Behaviour:
    """Send a page of PEP 691."""
    return answer(document.encode(), Content_Type=SIMPLE_JSON)


def redirect(target: str, *, status: int = 302) -> Behaviour:
    """Redirect to another address."""
    return answer(status=status, Location=target)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave differently each time; the last one stays."""
    left = list(behaviours)

    def behave(exchange: Exchange) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return behave


def broken_off(body: bytes, *, promised: int | None = None, **headers: str) -> Behaviour:
    """Promise more than is sent, or promise nothing, and hang up."""
    length = {} if promised is None else {"Content-Length": str(promised)}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in (length | headers).items())
    return lambda exchange: exchange.send_raw(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body)


def broken_tls(body: bytes, *, promised: int, **headers: str) -> Behaviour:
    """Promise more than is sent, and then send what is no record of TLS, as a broken middlebox does."""
    begin = broken_off(body, promised=promised, **headers)

    def behave(exchange: Exchange) -> None:
        begin(exchange)
        with socket.socket(fileno=os.dup(exchange.connection.fileno())) as below_tls:
            below_tls.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))

    return behave


def silence(exchange: Exchange) -> None:
    """Take the request, and never answer."""
    exchange.close_connection = True
    exchange.site.ending.wait(60)


def dribbled_head(exchange: Exchange) -> None:
    """Send a header that never ends, a byte at a time."""
    _dribble(exchange, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def dribbled_body(exchange: Exchange) -> None:
    """Send a chunk's length that never ends, a byte at a time: no body byte ever arrives."""
    _dribble(exchange, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5;")


def _dribble(exchange: Exchange, beginning: bytes) -> None:
    exchange.send_raw(beginning)
    while not exchange.site.ending.wait(0.05):
        exchange.wfile.write(b"x")


def endless(exchange: Exchange) -> None:
    """Send a body of unknown length as fast as it is taken."""
    exchange.send_raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while not exchange.site.ending.is_set():
        exchange.wfile.write(b"<p>" * 20_000)


def tree(root: Path) -> Behaviour:
    """Serve a directory as a static host does: `index.html` for a path that ends in a slash, bytes for the rest."""

    def behave(exchange: Exchange) -> None:
        path = root / urlsplit(exchange.path).path.lstrip("/")
        page = exchange.path.endswith("/")
        if page:
            path /= "index.html"
        if path.is_file():
            media_type = HTML if page else "application/octet-stream"
            exchange.send(200, {"Content-Type": media_type}, path.read_bytes())
        else:
            exchange.send(404, {"Content-Type": "text/plain"}, b"no such page")

    return behave


# Servers -------------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    site: WebServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing of clients that hang up: that is what is tested."""


@contextmanager
def serve(otherwise: Behaviour | None = None, *, certificate: Certificate | None = None) -> Iterator[WebServer]:
    """Run a server while the context lasts; paths without a behaviour behave like `otherwise`, or are not there."""
    with _Server(("127.0.0.1", 0), Exchange) as server:
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        root = f"{scheme}://127.0.0.1:{server.server_port}"
        server.site = WebServer(root=root, otherwise=otherwise or answer(b"no such page", status=404))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield server.site
        finally:
            server.site.ending.set()
            server.shutdown()
            thread.join()


@contextmanager
def serve_proxy() -> Iterator[tuple[str, list[Asked]]]:
    """Run an HTTP proxy while the context lasts; gives its URL and what it was asked for."""
    with serve(_forward) as proxy:
        yield proxy.root, proxy.asked


def _forward(exchange: Exchange) -> None:
    if exchange.command == "CONNECT":
        _tunnel(exchange)
        return
    headers = {name: value for name, value in exchange.headers.items() if not name.startswith("Proxy-")}
    with PoolManager(retries=False) as pool:
        found = pool.request("GET", exchange.path, headers=headers, redirect=False, decode_content=False)
    exchange.send(found.status, {"Content-Type": found.headers["Content-Type"]}, found.data)


def _tunnel(exchange: Exchange) -> None:
    host, _, port = exchange.path.partition(":")
    with socket.create_connection((host, int(port))) as there:
        exchange.send_raw(b"HTTP/1.1 200 OK\r\n\r\n")
        ends = {exchange.connection: there, there: exchange.connection}
        while all(_carry(end, ends[end]) for end in select.select(list(ends), [], [], 10)[0]):
            pass


def _carry(source: socket.socket, target: socket.socket) -> bool:
    data = source.recv(65536)
    target.sendall(data)
    return bool(data)


def make_certificate(directory: Path, *, names: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
    """Make a certificate for these names that signs itself, with the openssl program."""
    made = Certificate(certificate=directory / "certificate.pem", key=directory / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"]
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([*command, *subject, *files], check=True, capture_output=True)
    return made
