"""The two streams: the answer on standard output, everything else on standard error, coloured if wanted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

import click

from bucketwheel.errors import Unfinished

__all__ = ["colourful", "notice", "terminal_width", "write_answer"]


def write_answer(text: str) -> None:
    """Write the answer; exits if it cannot be written."""
    try:
        _write(text, sys.stdout)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough: the work is done all the same.
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        notice(f"the answer could not be written ({error.strerror})", label="error: ", colour="red")
        sys.exit(Unfinished.exit_code)


def notice(text: str, *, label: str = "", colour: str = "") -> None:
    """Write an event or an error, after a coloured label such as `error: `."""
    try:
        _write(click.style(label, fg=colour, bold=True) + text if label else text, sys.stderr)
    except OSError:
        # The work goes on, even if standard error cannot be written.
        _discard(sys.stderr)


def colourful(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Decide on colours: https://no-color.org, https://force-color.org and https://bixense.com/clicolors/."""
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and environ.get("CLICOLOR") != "0" and environ.get("TERM") != "dumb"


def terminal_width() -> int | None:
    """Return the number of columns where the answer goes to a terminal; None for a file or pipe, which gets all."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else None


def _write(text: str, stream: TextIO | None) -> None:
    if stream is not None:  # None: it was closed when this process started
        click.echo(text, file=stream, color=colourful(os.environ, terminal=stream.isatty()))


def _discard(stream: TextIO) -> None:
    """Send what is not flushed yet to the null device: at its end Python would try again, and exit with 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
