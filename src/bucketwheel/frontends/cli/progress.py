"""A progress bar for whoever watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bucketwheel.events import Event, FileDone, FileStarted, Report, Stage
from bucketwheel.frontends.text import describe

__all__ = ["progress"]


@contextmanager
def progress(tell: Report) -> Iterator[Report]:
    """Show the current stage as a bar that goes away in the end; `tell` gets all other events, and writes above it."""
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
