"""`bucketwheel promote`."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.archives import make_wheel
from support.command_line import run_command
from support.ministack import TestBucket

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
FROM_TO = ("-r", "./staging", "--to", "./release")


@pytest.fixture
def staged(workspace: Path) -> Path:
    """Give a repository with two versions of one project."""
    for version in ("0.9", "1.0"):
        make_wheel(Path("dist"), version=version)
    assert run_command("publish", "-r", "./staging").code == 0
    return workspace


def test_a_release_is_promoted_and_the_last_line_installs_it(staged: Path) -> None:
    """The words are those of publish; the second time the file already exists."""
    index = f"{(staged / 'release').as_uri()}/simple/"
    run = run_command("promote", "Demo.Pkg==1.0.0", *FROM_TO)
    assert (run.code, run.lines) == (0, [f"{WHEEL} ... success", f"pip install --index-url {index} demo-pkg==1.0"])
    assert f"created a new repository at {staged}/release" in run.notices
    assert run_command("promote", "demo-pkg==1.0", *FROM_TO).lines[0] == f"{WHEEL} ... already exists"
    assert run_command("show", "-r", "./release").lines[1].split()[:3] == ["demo-pkg", "1.0", "1"]


@pytest.mark.usefixtures("staged")
def test_a_dry_run_says_what_would_be() -> None:
    """Nothing is made."""
    run = run_command("promote", "demo-pkg==1.0", *FROM_TO, "--dry-run")
    assert run.code == 0
    assert run.lines[:2] == [
        f"would promote {WHEEL}",
        f"would create a new repository at {Path.cwd()}/release",
    ]
    assert not Path("release").exists()


def test_the_answer_as_json(staged: Path) -> None:
    """The document names source and target, and each file with its digest and fate."""
    run_command("yank", "demo-pkg==1.0", "-r", "./staging", "--reason", "broken")
    document = run_command("promote", "demo-pkg==1.0", *FROM_TO, "--json").document
    [file] = document.pop("files")
    assert file.pop("sha256")
    assert file == {
        "filename": WHEEL,
        "project": "demo-pkg",
        "version": "1.0",
        "yanked": {"reason": "broken"},
        "fate": "promoted",
    }
    index = f"{(staged / 'release').as_uri()}/simple/"
    assert document == {
        "source": f"{staged}/staging",
        "repository": f"{staged}/release",
        "index-url": index,
        "dry-run": False,
        "created": True,
        "pages": [],
        "install": f"pip install --index-url {index} demo-pkg==1.0",
    }


@pytest.mark.usefixtures("staged")
def test_a_yanked_file_is_said_to_be_so() -> None:
    """The line of a yanked file says so."""
    run_command("yank", "demo-pkg==1.0", "-r", "./staging", "--reason", "broken")
    assert run_command("promote", "demo-pkg==1.0", *FROM_TO).lines[0] == f"{WHEEL} (yanked) ... success"


def test_the_target_is_named_and_reached_by_its_own_settings(bucket: TestBucket, workspace: Path) -> None:
    """Two repositories of the project's own table, one in S3 and one in a directory: each has its own connection."""
    url = f"s3://{bucket.place.bucket}/{bucket.place.prefix}ci"
    endpoint = f'endpoint-url = "{bucket.connection.endpoint_url}"\n' if bucket.connection.endpoint_url else ""
    lines = f"""
[tool.bucketwheel.repositories.staging]
url = "{url}"
region = "us-east-1"
{endpoint}
[tool.bucketwheel.repositories.release]
url = "./release"
"""
    Path("pyproject.toml").write_text(lines, encoding="utf-8")
    make_wheel(workspace / "dist")
    assert run_command("publish", "-r", "staging").code == 0
    assert run_command("promote", "demo-pkg==1.0", "-r", "staging", "--to", "release").code == 0
    assert (workspace / "release" / "simple" / "demo-pkg" / WHEEL).is_file()
    back = run_command("promote", "demo-pkg==1.0", "-r", "release", "--to", "staging")
    assert back.lines[0] == f"{WHEEL} ... already exists"


@pytest.mark.usefixtures("staged")
@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["demo-pkg==1.0", "-r", "./staging"], 2, "Missing option '--to'"),
        (["-r", "./staging", "--to", "./release"], 2, "Missing argument"),
        (["demo-pkg", *FROM_TO], 2, "write PROJECT==VERSION"),
        (["demo-pkg==1.0", "-r", "./staging", "--to", "./staging"], 2, "is both the source and the target"),
        (["demo-pkg==1.0", "-r", "./staging", "--to", "typo"], 2, "typo, which is not the name of a repository"),
        (["demo-pkg==2.0", *FROM_TO], 1, "error: demo-pkg==2.0 is not in "),
        (["demo-pkg==1.0", *FROM_TO, "--no-create"], 1, "no-create is set"),
        (["demo-pkg==1.0", "-r", "./nowhere", "--to", "./release"], 1, "is not a bucketwheel repository"),
    ],
    ids=str,
)
def test_what_cannot_be_promoted_is_refused(args: list[str], code: int, problem: str) -> None:
    """Usage ends with 2, what is not there with 1, and nothing is made."""
    run = run_command("promote", *args)
    assert run.code == code
    assert problem in run.notices
    assert not Path("release").exists()
