"""The permissions in docs/ci.md, held against the requests that commands send."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bucketwheel.commands.promote import promote_releases
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.errors import Denied
from bucketwheel.places import S3Place
from bucketwheel.protocol.repository import create, first_settings
from bucketwheel.storage.s3 import S3Storage
from support.archives import make_wheel
from support.ministack import TestBucket
from support.releasing import NOW, context_for, release_files, target_of
from support.removing import delete_from, prune_from
from support.tampering import change_settings, check_store, rebuild
from support.wire import Exchange, Wire, run_wire, says

DOCS = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
PUBLISH = {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A repository of two versions, behind a wire."""

    bucket: TestBucket
    wire: Wire

    @property
    def storage(self) -> S3Storage:
        """The bucket, by way of the wire."""
        return self.bucket.storage(endpoint_url=self.wire.url)


@pytest.fixture
def line(bucket: TestBucket, tmp_path: Path) -> Iterator[Line]:
    """Give a repository of two versions, behind a wire."""
    release_files(bucket.storage(), make_wheel(tmp_path, version="1.0.dev1"), make_wheel(tmp_path, version="1.0.dev2"))
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(bucket=bucket, wire=wire)


def action_of(exchange: Exchange) -> str:
    """Return the permission that a request takes ("Actions for Amazon S3", Service Authorization Reference)."""
    url = urlsplit(exchange.path)
    query = parse_qs(url.query, keep_blank_values=True)
    if exchange.verb == "GET" and "list-type" in query:
        return "s3:ListBucket"
    if exchange.verb == "GET" and "uploads" in query:
        return "s3:ListBucketMultipartUploads"
    if exchange.verb == "GET" and "versions" in query:
        return "s3:ListBucketVersions"
    if exchange.verb == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
    return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject"}[exchange.verb]


def documented(purpose: str) -> set[str]:
    """Return what the row of docs/ci.md for a purpose adds to the policy of a publish."""
    [row] = [line for line in DOCS.splitlines() if line.startswith("| ") and purpose in line.split("|")[1]]
    return set(re.findall(r"`(s3:\w+)`", row.split("|")[2]))


def delete_one(line: Line, _directory: Path) -> None:
    """Delete a version."""
    delete_from(line.storage, version="1.0.dev1")


def prune(line: Line, _directory: Path) -> None:
    """Keep the newest version."""
    prune_from(line.storage, Expiry(retention=KeepNewest(count=1), now=NOW))


def change_style(line: Line, _directory: Path) -> None:
    """Rebuild the pages in another style."""
    change_settings(line.bucket.storage(), lambda settings: replace(settings, pages="index.html"))
    rebuild(line.storage)


def check(line: Line, _directory: Path) -> None:
    """Check all but the bytes."""
    check_store(line.storage)


def check_deep(line: Line, _directory: Path) -> None:
    """Check the bytes as well."""
    check_store(line.storage, deep=True)


def publish_in_parts(line: Line, directory: Path) -> None:
    """Send a file in parts, which S3 refuses: what was begun is aborted."""
    line.wire.harm = lambda one: says(403, "AccessDenied") if "partNumber" in one.path else None
    large = make_wheel(directory, version="9.0", members={"large.bin": os.urandom(6 * MIB)})
    with pytest.raises(Denied):
        release_files(replace(line.storage, largest_put=5 * MIB, part_size=5 * MIB), large)


def promote(line: Line, _directory: Path) -> None:
    """Promote to another prefix where the store does not copy: what was begun is aborted."""
    place = line.bucket.place
    below = S3Place(bucket=place.bucket, prefix=f"{place.prefix}release/")
    target = TestBucket(place=below, connection=line.bucket.connection).storage(endpoint_url=line.wire.url)
    line.wire.harm = lambda one: says(501, "NotImplemented") if "x-amz-copy-source" in one.headers else None
    wanted, first = [("demo-pkg", "1.0.dev1")], first_settings(below, {})
    create(target_of(target, below), first)
    with context_for(target, below) as context:
        promote_releases(target_of(line.storage), context, wanted, first=first, run_id="a promotion")


@pytest.mark.parametrize(
    ("command", "purpose", "further"),
    [
        (delete_one, "`bucketwheel delete` and `prune`", set()),
        (prune, "`bucketwheel delete` and `prune`", set()),
        (change_style, "`reindex` after a change of the page style", set()),
        (check, "`bucketwheel check` and `prune --orphans`, to find", set()),
        (check_deep, "`bucketwheel check --deep`", {"s3:ListBucketMultipartUploads"}),
        (publish_in_parts, "files above 1 GiB", set()),
        (promote, "`promote`", set()),
    ],
)
def test_a_command_takes_what_its_row_says(
    line: Line, tmp_path: Path, command: Callable[[Line, Path], None], purpose: str, further: set[str]
) -> None:
    """No request needs more than a publish's policy and the row; and the row names nothing that is not asked for."""
    command(line, tmp_path)
    asked = {action_of(one) for one in line.wire.log}
    assert asked - PUBLISH == documented(purpose) | further


def test_a_check_only_reads(line: Line) -> None:
    """docs/ci.md says so: no request of it takes a permission to write or to delete."""
    assert "`bucketwheel check` only reads." in DOCS
    check_store(line.storage, deep=True)
    assert {one.verb for one in line.wire.log} == {"GET", "HEAD"}
