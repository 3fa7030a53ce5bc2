"""The two streams: the answer on standard output, all else on standard error, in colour where that is welcome."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

import click

from bucketwheel.errors import Unfinished

__all__ = ["answer", "colourful", "notice"]


def answer(text: str) -> None:
    """Write what the command was asked for; exits where that is not possible."""
    try:
        _write(text, sys.stdout)
    except BrokenPipeError:
        # Whoever read this has seen enough; that changes nothing about the work or how it ends.
        _turn_away(sys.stdout)
    except OSError as error:
        _turn_away(sys.stdout)
        notice(f"the answer could not be written ({error.strerror})", label="error: ", colour="red")
        sys.exit(Unfinished.exit_code)


def notice(text: str, *, label: str = "", colour: str = "") -> None:
    """Write what happens on the way, or what went wrong, after a coloured label such as `error: `."""
    try:
        _write(click.style(label, fg=colour, bold=True) + text if label else text, sys.stderr)
    except OSError:
        # Nobody can be told, and the work is worth more than what would be said about it.
        _turn_away(sys.stderr)


def colourful(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether to use colours: https://no-color.org, https://force-color.org and https://bixense.com/clicolors/."""
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and environ.get("CLICOLOR") != "0" and environ.get("TERM") != "dumb"


def _write(text: str, stream: TextIO | None) -> None:
    if stream is not None:  # None: closed by whoever started us
        click.echo(text, file=stream, color=colourful(os.environ, terminal=stream.isatty()))


def _turn_away(stream: TextIO) -> None:
    """Let what is still to be flushed go nowhere: Python would try once more at its own end, and exit with 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
