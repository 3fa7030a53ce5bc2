"""The bytes of files that storages report as moved: all of them, once, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bucketwheel.events import BytesMoved, Event
from bucketwheel.names import sha256_of
from bucketwheel.storage import Key, ObjectHeaders, Storage
from bucketwheel.storage.directory import DirectoryStorage
from bucketwheel.storage.progress import Progress
from support.ministack import TestBucket

MIB = 1 << 20
KEY = Key("simple/demo/demo-1.0.tar.gz")
HEADERS = ObjectHeaders(content_type="application/octet-stream", cache_control="no-cache")


@dataclass
class Moved:
    """The events of a storage."""

    events: list[Event] = field(default_factory=list)

    def take(self) -> int:
        """Return how many bytes were moved since the last call."""
        moved = [event for event in self.events if isinstance(event, BytesMoved)]
        assert {event.name for event in moved} <= {"demo-1.0.tar.gz"}
        self.events.clear()
        return sum(event.count for event in moved)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Moved:
    """Give the events of a storage that reports at each reading."""
    monkeypatch.setattr("bucketwheel.storage.progress._INTERVAL", 0.0)
    return Moved()


@pytest.mark.parametrize("kind", ["directory", "one request", "parts"])
def test_all_bytes_are_reported_once(kind: str, moved: Moved, bucket: TestBucket, tmp_path: Path) -> None:
    """Sent and received; over http a file is read once more to sign it, and that does not count."""
    storage: Storage = DirectoryStorage(root=tmp_path / "repository", report=moved.events.append)
    if kind != "directory":
        in_s3 = bucket.storage(report=moved.events.append)
        storage = replace(in_s3, largest_put=5 * MIB, part_size=5 * MIB) if kind == "parts" else in_s3
    file = tmp_path / "file"
    file.write_bytes(bytes(12 * MIB))
    sha256 = sha256_of(file.read_bytes())
    assert storage.add(KEY, file, sha256=sha256, headers=HEADERS, marks={})
    assert moved.take() == 12 * MIB
    with storage.open(KEY) as stream:
        while stream.read(MIB):
            pass
    assert moved.take() == 12 * MIB


def test_a_directory_reports_what_it_reads_for_a_digest(moved: Moved, tmp_path: Path) -> None:
    """It has no digests but those of the bytes: a look and a removal read the whole file."""
    storage = DirectoryStorage(root=tmp_path / "repository", report=moved.events.append)
    body = bytes(3 * MIB)
    assert storage.add(KEY, body, sha256=sha256_of(body), headers=HEADERS, marks={})
    assert moved.take() == 3 * MIB
    info = storage.stat(KEY)
    assert info is not None
    assert moved.take() == 3 * MIB
    storage.remove(KEY, expected=info.version)
    assert moved.take() == 3 * MIB


def test_small_objects_are_not_reported(moved: Moved, bucket: TestBucket) -> None:
    """A page or a sidecar is no file on its way."""
    storage = bucket.storage(report=moved.events.append)
    storage.swap(KEY, bytes(1000), expected=None, headers=HEADERS, marks={})
    assert storage.read(KEY) is not None
    assert moved.take() == 0


def test_reports_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than four a second for a file, however many blocks it has."""
    now = 0.0
    monkeypatch.setattr("bucketwheel.storage.progress.time.monotonic", lambda: now)
    events: list[Event] = []
    progress = Progress(events.append, KEY)
    for _ in range(1000):
        now += 0.001
        progress.add(10)
    assert 3 <= len(events) <= 4


@pytest.mark.parametrize(
    ("positions", "counted"), [([5, 10], [5, 5]), ([5, 2, 4, 7], [5, 2]), ([0], [])], ids=["on", "again", "nowhere"]
)
def test_what_is_sent_again_counts_once(positions: list[int], counted: list[int], moved: Moved) -> None:
    """After a broken connection a file begins again; the count waits until it gets further than before."""
    reach: Callable[[int], None] = Progress(moved.events.append, KEY).reached()
    for position in positions:
        reach(position)
    assert [event.count for event in moved.events if isinstance(event, BytesMoved)] == counted
