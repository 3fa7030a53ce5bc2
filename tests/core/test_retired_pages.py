"""After a change of the page style `reindex` removes our pages of the old style, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.storage import Key
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.ministack import TestBucket
from support.releasing import release_files
from support.tampering import change_settings, overwrite, put, rebuild, remove, state, stored
from support.wire import Exchange, run_wire

PAGE, ROOT = "simple/demo-pkg/", "simple/"


@pytest.fixture
def storage(tmp_path: Path) -> MemoryStorage:
    """Give a repository whose style was changed, before any page was."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    return storage


def test_our_pages_of_the_old_style_go(storage: MemoryStorage) -> None:
    """They would show an old state for ever."""
    rebuild(storage)
    html = {key for key in state(storage) if key.endswith(("/", ".html"))}
    assert html == {"simple/index.html", "simple/demo-pkg/index.html"}


@pytest.mark.parametrize("key", [PAGE, ROOT])
def test_a_page_that_was_edited_stays(storage: MemoryStorage, key: str) -> None:
    """Whoever wrote over our page took its mark away: it is theirs now."""
    overwrite(storage, key, b"edited by hand")
    rebuild(storage)
    rebuild(storage)
    assert stored(storage, key).body == b"edited by hand"


def test_a_page_of_another_tool_stays(storage: MemoryStorage) -> None:
    """What stands at such a key without our mark was never ours."""
    remove(storage, PAGE)
    put(storage, PAGE, b"theirs")
    rebuild(storage)
    assert stored(storage, PAGE).body == b"theirs"
    assert storage.stat(Key(ROOT)) is None


def test_a_page_that_changes_meanwhile_stays(bucket: TestBucket, tmp_path: Path) -> None:
    """Only the version that had our mark is removed: one that comes between the look and the removal is not."""
    direct = bucket.storage()
    release_files(direct, make_wheel(tmp_path))
    change_settings(direct, lambda settings: replace(settings, pages="index.html"))

    def edit(exchange: Exchange) -> None:
        if exchange.verb == "DELETE" and exchange.path.endswith(PAGE):
            overwrite(direct, PAGE, b"edited by hand")

    with run_wire(bucket.connection.endpoint_url, edit) as wire:
        rebuild(bucket.storage(endpoint_url=wire.url))
        assert [one.status for one in wire.asked("DELETE", PAGE)] == [412]
    assert stored(direct, PAGE).body == b"edited by hand"
    assert direct.stat(Key(ROOT)) is None
