"""Promotions within S3, out of it and into it: who carries the bytes, and that nothing is ever written over."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bucketwheel.commands.promote import Promotion, promote_releases
from bucketwheel.errors import Refused
from bucketwheel.format.layout import Layout
from bucketwheel.names import Sha256, sha256_of
from bucketwheel.places import S3Place
from bucketwheel.protocol.repository import first_settings
from bucketwheel.storage import NO_MARKS, Key, ObjectInfo, Storage
from bucketwheel.storage.directory import DirectoryStorage
from bucketwheel.storage.s3 import S3Storage
from bucketwheel.storage.transfer import Origin
from support.archives import make_sdist, make_wheel
from support.ministack import TestBucket
from support.releasing import context_for, manifest_of, page_json, place_of, release_files, target_of
from support.tampering import check_store, overwrite, stored
from support.wire import DROP_AFTER, Exchange, Fault, Wire, answers, run_wire, says

WHEEL = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"
KIND = Layout().distribution()


@pytest.fixture
def wire(bucket: TestBucket) -> Iterator[Wire]:
    """Give a wire to the server, harmless at first."""
    with run_wire(bucket.connection.endpoint_url) as running:
        yield running


def below(bucket: TestBucket, prefix: str, wire: Wire | None = None) -> S3Storage:
    """Return a store for a prefix of the bucket."""
    place = S3Place(bucket=bucket.place.bucket, prefix=f"{bucket.place.prefix}{prefix}/")
    inner = TestBucket(place=place, connection=bucket.connection)
    return inner.storage(endpoint_url=None if wire is None else wire.url)


def promote(source: Storage, target: Storage, *releases: tuple[str, str]) -> Promotion:
    """Promote with one set of workers, as one command does."""
    wanted = releases or (("demo-pkg", "1.0"),)
    first = first_settings(place_of(target), {})
    with context_for(target) as context:
        return promote_releases(target_of(source), context, wanted, first=first, run_id="a promotion")


def of_files(log: list[Exchange]) -> Counter[str]:
    """Count requests for distributions by verb and query."""
    return Counter(
        f"{one.verb} {urlsplit(one.path).query.partition('=')[0].partition('&')[0]}".rstrip()
        for one in log
        if urlsplit(one.path).path.endswith(".whl")
    )


def test_within_s3_the_bytes_do_not_pass_through_here(bucket: TestBucket, wire: Wire, tmp_path: Path) -> None:
    """Between two prefixes a wheel is copied by the store; not one GET or PUT of its bytes is sent."""
    source, target = below(bucket, "staging", wire), below(bucket, "release", wire)
    release_files(source, make_wheel(tmp_path), make_sdist(tmp_path))
    wire.log.clear()
    promotion = promote(source, target)
    assert [file.fate for file in promotion.files] == ["promoted", "promoted"]
    assert of_files(wire.log) == {"HEAD": 1, "POST uploads": 1, "PUT uploadId": 1, "POST uploadId": 1}
    [copied] = [one for one in wire.log if one.headers.get("x-amz-copy-source", "").endswith(".whl")]
    assert copied.headers["x-amz-copy-source-if-match"]
    [completed] = [one for one in wire.log if one.verb == "POST" and "uploadId=" in one.path and ".whl" in one.path]
    assert completed.headers["if-none-match"] == "*"
    assert check_store(target, deep=True).findings == ()
    assert page_json(target, "demo-pkg")["versions"] == ["1.0"]
    seen = target.stat(Key(WHEEL))
    assert seen is not None
    assert (seen.marks or {})["bucketwheel-sha256"] == manifest_of(target, "demo-pkg").files[0].sha256


def test_the_same_promotion_again_sends_nothing(bucket: TestBucket, wire: Wire, tmp_path: Path) -> None:
    """The manifest shows that the files are there; nothing is written."""
    source, target = below(bucket, "staging", wire), below(bucket, "release", wire)
    release_files(source, make_wheel(tmp_path))
    promote(source, target)
    wire.log.clear()
    assert [file.fate for file in promote(source, target).files] == ["already-exists"]
    assert {one.verb for one in wire.log} == {"GET", "HEAD"}


@pytest.mark.parametrize("answer", [says(403, "AccessDenied"), says(501, "NotImplemented")], ids=["denied", "unknown"])
def test_where_the_store_cannot_copy_the_bytes_are_streamed(
    bucket: TestBucket, wire: Wire, tmp_path: Path, answer: Fault
) -> None:
    """The target's role may not read the source, or the store knows no such copy: what must arrive arrives."""
    source, target = below(bucket, "staging"), below(bucket, "release", wire)
    source = replace(source, bucket=target.bucket)
    release_files(source, make_wheel(tmp_path))
    wire.harm = lambda one: answer if "x-amz-copy-source" in one.headers else None
    promote(source, target)
    assert check_store(target, deep=True).findings == ()
    assert of_files(wire.log)["GET"] >= 1
    assert list(target.unfinished_uploads()) == []


def test_two_services_are_out_of_reach_of_one_another(bucket: TestBucket, wire: Wire, tmp_path: Path) -> None:
    """Another endpoint may be another S3, with another owner's bucket of that name: no copy is tried."""
    source, target = below(bucket, "staging"), below(bucket, "release", wire)
    release_files(source, make_wheel(tmp_path))
    promote(source, target)
    assert not any("x-amz-copy-source" in one.headers for one in wire.log)
    assert check_store(target, deep=True).findings == ()


@pytest.mark.parametrize("out_of_s3", [True, False], ids=["S3 to directory", "directory to S3"])
def test_between_s3_and_a_directory_bytes_are_streamed(bucket: TestBucket, tmp_path: Path, out_of_s3: bool) -> None:  # noqa: FBT001 - pytest's
    """Either way everything arrives."""
    stores: list[Storage] = [bucket.storage(), DirectoryStorage(root=tmp_path / "repository")]
    source, target = stores if out_of_s3 else reversed(stores)
    release_files(source, make_wheel(tmp_path, version="1.0+cu"))
    promote(source, target, ("demo-pkg", "1.0+cu"))
    assert check_store(target, deep=True).findings == ()
    assert page_json(target, "demo-pkg")["versions"] == ["1.0+cu"]


def test_a_copy_whose_answer_is_lost_is_found_to_be_there(bucket: TestBucket, wire: Wire, tmp_path: Path) -> None:
    """The completion took effect but its answer was lost: the promotion finds its own object and commits it."""
    source, target = below(bucket, "staging", wire), below(bucket, "release", wire)
    release_files(source, make_wheel(tmp_path))
    lost = 0

    def lose_first(one: Exchange) -> Fault | None:
        nonlocal lost
        if one.verb == "POST" and "uploadId=" in one.path and not lost:
            lost += 1
            return DROP_AFTER
        return None

    wire.harm = lose_first
    promote(source, target)
    assert lost == 1
    assert check_store(target, deep=True).findings == ()


def test_a_source_that_was_written_over_never_arrives(bucket: TestBucket, tmp_path: Path) -> None:
    """The source has other bytes of the same size, with a digest that S3 verified: nothing is committed."""
    source, target = below(bucket, "staging"), below(bucket, "release")
    release_files(source, make_wheel(tmp_path))
    overwrite(source, WHEEL, bytes(reversed(stored(source, WHEEL).body)), KIND)
    with pytest.raises(Refused, match="has other bytes than its repository says"):
        promote(source, target)
    assert target.stat(Key(WHEEL)) is None
    assert target.stat(Key("_bucketwheel/manifests/demo-pkg.json")) is None


# The copy itself -----------------------------------------------------------------------------------------------------


def origin_of(storage: S3Storage, key: str) -> Origin:
    """Return an object as a stat shows it."""
    seen = storage.stat(Key(key))
    assert seen is not None
    return Origin(storage=storage, key=Key(key), seen=seen)


def copy(storage: S3Storage, origin: Origin, sha256: Sha256, key: str = "copied") -> bool | None:
    """Copy within S3."""
    return storage.copy(Key(key), origin, sha256=sha256, headers=KIND, marks={"call": "abc"})


def digest(body: bytes) -> Sha256:
    """Compute what the index publishes."""
    return Sha256(hashlib.sha256(body).hexdigest())


def put(storage: S3Storage, key: str, body: bytes) -> None:
    """Add an object."""
    assert storage.add(Key(key), body, sha256=sha256_of(body), headers=KIND, marks=NO_MARKS)


def test_a_copy_never_writes_over_anything(bucket: TestBucket) -> None:
    """If the key is taken, copy returns False, the object stays, and no upload is left."""
    storage = bucket.storage()
    put(storage, "a+b", b"first")
    put(storage, "copied", b"here before")
    assert copy(storage, origin_of(storage, "a+b"), digest(b"first")) is False
    assert stored(storage, "copied").body == b"here before"
    assert list(storage.unfinished_uploads()) == []


def test_a_copy_has_its_own_kind_and_marks(bucket: TestBucket) -> None:
    """The origin's headers and marks are not copied."""
    storage = bucket.storage()
    put(storage, "a+b", b"first")
    assert copy(storage, origin_of(storage, "a+b"), digest(b"first")) is True
    seen, headers = storage.stat(Key("copied")), storage.headers(Key("copied"))
    assert seen is not None
    assert headers is not None
    assert (seen.size, seen.marks) == (5, {"call": "abc"})
    assert headers.is_of(KIND)


def test_a_copy_of_what_has_changed_is_none(bucket: TestBucket) -> None:
    """Only exactly what was seen is copied."""
    storage = bucket.storage()
    put(storage, "origin", b"first")
    origin = origin_of(storage, "origin")
    overwrite(storage, "origin", b"other")
    assert copy(storage, origin, digest(b"first")) is None
    assert storage.stat(Key("copied")) is None
    assert list(storage.unfinished_uploads()) == []


def test_a_copy_without_a_known_digest_is_none(bucket: TestBucket) -> None:
    """Neither the origin's digest nor that of the part is known to be right: it must be read."""
    storage = bucket.storage()
    put(storage, "origin", b"first")
    unproven = replace(origin_of(storage, "origin"), seen=replace(origin_of(storage, "origin").seen, sha256=None))
    assert copy(storage, unproven, digest(b"first")) is None
    assert copy(storage, origin_of(storage, "origin"), digest(b"other")) is None
    assert storage.stat(Key("copied")) is None


@pytest.mark.parametrize(("told", "created"), [(b"first", True), (b"other", None)], ids=["right", "wrong"])
def test_the_digest_that_s3_tells_of_the_part_decides(
    bucket: TestBucket, wire: Wire, told: bytes, *, created: bool | None
) -> None:
    """AWS tells the SHA-256 of a copied part before there is an object, so the origin needs no digest."""
    storage = bucket.storage(endpoint_url=wire.url)
    put(storage, "origin", b"first")
    origin = origin_of(storage, "origin")
    checksum = base64.b64encode(hashlib.sha256(told).digest()).decode("ascii")
    part = f'<CopyPartResult><ETag>"x"</ETag><ChecksumSHA256>{checksum}</ChecksumSHA256></CopyPartResult>'
    done = "<CompleteMultipartUploadResult><Key>copied</Key></CompleteMultipartUploadResult>"

    def as_aws(one: Exchange) -> Fault | None:
        if "x-amz-copy-source" in one.headers:
            return answers(part.encode())
        return answers(done.encode()) if one.verb == "POST" and "uploadId=" in one.path else None

    wire.harm = as_aws
    unproven = replace(origin, seen=replace(origin.seen, sha256=None))
    assert copy(storage, unproven, digest(b"first")) is created
    assert len(wire.asked("DELETE")) == (0 if created else 1)


@pytest.mark.parametrize("size", [0, (5 << 30) + 1])
def test_what_is_no_single_part_is_not_copied(bucket: TestBucket, size: int) -> None:
    """S3 copies no part of nothing, and none larger than 5 GiB."""
    storage = bucket.storage()
    put(storage, "origin", b"first")
    origin = origin_of(storage, "origin")
    assert (
        copy(storage, replace(origin, seen=ObjectInfo(version=origin.seen.version, size=size)), digest(b"first"))
        is None
    )
