"""What the tests of this directory share: one wire to the server, and clients that are quickly made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

from faults.commands import Distributions, make_distributions
from faults.harness import Harness
from support.ministack import S3Server, fresh_bucket
from support.wire import Wire, run_wire


@pytest.fixture(scope="session", autouse=True)
def _models_read_once() -> Iterator[None]:
    """Let the SDK read its models from disk once, not for every client: half of the time would go there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.loaders.create_loader))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home and current directory with no settings of anybody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def session_wire(s3_server: S3Server) -> Iterator[Wire]:
    """Give the wire that all tests share, one after the other."""
    with run_wire(s3_server.endpoint_url or "https://s3.amazonaws.com") as running:
        yield running


@pytest.fixture
def wire(session_wire: Wire) -> Iterator[Wire]:
    """Give a wire to the server, harmless at first and with nothing in its log."""
    session_wire.log.clear()
    yield session_wire
    session_wire.harm = lambda _: None


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Give what there is to publish."""
    return make_distributions(tmp_path_factory.mktemp("distributions"))


@pytest.fixture(scope="session")
def harness(s3_server: S3Server, session_wire: Wire, distributions: Distributions) -> Iterator[Harness]:
    """Give a harness for all cases."""
    with fresh_bucket(s3_server) as bucket:
        yield Harness(place=bucket.place, straight=cache(bucket.storage), wire=session_wire, files=distributions)
