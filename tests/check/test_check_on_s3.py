"""A check of a bucket: what only S3 has, and what it costs, counted on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bucketwheel.errors import Denied
from bucketwheel.events import Event, Warned
from bucketwheel.format.layout import PAGE_STYLES, PageStyle
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import first_settings
from bucketwheel.storage.s3 import S3Storage
from support.archives import make_wheel
from support.ministack import TestBucket
from support.releasing import context_for, release_files, request_for
from support.removing import prune_orphans_from
from support.tampering import check_store, overwrite, put, remove, stored
from support.wire import Exchange, Fault, Wire, answers, run_wire, says

WHEEL = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"
PROJECTS, FILES = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A repository in a bucket, behind a wire."""

    bucket: TestBucket
    wire: Wire

    @property
    def storage(self) -> S3Storage:
        """The bucket, by way of the wire."""
        return self.bucket.storage(endpoint_url=self.wire.url)

    def found(self, *projects: str, deep: bool = False) -> list[tuple[str, str]]:
        """What a check finds, and where."""
        findings = check_store(self.storage, *projects, deep=deep).findings
        return [(finding.code, finding.subject) for finding in findings]

    def asked(self) -> Counter[str]:
        """The requests since this was last asked, by kind."""
        kinds = Counter(kind_of(exchange) for exchange in self.wire.log)
        self.wire.log.clear()
        return kinds

    @property
    def name(self) -> dict[str, str]:
        """The bucket's name, for the client."""
        return {"Bucket": self.bucket.place.bucket}

    def key(self, key: str) -> str:
        """A key as the client writes it."""
        return self.bucket.place.prefix + key


def kind_of(exchange: Exchange) -> str:
    """A request by its verb, and for what."""
    query = urlsplit(exchange.path).query
    if exchange.verb == "GET" and "list-type=2" in query:
        return "LIST"
    if exchange.verb == "GET" and query.startswith(("uploads", "versions")):
        return query.partition("&")[0].rstrip("=")
    return exchange.verb


@pytest.fixture
def line(bucket: TestBucket, tmp_path: Path) -> Iterator[Line]:
    """A repository of three projects with four wheels each."""
    wheels = [
        make_wheel(tmp_path, name, f"{number}.0")
        for name in ("demo-pkg", "other", "zoo")
        for number in range(1, FILES + 1)
    ]
    release_files(bucket.storage(), *wheels)
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(bucket=bucket, wire=wire)


@pytest.mark.parametrize("pages", PAGE_STYLES)
def test_an_undisturbed_bucket_has_nothing_to_find(bucket: TestBucket, tmp_path: Path, pages: PageStyle) -> None:
    """In each style of pages, also where a client keeps the content types of what was written."""
    storage = bucket.storage()
    request = request_for(make_wheel(tmp_path, version="1.0+cpu"), make_wheel(tmp_path, name="zoo"))
    with context_for(storage) as context:
        release(context, replace(request, first=replace(first_settings(bucket.place, {}), pages=pages)))
    checked = check_store(storage, deep=True)
    assert (checked.projects, checked.files, checked.findings) == (2, 2, ())


def test_a_check_costs_a_listing_and_a_reading_of_each_manifest(line: Line) -> None:
    """No request for a file, none for a page: settings, root, manifests, and a listing each of objects and uploads."""
    assert line.found() == []
    assert line.asked() == {"LIST": 1, "GET": 2 + PROJECTS, "uploads": 1}


def test_a_check_of_one_project_costs_no_more_for_others(line: Line) -> None:
    """Its folder is listed and its manifest read; settings and both roots are read."""
    assert line.found("zoo") == []
    assert line.asked() == {"LIST": 1, "GET": 4, "uploads": 1}


def test_only_what_seems_wrong_is_asked_for(line: Line) -> None:
    """A page that is not as it should be is looked at and read; a file that is missing costs nothing more."""
    page = stored(line.storage, "simple/zoo/index.json")
    remove(line.storage, WHEEL)
    edited = page.body.replace(b'"yanked":false', b'"yanked":true')
    overwrite(line.storage, "simple/zoo/index.json", edited, marks=page.marks or {})
    line.wire.log.clear()
    assert line.found() == [("file-missing", WHEEL), ("page-edited", "simple/zoo/index.json")]
    assert line.asked() == {"LIST": 1, "GET": 3 + PROJECTS, "HEAD": 1, "uploads": 1}


def test_a_folder_without_a_manifest_costs_one_request_and_a_look_at_each_object(line: Line) -> None:
    """What another tool filled is told from an orphan by its marks, and from a new project by its manifest."""
    for name in ("legacy-1.0.tar.gz", "legacy-1.1.tar.gz"):
        put(line.storage, f"simple/legacy/{name}", b"by another tool")
    line.wire.log.clear()
    assert [code for code, _ in line.found()] == ["file-foreign", "file-foreign"]
    assert line.asked() == {"LIST": 1, "GET": 3 + PROJECTS, "HEAD": 2, "uploads": 1}


def test_deep_reads_each_file_once(line: Line) -> None:
    """Every file and sidecar is read to its end and looked at, every page looked at."""
    assert line.found(deep=True) == []
    objects, pages = 2 * PROJECTS * FILES, 2 * PROJECTS + 2
    assert line.asked() == {
        "LIST": 1,
        "GET": 2 + PROJECTS + objects,
        "HEAD": objects + pages,
        "uploads": 1,
        "versions": 1,
    }


def test_an_upload_that_came_to_no_end_is_found(line: Line) -> None:
    """Its parts are kept, and paid for, until somebody aborts it."""
    client = line.bucket.storage().bucket.client
    client.create_multipart_upload(**line.name, Key=line.key("simple/zoo/zoo-9.0.tar.gz"))  # type: ignore[attr-defined]
    assert line.found() == [("upload-unfinished", "simple/zoo/zoo-9.0.tar.gz")]
    assert line.found("zoo") == [("upload-unfinished", "simple/zoo/zoo-9.0.tar.gz")]
    assert line.found("demo-pkg") == []


def test_old_uploads_of_our_keys_are_freed_by_prune(line: Line) -> None:
    """Also that of a project of which nothing else was ever stored; what others upload elsewhere is left alone."""
    client = line.bucket.storage().bucket.client
    for key in ("simple/zoo/zoo-9.0.tar.gz", "simple/new/new-1.0.tar.gz", "backups/dump.gz"):
        client.create_multipart_upload(**line.name, Key=line.key(key))  # type: ignore[attr-defined]
    assert prune_orphans_from(line.storage, ["zoo"], before=datetime.now(UTC) - timedelta(hours=1)).uploads == ()
    assert prune_orphans_from(line.storage, ["zoo", "new"], dry_run=True).uploads == (
        "simple/new/new-1.0.tar.gz",
        "simple/zoo/zoo-9.0.tar.gz",
    )
    assert [code for code, _ in line.found()] == ["upload-unfinished"] * 3
    assert prune_orphans_from(line.storage, ["zoo"]).uploads == ("simple/zoo/zoo-9.0.tar.gz",)
    prune_orphans_from(line.storage, ["new"])
    assert line.found() == [("upload-unfinished", "backups/dump.gz")]


@pytest.mark.parametrize(("query", "deep"), [("uploads", False), ("versions", True)])
@pytest.mark.parametrize(
    "answer",
    [says(501, "NotImplemented"), says(405, "MethodNotAllowed"), says(404, "NoSuchKey"), says(400, "InvalidRequest")],
    ids=["501", "405", "404", "400"],
)
def test_a_store_without_such_listings_is_checked_all_the_same(
    line: Line,
    query: str,
    deep: bool,  # noqa: FBT001 - pytest's
    answer: Fault,
) -> None:
    """Whatever a store says to a call that it does not know: the rest is checked and pruned, and it is said."""
    line.wire.harm = lambda one: answer if kind_of(one) == query else None
    events: list[Event] = []
    assert check_store(line.storage, deep=deep, report=events.append).findings == ()
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert {"uploads": "has no ListMultipartUploads", "versions": "has no ListObjectVersions"}[query] in warning
    assert prune_orphans_from(line.storage).uploads == ()


def test_a_store_that_overlooks_the_question_is_checked_too(line: Line) -> None:
    """Some answer with the listing of the objects instead, page after page."""
    page = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>x</NextMarker></ListBucketResult>"
    line.wire.harm = lambda one: answers(page) if kind_of(one) == "uploads" else None
    events: list[Event] = []
    assert check_store(line.storage, report=events.append).findings == ()
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert "has no ListMultipartUploads" in warning


@pytest.mark.parametrize(("query", "deep"), [("uploads", False), ("versions", True)])
def test_what_may_not_be_listed_is_said(line: Line, query: str, deep: bool) -> None:  # noqa: FBT001 - pytest's
    """A role that may only read objects checks all else, and is told which permission the rest takes."""
    line.wire.harm = lambda one: says(403, "AccessDenied") if kind_of(one) == query else None
    events: list[Event] = []
    assert check_store(line.storage, deep=deep, report=events.append).findings == ()
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert {"uploads": "s3:ListBucketMultipartUploads", "versions": "s3:ListBucketVersions"}[query] in warning


def test_what_cannot_be_read_is_an_error_and_no_finding(line: Line) -> None:
    """A manifest that S3 denies is not taken for one that is missing or damaged."""
    line.wire.harm = lambda one: says(403, "AccessDenied") if one.path.endswith("zoo.json") else None
    with pytest.raises(Denied, match="s3:GetObject"):
        line.found()


def test_a_release_that_was_written_over_is_found(line: Line) -> None:
    """A versioned bucket shows it even when the right bytes are the current ones again."""
    if line.bucket.place.prefix:
        pytest.skip("this S3 gives us a prefix, not buckets")
    client = line.bucket.storage().bucket.client
    enabled = {"Status": "Enabled"}
    client.put_bucket_versioning(**line.name, VersioningConfiguration=enabled)  # type: ignore[attr-defined]
    body = stored(line.storage, WHEEL).body
    client.put_object(**line.name, Key=line.key(WHEEL), Body=body)  # type: ignore[attr-defined]
    assert [code for code, _ in line.found(deep=True)] == ["headers-wrong"]
    client.put_object(**line.name, Key=line.key(WHEEL), Body=b"other bytes")  # type: ignore[attr-defined]
    client.put_object(**line.name, Key=line.key(WHEEL), Body=body)  # type: ignore[attr-defined]
    assert line.found(deep=True) == [("file-overwritten", WHEEL), ("headers-wrong", WHEEL)]
    assert line.found() == []


def test_an_encoding_on_a_file_is_found(line: Line) -> None:
    """A file that is served as if it were compressed breaks pip."""
    client = line.bucket.storage().bucket.client
    body = stored(line.storage, WHEEL).body
    client.put_object(**line.name, Key=line.key(WHEEL), Body=body, ContentEncoding="gzip")  # type: ignore[attr-defined]
    assert line.found(deep=True) == [("file-encoded", WHEEL)]
