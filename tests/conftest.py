"""What every test may rely on: no settings of this machine, and an S3 server when it asks for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest
from botocore.loaders import JSONFileLoader

from support.ministack import S3Server, TestBucket, fresh_bucket, other_server, run_ministack

_DUMMY_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's AWS configuration and bucketwheel settings; another S3 keeps the AWS chain that it needs."""
    keeps_aws = other_server() is not None
    for name in os.environ:
        if name.startswith("BUCKETWHEEL_TEST_"):
            continue
        if name.startswith("BUCKETWHEEL_") or (name.startswith("AWS_") and not keeps_aws):
            monkeypatch.delenv(name)
    if not keeps_aws:
        for name, value in _DUMMY_AWS.items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give the S3 that tests of this run share."""
    if other := other_server():
        yield other
        return
    with run_ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="session")
def _sdk_tables() -> Iterator[None]:
    """Let the SDK parse its tables once a run and not once a client, which takes half of the time of a small test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture
def bucket(s3_server: S3Server, _sdk_tables: None) -> Iterator[TestBucket]:
    """Give a place in S3 that is this test's alone."""
    with fresh_bucket(s3_server) as fresh:
        yield fresh
