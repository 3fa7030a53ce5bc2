"""Events on standard error: a progress bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bucketwheel.events import Event, FileDone, FileStarted, Report, Stage, Warned
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.text import describe

__all__ = ["progress", "reporting"]


@contextmanager
def reporting(verbosity: int) -> Iterator[Report]:
    """Show what happens while the context lasts."""

    def tell(event: Event) -> None:
        text = describe(event, verbosity=verbosity)
        if text is not None and isinstance(event, Warned):
            notice(text, label="warning: ", colour="yellow")
        elif text is not None:
            notice(text)

    # With -v every request has a line of its own, which a bar would only hide.
    if verbosity != 0 or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield tell
        return

    with progress(tell) as report:
        yield report


@contextmanager
def progress(tell: Report) -> Iterator[Report]:
    """Show the current stage as a bar that goes away in the end; `tell` gets all other events, and writes above it."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # rich puts itself in the place of sys.stderr meanwhile: what is written there appears above the bar.
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def report(event: Event) -> None:
            match event:
                case Stage(total_bytes=total):
                    for task in bar.task_ids:
                        bar.remove_task(task)
                    # Without a size to count up to, the bar only shows that something is going on.
                    bar.add_task(describe(event) or "", total=total or None)
                case FileDone(size=size):
                    for task in bar.task_ids:
                        bar.advance(task, size)
                case FileStarted():
                    pass
                case _:
                    tell(event)

        yield report
