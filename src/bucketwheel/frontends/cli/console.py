"""The two streams: the answer on standard output, all else on standard error, in colour where that is welcome."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

import click

from bucketwheel.errors import Unfinished

__all__ = ["answer", "colourful", "notice"]


def answer(text: str) -> None:
    """Write what the command was asked for; exits where that is not possible."""
    try:
        # Whoever closed the pipe has seen enough; that changes nothing about the work or how it ends.
        with suppress(BrokenPipeError):
            _write(text, sys.stdout)
    except OSError as error:
        notice(f"the answer could not be written ({error.strerror})", label="error: ", colour="red")
        sys.exit(Unfinished.exit_code)


def notice(text: str, *, label: str = "", colour: str = "") -> None:
    """Write what happens on the way, or what went wrong, after a coloured label such as `error: `."""
    # Where nobody can be told, the work is still worth more than what would be said about it.
    with suppress(OSError):
        _write(click.style(label, fg=colour, bold=True) + text if label else text, sys.stderr)


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
