"""Stores for the tests of delete, prune and status: in memory and in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.storage import Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.memory import MemoryStorage


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty store of either kind."""
    return MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")
