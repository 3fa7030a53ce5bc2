"""Fixtures for every test: nothing of this machine's settings, and an S3 server when a test asks for one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from support.machine import hide_machine
from support.ministack import S3Server, TestBucket, fresh_bucket, other_server, run_ministack

# Seconds on the wall say nothing on a busy machine.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure(config: pytest.Config) -> None:
    """Hide this machine's settings before anything starts; the processes of pytest-xdist inherit what is left."""
    settings.load_profile("patient")
    if hasattr(config, "workerinput"):
        return
    home = tempfile.TemporaryDirectory(prefix="bucketwheel-home-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    hide_machine(Path(home.name), keep_aws=other_server() is not None)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give the S3 that tests of this run share."""
    if other := other_server():
        yield other
        return
    with run_ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="session")
def _sdk_models() -> Iterator[None]:
    """Let the SDK read its models once a run and not once a client, which takes half of the time of a small test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.loaders.create_loader))
        yield


@pytest.fixture
def bucket(s3_server: S3Server, _sdk_models: None) -> Iterator[TestBucket]:
    """Give a place in S3 that is this test's alone."""
    with fresh_bucket(s3_server) as fresh:
        yield fresh
