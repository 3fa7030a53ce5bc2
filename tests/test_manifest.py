"""Manifests as bytes: what was written is read back, and what is not whole is never built upon."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bucketwheel.errors import Damaged, Refused
from bucketwheel.format.manifest import (
    DeletedFile,
    Manifest,
    PublishedFile,
    Status,
    decode_manifest,
    empty_manifest,
    encode_manifest,
    upload_time,
)
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.storage import Key, ObjectVersion
from support.manifests import DEMO, manifests, published

A, B, C = (letter * 64 for letter in "abc")
FULL = PublishedFile(
    filename="demo_pkg-1.0-py3-none-any.whl",
    version="1.0",
    sha256=Sha256(A),
    size=7,
    upload_time="2026-11-20T12:00:00Z",
    by="call-1",
    key=Key("simple/demo-pkg/x/demo_pkg-1.0-py3-none-any.whl"),
    url="https://files.example/demo_pkg-1.0-py3-none-any.whl",
    requires_python=">=3.11",
    metadata_sha256=Sha256(B),
    yanked="",
    hidden=True,
    gpg_sig=True,
    provenance_sha256=Sha256(C),
    seen=ObjectVersion('"etag"'),
)
Change = Callable[[dict[str, object]], object]


def changed(change: Change) -> bytes:
    """A whole manifest with one file, after a change to its JSON."""
    document = json.loads(encode_manifest(Manifest(project=DEMO, revision=3, files=(FULL,))))
    change(document)
    return json.dumps(document).encode()


def changed_file(key: str, value: object) -> bytes:
    """A whole manifest whose one file has this instead under a key."""
    document = json.loads(encode_manifest(Manifest(project=DEMO, revision=3, files=(FULL,))))
    document["files"][0][key] = value
    return json.dumps(document).encode()


def changed_key(key: str, value: object) -> bytes:
    """A whole manifest that has this instead under an outermost key."""
    return changed(lambda document: document.update({key: value}))


@given(manifests())
def test_every_manifest_survives(manifest: Manifest) -> None:
    """What was written is read back, whatever it holds."""
    assert decode_manifest(encode_manifest(manifest), DEMO) == manifest


def test_the_bytes_are_exactly_these() -> None:
    """The format, byte for byte: keys sorted, UTF-8, nothing that is absent, a newline at the end."""
    manifest = Manifest(
        project=DEMO,
        revision=3,
        status=Status(status="deprecated", reason="löst"),
        files=(published("demo_pkg-2.0.tar.gz", "2.0"), FULL),
        deleted=(DeletedFile(filename="demo_pkg-0.1.tar.gz", version="0.1", sha256=Sha256(C), by="call-0"),),
        missing=(published("demo_pkg-0.2.tar.gz", "0.2"),),
        dead_keys=(Key("simple/demo-pkg/b"), Key("simple/demo-pkg/a")),
    )

    assert encode_manifest(manifest).decode() == (
        '{"dead-keys":["simple/demo-pkg/a","simple/demo-pkg/b"],'
        f'"deleted":[{{"by":"call-0","filename":"demo_pkg-0.1.tar.gz","sha256":"{C}","version":"0.1"}}],'
        '"files":[{"by":"call-1","filename":"demo_pkg-1.0-py3-none-any.whl","gpg-sig":true,"hidden":true,'
        f'"key":"simple/demo-pkg/x/demo_pkg-1.0-py3-none-any.whl","metadata-sha256":"{B}","provenance-sha256":"{C}",'
        f'"requires-python":">=3.11","seen":{{"etag":"\\"etag\\""}},"sha256":"{A}","size":7,'
        '"upload-time":"2026-11-20T12:00:00Z","url":"https://files.example/demo_pkg-1.0-py3-none-any.whl",'
        '"version":"1.0","yanked":{"reason":""}},'
        f'{{"by":"call-1","filename":"demo_pkg-2.0.tar.gz","sha256":"{A}","size":4661,'
        '"upload-time":"2026-11-20T12:00:00.123456Z","version":"2.0"}],'
        '"format":1,'
        f'"missing":[{{"by":"call-1","filename":"demo_pkg-0.2.tar.gz","sha256":"{A}","size":4661,'
        '"upload-time":"2026-11-20T12:00:00.123456Z","version":"0.2"}],'
        '"project":"demo-pkg","revision":3,"status":{"reason":"löst","status":"deprecated"}}\n'
    )


@pytest.mark.parametrize(
    "record",
    [
        {"filename": "a.zip", "by": "x", "version": "1"},
        {"filename": "a.zip", "by": "x", "sha256": A},
        {"filename": "a.zip", "by": "x", "key": "simple/demo-pkg/x/a.zip"},
        {"filename": "a.zip", "version": "1", "sha256": A},
        {"by": "x"},
    ],
)
def test_a_deleted_record_is_whole_or_shrunk(record: dict[str, str]) -> None:
    """A name and a run, alone or with version and digest; anything else is damaged."""
    shrunk, whole = {"filename": "b.zip", "by": "x"}, {"filename": "c.zip", "by": "x", "version": "1", "sha256": A}
    deleted = decode_manifest(changed_key("deleted", [shrunk, whole]), DEMO).deleted
    assert [each.is_shrunk for each in deleted] == [True, False]
    with pytest.raises(Damaged):
        decode_manifest(changed_key("deleted", [record]), DEMO)


def test_equal_means_byte_equal() -> None:
    """The order in which entries came makes no difference."""
    files = (published("b.zip", "1"), published("a.zip", "1"))
    manifest = Manifest(project=DEMO, revision=1, files=files, dead_keys=(Key("b"), Key("a"), Key("b")))
    turned = Manifest(project=DEMO, revision=1, files=files[::-1], dead_keys=(Key("a"), Key("b")))

    assert manifest == turned
    assert encode_manifest(manifest) == encode_manifest(turned)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not JSON in UTF-8"),
        (encode_manifest(Manifest(project=DEMO, revision=3, files=(FULL,)))[:-20], "is not JSON in UTF-8"),
        (b"\xff{}", "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b'{"revision":' + b"1" * 5000 + b"}", "is not JSON in UTF-8"),
        (b"[]", "is not a JSON object"),
        (b"{}", "format is missing"),
        (changed(lambda document: document.pop("project")), "project is missing"),
        (changed(lambda document: document.update(project="other")), "project is another one"),
        (changed(lambda document: document.pop("revision")), "revision is missing"),
        (changed(lambda document: document.update(revision=-1)), "revision is negative"),
        (changed(lambda document: document.update(revision=True)), "revision is not a number"),
        (changed(lambda document: document.update(revision=1.5)), "revision is not a number"),
        (changed(lambda document: document.update(files=None)), "files is not a list"),
        (changed(lambda document: document.update(files=["x"])), "files[0] is not an object"),
        (changed(lambda document: document.update(deleted=[{}])), "deleted[0].filename is missing"),
        (changed(lambda document: document.update(missing=[{"filename": "x"}])), "missing[0].version is missing"),
        (changed(lambda document: document.update({"dead-keys": [1]})), "dead-keys is not a list of strings"),
        (changed(lambda document: document.update(status={"status": "asleep"})), "status.status is 'asleep'"),
        (changed(lambda document: document.update(status={})), "status.status is missing"),
        (changed(lambda document: document.update(missing=document["files"])), "is in it twice"),
        (changed_file("sha256", A.upper()), "is no sha256"),
        (changed_file("sha256", A[:-1]), "is no sha256"),
        (changed_file("sha256", A + "\n"), "is no sha256"),
        (changed_file("metadata-sha256", ""), "is no sha256"),
        (changed_file("size", "7"), "files[0].size is not a number"),
        (changed_file("size", None), "files[0].size is not a number"),
        (changed_file("hidden", 1), "files[0].hidden is not true or false"),
        (changed_file("yanked", "why"), "files[0].yanked is not an object"),
        (changed_file("yanked", {}), "files[0].yanked.reason is missing"),
        (changed(lambda document: document.pop("files")), "files is missing"),
        (changed(lambda document: document.pop("deleted")), "deleted is missing"),
        (changed(lambda document: document.pop("missing")), "missing is missing"),
        (changed(lambda document: document.update({"dead-keys": ["_bucketwheel/repository.json"]})), "is no key"),
        (changed(lambda document: document.update(revision=2**53)), "revision is negative or too large"),
        (changed_file("version", "\ud800"), "is not JSON in UTF-8 (UnicodeEncodeError)"),
        (changed_file("size", 2**64), "files[0].size is negative or too large"),
        (changed_file("upload-time", "2026-11-20 12:00:00"), "upload-time is not one of PEP 700"),
        (changed_file("upload-time", "2026-11-20T12:00:00+00:00"), "upload-time is not one of PEP 700"),
        (changed_file("upload-time", "2026-13-20T12:00:00Z"), "upload-time is not one of PEP 700"),
        (changed_file("upload-time", "\u0662026-11-20T12:00:00Z"), "upload-time is not one of PEP 700"),
        (changed_file("url", "javascript:alert(1)"), "is no http(s) URL without a fragment"),
        (changed_file("url", "https://files.example/x.whl#md5=1"), "is no http(s) URL without a fragment"),
        (changed_file("url", "https:///x.whl"), "is no http(s) URL without a fragment"),
        (changed_file("filename", "../x.whl"), "is no file name"),
        (changed_file("filename", "..\\x.whl"), "is no file name"),
        (changed_file("filename", ".."), "is no file name"),
        (changed_file("filename", ""), "is no file name"),
        (changed_file("filename", "x\n.whl"), "is no file name"),
        (changed_file("filename", "\u202ex.whl"), "is no file name"),
        (changed_file("key", "/x"), "is no key"),
        (changed_file("key", "a//b"), "is no key"),
        (changed_file("key", "a/"), "is no key"),
        (changed_file("key", "simple/../_bucketwheel/repository.json"), "is no key"),
        (changed_file("key", "a\\b"), "is no key"),
        (changed_file("key", "a\x00b"), "is no key"),
    ],
)
def test_damage_is_said(body: bytes, why: str) -> None:
    """A manifest that is not whole is refused, in words that say where and how to mend it."""
    with pytest.raises(Damaged) as refused:
        decode_manifest(body, DEMO)

    assert why in str(refused.value)
    assert "the manifest of demo-pkg cannot be read" in str(refused.value)
    assert "restore an earlier version of _bucketwheel/manifests/demo-pkg.json" in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_newer_format_is_refused() -> None:
    """A manifest of a newer format is not read at all."""
    with pytest.raises(Damaged, match="has a format of a newer bucketwheel; upgrade bucketwheel"):
        decode_manifest(changed(lambda document: document.update(format=2)), DEMO)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (changed(lambda document: document.update(new=1)), "new"),
        (changed(lambda document: document.update(status={"status": "active", "by": "x"})), "status.by"),
        (changed_file("colour", {"a": None}), "files[0].colour"),
        (changed_file("yanked", {"reason": "", "by": "x"}), "files[0].yanked.by"),
        (changed_file("seen", {"etag": "", "when": 1}), "files[0].seen.when"),
        (changed_file("a\x1b[31m", 1), "files[0].a\\x1b[31m"),
    ],
)
def test_unknown_keys_are_for_reading_only(body: bytes, path: str) -> None:
    """What a newer bucketwheel added does not stop reading; writing would lose it, and is refused."""
    manifest = decode_manifest(body, DEMO)

    assert manifest.unknown == (path,)
    assert manifest.files[0].filename == FULL.filename
    with pytest.raises(Refused) as refused:
        encode_manifest(replace(manifest, revision=4))
    assert f"written by a newer bucketwheel (it has {path})" in str(refused.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FILE_KEYS = ["filename", "version", "size", "sha256", "upload-time", "key", "url", "yanked", "seen", "hidden", "x"]
DOCUMENT_KEYS = ["format", "project", "revision", "status", "files", "deleted", "missing", "dead-keys", "x"]


@settings(max_examples=500)
@given(
    st.binary()
    | st.builds(changed_file, st.sampled_from(FILE_KEYS), JSON_VALUES)
    | st.builds(changed_key, st.sampled_from(DOCUMENT_KEYS), JSON_VALUES)
)
def test_no_manifest_ends_in_a_traceback(body: bytes) -> None:
    """Whatever lies at a manifest's key: it is read, or Damaged is raised; what was read is written, or refused."""
    with suppress(Damaged):
        manifest = decode_manifest(body, DEMO)
        with suppress(Refused):
            assert decode_manifest(encode_manifest(manifest), DEMO) == manifest


def test_visible_files() -> None:
    """Pages list what is not hidden, and nothing of a quarantined project (PEP 792)."""
    shown, hidden = published("a.zip", "1"), published("b.zip", "1", hidden=True)
    manifest = Manifest(project=DEMO, revision=1, files=(shown, hidden))

    assert manifest.visible == (shown,)
    assert replace(manifest, status=Status(status="quarantined")).visible == ()
    assert replace(manifest, status=Status(status="archived")).visible == (shown,)


def test_a_calls_work_is_found_wherever_it_stands() -> None:
    """A publisher finds its own call among released, deleted and missing files, and never another's."""
    manifest = Manifest(
        project=DEMO,
        revision=1,
        files=(published("a.zip", "1", by="releases"),),
        deleted=(DeletedFile(filename="b.zip", version="1", sha256=Sha256(A), by="deletes"),),
        missing=(published("c.zip", "1", by="misses"),),
    )

    assert [manifest.names_run(call) for call in ("releases", "deletes", "misses", "", "other")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert sorted(manifest.names) == ["a.zip", "b.zip", "c.zip"]


def test_an_empty_manifest_says_nothing() -> None:
    """Before its first commit a project has revision 0 and no files."""
    assert empty_manifest(ProjectName("x")) == Manifest(project=ProjectName("x"), revision=0)


def test_upload_time_is_in_utc() -> None:
    """A moment of any time zone is written in UTC with six digits of a second, as PEP 700 has it."""
    moment = datetime(2026, 1, 1, 1, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    assert upload_time(moment) == "2025-12-31T23:30:00.000005Z"
    assert upload_time(moment.astimezone(UTC)) == "2025-12-31T23:30:00.000005Z"
