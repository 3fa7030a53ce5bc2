"""Ctrl-C in words, the same for all doors: what was on its way to a repository may have arrived."""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from bucketwheel.errors import BucketwheelError, Unavailable, Unfinished
from bucketwheel.events import Event, Report, Writing

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["interrupt_in_words", "interrupted", "is_interrupt"]

_SOON = 0.01  # seconds


@contextmanager
def interrupt_in_words() -> Iterator[Callable[[Report], Report]]:
    """Raise Unfinished for Ctrl-C after the first write, else Unavailable; gives what makes a report notice writes."""
    writing = False

    def watched(report: Report) -> Report:
        def watch(event: Event) -> None:
            nonlocal writing
            writing = writing or isinstance(event, Writing)
            report(event)

        return watch

    try:
        with _raised_again():
            yield watched
    except (KeyboardInterrupt, RuntimeError) as error:
        if not is_interrupt(error):
            raise
        raise interrupted(writing=writing) from None


@contextmanager
def _raised_again() -> Iterator[None]:
    """Raise Ctrl-C again that came within a callback, of which importlib has some: Python prints that, and goes on."""
    others = sys.unraisablehook

    def hook(unraisable: UnraisableHookArgs) -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            Timer(_SOON, _thread.interrupt_main).start()  # at once it would be within the callback, and be lost too
        else:
            others(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = others


def is_interrupt(error: BaseException) -> bool:
    """Return whether this is Ctrl-C, also as Python 3.11 raises it where a class is being made (`__set_name__`)."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


def interrupted(*, writing: bool) -> BucketwheelError:
    """Return the error for Ctrl-C, with which a caught KeyboardInterrupt is dealt with."""
    # Where it came within an exec(), as dataclasses do at import, `python -m` would kill itself by SIGINT at its exit,
    # although it was caught: CPython keeps a mark (run_eval_code_obj) that only the next exec() removes.
    exec("")  # noqa: S102
    if writing:
        return Unfinished("interrupted; run the same command again to finish what was begun")
    return Unavailable("interrupted; nothing was written to a repository")
