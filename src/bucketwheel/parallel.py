"""Parallel calls, one wave after another, and the patience with which attempts are repeated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["Patience", "Workers", "attempts"]

_FIRST_WAIT = 0.02  # seconds
_LONGEST_WAIT = 2.0
_PATIENCE = 120.0
"""Seconds after which a contest counts as an outage. Each round has a winner, so contenders finish long before."""
_REFUSALS = 3
_PAUSE_AFTER_REFUSAL = 0.5


class Patience:
    """The time that one call may spend waiting for a store: for rivals, conflicts, and a store that asks to slow down.

    Iterating counts attempts from 0, with a pause before each but the first: jitter spreads contenders out. No safety
    rests on this clock.
    """

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _PATIENCE
        self._refused = ""
        self._refusals = 0

    def __iter__(self) -> Iterator[int]:
        """Count attempts until patience ends. A first attempt that took long, perhaps an upload, gets a second one."""
        number = 0
        while number <= 1 or time.monotonic() < self._deadline:
            yield number
            longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(number, 10))
            shortest = _PAUSE_AFTER_REFUSAL if self._refused and self._refusals > 1 else 0
            time.sleep(shortest + random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
            number += 1

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """Do not count the time within this context: patience is for waiting."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._deadline += time.monotonic() - begin

    def ends_at(self, refused: str) -> bool:
        """Note which version the store refused to replace ("": unknown); return whether it has done so three times.

        Each was read just before. A rival's write would have changed it, and a copy that lags behind catches up.
        """
        self._refusals = self._refusals + 1 if refused == self._refused else 1
        self._refused = refused
        return bool(refused) and self._refusals >= _REFUSALS


def attempts() -> Iterator[int]:
    """Count attempts from 0 until patience ends."""
    return iter(Patience())


_T = TypeVar("_T")


class Workers:
    """A pool of threads that makes one wave of calls after another; no call may start a wave itself.

    With few threads that would be a deadlock. A call may make a wave of its own by `map_within`.
    """

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="bucketwheel")
        self._inner_pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="bucketwheel-inner")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wait for what has begun: a request must not be left to an unknown end.
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._inner_pool.shutdown(wait=True, cancel_futures=True)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin one call, and return its future."""
        return self._pool.submit(call)

    def map(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make the calls and return their results in order; after an error no more calls begin, and it is raised."""
        return _map(self._pool, calls)

    def map_within(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Do the same from within a call of a wave, in threads of their own; these calls may start nothing."""
        return _map(self._inner_pool, calls)

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make all the calls, and return the result or error of each, in order."""
        futures = [self._pool.submit(call) for call in calls]
        wait(futures)
        outcomes: list[_T | Exception] = []
        for future in futures:
            try:
                outcomes.append(future.result())
            except Exception as error:  # noqa: BLE001 - returned to the caller
                outcomes.append(error)
        return outcomes


def _map(pool: ThreadPoolExecutor, calls: Iterable[Callable[[], _T]]) -> list[_T]:
    futures = [pool.submit(call) for call in calls]
    wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        future.cancel()
    wait(futures)
    failures = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if failures:
        raise failures[0]
    return [future.result() for future in futures]
