"""`bucketwheel hide` and `unhide`, and what the other commands say about hidden files."""

from __future__ import annotations

from pathlib import Path

import pytest

import bucketwheel
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


def page() -> str:
    """Return the project's page."""
    return Path("pypi/simple/demo-pkg/index.html").read_text(encoding="utf-8")


def test_a_version_is_hidden_and_comes_back() -> None:
    """Pages leave hidden files out, and unhide brings them back; the objects stay all the time."""
    run = run_command("hide", "Demo.Pkg==1.0.0", *TO)
    assert (run.code, run.lines) == (0, [f"hid {WHEEL}", f"hid {SDIST}"])
    assert WHEEL not in page()
    assert Path("pypi/simple/demo-pkg", WHEEL).exists()
    run = run_command("unhide", "demo-pkg==1.0", *TO)
    assert (run.code, run.lines) == (0, [f"unhid {WHEEL}", f"unhid {SDIST}"])
    assert WHEEL in page()


def test_single_files_are_hidden_in_a_dry_run_first() -> None:
    """A dry run changes nothing; what is so already is done."""
    assert run_command("hide", "demo-pkg==1.0", WHEEL, *TO, "--dry-run").lines == [f"would hide {WHEEL}"]
    assert WHEEL in page()
    run = run_command("hide", "demo-pkg==1.0", WHEEL, *TO, "--json")
    assert run.document == {"project": "demo-pkg", "version": "1.0", "changed": [WHEEL], "dry-run": False}
    assert WHEEL not in page()
    assert SDIST in page()
    assert run_command("hide", "demo-pkg==1.0", WHEEL, *TO).lines == ["nothing to hide in demo-pkg==1.0"]
    assert run_command("unhide", "demo-pkg==1.0", SDIST, *TO).lines == ["nothing to unhide in demo-pkg==1.0"]


@pytest.mark.parametrize("verb", ["hide", "unhide"])
def test_what_is_not_there_is_refused(verb: str) -> None:
    """A version and a file must exist."""
    run = run_command(verb, "demo-pkg==2.0", *TO)
    assert (run.code, "demo-pkg==2.0 is not published here; choose one of 1.0" in run.notices) == (1, True)
    run = run_command(verb, "demo-pkg==1.0", "a.whl", *TO)
    assert (run.code, "a.whl is not a file of demo-pkg==1.0" in run.notices) == (1, True)


def test_publishing_a_hidden_file_says_that_it_is_hidden() -> None:
    """Installers do not find it, so the warning says how to bring it back, and no install line promises it."""
    run_command("hide", "demo-pkg==1.0", WHEEL, *TO)
    run = run_command("publish", f"dist/{WHEEL}", *TO)
    assert (run.code, run.lines) == (0, [f"dist/{WHEEL} ... already exists, hidden"])
    unhide = f"`bucketwheel unhide demo-pkg==1.0 {WHEEL}`"
    warning = f"warning: {WHEEL} is hidden, so installers do not find it; bring it back with {unhide}\n"
    assert warning in run.notices
    document = run_command("publish", f"dist/{WHEEL}", *TO, "--json").document
    assert (document["files"][0]["fate"], document["files"][0]["hidden"]) == ("already-exists", True)
    assert "install" not in document
    # The version is installable still: from its sdist.
    assert run_command("publish", *TO).lines[-1].endswith("demo-pkg==1.0")


def test_publishing_other_bytes_of_a_hidden_file_says_so_too() -> None:
    """A refusal says it, and so does a skip."""
    run_command("hide", "demo-pkg==1.0", *TO)
    make_wheel(Path("dist"), members={"demo_pkg/__init__.py": b"other = 1\n"})
    run = run_command("publish", f"dist/{WHEEL}", *TO)
    assert (run.code, f"{WHEEL} already exists with other bytes and is hidden" in run.notices) == (1, True)
    run = run_command("publish", f"dist/{WHEEL}", *TO, "--skip-existing")
    assert run.lines == [f"dist/{WHEEL} ... skipped, already exists with other bytes, hidden"]
    assert f"{WHEEL} is hidden, so installers do not find it" in run.notices
    run = run_command("publish", f"dist/{SDIST}", *TO, "--strict")
    assert (run.code, f"{SDIST} already exists and is hidden" in run.notices) == (1, True)


def test_promoting_to_where_a_file_is_hidden_says_so() -> None:
    """A promotion goes through the same words."""
    assert run_command("promote", "demo-pkg==1.0", *TO, "--to", "./released").code == 0
    run_command("hide", "demo-pkg==1.0", WHEEL, SDIST, "-r", "./released")
    run = run_command("promote", "demo-pkg==1.0", *TO, "--to", "./released")
    assert run.lines == [f"{WHEEL} ... already exists, hidden", f"{SDIST} ... already exists, hidden"]
    assert f"released: {WHEEL}, {SDIST} are hidden, so installers do not find them" in run.notices


def test_both_are_functions_too() -> None:
    """The API hides as the command does."""
    settings = bucketwheel.load_settings(options={"repository": "./pypi"})
    assert bucketwheel.hide("demo-pkg", "1.0", settings, filenames=[WHEEL]).changed == (WHEEL,)
    assert bucketwheel.unhide("demo-pkg", "1.0", settings).changed == (WHEEL,)
