"""Tests of the proof of a store: each store here ignores one condition, and each is noticed before anything is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.errors import Refused
from bucketwheel.events import Event, Warned
from bucketwheel.format.layout import SETTINGS_KEY, Layout, PageStyle
from bucketwheel.protocol.proof import store_name
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import create, first_settings, open_to_write, take_over
from bucketwheel.storage import Key, KeyRefused, ObjectHeaders, ObjectVersion, Storage, SwapLost
from bucketwheel.storage.s3 import S3Storage
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.ministack import TestBucket
from support.releasing import context_for, page_json, release_files, request_for, target_of
from support.removing import delete_from
from support.tampering import change_settings, overwrite
from support.wire import UNCONDITIONAL, Exchange, Fault, Wire, run_wire, says
from support.witness import Witness

Condition: TypeAlias = Literal["create", "swap", "swap-absent"]


@dataclass(slots=True)
class OneBlindSpot(MemoryStorage):
    """A store that ignores one condition (None: none) and honours all others."""

    ignores: Condition | None = None
    bucket: str = ""

    def address(self, key: str) -> str:
        """Return a URL with its bucket."""
        return f"memory:///{self.bucket}/{key}"

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Compare, except for the one condition."""
        found = self.stat(key)
        condition: Condition = "create" if expected is None else "swap-absent" if found is None else "swap"
        if condition == self.ignores:
            expected = None if found is None else found.version
        return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)


class RefusesAll(MemoryStorage):
    """A store that answers 412 to every If-Match, as Ceph 16 to 18 do to quoted ones."""

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Create only."""
        if expected is not None:
            raise SwapLost(key)
        return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)


def keys(storage: MemoryStorage) -> list[str]:
    """Return all keys that are there."""
    return [entry.key for entry in storage.list("")]


def stored_settings(storage: Storage) -> dict[str, Any]:
    """Read the settings document."""
    stored = storage.read(SETTINGS_KEY)
    assert stored is not None
    document: dict[str, Any] = json.loads(stored.body)
    return document


@pytest.mark.parametrize("ignores", ["create", "swap", "swap-absent"])
def test_a_store_that_ignores_one_condition_is_refused(ignores: Condition, tmp_path: Path) -> None:
    """The first and every later publish is refused, and only the settings are written (I14)."""
    storage = OneBlindSpot(ignores=ignores)
    for _ in range(2):
        with pytest.raises(Refused, match="ignores conditional writes"):
            release_files(storage, make_wheel(tmp_path))
    assert keys(storage) == [SETTINGS_KEY]


@pytest.mark.parametrize("ignores", ["create", "swap", "swap-absent"])
def test_each_verdict_is_recorded_by_itself(ignores: Condition, tmp_path: Path) -> None:
    """A single writer who chose such a store finds in the settings which condition it ignores."""
    storage = OneBlindSpot(ignores=ignores)
    with context_for(storage) as context:
        alone = replace(context, target=target_of(storage, single_writer=True))
        release(alone, request_for(make_wheel(tmp_path)))
    proof = stored_settings(storage)["proofs"]["memory:///"]
    assert {capability for capability, verdict in proof.items() if verdict == "ignored"} == {ignores}


def test_a_store_that_refuses_the_right_version_is_named(tmp_path: Path) -> None:
    """412 to everything is not another writer at work: the same version is there at each reading."""
    storage = RefusesAll()
    with pytest.raises(Refused, match=r"refuses If-Match also with the right version.*Ceph"):
        release_files(storage, make_wheel(tmp_path))
    assert keys(storage) == [SETTINGS_KEY]


def test_a_proof_counts_for_its_own_store_only(tmp_path: Path) -> None:
    """Objects that were copied to a store without conditions bring their record along; it proves nothing there."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    copied = OneBlindSpot(objects=dict(storage.objects), ignores="swap", bucket="copy")
    before = keys(copied)
    with pytest.raises(Refused, match="ignores conditional writes"):
        release_files(copied, make_wheel(tmp_path, version="1.1"))
    assert keys(copied) == before


def test_two_addresses_of_one_store_are_both_remembered(tmp_path: Path) -> None:
    """The proof is made once per address, and then the settings stay as they are."""
    here = OneBlindSpot(bucket="here")
    release_files(here, make_wheel(tmp_path))
    there = OneBlindSpot(bucket="there", objects=here.objects)
    open_to_write(target_of(there))
    assert list(stored_settings(here)["proofs"]) == ["memory:///here", "memory:///there"]
    before = here.read(SETTINGS_KEY)
    for storage in (here, there, here):
        witness = Witness(storage=storage)
        open_to_write(target_of(witness))
        assert witness.writes == []
    assert here.read(SETTINGS_KEY) == before


def test_many_addresses_do_not_make_the_settings_grow_without_end(tmp_path: Path) -> None:
    """A tunnel gives the store another port each day; only some addresses are remembered."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    for number in range(30):
        open_to_write(target_of(OneBlindSpot(bucket=f"bucket-{number}", objects=storage.objects)))
    assert len(stored_settings(storage)["proofs"]) == 16
    assert "memory:///bucket-29" in stored_settings(storage)["proofs"]


@pytest.mark.parametrize("verdict", ["proven", "ignored"])
def test_settings_of_earlier_writers_name_no_store(verdict: str, tmp_path: Path) -> None:
    """Their one verdict is read and proves nothing; the proof is made once, and replaces it."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    document = stored_settings(storage)
    del document["proofs"]
    overwrite(storage, SETTINGS_KEY, json.dumps(document | {"conditional-writes": verdict}).encode())
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]
    document = stored_settings(storage)
    assert "conditional-writes" not in document
    assert set(document["proofs"]["memory:///"].values()) == {"proven"}


def test_verdicts_of_a_newer_bucketwheel_are_kept(tmp_path: Path) -> None:
    """A capability that we do not know survives a change of the settings."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    document = stored_settings(storage)
    document["proofs"] = {"elsewhere": {"append": "ignored"}}
    overwrite(storage, SETTINGS_KEY, json.dumps(document).encode())
    open_to_write(target_of(storage))
    assert stored_settings(storage)["proofs"]["elsewhere"] == {"append": "ignored"}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://bucket.s3.eu-central-1.amazonaws.com/", "aws"),
        ("https://s3.cn-north-1.amazonaws.com.cn/bucket/", "aws"),
        ("http://127.0.0.1:9000/bucket/", "http://127.0.0.1:9000/bucket"),
        ("https://amazonaws.com.example.com/bucket/", "https://amazonaws.com.example.com/bucket"),
    ],
)
def test_a_store_is_aws_or_an_endpoint_and_a_bucket(address: str, name: str) -> None:
    """All of AWS is one store; elsewhere each bucket of each endpoint may be another."""

    class Elsewhere(MemoryStorage):
        def address(self, key: str) -> str:
            return f"{address}{key}"

    assert store_name(Elsewhere()) == name


def test_a_bucket_is_proven_at_its_endpoint(bucket: TestBucket, tmp_path: Path) -> None:
    """On a real server every verdict is `proven`, recorded under its address."""
    storage = bucket.storage()
    with context_for(storage, bucket.place) as context:
        release(context, request_for(make_wheel(tmp_path), place=bucket.place))
    tried = ("create", "swap", "swap-absent", "slash-keys")
    assert stored_settings(storage)["proofs"] == {store_name(storage): dict.fromkeys(tried, "proven")}


# Keys that end in a slash ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class NoSlashKeys(MemoryStorage):
    """A store that keeps no body at a key that ends in a slash: it says so (MinIO), or drops the body (JuiceFS)."""

    drops: bool = False

    def address(self, key: str) -> str:
        """Return a URL of another store than other stores in memory."""
        return f"memory:///without-slash-keys/{key}"

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Refuse or drop the body at such a key."""
        if key.endswith("/") and not self.drops:
            raise KeyRefused(f"the store cannot keep {key}")
        body = b"" if key.endswith("/") else body
        return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)


@pytest.mark.parametrize("drops", [False, True])
def test_a_store_without_slash_keys_gets_pages_that_it_can_keep(*, drops: bool, tmp_path: Path) -> None:
    """The first publish finds out before it commits, and chooses `index.html`; the next one goes on so."""
    storage, events = NoSlashKeys(drops=drops), list[Event]()
    for version in ("1.0", "1.1"):
        with context_for(storage, report=events.append) as context:
            release(context, request_for(make_wheel(tmp_path, version=version)))
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert len(warnings) == 1
    assert "cannot keep keys that end in a slash, so the pages are named index.html" in warnings[0]
    assert stored_settings(storage)["pages"] == "index.html"
    assert {"simple/index.html", "simple/demo-pkg/index.html"} < set(keys(storage))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]


@pytest.mark.parametrize("style", ["slash", "both"])
def test_a_style_that_was_asked_for_is_refused(style: PageStyle) -> None:
    """It is never replaced behind the user's back; asked for what is possible, the repository can be used."""
    target = target_of(NoSlashKeys())
    settings = replace(first_settings(target.place, {}), pages=style)
    with pytest.raises(Refused, match=r"no objects at keys that end in a slash.*choose pages=index.html"):
        create(target, settings, pages=style)
    assert open_to_write(target).settings.pages == "index.html"
    with pytest.raises(Refused, match=r"choose pages=index\.html"):
        open_to_write(target, pages=style)


def test_a_repository_copied_to_such_a_store_names_the_remedy(tmp_path: Path) -> None:
    """Its pages are published, so their style changes only if somebody asks for it."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    copied = NoSlashKeys(objects={key: found for key, found in storage.objects.items() if not key.endswith("/")})
    with pytest.raises(Refused, match=r"init s3://bucket --set pages=index.html.*reindex"):
        release_files(copied, make_wheel(tmp_path, version="1.1"))
    assert open_to_write(target_of(copied), pages="index.html").settings.pages == "slash"


def test_a_lost_root_page_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    """Where projects are published another key is tried, which is removed again."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    del storage.objects["simple/"]
    moved = OneBlindSpot(objects=storage.objects, bucket="moved")
    before = keys(moved)
    open_to_write(target_of(moved))
    assert keys(moved) == before
    assert stored_settings(moved)["proofs"]["memory:///moved"]["slash-keys"] == "proven"


@pytest.mark.parametrize(("simple", "left"), [("simple/", ["simple/"]), ("", [])])
def test_the_first_root_page_is_empty_and_shows_no_project(simple: str, left: list[str]) -> None:
    """It is there before the first project; an index at the top has its root at another key, so nothing is left."""
    storage = MemoryStorage()
    target = target_of(storage)
    create(target, replace(first_settings(target.place, {}), simple=simple))
    assert keys(storage) == [SETTINGS_KEY, *left]
    assert stored_settings(storage)["proofs"]["memory:///"]["slash-keys"] == "proven"


def test_an_empty_folder_object_of_a_console_proves_nothing() -> None:
    """Stores without slash keys keep it too, so a page is written over it."""
    for storage, style in ((MemoryStorage(), "slash"), (NoSlashKeys(), "index.html")):
        folder, target = Key("simple/"), target_of(storage)
        MemoryStorage.swap(storage, folder, b"", expected=None, headers=Layout().html(), marks={})
        take_over(target, first_settings(target.place, {}))
        assert stored_settings(storage)["pages"] == style


def test_minio_is_found_out_by_its_answer(bucket: TestBucket, tmp_path: Path) -> None:
    """400 XMinioInvalidObjectName to a page, and to nothing else, is no failure of the network."""

    def answer_as_minio(exchange: Exchange) -> Fault | None:
        refused = exchange.verb == "PUT" and exchange.path.partition("?")[0].endswith("/")
        return says(400, "XMinioInvalidObjectName") if refused else None

    with run_wire(bucket.connection.endpoint_url, answer_as_minio) as wire:
        storage = bucket.storage(endpoint_url=wire.url)
        with context_for(storage, bucket.place) as context:
            release(context, request_for(make_wheel(tmp_path), place=bucket.place))
        assert stored_settings(storage)["pages"] == "index.html"
        assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]
        with pytest.raises(KeyRefused, match=r"cannot keep s3://.*/x/.*--set pages=index.html"):
            storage.swap(Key("x/"), b"page", expected=None, headers=Layout().html(), marks={})


# Removals -------------------------------------------------------------------------------------------------------------


class RemovesAnything(MemoryStorage):
    """A store that ignores If-Match on DELETE, as MinIO does."""

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove without comparing."""
        del expected
        self.objects.pop(key, None)


def with_pages_of_another_style(storage: MemoryStorage, tmp_path: Path) -> MemoryStorage:
    """Release into a repository whose page style is changed afterwards."""
    release_files(storage, make_wheel(tmp_path))
    change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    return storage


def test_a_store_that_removes_anything_keeps_pages_that_somebody_may_write(tmp_path: Path) -> None:
    """The pages are written, and those of the other style are named for a person to remove; nothing else is touched."""
    storage = with_pages_of_another_style(RemovesAnything(), tmp_path)
    for _ in range(2):
        with (
            context_for(storage) as context,
            pytest.raises(Refused, match=r"MinIO.*by hand.*: simple/demo-pkg/, simple/"),
        ):
            reindex_projects(context, ())
    assert {"simple/", "simple/demo-pkg/", "simple/index.html", "simple/demo-pkg/index.html"} < set(keys(storage))
    assert not [key for key in keys(storage) if "proof" in key]
    assert stored_settings(storage)["proofs"]["memory:///"]["remove"] == "ignored"
    with context_for(storage) as context:
        target = replace(context.target, single_writer=True)
        reindex_projects(replace(context, target=target), ())
    assert "simple/" not in keys(storage)


def test_a_store_that_compares_before_it_removes_is_proven_once(tmp_path: Path) -> None:
    """Before the first removal of a page, and not for a reindex that has none to remove."""
    storage = with_pages_of_another_style(MemoryStorage(), tmp_path)
    with context_for(storage) as context:
        reindex_projects(context, ())
        assert not {"simple/", "simple/demo-pkg/"} & set(keys(storage))
        assert not [key for key in keys(storage) if "proof" in key]
        assert stored_settings(storage)["proofs"]["memory:///"]["remove"] == "proven"
    witness = Witness(storage=storage)
    with context_for(witness) as context:
        reindex_projects(context, ())
    assert witness.writes == []


def test_dead_keys_are_removed_without_a_condition(tmp_path: Path) -> None:
    """Nothing is added under a deleted name again, so a store that removes anything does no harm there."""
    storage = RemovesAnything()
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, version="1.1"))
    delete_from(storage, "demo-pkg", "1.0", at_once=True)
    assert page_json(storage, "demo-pkg")["versions"] == ["1.1"]
    assert not [key for key in keys(storage) if "-1.0-" in key]
    assert "remove" not in stored_settings(storage)["proofs"]["memory:///"]


# Uploads in parts -----------------------------------------------------------------------------------------------------


def in_small_parts(bucket: TestBucket, wire: Wire) -> S3Storage:
    """Return a storage that sends every wheel in parts."""
    return replace(bucket.storage(endpoint_url=wire.url), largest_put=100)


def publish_to(storage: S3Storage, bucket: TestBucket, *paths: Path, single_writer: bool = False) -> None:
    """Release these files into a bucket."""
    with context_for(storage, bucket.place) as context:
        target = replace(context.target, single_writer=single_writer)
        release(replace(context, target=target), request_for(*paths, place=bucket.place))


def ignore_at_the_end_of_parts(exchange: Exchange) -> Fault | None:
    """Drop the condition of CompleteMultipartUpload only, as old Ceph does."""
    return UNCONDITIONAL if exchange.verb == "POST" and "uploadId=" in exchange.path else None


def test_a_store_that_replaces_with_parts_gets_none(bucket: TestBucket, tmp_path: Path) -> None:
    """It is found out before the first upload in parts; smaller files may go there, or a single writer chooses it."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        storage = in_small_parts(bucket, wire)
        publish_to(replace(storage, largest_put=1 << 30), bucket, make_wheel(tmp_path))
        before = [entry.key for entry in storage.list("")]
        wire.harm = ignore_at_the_end_of_parts
        for _ in range(2):
            with pytest.raises(Refused, match="ignores If-None-Match at the end of an upload in parts"):
                publish_to(storage, bucket, make_wheel(tmp_path, version="1.1"))
        assert [entry.key for entry in storage.list("")] == before
        assert list(storage.unfinished_uploads()) == []
        assert stored_settings(storage)["proofs"][store_name(storage)]["parts"] == "ignored"
        publish_to(storage, bucket, make_wheel(tmp_path, version="1.1"), single_writer=True)
        assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]


def test_parts_are_proven_once(bucket: TestBucket, tmp_path: Path) -> None:
    """The first publish that needs it records it; no publish of small files does, and no later one tries again."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        storage = in_small_parts(bucket, wire)
        publish_to(replace(storage, largest_put=1 << 30), bucket, make_wheel(tmp_path))
        assert "parts" not in stored_settings(storage)["proofs"][store_name(storage)]
        publish_to(storage, bucket, make_wheel(tmp_path, version="1.1"))
        assert stored_settings(storage)["proofs"][store_name(storage)]["parts"] == "proven"
        wire.log.clear()
        publish_to(storage, bucket, make_wheel(tmp_path, version="1.2"))
        assert wire.asked("PUT", "repository.json") == wire.asked("POST", "repository.json") == []
