"""Events on standard error: a progress bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bucketwheel.events import Event, Report, Warned
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.text import describe

__all__ = ["reporting"]


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
    from bucketwheel.frontends.cli.progress import progress  # noqa: PLC0415 - rich is for terminals only

    with progress(tell) as report:
        yield report
