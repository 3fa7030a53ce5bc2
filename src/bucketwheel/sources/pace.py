"""Servers that keep one waiting: how long they may, measured where the bytes arrive.

A time limit per read is not enough: a server that sends one byte every 29 seconds, in its headers, in its body or
between two chunks, never breaks it. So the reader under `http.client` counts what arrives in the time spent waiting.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from threading import Event
from typing import TYPE_CHECKING

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from bucketwheel.sources.addresses import AddressRefused, is_link_local
from bucketwheel.sources.limits import Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["paced_pools"]

_GLANCE = 0.5  # seconds between two looks at whether the user has interrupted us


class _PacedReader(io.RawIOBase):
    """Reads a socket while its peer keeps up: first the head in the socket's own time limit, then the body at pace."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, limits: Limits, stopped: Event) -> None:
        self._socket = sock
        self._source = source
        self._limits = limits
        self._stopped = stopped
        self._seconds = sock.gettimeout() or limits.answer_seconds
        self._needed: float = math.inf  # no number of bytes buys more time before the head is whole
        self._waited = 0.0
        self._received = 0

    def expect_body(self) -> None:
        """The head is whole; from here on the pace counts."""
        self._seconds = self._limits.pace_seconds
        self._needed = self._limits.pace_bytes
        self._waited = 0.0
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while True:
            if self._stopped.is_set():
                raise ConnectionAbortedError("interrupted")
            if self._waited >= self._seconds:
                self._next_period()
            began = time.monotonic()
            self._socket.settimeout(min(_GLANCE, self._seconds - self._waited))
            try:
                count = self._socket.recv_into(buffer)
            except TimeoutError:
                continue
            else:
                self._received += count
                return count
            finally:
                self._waited += time.monotonic() - began

    def close(self) -> None:
        self._source.close()
        super().close()

    def _next_period(self) -> None:
        if self._received < self._needed:
            raise TimeoutError("the server does not keep up")
        self._waited = 0.0
        self._received = 0


def paced_pools(limits: Limits, stopped: Event) -> dict[str, type[HTTPConnectionPool]]:
    """Make the connection pools, by URL scheme, whose answers are read at pace and whose peers are looked at."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
            super().__init__(sock, debuglevel, method)
            self._reader = _PacedReader(sock, self.fp.detach(), limits, stopped)
            self.fp = io.BufferedReader(self._reader)

        def begin(self) -> None:
            super().begin()
            self._reader.expect_body()

    class Plain(HTTPConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            _look_at_peer(self)

    class Encrypted(HTTPSConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            _look_at_peer(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _look_at_peer(connection: HTTPConnection) -> None:
    # After the name was resolved, so that no answer of a name server can differ from what was judged.
    # Behind a proxy the peer is the proxy, which the user chose.
    if connection.proxy is None and is_link_local(connection.sock.getpeername()[0]):
        connection.close()
        raise AddressRefused
