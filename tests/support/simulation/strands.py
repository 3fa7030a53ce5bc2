"""Threads that take turns: one runs at a time, from one request to the next, as it is told.

A command is one strand, and each call of its waves another. A strand that waits, for its request's fate or for another
strand's end, hands the turn back to whoever gave it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar, cast

from bucketwheel.parallel import Workers
from support.simulation.requests import Request

__all__ = ["Died", "Strand", "StrandWorkers"]

_T = TypeVar("_T")

# Threads are kept and used again: making one takes longer than most strands live. Only strands that never ended block
# an exit of the interpreter, and `World.close` ends them all.
_THREADS = ThreadPoolExecutor(max_workers=1000, thread_name_prefix="strand")
_running = threading.local()


def _nothing() -> object:
    return None


class Died(BaseException):
    """The process that a strand belongs to is no more; nothing that it would still do counts."""


class Strand:
    """One thread of an actor."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.request: Request | None = None
        """What it asks of the store; None while it waits for another strand, and when it is done."""
        self.awaited: Strand | None = None
        self.done = False
        self.result: object = None
        self.error: BaseException | None = None
        self._work = work
        self._turn, self._turn_back = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._turn_back.acquire()
        self._begun = self._dead = False
        self._answer = _nothing

    @staticmethod
    def current() -> Strand:
        """The strand whose turn it is; only to be asked from within one."""
        return cast("Strand", _running.strand)

    def go_on(self, answer: Callable[[], object] = _nothing) -> None:
        """Give it the turn, with the answer to what it waits for, until it waits again or is done."""
        self._answer = answer
        if self._begun:
            self._turn.release()
        else:
            self._begun = True
            _THREADS.submit(self._live)
        self._turn_back.acquire()

    def die(self) -> None:
        """Let it find that its process is no more."""
        self._dead = True
        self.go_on()

    def ask(self, request: Request) -> object:
        """Wait for the fate of a request; from within the strand."""
        self.request = request
        return self._wait()

    def wait_for(self, other: Strand) -> None:
        """Wait until another strand is done; from within the strand."""
        if not other.done:
            self.awaited = other
            self._wait()

    def _wait(self) -> object:
        if not self._dead:
            self._turn_back.release()
            self._turn.acquire()
        self.request = self.awaited = None
        if self._dead:
            raise Died
        return self._answer()

    def _live(self) -> None:
        _running.strand = self
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - whoever awaits the strand gets it
            self.error = error
        self.done = True
        self._turn_back.release()


class _Promise(Future[_T], Generic[_T]):
    """A future that lets other strands run while it is waited for."""

    def __init__(self, strand: Strand) -> None:
        super().__init__()
        self.strand = strand

    def result(self, timeout: float | None = None) -> _T:
        """Wait, and return or raise what the strand did; nothing here takes time."""
        del timeout
        Strand.current().wait_for(self.strand)
        if self.strand.error is not None:
            raise self.strand.error
        return cast("_T", self.strand.result)


class StrandWorkers(Workers):
    """The waves of an actor: each call is a strand of its own, so that a wave's requests are under way side by side."""

    def __init__(self, strands: list[Strand]) -> None:
        self._strands = strands
        self._main = Strand.current()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not issubclass(kind, Died):
            for strand in self._strands[1:]:
                self._main.wait_for(strand)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Let a new strand begin, up to its first request."""
        return self._begin(call)

    def map(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make all the calls and return their results in order, or raise the first error once all have ended."""
        outcomes = self.map_settled(calls)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return cast("list[_T]", outcomes)

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make all the calls to their end, and return each one's result or error, in order."""
        outcomes: list[_T | Exception] = []
        for promise in [self._begin(call) for call in calls]:
            try:
                outcomes.append(promise.result())
            except Exception as error:  # noqa: BLE001 - handed to the caller, not swallowed
                outcomes.append(error)
        return outcomes

    def _begin(self, call: Callable[[], _T]) -> _Promise[_T]:
        assert Strand.current() is self._main, "a call of a wave starts a wave: with few workers it would wait for ever"
        strand = Strand(call)
        self._strands.append(strand)
        strand.go_on()
        return _Promise(strand)
