"""Events on standard error: a progress bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

from bucketwheel.events import Event, FileDone, FileStarted, Report, Stage, Warned
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.text import describe

__all__ = ["reporting"]


@contextmanager
def reporting(verbosity: int) -> Iterator[Report]:
    """Show events while the context lasts."""
    ended = False
    telling = Lock()

    def tell(event: Event) -> None:
        with telling:
            if not ended:
                write(event)

    def write(event: Event) -> None:
        text = describe(event, verbosity=verbosity)
        if text is not None and isinstance(event, Warned):
            notice(text, label="warning: ", colour="yellow")
        elif text is not None:
            notice(text)

    # With -v each request has a line of its own, which a bar would hide.
    if verbosity != 0 or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        showing: AbstractContextManager[Report] = nullcontext(tell)
    else:
        showing = _bar(tell)
    try:
        with showing as report:
            yield report
    finally:
        # After Ctrl-C threads may still be at work: none may hold a stream when Python ends.
        with telling:
            ended = True


@contextmanager
def _bar(tell: Report) -> Iterator[Report]:
    """Show the current stage as a bar, which disappears at the end; `tell` writes all other events above it."""
    from rich import console, progress  # noqa: PLC0415 - only a terminal needs it

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
    )
    # rich replaces sys.stderr meanwhile: what is written there appears above the bar.
    with progress.Progress(*columns, console=console.Console(stderr=True), transient=True) as bar:

        def report(event: Event) -> None:
            match event:
                case Stage(total_bytes=total):
                    for task in bar.task_ids:
                        bar.remove_task(task)
                    # Without a total size the bar only shows activity.
                    bar.add_task(describe(event) or "", total=total or None)
                case FileDone(size=size):
                    for task in bar.task_ids:
                        bar.advance(task, size)
                case FileStarted():
                    pass
                case _:
                    tell(event)

        yield report
