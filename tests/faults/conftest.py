"""Fixtures of the fault tests: one wire to the server, and a harness on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from faults.commands import Distributions, User, make_distributions
from faults.harness import Harness
from support.ministack import S3Server, fresh_bucket
from support.wire import Wire, run_wire


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home and current directory without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def session_wire(s3_server: S3Server) -> Iterator[Wire]:
    """Give the wire that all tests share, one after the other."""
    with run_wire(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def wire(session_wire: Wire) -> Iterator[Wire]:
    """Give a wire to the server, harmless at first and with nothing in its log."""
    session_wire.log.clear()
    yield session_wire
    session_wire.harm = lambda _: None


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Give files to publish."""
    return make_distributions(tmp_path_factory.mktemp("distributions"))


@pytest.fixture(scope="session")
def harness(
    s3_server: S3Server, session_wire: Wire, distributions: Distributions, _sdk_models: None
) -> Iterator[Harness]:
    """Give a harness for all cases."""
    with fresh_bucket(s3_server) as bucket:
        yield Harness(place=bucket.place, direct=cache(bucket.storage), wire=session_wire, files=distributions)


@pytest.fixture
def user(harness: Harness) -> User:
    """Give a user of a place where demo-pkg 1.0 is released."""
    return harness.prepared("publish the next version")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tries end after three seconds, not minutes."""
    monkeypatch.setattr("bucketwheel.parallel._PATIENCE", 3.0)
