"""The pool of threads: what becomes of calls when the user presses Ctrl-C."""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Event

import pytest

from bucketwheel.parallel import Workers, stop_if_interrupted


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
