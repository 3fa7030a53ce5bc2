"""What interleavings need: things to publish, and a clock that does not make anybody wait."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bucketwheel import parallel
from support.simulation.scenarios import Fixtures


@pytest.fixture(scope="session")
def fixtures(tmp_path_factory: pytest.TempPathFactory) -> Fixtures:
    """Give distributions that all runs share."""
    return Fixtures(tmp_path_factory.mktemp("fixtures"))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every wait be over at once, and patience never end: whoever goes round in circles is found by counting."""
    monkeypatch.setattr(parallel, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0))
