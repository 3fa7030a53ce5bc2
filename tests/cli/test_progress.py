"""Progress in bytes of verbs that read whole files: lines in a log, one bar on a terminal, nothing with -q."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.archives import make_wheel
from support.command_line import run_at_terminal, run_command
from support.ministack import TestBucket

PART_WAY = re.compile(r"^(reading|looking at): [0-9.]+ MB of [0-9.]+ MB \([1-9][0-9]? %\), [0-9.]+ .?B/s, \d+ s left$")


@pytest.fixture
def wheel(workspace: Path) -> Path:
    """Give a wheel of three and a half megabytes, which is read in several pieces."""
    return make_wheel(workspace / "dist", members={"demo_pkg/data.bin": os.urandom(7 << 19)})


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every piece be told, however short the time."""
    monkeypatch.setattr("bucketwheel.storage.progress._INTERVAL", 0.0)
    monkeypatch.setattr("bucketwheel.frontends.progress._INTERVAL", 1e-9)


def place(kind: str, bucket: TestBucket) -> list[str]:
    """Return the options of a repository."""
    if kind == "directory":
        return ["-r", "./pypi"]
    endpoint = bucket.connection.endpoint_url
    assert endpoint is not None
    return ["-r", str(bucket.place), "--endpoint-url", endpoint, "--region", "us-east-1"]


@pytest.mark.usefixtures("_often")
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_log_tells_how_far_a_deep_check_is(kind: str, wheel: Path, bucket: TestBucket) -> None:
    """The bytes of each file count while it is read, in every store; -q tells nothing of it."""
    to = place(kind, bucket)
    assert run_command("publish", *to, str(wheel)).code == 0
    told = run_command("check", "--deep", *to).notices.splitlines()
    assert [line for line in told if PART_WAY.match(line)]
    assert run_command("check", "--deep", "-q", *to).notices == ""


@pytest.mark.usefixtures("_often")
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_log_tells_how_far_an_adoption_is(kind: str, wheel: Path, bucket: TestBucket) -> None:
    """The bytes that are read for a digest count, also where the store itself has to read for it."""
    to = place(kind, bucket)
    assert run_command("init", *to).code == 0
    if kind == "directory":
        (folder := Path("pypi/simple/demo-pkg")).mkdir(parents=True)
        wheel.rename(folder / wheel.name)
    else:
        key = f"{bucket.place.prefix}simple/demo-pkg/{wheel.name}"
        bucket.storage().bucket.ask("put_object", Key=key, Body=wheel.read_bytes())
    told = run_command("reindex", "--adopt", "--yes", *to).notices.splitlines()
    assert [line for line in told if PART_WAY.match(line)]


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_a_terminal_has_one_bar(wheel: Path, workspace: Path) -> None:
    """A deep check of a directory ends with its bar at the end; -q shows none."""
    to = ["-r", "./pypi"]
    assert run_command("publish", *to, str(wheel)).code == 0
    shown = run_at_terminal("check", "--deep", *to, home=workspace).notices
    assert "reading 2 files (3.7 MB)" in shown
    assert "100%" in shown
    assert run_at_terminal("check", "--deep", "-q", *to, home=workspace).notices == ""
