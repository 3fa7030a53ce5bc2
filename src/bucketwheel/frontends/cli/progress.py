"""Events on standard error: a progress bar on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bucketwheel.events import Event, Report, Warned
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.progress import showing
from bucketwheel.frontends.text import describe

__all__ = ["reporting"]


@contextmanager
def reporting(verbosity: int) -> Iterator[Report]:
    """Show events while the context lasts."""

    def tell(event: Event) -> None:
        text = describe(event, verbosity=verbosity)
        if text is not None and isinstance(event, Warned):
            notice(text, label="warning: ", colour="yellow")
        elif text is not None:
            notice(text)

    with showing(tell, notice, verbosity=verbosity) as report:
        yield report
