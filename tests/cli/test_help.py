"""The help of the command line, and its cost."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from bucketwheel.config.keys import KEYS
from bucketwheel.config.resolution import Settings
from bucketwheel.frontends.cli import cli
from support.archives import make_wheel
from support.command_line import COMMANDS, run_command

HEAVY = {"boto3", "botocore", "packaging", "urllib3", "rich", "jinja2", "tomllib", "pkginfo", "hatchling"}
VERBS = [
    "authorize",
    "check",
    "delete",
    "exec",
    "fetch",
    "from-list",
    "hide",
    "infra",
    "init",
    "promote",
    "prune",
    "publish",
    "reindex",
    "repository",
    "serve",
    "show",
    "status",
    "unhide",
    "unyank",
    "user",
    "yank",
]
GROUPS = {"infra", "repository", "user"}
"""Commands of commands."""
EVERYWHERE = {"-r", "--repository", "--profile", "--region", "--endpoint-url", "-v", "-q", "--json"}


def help_of(command: str, name: str) -> str:
    """Return the help of an option that is a setting."""
    [option] = [each for each in COMMANDS[command].params if each.name == name]
    assert isinstance(option, click.Option)
    return option.help or ""


def options_of(command: str) -> set[str]:
    """List the options that a command declares."""
    return {name for parameter in COMMANDS[command].params for name in parameter.opts}


@pytest.mark.parametrize("args", [["--help"], ["--version"], *([command, "--help"] for command in VERBS)], ids=str)
def test_help_waits_for_nothing(args: list[str]) -> None:
    """No help text and no version imports what only work needs."""
    program = (
        "import sys\nfrom bucketwheel.__main__ import main\n"
        "try:\n    main()\nfinally:\n    sys.stderr.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    asked = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    assert asked.stdout
    assert set(asked.stderr.split()) & HEAVY == set()


def test_a_command_is_loaded_alone() -> None:
    """A command does not pay for the others."""
    program = "import sys\nfrom bucketwheel.__main__ import main\ntry:\n    main()\nfinally:\n    print(*sys.modules)"
    asked = subprocess.run(
        [sys.executable, "-c", program, "show", "--help"], capture_output=True, text=True, check=True
    )
    loaded = set(asked.stdout.splitlines()[-1].split())
    package = "bucketwheel.frontends.cli"
    assert f"{package}.show" in loaded
    assert loaded.isdisjoint(f"{package}.{verb}" for verb in ("check", "delete", "infra", "publish", "reading", "user"))


def test_a_publish_asks_before_it_loads_what_works_with_the_answers(tmp_path: Path) -> None:
    """The modules of a release are loaded while the first requests are on their way."""
    program = """
import sys
from bucketwheel.__main__ import main
from bucketwheel.protocol.reading import Reading
start = Reading.start

def watched(*given):
    print("loaded" if "bucketwheel.protocol.release" in sys.modules else "not yet loaded")
    return start(*given)

Reading.start = watched
main()
"""
    words = ["publish", "-r", str(tmp_path / "repository"), str(make_wheel(tmp_path))]
    run = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[0] == "not yet loaded"


def test_the_commands_are_those_that_exist() -> None:
    """The list of commands names each once; upload is there and needs no line of its own."""
    commands = run_command("--help").answer.partition("Commands:\n")[2].partition("\n\n")[0]
    listed = [line.split()[0] for line in commands.splitlines() if not line.startswith("   ")]
    assert listed == VERBS
    assert run_command("upload", "--help").code == 0


@pytest.mark.parametrize("command", sorted({*VERBS, "upload"} - GROUPS))
def test_every_command_takes_what_all_take(command: str) -> None:
    """The repository, the connection to it, and how much to show are the same options everywhere."""
    assert options_of(command) >= EVERYWHERE


def test_every_setting_is_an_option_of_the_same_name() -> None:
    """Every setting of a file can be typed, for publish or for fetch."""
    assert {key.option for key in KEYS} <= options_of("publish") | options_of("fetch")
    assert {"--skip-existing", "--strict", "--no-create", "--dry-run"} <= options_of("publish")
    assert "--no-create" in options_of("promote")
    assert {"--from", "--into", "--version"} <= options_of("fetch")


@pytest.mark.parametrize("command", VERBS)
def test_every_option_is_explained(command: str) -> None:
    """No option is left without a sentence."""
    named = COMMANDS[command]
    for each in (named, *(named.commands.values() if isinstance(named, click.Group) else ())):
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, parameter.name


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_the_installed_one(option: str) -> None:
    """One line says what this is."""
    run = run_command(option)
    assert (run.code, run.answer) == (0, f"bucketwheel {version('bucketwheel')}\n")


def test_the_repository_is_explained_for_each_command() -> None:
    """`-r` says what the command does with the repository."""
    helps = {command: help_of(command, "repository") for command in VERBS if command not in GROUPS}
    assert helps["publish"].startswith("Where to publish: s3://bucket/prefix")
    assert helps["check"].startswith("The repository to check: s3://bucket/prefix")
    assert [command for command, text in helps.items() if text.startswith("Where to publish")] == ["publish"]


def test_defaults_are_in_the_help() -> None:
    """The help of a setting names what counts where nothing is said, and it is true."""
    settings = Settings()
    named = {key.name: key.default for key in KEYS if key.default}
    assert named == {
        "existing": settings.existing,
        "jobs": str(settings.jobs),
        "sign-with": settings.sign_with,
        "signatures": settings.signatures,
    }
    for name, default in named.items():
        assert help_of("publish", name.replace("-", "_")).endswith(f"[default: {default}]")


@pytest.mark.parametrize(
    ("words", "typed", "values"),
    [
        ("bucketwheel publish --existing", "s", ["same", "skip"]),
        ("bucketwheel status demo", "a", ["active", "archived"]),
        ("bucketwheel check --fail-on", "", ["note", "warning", "error"]),
        ("bucketwheel prune --per", "t", ["tags"]),
        ("bucketwheel init --set", "b", ["base-url="]),
        ("bucketwheel show -r", "st", ["staging"]),
        ("bucketwheel init", "", ["release", "staging"]),
        ("bucketwheel promote demo==1 --to", "r", ["release"]),
    ],
)
def test_the_shell_completes_values(words: str, typed: str, values: list[str]) -> None:
    """Values that are known are completed, names of repositories too."""
    Path("pyproject.toml").write_text(
        '[tool.bucketwheel.repositories]\nstaging = {url = "s3://one"}\nrelease = {url = "s3://two"}\n',
        encoding="utf-8",
    )
    completion = ShellComplete(cli, {}, "bucketwheel", "_BUCKETWHEEL_COMPLETE")
    assert [item.value for item in completion.get_completions(words.split()[1:], typed)] == values


def test_verbosity_before_the_verb_counts_too() -> None:
    """`-v` and `-q` are the same before and after it."""
    make_wheel(Path("dist"))
    assert "validating 1 file" in run_command("publish", "-r", "./pypi").notices
    assert run_command("-q", "publish", "-r", "./pypi").notices == ""
    assert run_command("publish", "-q", "-r", "./pypi").notices == ""


@pytest.mark.parametrize("args", [["fly"], ["publish", "--fly"], ["--fly"], ["yank"], ["show", "a", "b"]], ids=str)
def test_wrong_usage_ends_with_2(args: list[str]) -> None:
    """Wrong usage is told on standard error, and nothing is tried."""
    run = run_command(*args)
    assert run.code == 2
    assert run.answer == ""
    assert "Usage: bucketwheel" in run.notices
    assert "\nerror: " in run.notices
    assert "Error:" not in run.notices
