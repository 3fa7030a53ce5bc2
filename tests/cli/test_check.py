"""`bucketwheel check`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.command_line import run_command

TO = ("-r", "./pypi")
SIDECAR = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl.metadata"


@pytest.fixture
def published(workspace: Path) -> Path:
    """Give a repository of two projects."""
    make_wheel(Path("dist"))
    make_sdist(Path("dist"), "zoo", "2")
    assert run_command("publish", *TO).code == 0
    return workspace / "pypi"


@pytest.mark.usefixtures("published")
def test_nothing_found_is_said_and_ends_with_0() -> None:
    """One line says what was looked at."""
    run = run_command("check", *TO)
    assert (run.code, run.lines) == (0, ["checked 2 projects with 2 files: all is as it should be"])
    assert run.notices == "checking 2 projects\n"


def test_each_finding_has_its_remedy_and_the_end_is_4(published: Path) -> None:
    """Gravity, subject and what is wrong on one line, the remedy on the next, the numbers on the last."""
    (published / SIDECAR).unlink()
    (published / "index.html").write_text("a page of another tool", encoding="utf-8")
    run = run_command("check", *TO)
    assert run.code == 4
    assert run.lines == [
        f"error: {SIDECAR} is missing, but pages promise it",
        "    put it back, or run `bucketwheel reindex --adopt demo-pkg`",
        "note: / has objects of another tool (1): index.html",
        "    remove them by hand when no client uses them",
        "checked 2 projects with 2 files: 1 error, 1 note",
    ]


def test_the_answer_as_json(published: Path) -> None:
    """The document has the same facts, and a code for each kind that scripts may rely on."""
    (published / SIDECAR).unlink()
    run = run_command("check", "Demo.Pkg", *TO, "--json", "--deep")
    assert run.code == 4
    assert run.document == {
        "repository": str(published),
        "projects": 1,
        "files": 1,
        "deep": True,
        "findings": [
            {
                "code": "sidecar-missing",
                "gravity": "error",
                "subject": SIDECAR,
                "what": "is missing, but pages promise it",
                "remedy": "put it back, or run `bucketwheel reindex --adopt demo-pkg`",
            }
        ],
    }


def codes() -> list[int]:
    """Return the exit status of a check that fails on notes, on warnings, and on errors only."""
    return [run_command("check", *TO, "--fail-on", gravity).code for gravity in ("note", "warning", "error")]


def test_a_note_is_shown_and_fails_only_where_that_was_asked_for(published: Path) -> None:
    """Harmless leftovers of another tool do not keep a nightly job red."""
    (published / "index.html").write_text("a page of another tool", encoding="utf-8")
    run = run_command("check", *TO)
    assert (run.code, run.lines[0]) == (0, "note: / has objects of another tool (1): index.html")
    assert [run_command("check", *TO, "--fail-on", gravity).code for gravity in ("note", "warning", "error")] == [
        4,
        0,
        0,
    ]
    assert run_command("check", *TO, "--fail-on", "anything").code == 2


def test_a_warning_does_not_fail_where_only_errors_count(published: Path) -> None:
    """--fail-on is the smallest gravity that fails."""
    shutil.rmtree(published / "simple" / "zoo")
    run_command("reindex", "--adopt", "--yes", *TO)
    run = run_command("check", *TO)
    assert (run.code, run.lines[0].partition(":")[0]) == (4, "warning")
    assert [run_command("check", *TO, "--fail-on", gravity).code for gravity in ("note", "warning", "error")] == [
        4,
        4,
        0,
    ]


def test_deep_reads_files(published: Path) -> None:
    """Bytes of the right size are wrong only for who reads them, and the reading is announced."""
    wheel = published / SIDECAR.removesuffix(".metadata")
    wheel.write_bytes(bytes(reversed(wheel.read_bytes())))
    assert run_command("check", *TO).code == 0
    run = run_command("check", *TO, "--deep")
    assert run.code == 4
    assert run.lines[0].startswith(f"error: {SIDECAR.removesuffix('.metadata')} has sha256 ")
    assert "reading 3 files (" in run.notices


@pytest.mark.usefixtures("published")
def test_what_cannot_be_checked_is_an_error() -> None:
    """A project or repository that is not there ends with 1, a name that is none with 2."""
    assert run_command("check", "nothing", *TO).code == 1
    assert run_command("check", "-r", "./nowhere").code == 1
    assert run_command("check", "no name", *TO).code == 2
