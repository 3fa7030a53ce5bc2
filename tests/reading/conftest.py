"""A private store, and a repository in it that the tests of a file share and do not change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.private_index import PrivateIndex, publish_private
from support.private_store import PrivateStore, run_private_store


@pytest.fixture(scope="module")
def private_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateStore]:
    """Run a store that refuses what is not signed."""
    with run_private_store(tmp_path_factory.mktemp("moto")) as store:
        yield store


@pytest.fixture(scope="module")
def published_index(private_store: PrivateStore, tmp_path_factory: pytest.TempPathFactory) -> PrivateIndex:
    """Publish a few packages, once for all tests of a file."""
    index = PrivateIndex(store=private_store)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in private_store.keys.variables.items():
            patch.setenv(name, value)
        publish_private(index, tmp_path_factory.mktemp("made"))
    return index


@pytest.fixture
def private_index(published_index: PrivateIndex) -> PrivateIndex:
    """Give the index, at a store that lists and has seen nothing."""
    published_index.store.seen.clear()
    published_index.store.lists = True
    return published_index
