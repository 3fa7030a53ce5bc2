"""What leads publishers to the page on private buckets, and keeps private packages from PyPI."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.gateway.web import bind
from support.archives import make_wheel
from support.command_line import run_command
from support.gateways import settings_for
from support.hosts import Host
from support.ministack import TestBucket

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_a_publish_to_a_bucket_names_the_page(bucket: TestBucket, tmp_path: Path) -> None:
    """One line before the last; none in a directory, with base-url, after a dry run, or if all is hidden."""
    wheel = str(make_wheel(tmp_path / "dist"))
    to_s3 = ["-r", str(bucket.place), "--endpoint-url", str(bucket.connection.endpoint_url), "--region", "us-east-1"]
    named = [line for line in run_command("publish", wheel, *to_s3).lines if "docs/reading.md" in line]
    assert len(named) == 1
    assert run_command("publish", wheel, *to_s3).lines[-1].startswith("pip install --index-url ")
    assert "docs/reading.md" not in run_command("publish", wheel, *to_s3, "--dry-run").answer
    assert "docs/reading.md" not in run_command("publish", wheel, "-r", str(tmp_path / "repository")).answer
    bucketwheel.initialise(settings_for(bucket), changes={"base-url": "https://pypi.example.com/"})
    assert "docs/reading.md" not in run_command("publish", wheel, *to_s3).answer


def test_hatch_names_the_page_too(bucket: TestBucket, tmp_path: Path) -> None:
    """And the README's guard keeps a publish without `-p s3` from PyPI; HATCH_PUBLISHER=s3 makes it ours."""
    found = re.search(r"^   (\[tool\.hatch\.publish\.index\]\n   disable = true)$", README, re.MULTILINE)
    assert found is not None
    guard = found[1].replace("   ", "")
    project, home = tmp_path / "project", tmp_path / "home"
    home.mkdir()
    make_wheel(project / "dist")
    where = f'[tool.bucketwheel]\nrepository = "{bucket.place}"\nendpoint-url = "{bucket.connection.endpoint_url}"\n'
    (project / "pyproject.toml").write_text(f'{where}region = "us-east-1"\n\n{guard}\n')
    host = Host(project=project, home=home).having(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")  # noqa: S106
    unnamed = host.hatch("publish", "-n")
    assert (unnamed.code, "Publisher is disabled: index" in unnamed.said) == (1, True)
    ours = host.having(HATCH_PUBLISHER="s3").hatch("publish", "-n")
    assert ours.code == 0, ours.said
    assert ours.err.splitlines()[-2].startswith("docs/reading.md")


@pytest.mark.skipif(os.name != "posix", reason="the reuse of a port is POSIX")
def test_the_gateway_answers_without_delay() -> None:
    """Its socket names its protocol, so asyncio turns off Nagle's algorithm, which costs 40 ms an answer."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
