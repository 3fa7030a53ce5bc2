"""The wire between a client and an S3 server: an HTTP/1.1 proxy that logs every request and fails some on demand.

with run_wire(server.endpoint_url) as wire:
    wire.harm = lambda exchange: DROP_AFTER if exchange.number == 3 else None
"""

from __future__ import annotations

import http.client
import select
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "DOUBLED",
    "DROP_AFTER",
    "DROP_BEFORE",
    "EMPTIED",
    "SILENCE_AFTER",
    "SILENCE_BEFORE",
    "TRUNCATED",
    "UNCONDITIONAL",
    "Exchange",
    "Fault",
    "Wire",
    "answers",
    "run_wire",
    "says",
]

_AWS = "https://s3.amazonaws.com"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_CONDITIONS = {"if-match", "if-none-match"}
_PLAIN: Mapping[str, str] = {"Content-Type": "application/xml"}


class _Back(Enum):
    """The part of the server's answer that the client gets."""

    WHOLE = auto()
    HALF = auto()
    HEAD = auto()
    NOTHING = auto()
    SILENCE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of one request: how often it arrives, with or without its conditions, and what comes back."""

    deliveries: int = 1
    conditions: bool = True
    back: _Back | _Answer = _Back.WHOLE


DROP_BEFORE = Fault(deliveries=0, back=_Back.NOTHING)
"""The connection closes before the server gets the request."""
DROP_AFTER = Fault(back=_Back.NOTHING)
"""The request takes effect, and the connection closes without an answer."""
SILENCE_BEFORE = Fault(deliveries=0, back=_Back.SILENCE)
"""The server does not get the request, and nothing comes back until the client gives up."""
SILENCE_AFTER = Fault(back=_Back.SILENCE)
"""The request takes effect, and nothing comes back until the client gives up."""
TRUNCATED = Fault(back=_Back.HALF)
"""The answer breaks off half way."""
EMPTIED = Fault(back=_Back.HEAD)
"""The answer announces its body and breaks off before the first byte of it."""
DOUBLED = Fault(deliveries=2)
"""The request arrives twice; the first answer comes back."""
UNCONDITIONAL = Fault(conditions=False)
"""The server never sees If-Match and If-None-Match, like one that ignores them."""


def says(status: int, code: str = "", *, after_effect: bool = False) -> Fault:
    """Answer with an S3 error, without a body if it has no code (as to HEAD); before or after taking effect."""
    body = f"<Error><Code>{code}</Code><Message>by the wire</Message></Error>".encode() if code else b""
    return replace(answers(body, status=status), deliveries=1 if after_effect else 0)


def answers(body: bytes, headers: Mapping[str, str] = _PLAIN, *, status: int = 200) -> Fault:
    """Answer instead of the server."""
    return Fault(deliveries=0, back=_Answer(status=status, headers=tuple(headers.items()), body=body))


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and its answer, numbered in the order of arrival."""

    number: int
    """From 1."""
    verb: str
    path: str
    """With its query, percent-encoded as it came."""
    headers: Mapping[str, str]
    """Names in lower case."""
    start: float
    """Of time.monotonic, like `end`."""
    end: float = 0.0
    status: int = 0
    """The status that the client got; 0 for none."""


@dataclass(slots=True, kw_only=True)
class Wire:
    """A running proxy."""

    url: str
    harm: Callable[[Exchange], Fault | None]
    """Called for each request before it passes, in the thread of its connection; may also wait."""
    log: list[Exchange] = field(default_factory=list)

    def asked(self, verb: str, ending: str = "") -> list[Exchange]:
        """Return the requests of a verb whose path, without the query, ends so."""
        return [one for one in self.log if one.verb == verb and urlsplit(one.path).path.endswith(ending)]


@contextmanager
def run_wire(upstream: str | None, harm: Callable[[Exchange], Fault | None] = lambda _: None) -> Iterator[Wire]:
    """Run a proxy to the server at a URL, or to AWS, while the context lasts."""
    server = _Server(upstream or _AWS)
    wire = server.wire = Wire(url=f"http://127.0.0.1:{server.server_address[1]}", harm=harm)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    try:
        yield wire
    finally:
        server.stop()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    daemon_threads = False
    wire: Wire

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = upstream
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()

    def stop(self) -> None:
        """End every connection and wait for its thread."""
        self.shutdown()
        self.stopping.set()
        with self.lock:
            for connection in self.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore broken connections; show all other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # handed on as it came


class _Connection(BaseHTTPRequestHandler):
    """One client's connection, and the one it gets to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections.add(self.connection)
        self.to_server = _connect(self.server.upstream)

    def finish(self) -> None:
        self.to_server.close()
        with self.server.lock:
            self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Keep stderr clean."""

    def _pass(self) -> None:
        # As a proxy: the server understands no request that names a host before the path.
        self.path = urlunsplit(("", "", *urlsplit(self.path)[2:]))
        exchange = self._arrived()
        body = self._receive()
        if body is None:
            return
        fault = self.server.wire.harm(exchange) or Fault()
        answers = [self._deliver(body, fault) for _ in range(fault.deliveries)]
        self._give_back(exchange, fault.back if isinstance(fault.back, _Answer) else (*answers, None)[0], fault)
        exchange.end = time.monotonic()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815 - the names http.server looks for

    def _arrived(self) -> Exchange:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            exchange = Exchange(
                number=len(self.server.wire.log) + 1,
                verb=self.command,
                path=self.path,
                headers=headers,
                start=time.monotonic(),
            )
            self.server.wire.log.append(exchange)
        return exchange

    def _receive(self) -> bytes | None:
        """Return the request's body, or None if the client went away before its end."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _deliver(self, body: bytes, fault: Fault) -> _Answer:
        """Send the request to the server, over a new connection if the old one was closed."""
        try:
            return self._forward(body, fault)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.to_server.close()
            return self._forward(body, fault)

    def _forward(self, body: bytes, fault: Fault) -> _Answer:
        dropped = _HOP_BY_HOP if fault.conditions else _HOP_BY_HOP | _CONDITIONS
        self.to_server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in dropped:
                self.to_server.putheader(name, value)
        if body or self.command in {"PUT", "POST"}:
            self.to_server.putheader("Content-Length", str(len(body)))
        self.to_server.endheaders(body)
        answer = self.to_server.getresponse()
        headers = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP)
        if self.command == "HEAD":  # has the length that the answer to GET would have
            headers += (("Content-Length", answer.headers.get("Content-Length", "0")),)
        return _Answer(status=answer.status, headers=headers, body=answer.read())

    def _give_back(self, exchange: Exchange, answer: _Answer | None, fault: Fault) -> None:
        if fault.back is not _Back.WHOLE and not isinstance(fault.back, _Answer):
            self.close_connection = True
        while fault.back is _Back.SILENCE and not self._client_is_gone():
            pass
        if answer is None or fault.back in {_Back.NOTHING, _Back.SILENCE}:
            return
        exchange.status = answer.status
        head, body = self._written(answer)
        if fault.back is _Back.HEAD:
            body = b""
        elif fault.back is _Back.HALF:
            head, body = (head, body[: len(body) // 2]) if body else (head[: len(head) // 2], b"")
        with suppress(OSError):
            self.wfile.write(head + body)

    def _written(self, answer: _Answer) -> tuple[bytes, bytes]:
        """Return the head and the body of an answer as they are sent."""
        body = b"" if self.command == "HEAD" else answer.body
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if self.command != "HEAD" and answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body

    def _client_is_gone(self) -> bool:
        """Return whether the client hung up or the wire stops, after a short wait."""
        with suppress(OSError):
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            return self.server.stopping.is_set() or (bool(readable) and not self.connection.recv(1, socket.MSG_PEEK))
        return True


def _connect(upstream: str) -> http.client.HTTPConnection:
    parts = urlsplit(upstream)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=60)
