"""Calls side by side: the waves that the protocol is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["Workers"]

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

    def run(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
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

    def try_all(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
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
