"""The help of the command line, and its cost."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import click
import pytest

from bucketwheel.config.keys import KEYS
from bucketwheel.frontends.cli import cli
from support.command_line import run_command

HEAVY = {"boto3", "botocore", "packaging", "urllib3", "rich", "tomllib", "pkginfo", "hatchling"}
COMMANDS = [
    "check",
    "delete",
    "fetch",
    "hide",
    "init",
    "promote",
    "prune",
    "publish",
    "reindex",
    "show",
    "status",
    "unhide",
    "unyank",
    "yank",
]
EVERYWHERE = {"-r", "--repository", "--profile", "--region", "--endpoint-url", "-v", "-q", "--json"}


def options_of(command: str) -> set[str]:
    """List the options that a command declares."""
    return {name for parameter in cli.commands[command].params for name in parameter.opts}


@pytest.mark.parametrize("args", [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)], ids=str)
def test_help_waits_for_nothing(args: list[str]) -> None:
    """No help text and no version imports what only work needs."""
    program = (
        "import sys\nfrom bucketwheel.__main__ import main\n"
        "try:\n    main()\nfinally:\n    sys.stderr.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    asked = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    assert asked.stdout
    assert set(asked.stderr.split()) & HEAVY == set()


def test_the_commands_are_those_that_exist() -> None:
    """The list of commands names each once; upload is there and needs no line of its own."""
    commands = run_command("--help").answer.partition("Commands:\n")[2].partition("\n\n")[0]
    listed = [line.split()[0] for line in commands.splitlines() if not line.startswith("   ")]
    assert listed == COMMANDS
    assert run_command("upload", "--help").code == 0


@pytest.mark.parametrize("command", [*COMMANDS, "upload"])
def test_every_command_takes_what_all_take(command: str) -> None:
    """The repository, the connection to it, and how much to show are the same options everywhere."""
    assert options_of(command) >= EVERYWHERE


def test_every_setting_is_an_option_of_the_same_name() -> None:
    """Every setting of a file can be typed, for publish or for fetch."""
    assert {key.option for key in KEYS} <= options_of("publish") | options_of("fetch")
    assert {"--skip-existing", "--strict", "--no-create", "--dry-run"} <= options_of("publish")
    assert "--no-create" in options_of("promote")
    assert {"--from", "--into", "--version"} <= options_of("fetch")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    """No option is left without a sentence."""
    for parameter in cli.commands[command].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_the_installed_one(option: str) -> None:
    """One line says what this is."""
    run = run_command(option)
    assert (run.code, run.answer) == (0, f"bucketwheel {version('bucketwheel')}\n")


@pytest.mark.parametrize("args", [["fly"], ["publish", "--fly"], ["yank"], ["show", "a", "b"]], ids=str)
def test_wrong_usage_ends_with_2(args: list[str]) -> None:
    """Wrong usage is told on standard error, and nothing is tried."""
    run = run_command(*args)
    assert run.code == 2
    assert run.answer == ""
    assert "Usage: bucketwheel" in run.notices
