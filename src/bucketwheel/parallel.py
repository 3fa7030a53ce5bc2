"""Calls side by side: the waves that the protocol is made of."""

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
"""Seconds after which a contest counts as an outage. Somebody wins each round, so contenders finish long before."""


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
    """A pool of threads that carries one wave of calls after another; none of them may start a wave itself."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="bucketwheel")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What has begun is waited for: a request that is on its way is never left to an unknown end.
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin one call; its result or error is the future's."""
        return self._pool.submit(call)

    def map(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make all the calls and return their results in order; an error ends the wave, once what began has ended."""
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
        """Make all the calls to their end, and return each one's result or error, in order."""
        futures = [self._pool.submit(call) for call in calls]
        wait(futures)
        outcomes: list[_T | Exception] = []
        for future in futures:
            try:
                outcomes.append(future.result())
            except Exception as error:  # noqa: BLE001 - handed to the caller, not swallowed
                outcomes.append(error)
        return outcomes
