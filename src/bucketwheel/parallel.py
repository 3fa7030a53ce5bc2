"""Parallel calls, one wave after another, and repeated attempts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["Workers", "attempts"]

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


_T = TypeVar("_T")


class Workers:
    """A pool of threads that makes one wave of calls after another; no call may start a wave itself."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="bucketwheel")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Wait for what has begun: a request must not be left to an unknown end.
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin one call, and return its future."""
        return self._pool.submit(call)

    def map(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make the calls and return their results in order; after an error no more calls begin, and it is raised."""
        futures = [self._pool.submit(call) for call in calls]
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
        futures = [self._pool.submit(call) for call in calls]
        wait(futures)
        outcomes: list[_T | Exception] = []
        for future in futures:
            try:
                outcomes.append(future.result())
            except Exception as error:  # noqa: BLE001 - returned to the caller
                outcomes.append(error)
        return outcomes
