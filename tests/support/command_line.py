"""The command line: in this process where many runs are needed, as a process of its own where that matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from bucketwheel.frontends.cli import cli
from support.clients import clean_environment

__all__ = ["COMMANDS", "CommandRun", "run_at_terminal", "run_command", "run_process"]

with click.Context(cli) as _context:
    _FOUND = {name: cli.get_command(_context, name) for name in cli.list_commands(_context)}

COMMANDS = {name: command for name, command in _FOUND.items() if command is not None}
"""Every command, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """How a command ended, and what it said on each stream."""

    code: int
    answer: str
    notices: str

    @property
    def lines(self) -> list[str]:
        """The answer, line by line."""
        return self.answer.splitlines()

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The answer as the one JSON document that it must be."""
        return json.loads(self.answer)


def run_command(*args: str, environ: Mapping[str, str] | None = None, typed: str = "") -> CommandRun:
    """Run a command in this process, in the current directory, and raise everything but an exit."""
    result = CliRunner().invoke(cli, args, input=typed, env=environ, prog_name="bucketwheel")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return CommandRun(code=result.exit_code, answer=result.stdout, notices=result.stderr)


def run_process(*args: str, home: Path, environ: Mapping[str, str] | None = None) -> CommandRun:
    """Run `python -m bucketwheel` as a user does, in a directory that is home and project."""
    finished = subprocess.run(
        [sys.executable, "-m", "bucketwheel", *args],
        cwd=home,
        env=clean_environment(home) | dict(environ or {}),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return CommandRun(code=finished.returncode, answer=finished.stdout, notices=finished.stderr)


def run_at_terminal(
    *args: str,
    home: Path,
    environ: Mapping[str, str] | None = None,
    typed: str = "",
    meanwhile: Callable[[], None] = lambda: None,
    module: str = "bucketwheel",
) -> CommandRun:
    """Run `python -m bucketwheel`, or another module, at a terminal, and type a text once it asks.

    The notices are the text of the terminal.
    """
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", module, *args]
    variables = clean_environment(home) | {"TERM": "xterm", "NO_COLOR": ""} | dict(environ or {})
    with subprocess.Popen(
        command, cwd=home, env=variables, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        shown = b""
        while part := _read_terminal(ours):
            shown += part
            if typed and b"]:" in shown:
                meanwhile()
                os.write(ours, typed.encode())
                typed = ""
        os.close(ours)
        answer, _ = process.communicate(timeout=60)
    return CommandRun(code=process.returncode, answer=answer, notices=shown.decode())


def _read_terminal(ours: int) -> bytes:
    try:
        return os.read(ours, 65536)
    except OSError:  # Linux reports like this that the other end is closed
        return b""
