"""Ctrl-C in words, the same for all doors: what was on its way to a repository may have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bucketwheel.errors import BucketwheelError, Unavailable, Unfinished
from bucketwheel.events import Event, Report, Writing

__all__ = ["interrupt_in_words", "interrupted"]


@contextmanager
def interrupt_in_words(report: Report) -> Iterator[Report]:
    """Give a report that knows of writes; raises Unfinished for Ctrl-C after the first of them, else Unavailable."""
    writing = False

    def watch(event: Event) -> None:
        nonlocal writing
        writing = writing or isinstance(event, Writing)
        report(event)

    try:
        yield watch
    except KeyboardInterrupt:
        raise interrupted(writing=writing) from None


def interrupted(*, writing: bool) -> BucketwheelError:
    """Return the error for Ctrl-C."""
    if writing:
        return Unfinished("interrupted; run the same command again to finish what was begun")
    return Unavailable("interrupted; nothing was written to a repository")
