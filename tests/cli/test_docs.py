"""README and docs name only commands, options, settings and messages that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from botocore.exceptions import NoCredentialsError

from bucketwheel.config.keys import KEYS, UPLOAD_TOKEN
from bucketwheel.storage.s3.errors import ApiCall, failure_in_words, rejection, rejection_in_words
from support.archives import make_wheel
from support.command_line import COMMANDS, run_command

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "example_project" / "README.md"]
# Of pip, uv, twine, docker, curl, aws and others, which the pages name too; --x-s3 is how buckets of S3 Express end.
OTHERS = {
    "--attestations",
    "--check-url",
    "--compressed",
    "--extra-index-url",
    "--find-links",
    "--import-existing-resources",
    "--index-url",
    "--mount",
    "--prefix",
    "--put-root-index",
    "--with",
    "--x-s3",
    "-p",
}


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words begin with, one of a group too, and the words after it."""
    command, *rest = COMMANDS[words[0]], *words[1:]
    if isinstance(command, click.Group) and rest and rest[0] in command.commands:
        return command.commands[rest[0]], rest[1:]
    return command, rest


def every_option() -> set[str]:
    """Return the names of all options of all commands."""
    groups = (command for command in COMMANDS.values() if isinstance(command, click.Group))
    commands = [*COMMANDS.values(), *(each for group in groups for each in group.commands.values())]
    return {"--help"}.union(name for command in commands for each in command.params for name in each.opts)


EVERY_OPTION = every_option()


def snippets() -> Iterator[tuple[str, str]]:
    """Yield each line of code on each page: of the blocks, and between backquotes, which may hold a line break."""
    for page in PAGES:
        prose: list[str] = []
        blocks: list[str] = []
        for number, part in enumerate(re.split(r"^ *```.*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)):
            (blocks if number % 2 else prose).append(part)
        for block in blocks:
            yield from ((page.name, line.strip()) for line in block.splitlines())
        for text in prose:
            yield from ((page.name, " ".join(code.split())) for code in re.findall(r"`([^`]+)`", text))


def commands() -> Iterator[tuple[str, str]]:
    """Yield each of our command lines on each page."""
    for page, code in snippets():
        for part in code.split("&&"):
            line = re.sub(r"^\$ |^- run: ", "", part.strip())
            line = re.split(r"   +| # ", line)[0]
            if re.match(r"bucketwheel [a-z]", line):
                yield page, line


def is_synopsis(line: str) -> bool:
    """Return whether a line shows choices or repetitions in place of what could be typed."""
    return bool(re.search(r"[\[\]|…]", line))


@pytest.mark.parametrize(("page", "line"), sorted({*commands()}))
def test_a_command_on_a_page_is_a_command(page: str, line: str) -> None:
    """The command exists and takes the options; what could be typed is parsed by click."""
    words = [word for word in shlex.split(line) if word != "--help"][1:]
    command, arguments = command_of(words)
    if words[0] == "exec" and "--" in arguments:  # what follows is of another program
        arguments = [*arguments[: arguments.index("--")], "--", "program"]
    taken = {name for each in command.params for name in each.opts}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(arguments))) <= taken, page
    if arguments and not is_synopsis(line):
        try:
            command.make_context(words[0], arguments)
        except click.MissingParameter:
            assert not any(word.isupper() for word in arguments), (
                page
            )  # `bucketwheel yank --reason` names an option only


def test_the_readme_names_every_command() -> None:
    """A new command fails here until the README has it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {line.split()[1] for page, line in commands() if page == "README.md"}
    assert set(COMMANDS) - {"upload"} <= named | set(re.findall(r"\b[a-z]+\b", readme.partition("## Settings")[0]))


@pytest.mark.parametrize(("page", "code"), sorted({found for found in snippets() if re.match(r"--?[a-z]", found[1])}))
def test_an_option_on_a_page_is_an_option(page: str, code: str) -> None:
    """An option that stands by itself is one of ours; after `-o` stands a setting."""
    first, *rest = code.replace("=", " ").split()
    if first == "-o":
        assert set(rest[:1]) <= {key.name for key in KEYS}, page
    else:
        assert set(first.split("/")) <= EVERY_OPTION | OTHERS, page


def test_the_variables_on_the_pages_are_settings() -> None:
    """BUCKETWHEEL_JOBS is the setting `jobs`; the upload token is none."""
    named = {name for _, code in snippets() for name in re.findall(r"\bBUCKETWHEEL_[A-Z_]+", code)}
    known = {UPLOAD_TOKEN, *(key.variable for key in KEYS)}
    assert {name for name in named if not name.startswith("BUCKETWHEEL_TEST_")} <= known


def test_the_settings_in_the_readme_are_the_settings() -> None:
    """The table has each key once and no other."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, table = readme.partition("| key | meaning |\n|---|---|\n")
    rows = [row.split("|")[1] for row in table.partition("\n\n")[0].splitlines()]
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    assert sorted(named) == sorted(key.name for key in KEYS)


def test_the_errors_in_ci_md_are_those_of_the_code() -> None:
    """Each row of the table quotes the words that its error has; `…` stands for what differs."""
    call = ApiCall(operation="PutObject", bucket="packages", key="simple/demo/demo-1.0.tar.gz")

    def refused(code: str) -> str:
        return str(rejection_in_words(rejection({"Error": {"Code": code}}, call.operation), call))

    for directory, requires in (("dist", None), ("rebuilt", ">=3.11")):
        make_wheel(Path(directory), requires_python=requires)
    assert run_command("publish", "dist", "-r", "./pypi").code == 0
    said = [
        str(failure_in_words(NoCredentialsError(), call)),
        refused("AccessDenied"),
        refused("PermanentRedirect"),
        run_command("publish", "rebuilt", "-r", "./pypi").notices.partition("error: ")[2],
        run_command("publish", "dist", "-r", "./new", "--no-create").notices.partition("error: ")[2],
        refused("RequestTimeTooSkewed"),
    ]
    _, _, table = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8").partition("| the error says | do this |\n")
    quoted = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    for words, error in zip(quoted, said, strict=True):
        assert re.match(re.escape(words).replace("…", ".+"), error), error
