"""Places that are not as they should be: each has an outcome of its own, and nothing is built on what is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import boto3
import pytest

from bucketwheel import load_settings, show
from bucketwheel.errors import Damaged, Refused
from bucketwheel.format.layout import Layout
from bucketwheel.names import sha256_of
from bucketwheel.storage import NO_MARKS, Key
from faults.bench import Bench
from faults.commands import COMMANDS, Desk
from faults.integrity import Snapshot, broken_promises, settled, take
from support.ministack import TestBucket
from support.wire import UNCONDITIONAL, Exchange, Wire

MANIFEST = "_bucketwheel/manifests/demo-pkg.json"
WRITERS: Mapping[str, Callable[[Desk], None]] = {
    "publish": lambda desk: desk.publish(desk.files.next),
    "publish again": lambda desk: desk.publish(desk.files.first),
    "publish two projects": lambda desk: desk.publish(desk.files.next, desk.files.other),
    "yank": Desk.yank,
    "unyank": Desk.unyank,
    "reindex": Desk.reindex,
}


@pytest.fixture
def desk(bench: Bench) -> Desk:
    """Give a desk where demo-pkg 1.0 is released."""
    return bench.desk(bench.undisturbed("publish the next version").before)


@pytest.fixture
def bare(bench: Bench) -> Desk:
    """Give a desk for an empty place."""
    return bench.desk()


def keys(desk: Desk) -> list[str]:
    """All that lies there."""
    return [listed.key for listed in desk.storage.list("")]


def lay(desk: Desk, objects: Mapping[str, bytes]) -> None:
    """Put objects there as another tool does, without marks of ours."""
    for key, body in objects.items():
        assert desk.storage.add(Key(key), body, sha256=sha256_of(body), headers=Layout().html(), marks=NO_MARKS)


class TestAStoreWithoutConditions:
    """Whoever ignores If-Match and If-None-Match loses releases, so nothing is written there unless that was chosen."""

    @pytest.fixture(autouse=True)
    def _unconditional(self, wire: Wire) -> None:
        wire.harm = lambda _: UNCONDITIONAL

    @pytest.mark.parametrize("name", ["publish into an empty place", "init"])
    def test_it_is_found_out_before_anything_else_is_written(self, name: str, bare: Desk) -> None:
        """The first and every later command is refused; of the attempts there is but the settings object."""
        for _ in range(2):
            with pytest.raises(Refused, match=r"ignores conditional writes.*single-writer"):
                COMMANDS[name].run(bare)
        assert keys(bare) == ["_bucketwheel/repository.json"]

    def test_a_single_writer_may_choose_it(self, bare: Desk) -> None:
        """Chosen, everything works as anywhere, and is remembered: who does not choose it is refused."""
        alone = replace(bare, options={"single-writer": True})
        alone.publish(bare.files.first)
        alone.publish(bare.files.next)
        settings = json.loads(take(bare.storage).body("_bucketwheel/repository.json") or b"")
        assert settings["conditional-writes"] == "ignored"
        assert {file.filename for file in take(bare.storage).manifests["demo-pkg"].files} == {
            bare.files.first.name,
            bare.files.next.name,
        }
        assert broken_promises(take(bare.storage), Snapshot(objects={})) == []
        before = take(bare.storage)
        for write in WRITERS.values():
            with pytest.raises(Refused, match="ignores conditional writes"):
                write(bare)
        assert take(bare.storage) == before


class TestAVersionedBucket:
    """What S3 keeps of older states changes nothing."""

    def test_all_goes_as_anywhere(self, bucket: TestBucket, bench: Bench) -> None:
        """Released files have one version each; a page that a person removed, a delete marker, is made again."""
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=bucket.connection.endpoint_url)
        name, storage = bucket.place.bucket, bucket.storage()
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        desk = Desk(
            repository=str(bucket.place),
            endpoint_url=bench.wire.url,
            files=bench.files,
            storage=storage,
        )
        desk.publish(desk.files.first)
        desk.yank()
        client.delete_object(Bucket=name, Key="simple/demo-pkg/")
        desk.unyank()
        desk.publish(desk.files.next)
        client.delete_object(Bucket=name, Key="simple/demo-pkg/index.json")
        client.delete_object(Bucket=name, Key="simple/")
        desk.reindex()
        snapshot = take(storage)
        assert broken_promises(snapshot, Snapshot(objects={})) == []
        assert snapshot.manifests["demo-pkg"].revision == 4
        versions = client.list_object_versions(Bucket=name)
        of_files = [
            version["Key"] for version in versions["Versions"] if version["Key"].endswith((".whl", ".metadata"))
        ]
        assert len(of_files) == len(set(of_files)) == 4
        assert len([version for version in versions["Versions"] if version["Key"] == MANIFEST]) == 4


def changed(**facts: object) -> Callable[[bytes], bytes]:
    """Change a manifest as a newer bucketwheel would write it."""
    return lambda body: json.dumps(json.loads(body) | facts).encode()


DAMAGE: Mapping[str, Callable[[bytes], bytes]] = {
    "half": lambda body: body[: len(body) // 2],
    "empty": lambda _: b"",
    "no text": lambda body: b"\xff\xfe" + body,
    "of another project": changed(project="other"),
    "without files": lambda body: json.dumps({"format": 1, "project": json.loads(body)["project"]}).encode(),
    "of format 2": changed(format=2),
}


class TestAManifest:
    """The truth, when it is not whole, or not ours to change."""

    @pytest.mark.parametrize("damage", DAMAGE)
    @pytest.mark.parametrize("writer", WRITERS)
    def test_nothing_is_built_on_damage(self, writer: str, damage: str, desk: Desk) -> None:
        """Damaged or of a newer format: every command that would write says so, and leaves everything as it is."""
        desk.overwrite(MANIFEST, DAMAGE[damage](take(desk.storage).body(MANIFEST) or b""))
        before = take(desk.storage)
        with pytest.raises(Damaged, match=r"the manifest of demo-pkg .*(put back an earlier version|upgrade)"):
            WRITERS[writer](desk)
        assert take(desk.storage) == before

    @pytest.mark.parametrize("writer", WRITERS)
    def test_an_unknown_key_is_not_lost(self, writer: str, desk: Desk) -> None:
        """What a newer bucketwheel wrote may be read, and not written over."""
        desk.overwrite(MANIFEST, changed(licence="MIT")(take(desk.storage).body(MANIFEST) or b""))
        before = take(desk.storage)
        with pytest.raises(Refused, match=r"written by a newer bucketwheel \(it has licence\); upgrade"):
            WRITERS[writer](desk)
        assert take(desk.storage) == before
        settings = load_settings(options={"repository": desk.repository, "endpoint-url": desk.endpoint_url})
        assert [shown.versions for shown in show(settings, project="demo-pkg").projects] == [("1.0",)]

    @pytest.mark.parametrize(
        ("writer", "problem"),
        [
            ("publish", "demo-pkg has our page but no manifest; put back .*manifests/demo-pkg.json from a backup"),
            ("publish two projects", "demo-pkg has our page but no manifest"),
            ("yank", "demo-pkg==1.0 is not published here"),
        ],
    )
    def test_one_that_is_missing_is_not_begun_anew(self, writer: str, problem: str, desk: Desk) -> None:
        """Where our pages lie and the manifest does not, a person or a fault lost it: nothing is written."""
        desk.remove(MANIFEST)
        before = take(desk.storage)
        with pytest.raises(Refused, match=problem):
            WRITERS[writer](desk)
        assert take(desk.storage) == before

    def test_reindex_leaves_the_pages_of_one_that_is_missing(self, desk: Desk) -> None:
        """Pages are views of manifests: without one they stay as they are, and other projects are not held up."""
        desk.publish(desk.files.other)
        desk.remove(MANIFEST)
        desk.remove("simple/other/index.json")
        before = take(desk.storage)
        desk.reindex()
        after = take(desk.storage)
        assert after.objects.keys() - before.objects.keys() == {"simple/other/index.json"}
        assert all(after.objects[key] == stored for key, stored in before.objects.items())

    @pytest.mark.parametrize("writer", ["publish", "yank"])
    def test_one_that_vanishes_meanwhile_is_not_made_again(self, writer: str, desk: Desk, wire: Wire) -> None:
        """Removed between the reading and the commit: stop, exit 1, and nothing of ours is there."""

        def harm(exchange: Exchange) -> None:
            if exchange.verb == "PUT" and exchange.path.endswith("demo-pkg.json"):
                desk.remove(MANIFEST)

        wire.harm = harm
        with pytest.raises(Damaged, match=r"the manifest of demo-pkg vanished .*put back"):
            WRITERS[writer](desk)
        assert MANIFEST not in keys(desk)

    def test_damage_of_one_does_not_hold_up_others(self, desk: Desk) -> None:
        """A reindex mends what can be mended, and says what cannot."""
        desk.publish(desk.files.other)
        desk.overwrite(MANIFEST, b"{}")
        desk.remove("simple/other/index.json")
        with pytest.raises(Damaged, match="the manifest of demo-pkg cannot be read"):
            desk.reindex()
        assert take(desk.storage).json_page("other") is not None


class TestPages:
    """Views, which a person may edit or remove: never a truth."""

    @pytest.mark.parametrize("page", ["simple/demo-pkg/", "simple/demo-pkg/index.json", "simple/index.json", "simple/"])
    @pytest.mark.parametrize("writer", ["publish", "yank"])
    def test_one_that_is_gone_comes_back(self, writer: str, page: str, desk: Desk) -> None:
        """Whatever writes to the project, or a reindex, ends with all pages as they should be."""
        undisturbed = self._after(desk, writer)
        desk.remove(page)
        WRITERS[writer](desk)
        desk.reindex()
        assert settled(take(desk.storage)) == undisturbed

    @pytest.mark.parametrize("page", ["simple/demo-pkg/", "simple/demo-pkg/index.json", "simple/index.json", "simple/"])
    @pytest.mark.parametrize("body", [b"", b"<a href='evil-1.0.tar.gz'>evil-1.0.tar.gz</a>"])
    def test_one_that_was_edited_is_written_anew(self, body: bytes, page: str, desk: Desk) -> None:
        """Nothing of it is believed: a reindex writes what the manifest says."""
        before = settled(take(desk.storage))
        desk.overwrite(page, body)
        desk.reindex()
        assert settled(take(desk.storage)) == before

    def _after(self, desk: Desk, writer: str) -> dict[str, str]:
        WRITERS[writer](desk)
        return settled(take(desk.storage))


S3PYPI = {
    "demo-pkg/": b"<!DOCTYPE html><html><body><a href='demo_pkg-0.9-py3-none-any.whl#sha256=00'>x</a></body></html>",
    "demo-pkg/demo_pkg-0.9-py3-none-any.whl": b"a wheel",
    "index.html": b"<!DOCTYPE html><html><body><a href='demo-pkg/'>demo-pkg</a></body></html>",
}
STICK = {
    "simple/": b"<html><a href='demo-pkg/'>demo-pkg</a></html>",
    "simple/demo-pkg/": b"<html><a href='https://example.com/demo_pkg-0.9.tar.gz#sha256=00'>x</a></html>",
    "simple/demo-pkg/json": b'{"info": {}}',
    "simple/demo-pkg/manifest.json": b"[]",
    "simple/demo-pkg/0.9/json": b'{"info": {}}',
    "simple/demo-pkg/demo_pkg-0.9.tar.gz": b"an sdist",
}
LAYOUTS = {
    "s3pypi": S3PYPI,
    "s3pypi --prefix simple": {f"simple/{key}": body for key, body in S3PYPI.items()},
    "s3pypi --index.html": {f"{key}index.html" if key.endswith("/") else key: body for key, body in S3PYPI.items()},
    "stick": STICK,
    "files alone": {"demo_pkg-0.9-py3-none-any.whl": b"a wheel"},
}


class TestForeignGround:
    """What another tool left is no place for a new repository, and its projects are none of ours."""

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("name", ["publish into an empty place", "init", "yank", "reindex spoilt pages"])
    def test_nothing_is_written(self, name: str, layout: str, bare: Desk, wire: Wire) -> None:
        """Every command is refused with a way out, and sends no write at all."""
        lay(bare, LAYOUTS[layout])
        before = take(bare.storage)
        with pytest.raises(Refused, match=r"not (empty and not )?a bucketwheel repository.*; "):
            COMMANDS[name].run(bare)
        assert take(bare.storage) == before
        assert {exchange.verb for exchange in wire.log} <= {"GET", "HEAD"}

    @pytest.mark.parametrize("layout", ["s3pypi --prefix simple", "stick"])
    def test_a_project_of_another_tool_within_our_repository(self, layout: str, bare: Desk) -> None:
        """A page without our mark keeps its project, before a byte is sent, of other projects in the call too."""
        bare.publish(bare.files.other)
        lay(bare, {key: body for key, body in LAYOUTS[layout].items() if "demo-pkg/" in key})
        before = take(bare.storage)
        with pytest.raises(Refused, match="demo-pkg has a page that from another tool"):
            bare.publish(bare.files.first, bare.files.other)
        assert take(bare.storage) == before
