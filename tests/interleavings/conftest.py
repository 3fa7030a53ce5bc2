"""Fixtures of the interleavings: distributions to publish, and waits that take no time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bucketwheel import parallel
from support.simulation.scenarios import Fixtures


@pytest.fixture(scope="session")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Fixtures:
    """Return distributions that all runs share."""
    return Fixtures(tmp_path_factory.mktemp("fixtures"))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """End every wait at once and never give up; a command that runs in circles is found by counting steps."""
    monkeypatch.setattr(parallel, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0))
