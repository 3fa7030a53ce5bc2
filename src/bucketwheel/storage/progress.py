"""How far a file is on its way, reported a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from bucketwheel.events import BytesMoved, Report

__all__ = ["Progress"]

_INTERVAL = 0.25  # seconds


class Progress:
    """The bytes of one file that were sent or received, from any thread; `name` may be a key or the file's name."""

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name.rpartition("/")[2]
        self._count = 0
        self._last = time.monotonic()
        self._counting = Lock()

    def add(self, count: int) -> None:
        """Count more bytes, and report them if the last report is long enough ago."""
        with self._counting:
            self._count += count
            now = time.monotonic()
            if now - self._last < _INTERVAL:
                return
            moved, self._count, self._last = self._count, 0, now
        if moved:
            self._report(BytesMoved(name=self._name, count=moved))

    def reached(self, *, counts: Callable[[], bool] = lambda: True) -> Callable[[int], None]:
        """Return a function that takes positions within the file or a part of it; going back and again counts once.

        `counts` tells whether bytes that are read now count: those that are read for a signature only do not.
        """
        furthest = 0

        def reach(position: int) -> None:
            nonlocal furthest
            if position > furthest and counts():
                self.add(position - furthest)
                furthest = position

        return reach

    def counting(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return a function that reads and counts."""

        def counted(size: int) -> bytes:
            block = read(size)
            self.add(len(block))
            return block

        return counted
