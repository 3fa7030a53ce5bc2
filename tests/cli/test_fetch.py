"""`bucketwheel fetch`: from where CI left them into the build directory."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.clients import clean_environment
from support.command_line import run_command
from support.http_server import serve, silence
from support.ministack import TestBucket

WHEEL, SDIST = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"
UNVERIFIED = ", unverified: no source states its digest"


@pytest.fixture
def builds() -> Path:
    """Give a directory where CI left two versions, and another project."""
    builds = Path("ci")
    make_wheel(builds)
    make_sdist(builds)
    make_wheel(builds, version="2.0")
    make_wheel(builds, "demo-pkg-extra")
    return builds


def test_all_versions_come_into_the_build_directory(builds: Path) -> None:
    """Without --version every version is fetched, of this project only, and a line tells each."""
    run = run_command("fetch", "Demo.Pkg", "--from", f"./{builds}")
    assert run.code == 0, run.notices
    assert run.lines == [
        f"dist/{WHEEL} ... fetched{UNVERIFIED}",
        f"dist/{SDIST} ... fetched{UNVERIFIED}",
        f"dist/demo_pkg-2.0-py3-none-any.whl ... fetched{UNVERIFIED}",
    ]
    assert (Path("dist") / WHEEL).read_bytes() == (builds / WHEEL).read_bytes()


def test_one_version_into_another_directory(builds: Path) -> None:
    """--version and --into choose; what is there already is not fetched again."""
    args = ("fetch", "demo-pkg", "--version", "2", "--into", "here", "--from", f"./{builds}")
    assert run_command(*args).lines == [f"here/demo_pkg-2.0-py3-none-any.whl ... fetched{UNVERIFIED}"]
    assert [path.name for path in Path("here").iterdir()] == ["demo_pkg-2.0-py3-none-any.whl"]
    assert run_command(*args).lines == [f"here/demo_pkg-2.0-py3-none-any.whl ... already exists{UNVERIFIED}"]


def test_the_answer_as_json(builds: Path) -> None:
    """The document tells each file with its digest, and whether it is fresh."""
    run = run_command("fetch", "demo-pkg", "--version", "2.0", "--from", f"./{builds}", "--json")
    digest = hashlib.sha256((builds / "demo_pkg-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert run.document == {
        "files": [
            {
                "path": "dist/demo_pkg-2.0-py3-none-any.whl",
                "project": "demo-pkg",
                "version": "2.0",
                "sha256": digest,
                "fresh": True,
                "verified": False,
            }
        ]
    }


def test_a_digest_beside_the_file_verifies_it(builds: Path) -> None:
    """As `sha256sum` writes it; the file without one is still called unverified."""
    digest = hashlib.sha256((builds / WHEEL).read_bytes()).hexdigest()
    (builds / "SHA256SUMS").write_text(f"{digest}  {WHEEL}\n")
    args = ("fetch", "demo-pkg", "--version", "1.0", "--from", f"./{builds}")
    assert run_command(*args).lines == [f"dist/{WHEEL} ... fetched", f"dist/{SDIST} ... fetched{UNVERIFIED}"]


def test_where_to_look_is_a_setting(builds: Path) -> None:
    """`artifact-indexes` says where to look, and --from looks elsewhere instead."""
    Path("pyproject.toml").write_text(
        f'[tool.bucketwheel]\nartifact-indexes = ["./{builds}"]\n[tool.hatch.build]\ndirectory = "out"\n',
        encoding="utf-8",
    )
    make_wheel(Path("other"), version="3.0")
    assert run_command("fetch", "demo-pkg", "--version", "1.0").lines == [
        f"out/{WHEEL} ... fetched{UNVERIFIED}",
        f"out/{SDIST} ... fetched{UNVERIFIED}",
    ]
    run = run_command("fetch", "demo-pkg", "--from", "./other")
    assert run.lines == [f"out/demo_pkg-3.0-py3-none-any.whl ... fetched{UNVERIFIED}"]


def test_several_places_are_looked_through(builds: Path) -> None:
    """--from may be given more than once, and has the setting's own name too."""
    make_wheel(Path("other"), version="3.0")
    run = run_command("fetch", "demo-pkg", "--from", f"./{builds}", "--artifact-indexes", "./other")
    assert len(run.lines) == 4


def test_a_bucket_is_looked_through(bucket: TestBucket) -> None:
    """s3:// is listed by the connection that the options describe."""
    make_wheel(Path("built"))
    connection = bucket.connection
    assert connection.region
    assert connection.endpoint_url
    options = ("--region", connection.region, "--endpoint-url", connection.endpoint_url)
    assert run_command("publish", "built", "-r", str(bucket.place), *options).code == 0
    run = run_command("fetch", "demo-pkg", "--from", f"{bucket.place}/simple/demo-pkg/", *options)
    assert run.lines == [f"dist/{WHEEL} ... fetched"], run.notices


def test_nowhere_to_look_ends_with_2() -> None:
    """Without any place to look through the command says every way to give one."""
    run = run_command("fetch", "demo-pkg")
    assert run.code == 2
    assert run.notices.startswith("error: artifact-indexes is missing; name the sources by --from URL")
    assert "BUCKETWHEEL_ARTIFACT_INDEXES" in run.notices


def test_nothing_found_ends_with_1(builds: Path) -> None:
    """The error names the missing version and those that are there; nothing is made."""
    run = run_command("fetch", "demo-pkg", "--version", "3.0", "--from", f"./{builds}")
    assert run.code == 1
    assert run.notices.startswith("error: demo-pkg 3.0 is in none of the places searched")
    assert "2.0 and 1.0" in run.notices or "2.0, 1.0" in run.notices
    assert not Path("dist").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_interrupted_it_says_so(workspace: Path) -> None:
    """Ctrl-C ends in two seconds with a clean sentence and exit 1, and leaves no half file."""
    with serve(silence) as site:
        command = [sys.executable, "-m", "bucketwheel", "fetch", "demo-pkg", "--from", f"{site.root}/"]
        process = subprocess.Popen(
            command, cwd=workspace, env=clean_environment(workspace), stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while not site.asked and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, notices = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert process.returncode == 1
    assert notices == "error: interrupted; nothing was written to a repository\n"
    assert not (workspace / "dist").exists()
