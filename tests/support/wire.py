"""The wire between a client and an S3 server: an HTTP/1.1 proxy that remembers every request and does harm on demand.

with run_wire(server.endpoint_url) as wire:
    wire.harm = lambda exchange: DROP_AFTER if exchange.number == 3 else None
"""

from __future__ import annotations

import http.client
import select
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import IO
from urllib.parse import urlsplit

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

_BLOCK = 1 << 20
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_CONDITIONS = {"if-match", "if-none-match"}
_PLAIN: Mapping[str, str] = {"Content-Type": "application/xml"}


class _Back(Enum):
    """What the client gets to see of the server's answer."""

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
    """What is done to one request: how often it arrives, with or without its conditions, and what comes back."""

    deliveries: int = 1
    conditions: bool = True
    back: _Back | _Answer = _Back.WHOLE


DROP_BEFORE = Fault(deliveries=0, back=_Back.NOTHING)
"""The connection closes before the server hears of it."""
DROP_AFTER = Fault(back=_Back.NOTHING)
"""It takes effect, and the connection closes instead of an answer."""
SILENCE_BEFORE = Fault(deliveries=0, back=_Back.SILENCE)
"""Nothing happens, and nothing comes back, until the client gives up."""
SILENCE_AFTER = Fault(back=_Back.SILENCE)
"""It takes effect, and nothing comes back, until the client gives up."""
TRUNCATED = Fault(back=_Back.HALF)
"""The answer breaks off half way."""
EMPTIED = Fault(back=_Back.HEAD)
"""The answer announces its body and breaks off before the first byte of it."""
DOUBLED = Fault(deliveries=2)
"""It arrives twice; the first answer comes back."""
UNCONDITIONAL = Fault(conditions=False)
"""The server never sees If-Match and If-None-Match, like one that ignores them."""


def says(status: int, code: str = "", *, after_effect: bool = False) -> Fault:
    """Answer with an error of S3's, without its body if it has no code (as to HEAD); before or after taking effect."""
    body = f"<Error><Code>{code}</Code><Message>by the wire</Message></Error>".encode() if code else b""
    return replace(answers(body, status=status), deliveries=1 if after_effect else 0)


def answers(body: bytes, headers: Mapping[str, str] = _PLAIN, *, status: int = 200) -> Fault:
    """Answer in the server's place."""
    return Fault(deliveries=0, back=_Answer(status=status, headers=tuple(headers.items()), body=body))


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request as it passed, in the order of arrival."""

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
    """What the client was told; 0 for nothing."""


@dataclass(slots=True, kw_only=True)
class Wire:
    """A running proxy."""

    url: str
    harm: Callable[[Exchange], Fault | None]
    """Asked about each request before it passes, from the thread of its connection; may also just take its time."""
    log: list[Exchange] = field(default_factory=list)

    def asked(self, verb: str, ending: str = "") -> list[Exchange]:
        """Pick the requests of a verb whose path, without the query, ends so."""
        return [one for one in self.log if one.verb == verb and urlsplit(one.path).path.endswith(ending)]


@contextmanager
def run_wire(upstream: str, harm: Callable[[Exchange], Fault | None] = lambda _: None) -> Iterator[Wire]:
    """Stand between a client and the server at a URL while the context lasts."""
    server = _Server(upstream)
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
        """Leave broken connections to those who broke them; show what is wrong with a test."""
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
        exchange = self._arrived()
        with tempfile.TemporaryFile() as body:
            if not self._receive(body):
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

    def _receive(self, body: IO[bytes]) -> bool:
        """Take the request's body; False: the client went away meanwhile."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body.write(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return True
        missing = int(self.headers.get("Content-Length", 0))
        while missing and (block := self.rfile.read(min(missing, _BLOCK))):
            body.write(block)
            missing -= len(block)
        self.close_connection = self.close_connection or bool(missing)
        return not missing

    def _deliver(self, body: IO[bytes], fault: Fault) -> _Answer:
        """Send the request on, over a new connection if the old one was closed meanwhile."""
        try:
            return self._forward(body, fault)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.to_server.close()
            return self._forward(body, fault)

    def _forward(self, body: IO[bytes], fault: Fault) -> _Answer:
        size = body.seek(0, 2)
        body.seek(0)
        self.to_server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in (_HOP_BY_HOP if fault.conditions else _HOP_BY_HOP | _CONDITIONS):
                self.to_server.putheader(name, value)
        if size or self.command in {"PUT", "POST"}:
            self.to_server.putheader("Content-Length", str(size))
        self.to_server.endheaders(body)
        answer = self.to_server.getresponse()
        headers = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP)
        if self.command == "HEAD":  # announces the length of what GET would send
            headers += (("Content-Length", answer.headers.get("Content-Length", "0")),)
        return _Answer(status=answer.status, headers=headers, body=answer.read())

    def _give_back(self, exchange: Exchange, answer: _Answer | None, fault: Fault) -> None:
        if answer is None or fault.back in {_Back.NOTHING, _Back.SILENCE}:
            self.close_connection = True
            while fault.back is _Back.SILENCE and not self._client_is_gone():
                pass
            return
        head, body = self._written(answer)
        exchange.status = answer.status
        if fault.back in {_Back.HALF, _Back.HEAD}:
            self.close_connection = True
            if fault.back is _Back.HALF and not body:
                head = head[: len(head) // 2]
            body = body[: len(body) // 2] if fault.back is _Back.HALF else b""
        with suppress(OSError):
            self.wfile.write(head + body)

    def _written(self, answer: _Answer) -> tuple[bytes, bytes]:
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if self.command != "HEAD" and answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(answer.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), b"" if self.command == "HEAD" else answer.body

    def _client_is_gone(self) -> bool:
        """Wait a little and see whether the client hung up, or the wire is being taken down."""
        with suppress(OSError):
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            return self.server.stopping.is_set() or (bool(readable) and not self.connection.recv(1, socket.MSG_PEEK))
        return True


def _connect(upstream: str) -> http.client.HTTPConnection:
    parts = urlsplit(upstream)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=60)
