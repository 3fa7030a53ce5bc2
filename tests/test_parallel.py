"""The pool of threads: waves of calls, and what becomes of calls when the user presses Ctrl-C."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from threading import Barrier, Event, Thread, Timer

import pytest

from bucketwheel.parallel import Workers, stop_if_interrupted


def test_a_wave_returns_results_in_order() -> None:
    """Calls end in any order, and as many are made side by side as there are threads."""
    together = Barrier(3)

    def call(number: int) -> int:
        together.wait(10)
        time.sleep(0.01 * (3 - number % 3))
        return number

    with Workers(3) as workers:
        assert workers.map(partial(call, number) for number in range(9)) == list(range(9))
        assert workers.map_within(partial(call, number) for number in range(9)) == list(range(9))
        assert workers.map_settled(partial(call, number) for number in range(9)) == list(range(9))
        assert workers.map([]) == workers.map_settled([]) == []


def _fail(text: str) -> None:
    raise ValueError(text)


def test_more_can_start_once_a_wave_has_begun() -> None:
    """What is done meanwhile comes after the first calls began, and before they end."""
    begun, ended = Event(), Event()

    def call() -> bool:
        begun.set()
        return ended.wait(timeout=30)

    def meanwhile() -> None:
        assert begun.wait(timeout=30)
        ended.set()

    with Workers(2) as workers:
        assert workers.map([call], meanwhile) == [True]


def test_no_call_begins_after_an_error() -> None:
    """The first error, in the order of the calls, ends a wave."""
    made: list[int] = []
    calls = [partial(made.append, 0), partial(_fail, "first"), partial(made.append, 1), partial(_fail, "second")]

    with Workers(1) as workers, pytest.raises(ValueError, match="first"):
        workers.map(calls)

    assert made == [0]


def test_a_settled_wave_returns_errors_in_their_places() -> None:
    """Every call is made, whatever became of the others."""
    calls: list[Callable[[], object]] = [partial(int, "1"), partial(int, "x"), partial(int, "2"), partial(_fail, "y")]

    with Workers(2) as workers:
        outcomes = workers.map_settled(calls)

    assert [type(each) for each in outcomes] == [int, ValueError, int, ValueError]
    assert (outcomes[0], outcomes[2], str(outcomes[3])) == (1, 2, "y")


def test_a_wave_holds_no_call_that_was_made() -> None:
    """A call may hold an upload or a manifest; of a hundred thousand calls memory holds those that wait."""

    class Held:
        """Something large."""

    alive: list[int] = []
    references: list[weakref.ref[Held]] = []

    def count(_: Held) -> None:
        gc.collect()
        alive.append(sum(reference() is not None for reference in references))

    def calls() -> list[Callable[[], None]]:
        held = [Held() for _ in range(20)]
        references.extend(map(weakref.ref, held))
        return [partial(count, each) for each in held]

    with Workers(1) as workers:
        workers.map(iter(calls()))

    assert alive == list(range(20, 0, -1))


def test_a_wave_within_a_call_ends_when_the_pool_does() -> None:
    """After an error elsewhere the wave of a call is not made to its end, and no part of it counts as its results."""
    begun, made = Event(), []
    waves: list[Future[list[None]]] = []

    def call(number: int) -> None:
        begun.set()
        time.sleep(0.01)
        made.append(number)

    def fail() -> None:
        with Workers(1) as workers:
            calls = [partial(call, number) for number in range(1000)]
            waves.append(workers.start(partial(workers.map_within, calls)))
            begun.wait(10)
            _fail("elsewhere")

    with pytest.raises(ValueError, match="elsewhere"):
        fail()
    assert len(made) < 1000
    with pytest.raises(CancelledError):
        waves[0].result()


def test_an_error_waits_for_what_has_begun() -> None:
    """A request must not be left to an unknown end; what has not begun never begins."""
    begun, ended, never = Event(), Event(), Event()

    def slow() -> None:
        begun.set()
        time.sleep(0.2)
        ended.set()

    def fail() -> None:
        with Workers(1) as workers:
            workers.start(slow)
            workers.start(never.set)
            begun.wait(10)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert (ended.is_set(), never.is_set()) == (True, False)


def test_an_interrupt_leaves_what_is_blocked() -> None:
    """Ctrl-C does not wait for a call that nothing can end, and begins none that waits."""
    begun, release, never = Event(), Event(), Event()
    waiting: list[Future[None]] = []

    def block() -> None:
        begun.set()
        release.wait(30)

    def interrupt() -> None:
        with Workers(1) as workers:
            workers.start(block)
            waiting.append(workers.start(never.set))
            begun.wait(10)
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert time.monotonic() - began < 2
    release.set()
    assert waiting[0].cancelled()
    assert not never.is_set()


class _Interrupted(Thread):
    """A thread whose start is interrupted, and which begins a little later."""

    late: Timer

    def start(self) -> None:
        """Be interrupted."""
        self.late = Timer(0.05, super().start)
        self.late.start()
        raise KeyboardInterrupt


def test_an_interrupt_while_a_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C goes through as what it is, also where the thread does not run yet; the call is never made."""
    made = Event()

    def interrupt() -> None:
        with Workers(1) as workers:
            monkeypatch.setattr("bucketwheel.parallel.Thread", _Interrupted)
            workers.start(made.set)

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not made.wait(0.2)


def test_an_interrupt_stops_what_asks() -> None:
    """A call that asks between two steps stops, also in the pool that another pool's thread made for itself."""
    begun, cleaned = Event(), Event()

    def ask_for_ever() -> None:
        begun.set()
        try:
            while True:
                stop_if_interrupted()
                time.sleep(0.01)
        finally:
            cleaned.set()

    def inner() -> None:
        with Workers(1) as workers:
            workers.start(ask_for_ever).result()

    def interrupt() -> None:
        with Workers(1) as workers:
            workers.start(inner)
            begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert cleaned.is_set()


def test_a_call_that_asks_for_more_ends_with_the_pool() -> None:
    """What it begins once the pool ends is cancelled, and it learns of that: it would wait for ever."""
    began, ended = Event(), Event()
    errors: list[BaseException] = []

    def ask(workers: Workers) -> None:
        began.set()
        ended.wait(10)
        try:
            workers.map_within([partial(int, "1"), partial(int, "2")])
        except CancelledError as error:
            errors.append(error)

    with Workers(2) as workers:
        workers.map_within([partial(time.sleep, 0.01)] * 2)  # its threads are there, and idle
        call = workers.start(partial(ask, workers))
        began.wait(10)
        workers._inner_pool.stop(interrupted=False)  # as the end does, while the call still runs
        ended.set()
        call.result()

    assert [type(error) for error in errors] == [CancelledError]
