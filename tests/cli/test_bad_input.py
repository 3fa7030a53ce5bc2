"""Mistakes of users and faults of the world: a sentence with a remedy, an honest exit, never a traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.command_line import run_command, run_process

WHEEL = "demo_pkg-1.0-py3-none-any.whl"


def nothing() -> None:
    """Leave the directory empty."""


def text_file() -> None:
    """Offer what is no distribution."""
    Path("notes.txt").write_text("buy milk", encoding="utf-8")


def other_metadata() -> None:
    """Offer a wheel that was renamed to another project's."""
    make_wheel(Path("dist"), filename="other-1.0-py3-none-any.whl")


def cut_off() -> None:
    """Offer half a wheel."""
    wheel = make_wheel(Path("dist"))
    wheel.write_bytes(wheel.read_bytes()[:400])


def cut_off_sdist() -> None:
    """Offer half an sdist."""
    sdist = make_sdist(Path("dist"))
    sdist.write_bytes(sdist.read_bytes()[:200])


def two_spellings() -> None:
    """Offer one sdist twice, spelled by an old and a new setuptools."""
    make_sdist(Path("dist"), "legacy-proj", "3.0")
    make_sdist(Path("dist"), "legacy-proj", "3.0", filename="Legacy.Proj-3.0.tar.gz")


def one_name_two_files() -> None:
    """Offer two different wheels of one name."""
    make_wheel(Path("one"))
    make_wheel(Path("two"), members={"demo_pkg/more.py": b"more = True\n"})


def link_to_nowhere() -> None:
    """Offer a link whose target is gone."""
    Path("link.whl").symlink_to("nowhere.whl")


def empty_directory() -> None:
    """Offer a directory with nothing in it."""
    Path("dist").mkdir()


def somebodys_files() -> None:
    """Keep other things where the repository should be."""
    make_wheel(Path("dist"))
    Path("pypi").mkdir()
    Path("pypi", "thesis.txt").write_text("chapter 1", encoding="utf-8")


def file_in_the_way() -> None:
    """Keep a file where the repository should be."""
    make_wheel(Path("dist"))
    Path("pypi").write_text("", encoding="utf-8")


def damaged_manifest() -> None:
    """Break the truth about a project."""
    make_wheel(Path("dist"))
    run_command("publish", "-r", "./pypi")
    Path("pypi", "_bucketwheel", "manifests", "demo-pkg.json").write_text('{"format":', encoding="utf-8")


def damaged_settings() -> None:
    """Break the repository's own settings."""
    make_wheel(Path("dist"))
    run_command("publish", "-r", "./pypi")
    Path("pypi", "_bucketwheel", "repository.json").write_text("[]", encoding="utf-8")


def other_tools_page() -> None:
    """Keep a page of another tool where the project's should be."""
    make_wheel(Path("dist"))
    run_command("init", "./pypi")
    Path("pypi", "simple", "demo-pkg").mkdir(parents=True)
    Path("pypi", "simple", "demo-pkg", "index.html").write_text("<a href='x'>x</a>", encoding="utf-8")


def broken_pyproject() -> None:
    """Write settings that are no TOML."""
    make_wheel(Path("dist"))
    Path("pyproject.toml").write_text("[tool.bucketwheel\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "args", "code", "errors"),
    [
        (nothing, ["dist/x.whl"], 1, ["dist/x.whl does not exist; check the path, or build it first"]),
        (nothing, [], 1, ["dist does not exist; check the path, or build it first"]),
        (empty_directory, [], 1, ["dist holds nothing to publish; build first: "]),
        (text_file, ["notes.txt"], 1, ["notes.txt is not a wheel (.whl) or an sdist (.tar.gz); "]),
        (other_metadata, [], 1, ["dist/other-1.0-py3-none-any.whl has the .dist-info of something else"]),
        (cut_off, [], 1, [f"dist/{WHEEL} is not a ZIP archive, or is cut off; "]),
        (cut_off_sdist, [], 1, ["dist/demo_pkg-1.0.tar.gz "]),
        (two_spellings, [], 1, ["legacy_proj-3.0.tar.gz is the same distribution as Legacy.Proj-3.0.tar.gz"]),
        (
            one_name_two_files,
            ["one", "two"],
            1,
            [f"two/{WHEEL} and one/{WHEEL} have the same name but different bytes"],
        ),
        (cut_off, ["no.whl", "dist"], 1, ["no.whl does not exist; check the path"]),
        (link_to_nowhere, ["link.whl"], 1, ["link.whl does not exist; check the path"]),
        (nothing, ["a" * 300 + ".whl"], 1, ["a" * 300 + ".whl cannot be read"]),
        (somebodys_files, [], 1, ["{here}/pypi is not empty and not a bucketwheel repository, so nothing was written"]),
        (file_in_the_way, [], 1, ["{here}/pypi"]),
        (damaged_manifest, [], 1, ["the manifest of demo-pkg cannot be read"]),
        (damaged_settings, [], 1, ["the repository's settings _bucketwheel/repository.json cannot be read"]),
        (other_tools_page, [], 1, ["{here}/pypi: demo-pkg has a page from another tool"]),
        (broken_pyproject, [], 2, ["{here}/pyproject.toml is not TOML: "]),
        (nothing, ["--jobs=0"], 2, ["--jobs is not a whole number from 1 to 64"]),
        (nothing, ["-r", "ftp://host/x"], 2, ["--repository is neither s3://bucket/prefix nor a directory"]),
        (nothing, ["-r", "s3://user:hunter2@bucket"], 2, ["--repository must not have a user, a password"]),
        (nothing, ["-r", "staging"], 2, ["--repository is staging, which is not the name of a repository"]),
    ],
)
def test_publish_says_what_is_wrong(
    workspace: Path, prepare: Callable[[], None], args: list[str], code: int, errors: list[str]
) -> None:
    """Each mistake has its sentence on standard error, names the file or setting, and publishes nothing."""
    prepare()
    before = sorted(Path("pypi").rglob("*"))
    run = run_command("publish", "-r", "./pypi", *args)
    told = [line.removeprefix("error: ") for line in run.notices.splitlines() if line.startswith("error: ")]
    assert run.code == code
    assert run.answer == ""
    for error in errors:
        assert [line for line in told if line.startswith(error.format(here=workspace))], run.notices
    assert "hunter2" not in run.notices
    assert sorted(Path("pypi").rglob("*")) == before


def test_every_bad_file_is_told_at_once(workspace: Path) -> None:
    """One run shows all that is wrong, one line each, as the real command and without a traceback."""
    cut_off()
    two_spellings()
    other_metadata()
    run = run_process("publish", "-r", "./pypi", home=workspace)
    errors = [line.split()[1] for line in run.notices.splitlines() if line.startswith("error: ")]
    assert run.code == 1
    assert set(errors) == {f"dist/{WHEEL}", "dist/other-1.0-py3-none-any.whl", "legacy_proj-3.0.tar.gz"}
    assert "Traceback" not in run.notices


@pytest.mark.parametrize("forbidden", ["dist", "pypi", f"dist/{WHEEL}"])
def test_no_permission_is_no_traceback(forbidden: str) -> None:
    """A directory or file that may not be read or written is named."""
    make_wheel(Path("dist"))
    Path("pypi").mkdir()
    Path(forbidden).chmod(0)
    if os.access(forbidden, os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    try:
        run = run_command("publish", "-r", "./pypi")
    finally:
        Path(forbidden).chmod(0o700)
    assert run.code == 1
    assert forbidden in run.notices


@pytest.mark.parametrize("command", [["show"], ["reindex"], ["yank", "demo-pkg==1.0", "--reason", "x"]], ids=" ".join)
def test_no_repository_is_said_by_every_command(workspace: Path, command: list[str]) -> None:
    """A place that is no repository is not reported as an empty one."""
    run = run_command(*command, "-r", "./pypi")
    assert run.code == 1
    assert run.notices.startswith(f"error: {workspace}/pypi is not a bucketwheel repository; check the address")
    assert not Path("pypi").exists()


def test_a_server_that_is_not_there(workspace: Path) -> None:
    """An endpoint that does not answer ends with 1 and a remedy, as the real command and without a traceback."""
    make_wheel(workspace / "dist")
    run = run_process(
        *(
            "publish",
            "-v",
            "-r",
            "s3://bucket/pypi",
            "--endpoint-url",
            "http://127.0.0.1:9",
            "--region",
            "eu-central-1",
        ),
        home=workspace,
        environ={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1"},
    )
    assert run.code == 1
    assert "error: http://127.0.0.1:9 cannot be reached (connection refused)" in run.notices
    assert re.search(r"^GET \S+ connection refused \d+ ms$", run.notices, re.MULTILINE)
    assert "Traceback" not in run.notices


def test_hostile_names_are_shown_harmless() -> None:
    """A name cannot drive the terminal."""
    run = run_command("publish", "-r", "./pypi", "evil\x1b[2J\u202e.whl")
    assert run.code == 1
    assert "evil\\x1b[2J\\u202e.whl does not exist" in run.notices
