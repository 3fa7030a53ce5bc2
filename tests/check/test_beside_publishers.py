"""A check may run beside publishers: what they do meanwhile is not taken for damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bucketwheel.format.manifest import Status
from bucketwheel.storage import Key, ListEntry
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.releasing import release_files
from support.tampering import check_store, codes, remove, write_manifest

WHEEL = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"


@dataclass(slots=True)
class Busy(MemoryStorage):
    """A store in which somebody else does something around each listing, as often as is said."""

    then: Callable[[], object] = dict
    times: int = 0
    before: bool = False
    """Whether they are quicker than the listing."""
    listings: list[str] = field(default_factory=list)

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List, and let them."""
        self.listings.append(prefix)
        if self.before:
            self._let_them()
        seen = [*MemoryStorage.list(self, prefix)]
        if not self.before:
            self._let_them()
        return iter(seen)

    def _let_them(self) -> None:
        if self.times:
            self.times -= 1
            self.then()


@pytest.fixture
def storage(tmp_path: Path) -> Busy:
    """A repository of one project."""
    busy = Busy()
    release_files(busy, make_wheel(tmp_path))
    busy.listings.clear()
    return busy


def test_a_release_between_listing_and_manifest_is_not_taken_for_a_loss(storage: Busy, tmp_path: Path) -> None:
    """The manifest names what the listing could not show yet; so the project is listed once more."""
    newer = make_wheel(tmp_path, version="1.1")
    storage.then, storage.times = lambda: release_files(storage, newer), 1
    assert check_store(storage).findings == ()
    assert storage.listings == ["", "simple/demo-pkg/"]


def test_a_release_between_manifest_and_listing_is_not_taken_for_orphans(storage: Busy, tmp_path: Path) -> None:
    """The listing shows what the manifest could not name yet; so both are read once more."""
    newer = make_wheel(tmp_path, version="1.1")
    storage.then, storage.times, storage.before = lambda: release_files(storage, newer), 1, True
    assert check_store(storage, "demo-pkg").findings == ()
    assert storage.listings == ["simple/demo-pkg/"] * 2


def test_a_second_release_is_waited_for_too(storage: Busy, tmp_path: Path) -> None:
    """Somebody commits during the second listing as well: it is repeated until no commit comes in between."""
    wheels = iter([make_wheel(tmp_path, version=version) for version in ("1.1", "1.2")])
    storage.then, storage.times = lambda: release_files(storage, next(wheels)), 2
    assert check_store(storage).findings == ()
    assert storage.listings == ["", "simple/demo-pkg/", "simple/demo-pkg/"]


def test_a_project_whose_manifest_stayed_is_listed_once(storage: Busy) -> None:
    """A finding that no running publish can explain is reported without a second listing."""
    remove(storage, WHEEL)
    assert codes(check_store(storage)) == {"file-missing"}
    assert storage.listings == [""]


def test_a_check_ends_however_busy_a_project_is(storage: Busy) -> None:
    """Somebody commits during every listing; the check reports what it saw last, and ends."""
    remove(storage, WHEEL)
    states = iter(["deprecated", "active"] * 50)
    storage.then = lambda: write_manifest(storage, "demo-pkg", lambda m: replace(m, status=Status(status=next(states))))
    storage.times = 30
    assert "file-missing" in codes(check_store(storage))


def test_a_file_that_is_deleted_while_it_is_to_be_read_is_passed_over(storage: Busy) -> None:
    """With --deep files are read long after they were listed; one that was deleted meanwhile is no finding."""
    storage.then, storage.times = lambda: storage.objects.pop(f"{WHEEL}.metadata"), 1
    assert check_store(storage, deep=True).findings == ()


def test_a_page_that_is_kept_otherwise_is_read_before_it_is_blamed(storage: Busy) -> None:
    """Under KMS an ETag is no MD5: the digest that the store keeps decides, and else the bytes themselves."""

    class Encrypted(Busy):
        """A store whose versions say nothing about bytes."""

        version_of = staticmethod(lambda _: "an MD5")  # type: ignore[assignment]

    encrypted = Encrypted(objects=storage.objects)
    assert check_store(encrypted).findings == ()
    assert Key(WHEEL) in encrypted.objects
