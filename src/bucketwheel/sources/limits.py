"""The limits of a fetch, and the pace that a server must keep."""

from __future__ import annotations

import io
import math
import socket
import time
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Limits", "PacedReader"]

_KIB = 1024
_MIB = 1024 * _KIB
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of what a fetch waits for and takes: by default some 30 seconds for nothing, and never a full disk."""

    answer_seconds: float = 30
    """Until an answer begins: connecting, redirects, waits and further tries for one URL are all within it."""
    connect_seconds: float = 10
    """Until one address of a host takes the connection; within the above too."""
    pace_bytes: int = 20 * _KIB
    """The least that must arrive of a body in each `pace_seconds`: 1 KiB a second."""
    pace_seconds: float = 20
    tries: int = 4
    """How often one URL is asked while its server is overloaded or breaks off; silence is not asked again."""
    longest_wait: float = 10
    """Seconds between two tries at most, even if `Retry-After` says more."""
    redirects: int = 5
    page_bytes: int = 16 * _MIB
    """The length of an index page, decompressed."""
    file_bytes: int = 5 * _GIB
    """The length of a distribution."""
    spare_bytes: int = 100 * _MIB
    """The space that must stay free on the disk that files are written to."""


_POLL = 0.5  # seconds between two looks at whether the user has interrupted us


class PacedReader(io.RawIOBase):
    """A socket's stream: the head must arrive within the socket's own time limit, then the body at the pace."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, limits: Limits, stopped: Event) -> None:
        self._socket = sock
        self._source = source
        self._limits = limits
        self._stopped = stopped
        self._seconds = sock.gettimeout() or limits.answer_seconds
        self._needed: float = math.inf  # no number of bytes buys more time before the head is whole
        self._begin_period()

    def expect_body(self) -> None:
        """Begin to measure the pace: the head is whole."""
        self._seconds = self._limits.pace_seconds
        self._needed = self._limits.pace_bytes
        self._begin_period()

    def readable(self) -> bool:
        """Return True: bytes can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what has arrived; raises TimeoutError for a peer that is too slow, ConnectionError if interrupted."""
        while True:
            if self._stopped.is_set():
                raise ConnectionAbortedError("interrupted")
            if self._waited >= self._seconds:
                if self._received < self._needed:
                    raise TimeoutError("the server does not keep up")
                self._begin_period()
            began = time.monotonic()
            self._socket.settimeout(min(_POLL, self._seconds - self._waited))
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
        """Close the stream that this one replaces."""
        self._source.close()
        super().close()

    def _begin_period(self) -> None:
        self._waited = 0.0
        self._received = 0
