"""Parallel calls, one wave after another, and the patience with which attempts are repeated."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Lock, Semaphore, Thread, local
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

__all__ = ["Patience", "Workers", "attempts", "stop_if_interrupted"]

_FIRST_WAIT = 0.02  # seconds
_LONGEST_WAIT = 2.0
_ANSWERS = 25
_LONGEST_CONTEST = 4.0  # seconds
"""Those who lost a swap come back within the time of so many answers at first, then of twice as many, and so on.

Chosen by tests/core/test_contention.py: 16 publishers to one project that begin in the same moment, 30 ms a request.
Within 0.02 s they make 3.3 times the requests of undisturbed ones and end after 1.7 s, within 0.2 s 2.4 times and
2.0 s, within 0.8 s 1.9 times and 3.5 s (the first lost swap of 15 of them alone makes it 1.4). Of two, one loses 0.4 s.
A directory answers in a millisecond, and a busy server in a quarter of a second.
"""
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
        self._number = 0
        self._paused = False
        self._waiting_since = time.monotonic()
        self._answer_time: float | None = None

    def __iter__(self) -> Iterator[int]:
        """Count attempts until patience ends. A first attempt that took long, perhaps an upload, gets a second one."""
        while self._number <= 1 or time.monotonic() < self._deadline:
            self._paused = False
            yield self._number
            if not self._paused:
                self._sleep(_FIRST_WAIT, _LONGEST_WAIT)
            self._number += 1

    def give_way(self) -> None:
        """Pause after another run's swap came first, before the state is read again: long enough for others to finish.

        A pause between reading and swapping would only let others in again.
        """
        if self._answer_time is None:
            self._answer_time = time.monotonic() - self._waiting_since
        self._sleep(max(_FIRST_WAIT, _ANSWERS * self._answer_time), _LONGEST_CONTEST)
        self._paused = True

    def _sleep(self, first: float, longest: float) -> None:
        shortest = _PAUSE_AFTER_REFUSAL if self._refused and self._refusals > 1 else 0
        most = min(longest, first * 2 ** min(self._number, 10))
        time.sleep(shortest + random.uniform(0, most))  # noqa: S311 - jitter, not a secret

    @contextmanager
    def thinking(self) -> Iterator[None]:
        """Do not count the time within this context: patience is for waiting."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._waiting_since = time.monotonic()
            self._deadline += self._waiting_since - begin

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

    With few threads that would be a deadlock. A call may make a wave of its own by `map_within`.
    """

    def __init__(self, jobs: int) -> None:
        self._pool = _Pool(jobs, "bucketwheel")
        self._inner_pool = _Pool(jobs, "bucketwheel-inner")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(interrupted=error is not None and not isinstance(error, Exception))  # Ctrl-C

    def abandon(self) -> None:
        """End, and leave calls that take long to themselves; only for calls that read."""
        self._end(interrupted=True)

    def _end(self, *, interrupted: bool) -> None:
        for pool in (self._pool, self._inner_pool):
            pool.stop(interrupted=interrupted)
        # Wait for what has begun: a request must not be left to an unknown end.
        deadline = time.monotonic() + _GRACE if interrupted else None
        for pool in (self._pool, self._inner_pool):
            pool.join(deadline)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin one call, and return its future."""
        return self._pool.start(call)

    def map(self, calls: Iterable[Callable[[], _T]], meanwhile: Callable[[], None] = lambda: None) -> list[_T]:
        """Make the calls and return their results in order; after an error no more calls begin, and it is raised.

        `meanwhile` is called once they have begun, and may start more.
        """
        return _Wave(self._pool, calls, meanwhile).results()

    def map_within(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Do the same from within a call of a wave, in threads of their own; these calls may start nothing."""
        waiting = list(calls)
        return [waiting[0]()] if len(waiting) == 1 else _Wave(self._inner_pool, waiting).results()

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make all the calls, and return the result or error of each, in order."""
        return _Wave(self._pool, calls).outcomes()


_LISTEN = 0.5  # seconds


class _Call(Future[_T]):
    """A call that a thread makes, for which a main thread waits in such a way that Ctrl-C reaches it.

    Windows interrupts no wait for a lock. On POSIX the signal may go to another thread, or reach the main thread just
    before it begins to wait; Python acts on it when that wait ends.
    """

    def result(self, timeout: float | None = None) -> _T:
        _await([self])
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        _await([self])
        return super().exception(timeout)


def _await(calls: Collection[Future[Any]]) -> None:
    while wait(calls, timeout=_LISTEN).not_done:
        pass


def _cancel(call: Future[Any]) -> None:
    call.cancel()
    call.set_running_or_notify_cancel()  # or a thread that waits for it would not learn of that


class _Pool:
    """Threads that make calls, as many as are needed and at most `jobs`.

    The threads are daemons, because Python waits at its exit for all other threads. So after Ctrl-C the process ends
    although a thread is blocked in a socket, which nothing can interrupt.
    """

    def __init__(self, jobs: int, name: str) -> None:
        self.jobs, self._name = jobs, name
        self.stopped = Event()
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._changing = Lock()
        self._idle = Semaphore(0)
        # The pool of a thread of another pool is interrupted together with that one.
        self._interrupted: Event = getattr(_this_thread, "interrupted", None) or Event()

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        future: Future[_T] = _Call()
        with self._changing:
            if self.stopped.is_set():
                _cancel(future)  # a call that still runs asks for more
                return future
            self._calls.put((future, call))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self.jobs:
                thread = Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def stop(self, *, interrupted: bool) -> None:
        """Begin no more calls."""
        if interrupted:
            self._interrupted.set()
        with self._changing:
            self.stopped.set()
            with suppress(Empty):
                while True:
                    waiting = self._calls.get_nowait()
                    if waiting is not None:
                        _cancel(waiting[0])
            for _ in self._threads:
                self._calls.put(None)

    def join(self, deadline: float | None) -> None:
        for thread in self._threads:
            # Ctrl-C while a thread was being started leaves one that is not joinable, and finds no call any more.
            with suppress(RuntimeError):
                thread.join(None if deadline is None else max(0, deadline - time.monotonic()))

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


class _Wave(Generic[_T]):
    """Calls that the threads of a pool take one after another: of a hundred thousand, memory holds only the results."""

    def __init__(
        self, pool: _Pool, calls: Iterable[Callable[[], _T]], meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self._pool, self._meanwhile = pool, meanwhile
        self._waiting = deque(enumerate(calls))
        self._count = len(self._waiting)
        self._results: dict[int, _T] = {}
        self._errors: dict[int, BaseException] = {}

    def results(self) -> list[_T]:
        """Make the calls until one fails; return their results in order, or raise the first error."""
        self._make(until_error=True)
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._results.pop(place) for place in range(self._count)]

    def outcomes(self) -> list[_T | Exception]:
        """Make all the calls; return the result or error of each, in order."""
        self._make(until_error=False)
        errors: dict[int, Exception] = {}
        for place, error in self._errors.items():
            if not isinstance(error, Exception):
                raise error
            errors[place] = error
        return [errors[place] if place in errors else self._results.pop(place) for place in range(self._count)]

    def _make(self, *, until_error: bool) -> None:
        begun = [self._pool.start(partial(self._take, until_error)) for _ in range(min(self._pool.jobs, self._count))]
        self._meanwhile()
        _await(begun)
        if self._waiting and not self._errors:
            raise CancelledError  # the pool was stopped

    def _take(self, until_error: bool) -> None:  # noqa: FBT001 - see _make
        while not (self._pool.stopped.is_set() or (until_error and self._errors)):
            try:
                place, call = self._waiting.popleft()
            except IndexError:
                return
            try:
                self._results[place] = call()
            except BaseException as error:  # noqa: BLE001 - raised or returned where the wave is waited for
                self._errors[place] = error
            del call
