"""The garbage collector of our own process: it rests until the modules and the client of S3 are made, and skips them.

They stay to the end, and looking through them took a quarter of the time of a small publish. The process of a host
(Hatch, setup.py, a program that uses the Python API) is not ours: only the command line does this.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bucketwheel.events import Event, Report, RequestSent

__all__ = ["at_rest", "end_rest", "rest_until_answered"]

_resting = threading.Event()


@contextmanager
def at_rest() -> Iterator[None]:
    """Let the collector rest until `end_rest`, at the longest while the context lasts."""
    if gc.isenabled():
        gc.disable()
        _resting.set()
    try:
        yield
    finally:
        end_rest()


def end_rest() -> None:
    """Let the collector work on what is made from now on; without `at_rest` nothing changes."""
    if _resting.is_set():
        _resting.clear()
        gc.freeze()
        gc.enable()


def rest_until_answered(report: Report) -> Report:
    """Return a report that ends the rest with the first request: what stays to the end has been made by then."""

    def watch(event: Event) -> None:
        if isinstance(event, RequestSent):
            end_rest()
        report(event)

    return watch
