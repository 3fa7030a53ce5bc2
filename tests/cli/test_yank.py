"""`bucketwheel yank` and `unyank`."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.command_line import run_command

WHEEL, SDIST = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"
TO = ("-r", "./pypi")


@pytest.fixture(autouse=True)
def _published(workspace: Path) -> None:
    """Publish one version, of two files."""
    make_wheel(workspace / "dist")
    make_sdist(workspace / "dist")
    assert run_command("publish", *TO).code == 0


def yanked() -> dict[str, str]:
    """List the yanked files with their reasons, as `show` tells them."""
    [project] = run_command("show", "demo-pkg", *TO, "--json").document["projects"]
    return {file["filename"]: file["yanked"]["reason"] for file in project["files"] if "yanked" in file}


def test_a_version_is_yanked_and_comes_back() -> None:
    """All files of a bad release are yanked with the reason, and unyank takes that back."""
    run = run_command("yank", "Demo.Pkg==1.0.0", *TO, "--reason", "loses data")
    assert (run.code, run.lines) == (0, [f"yanked {WHEEL}", f"yanked {SDIST}"])
    assert yanked() == {WHEEL: "loses data", SDIST: "loses data"}
    run = run_command("unyank", "demo-pkg==1.0", *TO)
    assert (run.code, run.lines) == (0, [f"unyanked {WHEEL}", f"unyanked {SDIST}"])
    assert yanked() == {}


def test_single_files_are_yanked() -> None:
    """A bad wheel is yanked while its sdist stays."""
    assert run_command("yank", "demo-pkg==1.0", WHEEL, *TO, "--reason", "bad build").lines == [f"yanked {WHEEL}"]
    assert yanked() == {WHEEL: "bad build"}


def test_what_is_so_already_is_done() -> None:
    """The same yank again changes nothing and succeeds; so does an unyank of what was never yanked."""
    assert run_command("unyank", "demo-pkg==1.0", *TO).lines == ["nothing to unyank in demo-pkg==1.0"]
    run_command("yank", "demo-pkg==1.0", *TO, "--reason", "x")
    again = run_command("yank", "demo-pkg==1.0", *TO, "--reason", "x")
    assert (again.code, again.lines) == (0, ["nothing to yank in demo-pkg==1.0"])


def test_a_dry_run_yanks_nothing() -> None:
    """A dry run says what it would do."""
    run = run_command("yank", "demo-pkg==1.0", WHEEL, *TO, "--reason", "x", "--dry-run")
    assert run.lines == [f"would yank {WHEEL}"]
    assert yanked() == {}
    run_command("yank", "demo-pkg==1.0", *TO, "--reason", "x")
    assert run_command("unyank", "demo-pkg==1.0", SDIST, *TO, "--dry-run").lines == [f"would unyank {SDIST}"]
    assert set(yanked()) == {WHEEL, SDIST}


def test_the_answer_as_json() -> None:
    """The document names the files that changed."""
    run = run_command("yank", "demo-pkg==1.0", SDIST, *TO, "--reason", "x", "--json")
    assert run.document == {"project": "demo-pkg", "version": "1.0", "changed": [SDIST], "dry-run": False}
    run = run_command("unyank", "demo-pkg==1.0", *TO, "--json", "--dry-run")
    assert run.document == {"project": "demo-pkg", "version": "1.0", "changed": [SDIST], "dry-run": True}


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["demo-pkg", "--reason", "x"], 2, "write PROJECT==VERSION"),
        (["demo-pkg==", "--reason", "x"], 2, "write PROJECT or PROJECT==VERSION"),
        (["demo-pkg==1.0"], 2, "Missing option '--reason'"),
        (["demo-pkg==one", "--reason", "x"], 2, "error: one is not a version"),
        (["demo pkg==1.0", "--reason", "x"], 2, "error: demo pkg is not a project name"),
        (["demo-pkg==2.0", "--reason", "x"], 1, "error: demo-pkg==2.0 is not published here; choose one of 1.0"),
        (["nothing==1.0", "--reason", "x"], 1, "error: nothing==1.0 is not published here"),
        (["demo-pkg==1.0", "a.whl", "--reason", "x"], 1, "error: a.whl is not a file of demo-pkg==1.0"),
    ],
    ids=str,
)
def test_what_cannot_be_yanked_is_refused(args: list[str], code: int, problem: str) -> None:
    """Usage ends with 2, what is not there with 1, and nothing changes."""
    run = run_command("yank", *args, *TO)
    assert run.code == code
    assert problem in run.notices
    assert yanked() == {}
