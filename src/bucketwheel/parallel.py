"""Parallel calls, one wave after another, and repeated attempts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread, local
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["Workers", "attempts", "stop_if_interrupted"]

_FIRST_WAIT = 0.02  # seconds
_LONGEST_WAIT = 2.0
_PATIENCE = 300.0
"""Seconds after which a contest counts as an outage. Each round has a winner, so contenders finish long before."""


def attempts() -> Iterator[int]:
    """Count attempts from 0, waiting before each but the first, until patience ends; no safety rests on this clock."""
    deadline = time.monotonic() + _PATIENCE
    attempt = 0
    while attempt == 0 or time.monotonic() < deadline:
        yield attempt
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempt, 10))
        time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
        attempt += 1


_GRACE = 0.5
"""Seconds that calls have to end after Ctrl-C, so that they can remove temporary files."""

_this_thread = local()


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt in a thread of a pool whose user has pressed Ctrl-C, before it begins something new."""
    interrupted: Event | None = getattr(_this_thread, "interrupted", None)
    if interrupted is not None and interrupted.is_set():
        raise KeyboardInterrupt


_T = TypeVar("_T")


class Workers:
    """A pool of threads that makes one wave of calls after another; no call may start a wave itself.

    The threads are daemons, because Python waits at its exit for all other threads. So after Ctrl-C the process ends
    although a thread is blocked in a socket, which nothing can interrupt.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._idle = Semaphore(0)
        # The pool of a thread of another pool is interrupted together with that one.
        self._interrupted: Event = getattr(_this_thread, "interrupted", None) or Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = None
        if error is not None and not isinstance(error, Exception):  # Ctrl-C
            self._interrupted.set()
            deadline = time.monotonic() + _GRACE
        with suppress(Empty):
            while True:
                waiting = self._calls.get_nowait()
                if waiting is not None:
                    waiting[0].cancel()
        for _ in self._threads:
            self._calls.put(None)
        # Wait for what has begun: a request must not be left to an unknown end.
        for thread in self._threads:
            thread.join(None if deadline is None else max(0, deadline - time.monotonic()))

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin one call, and return its future."""
        future: Future[_T] = Future()
        self._calls.put((future, call))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._jobs:
            thread = Thread(target=self._work, name=f"bucketwheel-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def _work(self) -> None:
        _this_thread.interrupted = self._interrupted
        while (item := self._calls.get()) is not None:
            future, call = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                    future.set_exception(error)
            del item, future, call  # results and errors may be large
            self._idle.release()

    def map(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make the calls and return their results in order; after an error no more calls begin, and it is raised."""
        futures = [self.start(call) for call in calls]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            future.cancel()
        wait(futures)
        failures = [error for future in futures if not future.cancelled() and (error := future.exception())]
        if failures:
            raise failures[0]
        return [future.result() for future in futures]

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make all the calls, and return the result or error of each, in order."""
        futures = [self.start(call) for call in calls]
        wait(futures)
        outcomes: list[_T | Exception] = []
        for future in futures:
            try:
                outcomes.append(future.result())
            except Exception as error:  # noqa: BLE001 - returned to the caller
                outcomes.append(error)
        return outcomes
