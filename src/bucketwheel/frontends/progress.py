"""Progress of long work: a bar on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from threading import Lock
from typing import TYPE_CHECKING

from bucketwheel.events import BytesMoved, Event, FileDone, FileStarted, Report, Stage
from bucketwheel.frontends.text import describe, size_words

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["StageBytes", "progress_lines", "showing"]

_INTERVAL = 10.0  # seconds
_MINUTE, _HOUR = 60, 3600


@contextmanager
def showing(tell: Report, say: Callable[[str], None], *, verbosity: int) -> Iterator[Report]:
    """Show progress while the context lasts; the report may be used from any thread, and does nothing afterwards.

    `tell` shows all other events, and `say` a line about progress. Below 0 there is none.
    """
    shown: AbstractContextManager[Report] = nullcontext(tell)
    if verbosity == 0 and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        shown = _progress_bar(tell)
    elif verbosity >= 0:  # with -v each request has a line of its own, which a bar would hide
        shown = nullcontext(progress_lines(say, tell))
    ended, telling = False, Lock()
    with shown as show:

        def report(event: Event) -> None:
            with telling:
                if not ended:
                    show(event)

        try:
            yield report
        finally:
            # After Ctrl-C threads may still be at work: none may hold a stream when Python ends.
            with telling:
                ended = True


class StageBytes:
    """The bytes of one stage: those of files that are done, and of the others what was moved."""

    def __init__(self, total: int = 0) -> None:
        self.total = total
        """0: nothing is known of it."""
        self.done = 0
        self._sizes: dict[str, int] = {}
        self._moved: dict[str, int] = {}

    def follow(self, event: Event) -> bool:
        """Take note of an event; return whether bytes were counted."""
        before = self.done
        match event:
            case FileStarted(name=name, size=size):
                self._sizes[name], self._moved[name] = size, self._moved.get(name, 0)
            case BytesMoved(name=name, count=count) if name in self._sizes:
                # Some bytes are moved twice: after a broken connection, or by way of this machine.
                moved = min(self._moved[name] + count, self._sizes[name] or math.inf)
                self.done += int(moved) - self._moved[name]
                self._moved[name] = int(moved)
            case FileDone(name=name, size=size):
                self._sizes.pop(name, None)
                # What was there already, or was copied inside the store, did not move here.
                self.done += size - self._moved.pop(name, 0)
            case _:
                return False
        self.total = max(self.total, self.done) if self.total else 0
        return self.done != before


def progress_lines(say: Callable[[str], None], tell: Report) -> Report:
    """Return a report that also says every ten seconds how far a stage is."""
    stage, locked = StageBytes(), Lock()
    doing, began, said = "", 0.0, 0.0

    def report(event: Event) -> None:
        nonlocal stage, doing, began, said
        with locked:
            moved, now, line = stage.follow(event), time.monotonic(), None
            if isinstance(event, Stage):
                stage, doing, began, said = StageBytes(event.total_bytes), event.doing, now, now
            if moved and stage.total and now - said >= _INTERVAL:
                said, line = now, _line(doing, stage, now - began)
        if line is not None:
            say(line)
        tell(event)

    return report


def _line(doing: str, stage: StageBytes, seconds: float) -> str:
    rate = stage.done / seconds
    left = (stage.total - stage.done) / rate
    return (
        f"{doing}: {size_words(stage.done)} of {size_words(stage.total)} ({100 * stage.done // stage.total} %), "
        f"{size_words(int(rate))}/s, {_duration(left)} left"
    )


def _duration(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


@contextmanager
def _progress_bar(tell: Report) -> Iterator[Report]:
    """Show the current stage as one bar, which disappears at the end; `tell` writes all other events above it."""
    stage, locked = StageBytes(), Lock()
    bar: Progress | None = None
    with ExitStack() as shown:

        def report(event: Event) -> None:
            nonlocal stage, bar
            with locked:
                moved = stage.follow(event)
                if isinstance(event, Stage):
                    stage = StageBytes(event.total_bytes)
                    bar = bar or shown.enter_context(_columns())
                    for task in bar.task_ids:
                        bar.remove_task(task)
                    # Without a total size the bar only shows activity.
                    bar.add_task(describe(event) or "", total=stage.total or None)
                elif moved and bar is not None:
                    for task in bar.task_ids:
                        bar.update(task, completed=stage.done, total=stage.total or None)
            if not isinstance(event, Stage):
                tell(event)

        yield report


def _columns() -> Progress:
    """Return a bar without a stage. rich replaces sys.stderr meanwhile: what is written there appears above the bar."""
    from rich import console, progress  # noqa: PLC0415 - only a stage at a terminal needs it

    description = progress.TextColumn("{task.description}", markup=False)
    of_bytes = (
        description,
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(compact=True),
    )

    class Columns(progress.Progress):
        """The columns of a stage: rate and remaining time only where bytes are counted."""

        def get_renderables(self) -> Iterator[console.RenderableType]:
            self.columns = of_bytes if any(task.total for task in self.tasks) else of_bytes[:2]
            yield from super().get_renderables()

    return Columns(console=console.Console(stderr=True), transient=True)
