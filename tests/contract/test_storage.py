"""The contract of `bucketwheel.storage.Storage`, kept alike by memory, directory and S3."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bucketwheel.errors import Unavailable
from bucketwheel.names import Sha256
from bucketwheel.storage import NO_MARKS, Key, ObjectHeaders, OpensWhole, Storage, SwapLost
from bucketwheel.storage.directory import DirectoryStorage
from support.memory import MemoryStorage
from support.ministack import TestBucket

KIND = ObjectHeaders(content_type="application/octet-stream", cache_control="no-cache")
KEY = Key("simple/proj/proj-1.0.tar.gz")


@pytest.fixture(params=["memory", "directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give each store in turn."""
    if request.param == "memory":
        return MemoryStorage()
    if request.param == "directory":
        return DirectoryStorage(root=tmp_path / "repository")
    bucket: TestBucket = request.getfixturevalue("bucket")
    return bucket.storage()


def add(storage: Storage, key: Key, body: Path | bytes, marks: dict[str, str] | None = None) -> bool:
    """Add with the right digest."""
    whole = body if isinstance(body, bytes) else body.read_bytes()
    sha256 = Sha256(hashlib.sha256(whole).hexdigest())
    return storage.add(key, body, sha256=sha256, headers=KIND, marks=marks or NO_MARKS)


def test_what_is_added_is_read(storage: Storage) -> None:
    """An added object reads back byte for byte."""
    assert add(storage, KEY, b"first") is True
    stored = storage.read(KEY)
    assert stored is not None
    assert stored.body == b"first"


def test_what_comes_whole_tells_all_that_a_look_tells(storage: Storage) -> None:
    """One answer has the bytes and the rest, as far as a store has such answers (a directory has not)."""
    add(storage, KEY, b"first", {"mark": "ours"})
    if isinstance(storage, OpensWhole):
        with storage.open_whole(KEY) as found:
            assert found is not None
            assert (found[0], found[1].read()) == (storage.stat(KEY), b"first")
        with storage.open_whole(Key("simple/proj/absent")) as absent:
            assert absent is None
    assert isinstance(storage, OpensWhole) != isinstance(storage, DirectoryStorage)


def test_a_taken_key_is_left_alone(storage: Storage) -> None:
    """Adding to a key that is taken says so and changes nothing, whether the bytes are the same or others."""
    add(storage, KEY, b"first")
    assert add(storage, KEY, b"second") is False
    assert add(storage, KEY, b"first") is False
    stored = storage.read(KEY)
    assert stored is not None
    assert stored.body == b"first"


def test_absent_is_none(storage: Storage) -> None:
    """What is not there reads and looks as None, before and after the first write."""
    assert storage.read(KEY) is None
    assert storage.stat(KEY) is None
    add(storage, Key("simple/other/other-1.0.tar.gz"), b"")
    assert storage.read(KEY) is None
    assert storage.stat(KEY) is None


def test_a_file_is_added_as_bytes_are(storage: Storage, tmp_path: Path) -> None:
    """A body may be a path."""
    file = tmp_path / "file"
    file.write_bytes(b"from a file")
    assert add(storage, KEY, file) is True
    stored = storage.read(KEY)
    assert stored is not None
    assert stored.body == b"from a file"


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    """No bytes are bytes too."""
    add(storage, KEY, b"")
    stored, seen = storage.read(KEY), storage.stat(KEY)
    assert stored is not None
    assert seen is not None
    assert (stored.body, seen.size) == (b"", 0)


def test_a_wrong_digest_is_refused(storage: Storage, tmp_path: Path) -> None:
    """Bytes that are not those of the digest are refused, and nothing is left, of files as of bytes."""
    file = tmp_path / "file"
    file.write_bytes(b"other bytes")
    wrong = Sha256(hashlib.sha256(b"the bytes that were judged").hexdigest())
    for body in (b"other bytes", file):
        with pytest.raises(Unavailable, match="changed after they were checked"):
            storage.add(KEY, body, sha256=wrong, headers=KIND, marks=NO_MARKS)
    assert storage.read(KEY) is None
    assert list(storage.list("")) == []


def test_a_look_tells_size_version_and_digest(storage: Storage) -> None:
    """A look shows the size, the version that reading shows, and the digest of all bytes."""
    add(storage, KEY, b"first")
    seen, stored = storage.stat(KEY), storage.read(KEY)
    assert seen is not None
    assert stored is not None
    assert seen.size == 5
    assert seen.version == stored.version
    assert seen.sha256 == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"


def test_a_look_tells_when_it_was_written(storage: Storage) -> None:
    """The moment is the store's own, with its time zone; stores round it to seconds."""
    begun = datetime.now(UTC)
    add(storage, KEY, b"first")
    seen = storage.stat(KEY)
    assert seen is not None
    assert seen.modified is not None
    assert begun - timedelta(seconds=5) < seen.modified < datetime.now(UTC) + timedelta(seconds=5)


def test_marks_come_back_where_there_is_a_place_for_them(storage: Storage) -> None:
    """Marks are seen by look and read, of added and of swapped objects; a directory says that it has none."""
    add(storage, KEY, b"first", {"call": "abc"})
    page = Key("simple/proj/index.json")
    storage.swap(page, b"{}", expected=None, headers=KIND, marks={"revision": "1"})
    expected = (None, None) if isinstance(storage, DirectoryStorage) else ({"call": "abc"}, {"revision": "1"})
    looks, reads = (storage.stat(KEY), storage.stat(page)), (storage.read(KEY), storage.read(page))
    assert tuple(seen and seen.marks for seen in looks) == expected
    assert tuple(stored and stored.marks for stored in reads) == expected


def test_a_swap_creates_what_is_absent(storage: Storage) -> None:
    """A swap that saw nothing creates, once; its version is the one that a look shows."""
    version = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
    seen = storage.stat(KEY)
    assert seen is not None
    assert seen.version == version
    with pytest.raises(SwapLost):
        storage.swap(KEY, b"two", expected=None, headers=KIND, marks=NO_MARKS)
    stored = storage.read(KEY)
    assert stored is not None
    assert stored.body == b"one"


def test_a_swap_replaces_exactly_what_was_seen(storage: Storage) -> None:
    """A swap that saw the present version replaces it; the same swap again is lost."""
    first = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
    second = storage.swap(KEY, b"two", expected=first, headers=KIND, marks=NO_MARKS)
    assert second != first
    with pytest.raises(SwapLost):
        storage.swap(KEY, b"three", expected=first, headers=KIND, marks=NO_MARKS)
    stored = storage.read(KEY)
    assert stored is not None
    assert (stored.body, stored.version) == (b"two", second)


def test_a_swap_does_not_bring_back_what_is_gone(storage: Storage) -> None:
    """A swap of something that was removed meanwhile is lost and creates nothing."""
    version = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
    storage.remove(KEY, expected=version)
    with pytest.raises(SwapLost):
        storage.swap(KEY, b"two", expected=version, headers=KIND, marks=NO_MARKS)
    assert storage.read(KEY) is None


def test_remove_removes_exactly_what_was_seen(storage: Storage) -> None:
    """Another version stays; the one seen goes; what is absent already is done."""
    old = storage.swap(KEY, b"one", expected=None, headers=KIND, marks=NO_MARKS)
    new = storage.swap(KEY, b"two", expected=old, headers=KIND, marks=NO_MARKS)
    with pytest.raises(SwapLost):
        storage.remove(KEY, expected=old)
    assert storage.read(KEY) is not None
    storage.remove(KEY, expected=new)
    assert storage.read(KEY) is None
    storage.remove(KEY, expected=new)


def test_a_listing_is_sorted_by_whole_keys(storage: Storage) -> None:
    """Keys come in their order as text, where '-' and '.' stand before '/', whatever a walk of directories finds."""
    keys = ["simple/a/x", "simple/a-b/x", "simple/a.txt", "simple/index.json", "zz", "_bucketwheel/repository.json"]
    for key in keys:
        add(storage, Key(key), key.encode())
    assert [listed.key for listed in storage.list("")] == [
        "_bucketwheel/repository.json",
        "simple/a-b/x",
        "simple/a.txt",
        "simple/a/x",
        "simple/index.json",
        "zz",
    ]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("simple/a/", ["simple/a/x", "simple/a/y"]),
        ("simple/a", ["simple/a-b/x", "simple/a/x", "simple/a/y"]),
        ("sim", ["simple/a-b/x", "simple/a/x", "simple/a/y"]),
        ("simple/a/x", ["simple/a/x"]),
        ("nothing/", []),
    ],
)
def test_a_prefix_is_a_beginning_of_keys(storage: Storage, prefix: str, expected: list[str]) -> None:
    """A prefix need not end where a directory does."""
    for key in ("simple/a/x", "simple/a/y", "simple/a-b/x"):
        add(storage, Key(key), b"")
    assert [listed.key for listed in storage.list(prefix)] == expected


def test_a_listing_tells_sizes_and_versions(storage: Storage) -> None:
    """An entry has the object's size, and the version that a look shows where the store lists versions."""
    add(storage, KEY, b"first")
    seen = storage.stat(KEY)
    assert seen is not None
    version = None if isinstance(storage, DirectoryStorage) else seen.version
    assert [(listed.key, listed.size, listed.version) for listed in storage.list("")] == [(KEY, 5, version)]


def test_a_listing_shows_again_what_nobody_touched(storage: Storage) -> None:
    """An entry's etag stays while its object does, and another object of the same size has another."""
    add(storage, KEY, b"first")
    before = [listed.etag for listed in storage.list("")]
    assert [listed.etag for listed in storage.list("")] == before
    seen = storage.stat(KEY)
    assert seen is not None
    storage.swap(KEY, b"other", expected=seen.version, headers=KIND, marks=NO_MARKS)
    assert [listed.etag for listed in storage.list("")] != before


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 1, b"0"),
        (4, None, b"456789"),
        (4, 8, b"4567"),
        (4, 99, b"456789"),
        (10, None, b""),
        (50, 60, b""),
    ],
)
def test_a_range_is_the_bytes_between(storage: Storage, start: int, end: int | None, expected: bytes) -> None:
    """`end` is not part of the range, and a range beyond the last byte is as empty as a slice would be."""
    add(storage, KEY, b"0123456789")
    with storage.open(KEY, start, end) as stream:
        assert stream.read() == expected


def test_a_stream_of_nothing_is_refused(storage: Storage) -> None:
    """Opening what is absent raises in words; a range that can hold nothing is an error of the program."""
    with pytest.raises(Unavailable, match=r"proj-1\.0\.tar\.gz no longer exists"), storage.open(KEY):
        pass
    add(storage, KEY, b"0123456789")
    with pytest.raises(ValueError, match="no bytes"), storage.open(KEY, 3, 3):
        pass


def test_a_large_file_streams_both_ways(storage: Storage, tmp_path: Path) -> None:
    """Some megabytes go in from a file and come out in pieces, unchanged."""
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * 20_000)
    add(storage, KEY, file)
    digest, pieces = hashlib.sha256(), 0
    with storage.open(KEY) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            pieces += 1
    assert digest.digest() == hashlib.sha256(file.read_bytes()).digest()
    assert pieces >= 5


@pytest.mark.parametrize("key", ["simple/p/p-1.0+local.1-py3-none-any.whl", "simple/p/p-1!2.0.tar.gz", "a b/c%20d/e~f"])
def test_unusual_characters_are_part_of_a_key(storage: Storage, key: str) -> None:
    """Plus, exclamation mark, blank, percent and tilde come back as they went in, by every call."""
    add(storage, Key(key), b"here")
    stored = storage.read(Key(key))
    assert stored is not None
    assert stored.body == b"here"
    assert [listed.key for listed in storage.list("")] == [key]
    storage.remove(Key(key), expected=stored.version)
    assert storage.stat(Key(key)) is None


def test_a_key_may_end_in_a_slash_except_in_a_directory(storage: Storage) -> None:
    """`simple/` and `simple/proj/` are objects with bodies, beside those under them; no file can be named so."""
    if isinstance(storage, DirectoryStorage):
        for key in ("simple/", "simple/proj/"):
            with pytest.raises(ValueError, match="cannot be a file"):
                add(storage, Key(key), b"page")
        return
    for key in ("simple/", "simple/proj/", "simple/proj/x"):
        version = storage.swap(Key(key), key.encode(), expected=None, headers=KIND, marks=NO_MARKS)
        storage.swap(Key(key), key.upper().encode(), expected=version, headers=KIND, marks=NO_MARKS)
    found = {listed.key: storage.read(listed.key) for listed in storage.list("simple/")}
    assert {key: stored and stored.body for key, stored in found.items()} == {
        "simple/": b"SIMPLE/",
        "simple/proj/": b"SIMPLE/PROJ/",
        "simple/proj/x": b"SIMPLE/PROJ/X",
    }


def at_once(count: int, call: Callable[[int], bool]) -> list[bool]:
    """Make a call in as many threads, all beginning at the same moment."""
    ready = threading.Barrier(count)

    def run(number: int) -> bool:
        ready.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_of_many_who_add_one_key_one_succeeds(storage: Storage) -> None:
    """16 threads add other bytes under one key at once: one is told so, and its bytes lie there."""
    for attempt in range(5):
        key = Key(f"simple/proj/{attempt}")
        outcomes = at_once(16, lambda number, key=key: add(storage, key, b"%d" % number))  # type: ignore[misc]
        assert sorted(outcomes) == [False] * 15 + [True]
        stored = storage.read(key)
        assert stored is not None
        assert stored.body == b"%d" % outcomes.index(True)


def test_no_swap_is_lost(storage: Storage) -> None:
    """8 threads each add 1 to a counter 10 times, reading and swapping until they succeed: it ends at 80."""
    storage.swap(KEY, b"0", expected=None, headers=KIND, marks=NO_MARKS)

    def count_up(_: int) -> bool:
        done = 0
        while done < 10:
            stored = storage.read(KEY)
            assert stored is not None
            with suppress(SwapLost):
                storage.swap(KEY, b"%d" % (int(stored.body) + 1), expected=stored.version, headers=KIND, marks=NO_MARKS)
                done += 1
        return True

    assert all(at_once(8, count_up))
    stored = storage.read(KEY)
    assert stored is not None
    assert stored.body == b"80"
