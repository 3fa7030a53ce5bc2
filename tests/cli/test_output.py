"""Streams, colours, JSON, progress: how the command line behaves as a part of something larger."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bucketwheel.frontends.cli.output import colourful
from support.archives import make_wheel
from support.clients import clean_environment
from support.command_line import run_at_terminal, run_command, run_process

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
TO = ("-r", "./pypi")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and /dev are POSIX's")


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR": "0"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
    ids=str,
)
def test_colours_are_for_those_who_want_them(environ: dict[str, str], terminal: bool, coloured: bool) -> None:  # noqa: FBT001 - a table
    """Terminals have colours unless somebody says no; NO_COLOR has the last word."""
    assert colourful(environ, terminal=terminal) is coloured


def test_an_error_is_coloured_where_that_is_forced() -> None:
    """The label is coloured, and not the sentence."""
    assert run_command("show", *TO, environ={"FORCE_COLOR": "1"}).notices.startswith("\x1b[31m\x1b[1merror: \x1b[0m/")
    assert run_command("show", *TO).notices.startswith("error: /")


def test_quiet_leaves_the_answer() -> None:
    """With -q standard error stays empty when all is well, and the answer is the same."""
    make_wheel(Path("dist"))
    run = run_command("publish", *TO, "-q")
    assert (run.code, run.notices) == (0, "")
    assert run.lines[0] == f"dist/{WHEEL} ... success"


def test_quiet_hides_no_warning_and_no_error() -> None:
    """With -q what went wrong is still said."""
    make_wheel(Path("dist"))
    run_command("publish", *TO)
    make_wheel(Path("dist"), members={"demo_pkg/more.py": b"more = True\n"})
    assert run_command("publish", *TO, "-q", "--skip-existing").notices.startswith("warning: ")
    assert run_command("publish", *TO, "-q").notices.startswith("error: ")


def test_warnings_of_settings_are_told() -> None:
    """Warnings about settings come before the work, and stop nothing."""
    run = run_command("init", "./pypi/simple")
    assert run.code == 0
    assert run.notices.startswith("warning: the repository ")


def test_an_error_as_json() -> None:
    """With --json an error is one document too: all problems, and the exit status; people still read standard error."""
    run = run_command("publish", "no.whl", "nor.whl", *TO, "--json")
    assert run.code == 1
    remedy = "check the path, or build it first"
    assert run.document == {
        "error": f"no.whl does not exist; {remedy}\nnor.whl does not exist; {remedy}",
        "problems": [
            {"subject": "no.whl", "what": "does not exist", "remedy": remedy},
            {"subject": "nor.whl", "what": "does not exist", "remedy": remedy},
        ],
        "exit": 1,
    }
    assert run.notices == f"error: no.whl does not exist;\nnor.whl does not exist;\n{remedy}\n"


def test_an_error_without_problems_as_json(workspace: Path) -> None:
    """A fault of the world is one sentence, without a list of problems."""
    make_wheel(Path("dist"))
    Path("pypi").write_text("", encoding="utf-8")
    document = run_command("publish", *TO, "--json").document
    assert set(document) == {"error", "exit"}
    assert str(workspace / "pypi") in document["error"]


def test_settings_errors_as_json_end_with_2() -> None:
    """The exit status stands in the document."""
    run = run_command("show", "--json")
    assert (run.code, run.document["exit"]) == (2, 2)
    assert run.document["problems"][0]["subject"] == "repository"


@POSIX
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_changes_nothing(workspace: Path, stream: str) -> None:
    """Piped into `head`, the work is done to its end and the exit is that of the work."""
    make_wheel(Path("dist"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as broken:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: broken}
        finished = _publish(workspace, streams)
    assert finished.returncode == 0
    assert "Traceback" not in f"{finished.stderr}"
    assert (workspace / "pypi" / "simple" / "demo-pkg" / "index.json").is_file()


@POSIX
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_an_answer_that_cannot_be_written(workspace: Path) -> None:
    """On a full disk the release is done, its answer is lost, and that is said: exit 3, no traceback."""
    make_wheel(Path("dist"))
    with Path("/dev/full").open("wb") as full:
        finished = _publish(workspace, {"stdout": full, "stderr": subprocess.PIPE})
    assert finished.returncode == 3
    assert finished.stderr.splitlines()[-1] == "error: the answer could not be written (No space left on device)"


@POSIX
def test_closed_streams_are_no_traceback(workspace: Path) -> None:
    """Started with its streams closed, as some services do it, the command does its work."""
    make_wheel(Path("dist"))
    command = ["sh", "-c", '"$0" -m bucketwheel publish -r ./pypi >&- 2>&-', sys.executable]
    finished = subprocess.run(command, cwd=workspace, env=clean_environment(workspace), check=False)
    assert finished.returncode == 0


def test_a_poor_encoding_is_no_traceback(workspace: Path) -> None:
    """A path that the terminal's encoding cannot write is written with escapes."""
    make_wheel(Path("dîst"))
    run = run_process("publish", "dîst", *TO, home=workspace, environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})
    assert run.code == 0
    assert run.lines[0] == f"d\\xeest/{WHEEL} ... success"


@POSIX
def test_a_terminal_sees_a_bar_that_goes_away(workspace: Path) -> None:
    """On a terminal each stage is drawn to its end and removed; important lines stay."""
    make_wheel(Path("dist"))
    text = _on_a_terminal(workspace)
    assert "validating 1 file" in text
    assert "uploading 1 file (900 bytes)" in text
    assert "created a new repository at" in text
    hidden, shown, erased = (text.rindex(f"\x1b[{code}") for code in ("?25l", "?25h", "2K"))
    assert hidden < shown
    assert text.rindex("uploading") < erased
    assert "100%" in text
    assert text.rindex("validating") < text.index("uploading")


@POSIX
def test_the_bar_shows_the_rate(workspace: Path) -> None:
    """Where bytes are counted, the bar has their rate."""
    for version in ("1.0", "1.1", "1.2"):
        make_wheel(Path("dist"), "demo-pkg", version)
    assert re.search(r"uploading 3 files.*100%.*m\d[\d.]* [kMG]?(bytes|B)/s", _on_a_terminal(workspace))


@POSIX
def test_a_dumb_terminal_sees_lines(workspace: Path) -> None:
    """Without cursor control there is no bar and no escape at all."""
    make_wheel(Path("dist"))
    text = _on_a_terminal(workspace, TERM="dumb")
    assert "\x1b" not in text
    assert "validating 1 file" in text


@POSIX
def test_a_terminal_has_no_bar_unless_it_helps(workspace: Path) -> None:
    """With -v each request is a line and a bar would hide them; with -q there is nothing at all."""
    make_wheel(Path("dist"))
    assert "\x1b" not in _on_a_terminal(workspace, "-v")
    assert _on_a_terminal(workspace, "-q") == ""


def _publish(workspace: Path, streams: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bucketwheel", "publish", *TO]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # either stream may be a file or a pipe
        command, cwd=workspace, env=clean_environment(workspace), text=True, check=False, timeout=60, **streams
    )


def _on_a_terminal(workspace: Path, *options: str, **environ: str) -> str:
    run = run_at_terminal("publish", *TO, *options, home=workspace, environ=environ)
    assert run.code == 0
    return run.notices
