"""Large files of runs that were killed: not sent again, and not downloaded to be compared."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Denied
from bucketwheel.format.layout import Layout, file_marks
from bucketwheel.names import sha256_of
from bucketwheel.storage import Key
from bucketwheel.storage.s3 import S3Storage
from support.archives import make_wheel
from support.ministack import S3Server, TestBucket
from support.releasing import page_json, release_files
from support.tampering import settings_of
from support.wire import Wire, run_wire, says

MIB = 1 << 20
KEY = Key("simple/demo-pkg/demo_pkg-1.1-py3-none-any.whl")


@pytest.fixture
def wire(s3_server: S3Server) -> Iterator[Wire]:
    """Give a wire to the server."""
    with run_wire(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def storage(bucket: TestBucket, wire: Wire) -> S3Storage:
    """Give a storage to which 5 MiB are large."""
    return replace(bucket.storage(endpoint_url=wire.url), largest_put=5 * MIB, part_size=5 * MIB)


@pytest.fixture
def wheel(storage: S3Storage, tmp_path: Path) -> Path:
    """Build a large wheel for a repository that has a small one."""
    release_files(storage, make_wheel(tmp_path))
    noise = random.Random(11).randbytes(6 * MIB)  # noqa: S311 - no secret
    return make_wheel(tmp_path, version="1.1", members={"demo_pkg/model.bin": noise})


def test_it_is_neither_sent_nor_read_again(storage: S3Storage, wire: Wire, wheel: Path) -> None:
    """The first run dies before its commit; the second looks at the file once or twice, and releases it."""
    wire.harm = lambda one: says(403, "AccessDenied") if one.path.endswith("manifests/demo-pkg.json") else None
    with pytest.raises(Denied):
        release_files(storage, wheel)
    wire.harm = lambda one: says(403, "AccessDenied") if one.verb == "PUT" and "manifests" in one.path else None
    with pytest.raises(Denied):
        release_files(storage, wheel)
    wire.harm = lambda _: None
    wire.log.clear()
    release_files(storage, wheel)
    assert {one.verb for one in wire.log if one.path.partition("?")[0].endswith(".whl")} == {"HEAD"}
    assert len(page_json(storage, "demo-pkg")["files"]) == 2


@pytest.mark.parametrize("ours", [True, False], ids=["our mark", "the mark of another repository"])
def test_other_bytes_are_stepped_aside_from(storage: S3Storage, wire: Wire, wheel: Path, *, ours: bool) -> None:
    """Our mark is believed; that of another repository, which anybody may have copied, is compared byte for byte."""
    body = bytes(wheel.stat().st_size)
    repository = settings_of(storage).id if ours else "another"
    claimed = sha256_of(body if ours else wheel.read_bytes())
    marks = file_marks(repository=repository, run_id="a run that died", sha256=claimed)
    file = wheel.with_name("theirs")
    file.write_bytes(body)
    storage.add(KEY, file, sha256=sha256_of(body), headers=Layout().distribution(), marks=marks)
    wire.log.clear()
    release_files(storage, wheel)
    read = [one for one in wire.log if one.verb == "GET" and one.path.endswith(KEY)]
    assert len(read) == (0 if ours else 1)
    urls = {file["url"] for file in page_json(storage, "demo-pkg")["files"]}
    assert f"{sha256_of(wheel.read_bytes())}/{wheel.name}" in urls
