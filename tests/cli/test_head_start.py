"""Validation beside all else: a bad file is refused before S3 is set up, and a large one is read while S3 is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.distributions import Distribution, validate
from bucketwheel.errors import Refused
from support.archives import make_wheel
from support.clients import clean_environment
from support.command_line import run_at_terminal
from support.ministack import TestBucket
from support.wire import Exchange, Wire, run_wire

HEAVY = {"boto3", "botocore", "urllib3", "rich", "jinja2"}
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs a terminal")

REFUSE = """
import sys
import bucketwheel.commands.publish
bucketwheel.protocol.prepare._HEAD_START = 60  # on a busy machine any time is short
from bucketwheel.__main__ import main
try:
    main()
finally:
    print(*{name.split(".")[0] for name in sys.modules})
"""


def broken(wheel: Path) -> Path:
    """Cut a wheel off."""
    wheel.write_bytes(wheel.read_bytes()[:-100])
    return wheel


@pytest.fixture
def wire(bucket: TestBucket) -> Iterator[Wire]:
    """Give a wire to the server."""
    with run_wire(bucket.connection.endpoint_url) as running:
        yield running


@pytest.fixture
def settings(bucket: TestBucket, wire: Wire) -> bucketwheel.Settings:
    """Give settings to publish by way of the wire."""
    options = {"repository": str(bucket.place), "endpoint_url": wire.url, "region": "us-east-1"}
    return bucketwheel.load_settings(options=options)


def test_a_bad_file_is_refused_before_the_sdk_is_imported(workspace: Path) -> None:
    """All that is wrong is said, and what only S3, a terminal or pages need is not waited for."""
    for version in ("1.0", "2.0"):
        broken(make_wheel(workspace / "dist", version=version))
    make_wheel(workspace / "dist", version="3.0")
    ended = subprocess.run(
        [sys.executable, "-c", REFUSE, "publish", "-r", "s3://bucket/prefix"],
        cwd=workspace,
        env=clean_environment(workspace),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "demo_pkg-1.0-py3-none-any.whl" in ended.stderr
    assert "demo_pkg-2.0-py3-none-any.whl" in ended.stderr
    assert HEAVY & set(ended.stdout.split()) == set()


@POSIX
def test_a_terminal_waits_for_no_bar_then(workspace: Path) -> None:
    """The bar of a terminal takes a while to import, so there is none before there is something to show."""
    broken(make_wheel(workspace / "dist"))
    (workspace / "refuse.py").write_text(REFUSE, encoding="utf-8")
    ended = run_at_terminal("publish", "-r", "s3://bucket/prefix", home=workspace, module="refuse")
    assert ended.code == 1
    assert "is not a ZIP archive" in ended.notices
    assert HEAVY & set(ended.answer.split()) == set()


@pytest.fixture
def _slow_validation(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file be validated only once settings and manifest have been asked for."""
    asked = threading.Semaphore(0)

    def note(exchange: Exchange) -> None:
        if exchange.path.endswith(("repository.json", "manifests/demo-pkg.json")):
            asked.release()

    def validate_late(path: Path) -> Distribution:
        for _ in range(2):
            assert asked.acquire(timeout=60)
        return validate(path)

    wire.harm = note
    monkeypatch.setattr("bucketwheel.protocol.prepare._HEAD_START", 0.01)
    monkeypatch.setattr("bucketwheel.protocol.prepare.validate", validate_late)


@pytest.mark.usefixtures("_slow_validation")
def test_settings_and_manifest_are_read_while_a_large_file_is_validated(
    workspace: Path, settings: bucketwheel.Settings
) -> None:
    """They are asked for once, by the names of the files."""
    publication = bucketwheel.publish(make_wheel(workspace), settings)
    assert [file.fate for file in publication.files] == ["published"]


@pytest.mark.usefixtures("_slow_validation")
def test_a_large_file_that_is_bad_is_refused_after_reads_only(
    workspace: Path, settings: bucketwheel.Settings, wire: Wire
) -> None:
    """Nothing is written before all files are known to be good."""
    with pytest.raises(Refused, match="is not a ZIP archive"):
        bucketwheel.publish(broken(make_wheel(workspace)), settings)
    assert [one.verb for one in wire.log] == ["GET", "GET"]
