"""Requests of an adoption: none for unchanged files, and no byte twice."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bucketwheel.events import Event, RequestSent
from bucketwheel.format.layout import file_marks
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import Key
from support.adopting import Recorded, adopt_all, make_repository
from support.archives import make_sdist, make_wheel, zipped
from support.memory import MemoryStorage
from support.ministack import TestBucket
from support.releasing import manifest_of
from support.tampering import put, state

FOLDER = "simple/demo-pkg/"
TAIL = 256 << 10
FILLING = hashlib.shake_256(b"incompressible").digest(600_000)


def about(asked: list[str], word: str) -> list[str]:
    """Return the requests whose key contains a word."""
    return [request for request in asked if word in request]


def pytorch(path: Path) -> dict[str, str]:
    """Return the mark that PyTorch's tools put on a file that they hashed."""
    return {"checksum-sha256": sha256_of(path.read_bytes())}


def adopted_with(path: Path, marks: dict[str, str]) -> tuple[Recorded, list[str]]:
    """Adopt one wheel, and return the requests for it."""
    storage = Recorded()
    put(storage, FOLDER + path.name, path.read_bytes(), marks)
    make_repository(storage)
    storage.asked.clear()
    adopt_all(storage, trust_uploader_digests=True)
    entry = manifest_of(storage, "demo-pkg").files[0]
    assert entry.sha256 == sha256_of(path.read_bytes())
    return storage, about(storage.asked, ".whl")


def test_what_is_unchanged_costs_a_listing(tmp_path: Path) -> None:
    """Not one request about a file, adopted or published, with sidecars or without."""
    storage = Recorded()
    for version in ("1.0", "1.1"):
        put(storage, f"{FOLDER}demo_pkg-{version}-py3-none-any.whl", make_wheel(tmp_path, version=version))
    put(storage, FOLDER + "demo_pkg-0.1.tar.bz2", b"legacy")
    put(storage, "demo_pkg-0.2.tar.gz", make_sdist(tmp_path, version="0.2"))
    make_repository(storage)
    adopt_all(storage)
    storage.asked.clear()
    adopt_all(storage)
    assert [request for request in storage.asked if request.startswith("list")] == [
        "list _bucketwheel/manifests/",
        "list",
    ]
    assert about(storage.asked, "demo_pkg-") == []


def test_a_small_wheel_comes_whole_and_once(tmp_path: Path) -> None:
    """Without a digest that counts: one request, whose answer tells all; the metadata are read from its stream."""
    wheel = make_wheel(tmp_path)
    _, asked = adopted_with(wheel, {})
    assert asked == [f"open {FOLDER}{wheel.name} whole"]


def test_a_large_wheel_without_a_digest_is_streamed_once(tmp_path: Path) -> None:
    """Metadata and digest come out of the same stream; a look comes first where the user trusts notes."""
    wheel = make_wheel(tmp_path, members={"demo_pkg/data": FILLING})
    storage, asked = adopted_with(wheel, {})
    assert asked == [f"look {FOLDER}{wheel.name}", f"open {FOLDER}{wheel.name} 0-"]
    assert storage.objects[f"{FOLDER}{wheel.name}.metadata"].body.startswith(b"Metadata-Version")


@pytest.mark.parametrize("whose", ["pytorch", "ours"])
def test_of_a_wheel_with_a_digest_only_the_tail_is_read(tmp_path: Path, whose: str) -> None:
    """A note that the user trusts, and another bucketwheel repository's mark; METADATA is near the end, as usual."""
    wheel = make_wheel(tmp_path, members={"demo_pkg/data": FILLING})
    _move_to_the_end(wheel)
    body = wheel.read_bytes()
    marks = pytorch(wheel) if whose == "pytorch" else file_marks(repository="x", run_id="c", sha256=sha256_of(body))
    storage, asked = adopted_with(wheel, marks)
    assert asked == [f"look {FOLDER}{wheel.name}", f"open {FOLDER}{wheel.name} {len(body) - TAIL}-{len(body)}"]
    assert storage.objects[f"{FOLDER}{wheel.name}.metadata"].body.startswith(b"Metadata-Version")


def test_where_metadata_are_elsewhere_one_exact_read_fetches_them(tmp_path: Path) -> None:
    """A second request, for the member and not a byte more."""
    wheel = make_wheel(tmp_path, members={"demo_pkg/data": FILLING})
    storage, asked = adopted_with(wheel, pytorch(wheel))
    first, second = about(asked, "open")
    size = wheel.stat().st_size
    assert first == f"open {FOLDER}{wheel.name} {size - TAIL}-{size}"
    start, _, end = second.rpartition(" ")[2].partition("-")
    assert int(end) - int(start) < 300
    assert storage.objects[f"{FOLDER}{wheel.name}.metadata"].body.startswith(b"Metadata-Version")


def test_a_digest_that_is_none_is_not_believed(tmp_path: Path) -> None:
    """A mark that holds something else than a sha256 says nothing."""
    wheel = make_wheel(tmp_path)
    _, asked = adopted_with(wheel, {"checksum-sha256": "0123", "bucketwheel-sha256": "A" * 64})
    assert asked == [f"open {FOLDER}{wheel.name} whole"]


def test_nothing_is_read_where_the_length_says_enough(tmp_path: Path) -> None:
    """A file of another length has other bytes."""
    storage = Recorded()
    key = put(storage, FOLDER + "demo_pkg-1.0.tar.gz", make_sdist(tmp_path))
    make_repository(storage)
    adopt_all(storage)
    put(storage, key, b"short")
    storage.asked.clear()
    adopt_all(storage)
    assert about(storage.asked, "tar.gz") == [f"look {key}"]


def test_only_what_is_new_is_looked_at(tmp_path: Path) -> None:
    """One more file costs one request, however many there are already."""
    storage = Recorded()
    for minor in range(20):
        put(storage, f"{FOLDER}demo_pkg-1.{minor}.tar.bz2", b"old")
    make_repository(storage)
    adopt_all(storage)
    newer = put(storage, FOLDER + "demo_pkg-2.0.tar.gz", make_sdist(tmp_path, version="2.0"))
    storage.asked.clear()
    adopt_all(storage)
    assert about(storage.asked, "demo_pkg-") == [f"open {newer} whole"]


def test_a_lost_swap_reads_nothing_again(tmp_path: Path) -> None:
    """An object that has not changed is not read again."""
    storage = Losing()
    key = put(storage, FOLDER + "demo_pkg-1.0.tar.gz", make_sdist(tmp_path))
    make_repository(storage)
    storage.asked.clear()
    adopt_all(storage)
    assert storage.lost == 1
    assert about(storage.asked, f"open {key}") == [f"open {key} whole"]
    assert len(manifest_of(storage, "demo-pkg").files) == 1


def test_on_s3_the_digest_that_was_verified_counts(bucket: TestBucket, tmp_path: Path) -> None:
    """Of a file that was sent with its SHA-256 the tail is read, of one without it all; and then nothing ever again."""
    events: list[Event] = []
    storage = bucket.storage(report=events.append)
    large = make_wheel(tmp_path, members={"demo_pkg/data": FILLING})
    _move_to_the_end(large)
    verified = put(storage, FOLDER + large.name, large)
    plain = Key("demo_pkg-0.9.tar.gz")
    sdist = make_sdist(tmp_path, version="0.9").read_bytes()
    storage.bucket.ask("put_object", Key=f"{bucket.place.prefix}{plain}", Body=sdist)
    make_repository(storage, place=bucket.place)
    events.clear()
    adopt_all(storage, place=bucket.place)
    assert _requests(events, verified) == ["GET 200", "GET 206"]  # the first answer brought the digest
    assert _requests(events, plain) == ["GET 200"]
    entries = manifest_of(storage, "demo-pkg").files
    assert [entry.sha256 for entry in entries] == [
        sha256_of((tmp_path / name).read_bytes()) for name in ("demo_pkg-0.9.tar.gz", large.name)
    ]
    seen = storage.stat(plain)
    assert seen is not None
    assert seen.modified is not None
    assert entries[0].upload_time == seen.modified.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    before = state(storage)
    events.clear()
    adopt_all(storage, place=bucket.place)
    assert _requests(events, verified) == _requests(events, plain) == []
    assert state(storage) == before


def test_on_s3_a_foreign_wheel_costs_two_requests(bucket: TestBucket, tmp_path: Path) -> None:
    """Its bytes, with all that a look would tell, and its sidecar; the rest is the same for any number."""
    events: list[Event] = []
    storage = bucket.storage(report=events.append)
    wheels = [make_wheel(tmp_path, version=f"1.{number}") for number in range(60)]
    for wheel in wheels:
        storage.bucket.ask("put_object", Key=f"{bucket.place.prefix}{FOLDER}{wheel.name}", Body=wheel.read_bytes())
    make_repository(storage, place=bucket.place)
    events.clear()
    adopt_all(storage, place=bucket.place)
    sent = [event for event in events if isinstance(event, RequestSent)]
    assert len(manifest_of(storage, "demo-pkg").files) == 60
    assert len([event for event in sent if ".whl" in event.target]) == 2 * 60
    assert len(sent) <= 2 * 60 + 20


def test_on_s3_a_foreign_project_costs_four_requests(bucket: TestBucket, tmp_path: Path) -> None:
    """Its page is read, which is the look at it too; manifest and pages are written, and nothing else is asked."""
    events: list[Event] = []
    storage = bucket.storage(report=events.append)
    prefix, wheel = bucket.place.prefix, make_wheel(tmp_path)
    storage.bucket.ask("put_object", Key=f"{prefix}{FOLDER}{wheel.name}", Body=wheel.read_bytes())
    page = f'<a href="{wheel.name}#sha256={sha256_of(wheel.read_bytes())}" data-yanked="old">{wheel.name}</a>'
    storage.bucket.ask("put_object", Key=f"{prefix}{FOLDER}", Body=page.encode())
    make_repository(storage, place=bucket.place)
    events.clear()
    adopt_all(storage, place=bucket.place)
    assert _requests(events, Key(FOLDER)) == ["GET 200", "PUT 200"]
    assert _requests(events, Key(f"{FOLDER}index.json")) == ["PUT 200"]
    assert _requests(events, Key("_bucketwheel/manifests/demo-pkg.json")) == ["PUT 200"]
    assert manifest_of(storage, "demo-pkg").files[0].yanked == "old"


def test_on_s3_a_sidecar_that_the_listing_proves_is_not_read(bucket: TestBucket, tmp_path: Path) -> None:
    """Equal bytes have equal ETags; a sidecar of another ETag is read, for a store may encrypt it."""
    events: list[Event] = []
    storage = bucket.storage(report=events.append)
    for version, added in (("1.0", b""), ("2.0", b"more")):
        wheel = make_wheel(tmp_path, version=version)
        with zipfile.ZipFile(wheel) as archive:
            metadata = archive.read(f"demo_pkg-{version}.dist-info/METADATA")
        for name, body in ((wheel.name, wheel.read_bytes()), (f"{wheel.name}.metadata", metadata + added)):
            storage.bucket.ask("put_object", Key=f"{bucket.place.prefix}{FOLDER}{name}", Body=body)
    make_repository(storage, place=bucket.place)
    events.clear()
    adopt_all(storage, place=bucket.place)
    same, other = manifest_of(storage, "demo-pkg").files
    assert (same.metadata_sha256 is None, other.metadata_sha256 is None) == (False, True)
    assert _requests(events, Key(f"{FOLDER}{same.filename}.metadata")) == []
    assert _requests(events, Key(f"{FOLDER}{other.filename}.metadata")) == ["GET 200"]


def test_a_page_that_a_listing_lacks_is_not_looked_at(tmp_path: Path) -> None:
    """Neither before it is written nor for the root that is made then."""
    storage = Recorded()
    put(storage, f"{FOLDER}demo_pkg-1.0-py3-none-any.whl", make_wheel(tmp_path))
    make_repository(storage)
    storage.asked.clear()
    adopt_all(storage)
    asked = [request for request in about(storage.asked, FOLDER) if ".whl" not in request]
    assert asked == []
    assert {FOLDER, f"{FOLDER}index.json", "simple/index.json"} <= storage.objects.keys()


def test_on_s3_large_wheels_with_digests_do_not_all_come_in_vain(bucket: TestBucket, tmp_path: Path) -> None:
    """Once an answer has brought the digest of a large file, others are looked at before they are read."""
    events: list[Event] = []
    storage = bucket.storage(report=events.append)
    wheels = [make_wheel(tmp_path, version=f"1.{number}", members={"demo_pkg/data": FILLING}) for number in range(12)]
    for wheel in wheels:
        _move_to_the_end(wheel)
        put(storage, FOLDER + wheel.name, wheel)
    make_repository(storage, place=bucket.place)
    events.clear()
    adopt_all(storage, place=bucket.place)  # four at a time
    asked = [request for wheel in wheels for request in _requests(events, Key(FOLDER + wheel.name))]
    assert asked.count("GET 206") == 12
    assert 1 <= asked.count("GET 200") <= 4
    assert asked.count("HEAD 200") == 12 - asked.count("GET 200")


def _requests(events: list[Event], key: Key) -> list[str]:
    """Return the requests for an object itself."""
    sent = (event for event in events if isinstance(event, RequestSent) and event.target == key)
    return [f"{event.verb} {event.status}" for event in sent]


class Losing(Recorded):
    """A store in which somebody else creates the manifest just before we do."""

    lost = 0

    def swap(self, key: Key, body: bytes, **conditions: Any) -> Any:  # noqa: ANN401 - passed on as they came
        """Create it first, once."""
        if key.startswith("_bucketwheel/manifests/") and not self.lost:
            self.lost = 1
            first = encode_manifest(Manifest(project=ProjectName("demo-pkg"), revision=1))
            put(MemoryStorage(self.objects), key, first)
        return super().swap(key, body, **conditions)


def _move_to_the_end(wheel: Path) -> None:
    """Have the members of .dist-info come last, as build tools have them."""
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    ordered = sorted(content, key=lambda name: ".dist-info/" in name)
    wheel.write_bytes(zipped({name: content[name] for name in ordered}))
