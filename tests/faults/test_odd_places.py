"""Places that are not as they should be: each has its own outcome, and nothing is built on damage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import boto3
import pytest

from bucketwheel import load_settings, show
from bucketwheel.errors import Damaged, Refused, Unfinished
from faults.commands import COMMANDS, User
from faults.harness import Harness
from faults.integrity import Snapshot, broken_promises, comparable, take_snapshot
from support.ministack import TestBucket
from support.wire import UNCONDITIONAL, Exchange, Wire

MANIFEST = "_bucketwheel/manifests/demo-pkg.json"
WRITERS: Mapping[str, Callable[[User], None]] = {
    "publish": lambda user: user.publish(user.files.next),
    "publish again": lambda user: user.publish(user.files.first),
    "publish two projects": lambda user: user.publish(user.files.next, user.files.other),
    "yank": User.yank,
    "unyank": User.unyank,
    "reindex": User.reindex,
}


@pytest.fixture
def bare(harness: Harness) -> User:
    """Give a user for an empty place."""
    return harness.user()


def keys(user: User) -> list[str]:
    """Return all keys that are there."""
    return [listed.key for listed in user.storage.list("")]


def put_all(user: User, objects: Mapping[str, bytes]) -> None:
    """Create objects as another tool does, without our marks."""
    for key, body in objects.items():
        user.put(key, body)


class TestAStoreWithoutConditions:
    """A store that ignores If-Match and If-None-Match loses releases: it is refused unless that was chosen."""

    @pytest.fixture(autouse=True)
    def _unconditional(self, wire: Wire) -> None:
        wire.harm = lambda _: UNCONDITIONAL

    @pytest.mark.parametrize("name", ["publish into an empty place", "init"])
    def test_it_is_found_out_before_anything_else_is_written(self, name: str, bare: User) -> None:
        """The first and every later command is refused; only the settings object is written."""
        for _ in range(2):
            with pytest.raises(Refused, match=r"ignores conditional writes.*single-writer"):
                COMMANDS[name].run(bare)
        assert keys(bare) == ["_bucketwheel/repository.json"]

    def test_a_single_writer_may_choose_it(self, bare: User) -> None:
        """Chosen, everything works as elsewhere, and is remembered: a user who does not choose it is refused."""
        alone = replace(bare, options={"single-writer": True})
        alone.publish(bare.files.first)
        alone.publish(bare.files.next)
        settings = json.loads(bare.snapshot().body("_bucketwheel/repository.json") or b"")
        (proof,) = settings["proofs"].values()
        assert {proof[name] for name in ("create", "swap", "swap-absent")} == {"ignored"}
        assert {file.filename for file in bare.snapshot().manifests["demo-pkg"].files} == {
            bare.files.first.name,
            bare.files.next.name,
        }
        assert broken_promises(bare.snapshot(), Snapshot(objects={})) == []
        before = bare.snapshot()
        for write in WRITERS.values():
            with pytest.raises(Refused, match="ignores conditional writes"):
                write(bare)
        assert bare.snapshot() == before


class TestAVersionedBucket:
    """A bucket that keeps older versions, which changes nothing."""

    def test_all_goes_as_anywhere(self, bucket: TestBucket, harness: Harness) -> None:
        """Released files have one version each; a page that a person removed, a delete marker, is made again."""
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=bucket.connection.endpoint_url)
        name, storage = bucket.place.bucket, bucket.storage()
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        user = User(
            repository=str(bucket.place),
            endpoint_url=harness.wire.url,
            files=harness.files,
            storage=storage,
        )
        user.publish(user.files.first)
        user.yank()
        client.delete_object(Bucket=name, Key="simple/demo-pkg/")
        user.unyank()
        user.publish(user.files.next)
        client.delete_object(Bucket=name, Key="simple/demo-pkg/index.json")
        client.delete_object(Bucket=name, Key="simple/")
        user.reindex()
        snapshot = take_snapshot(storage)
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
    """A manifest that is damaged, or not ours to change."""

    @pytest.mark.parametrize("damage", DAMAGE)
    @pytest.mark.parametrize("writer", WRITERS)
    def test_nothing_is_built_on_damage(self, writer: str, damage: str, user: User) -> None:
        """Damaged or of a newer format: every command that would write says so, and leaves everything as it is."""
        user.overwrite(MANIFEST, DAMAGE[damage](user.snapshot().body(MANIFEST) or b""))
        before = user.snapshot()
        with pytest.raises(Damaged, match=r"the manifest of demo-pkg .*(restore an earlier version|upgrade)"):
            WRITERS[writer](user)
        assert user.snapshot() == before

    @pytest.mark.parametrize("writer", WRITERS)
    def test_an_unknown_key_is_not_lost(self, writer: str, user: User) -> None:
        """A manifest of a newer bucketwheel may be read, and is not overwritten."""
        user.overwrite(MANIFEST, changed(licence="MIT")(user.snapshot().body(MANIFEST) or b""))
        before = user.snapshot()
        with pytest.raises(Refused, match=r"written by a newer bucketwheel \(it has licence\); upgrade"):
            WRITERS[writer](user)
        assert user.snapshot() == before
        settings = load_settings(options={"repository": user.repository, "endpoint-url": user.endpoint_url})
        assert [shown.versions for shown in show(settings, project="demo-pkg").projects] == [("1.0",)]

    @pytest.mark.parametrize(
        ("writer", "problem"),
        [
            (
                "publish",
                "has a bucketwheel page but no manifest.*; run `bucketwheel reindex demo-pkg --adopt`",
            ),
            ("publish two projects", "demo-pkg has a bucketwheel page but no manifest"),
            ("yank", "demo-pkg has a bucketwheel page but no manifest"),
        ],
    )
    def test_one_that_is_missing_is_not_begun_again(self, writer: str, problem: str, user: User) -> None:
        """Our pages without a manifest mean that it was lost: nothing is written."""
        user.remove(MANIFEST)
        before = user.snapshot()
        with pytest.raises(Refused, match=problem):
            WRITERS[writer](user)
        assert user.snapshot() == before

    def test_reindex_leaves_the_pages_of_one_that_is_missing(self, user: User) -> None:
        """Pages are views of manifests: without one they stay as they are, and other projects are not held up."""
        user.publish(user.files.other)
        user.remove(MANIFEST)
        user.remove("simple/other/index.json")
        before = user.snapshot()
        with pytest.raises(Unfinished, match="demo-pkg has a bucketwheel page but no manifest"):
            user.reindex()
        after = user.snapshot()
        assert after.objects.keys() - before.objects.keys() == {"simple/other/index.json"}
        assert all(after.objects[key] == stored for key, stored in before.objects.items())

    @pytest.mark.parametrize("writer", ["publish", "yank"])
    def test_one_that_vanishes_meanwhile_is_not_made_again(self, writer: str, user: User, wire: Wire) -> None:
        """Removed between the reading and the commit: stop; the lost swap may have been ours, so the exit is 3."""

        def harm(exchange: Exchange) -> None:
            if exchange.verb == "PUT" and exchange.path.endswith("demo-pkg.json"):
                user.remove(MANIFEST)

        wire.harm = harm
        with pytest.raises(Unfinished, match="demo-pkg has a bucketwheel page but no manifest"):
            WRITERS[writer](user)
        assert MANIFEST not in keys(user)

    def test_damage_of_one_does_not_hold_up_others(self, user: User) -> None:
        """A reindex repairs what it can, and says what it cannot."""
        user.publish(user.files.other)
        user.overwrite(MANIFEST, b"{}")
        user.remove("simple/other/index.json")
        with pytest.raises(Damaged, match="the manifest of demo-pkg cannot be read"):
            user.reindex()
        assert user.snapshot().json_page("other") is not None


class TestPages:
    """Views, which a person may edit or remove, and which are never believed."""

    @pytest.mark.parametrize("page", ["simple/demo-pkg/", "simple/demo-pkg/index.json", "simple/index.json", "simple/"])
    @pytest.mark.parametrize("writer", ["publish", "yank"])
    def test_one_that_is_gone_comes_back(self, writer: str, page: str, user: User) -> None:
        """A command that writes to the project, with a reindex after it, ends with all pages as they should be."""
        clean = self._after(user, writer)
        user.remove(page)
        WRITERS[writer](user)
        user.reindex()
        assert comparable(user.snapshot()) == clean

    @pytest.mark.parametrize("page", ["simple/demo-pkg/", "simple/demo-pkg/index.json", "simple/index.json", "simple/"])
    @pytest.mark.parametrize("body", [b"", b"<a href='evil-1.0.tar.gz'>evil-1.0.tar.gz</a>"])
    def test_one_that_was_edited_is_written_again(self, body: bytes, page: str, user: User) -> None:
        """Nothing of it is believed: a reindex writes what the manifest says."""
        before = comparable(user.snapshot())
        user.overwrite(page, body)
        user.reindex()
        assert comparable(user.snapshot()) == before

    def _after(self, user: User, writer: str) -> dict[str, str]:
        WRITERS[writer](user)
        return comparable(user.snapshot())


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


class TestAForeignPlace:
    """A place with files of another tool is no place for a new repository, and its projects are not ours."""

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("name", ["publish into an empty place", "init", "yank", "reindex damaged pages"])
    def test_nothing_is_written(self, name: str, layout: str, bare: User, wire: Wire) -> None:
        """Every command is refused with a way out, and sends no write at all."""
        put_all(bare, LAYOUTS[layout])
        before = bare.snapshot()
        with pytest.raises(Refused, match=r"not (empty and not )?a bucketwheel repository.*; "):
            COMMANDS[name].run(bare)
        assert bare.snapshot() == before
        assert {exchange.verb for exchange in wire.log} <= {"GET", "HEAD"}

    @pytest.mark.parametrize("layout", ["s3pypi --prefix simple", "stick"])
    def test_a_project_of_another_tool_within_our_repository(self, layout: str, bare: User) -> None:
        """A page without our mark keeps its project, before a byte is sent, of other projects in the call too."""
        bare.publish(bare.files.other)
        put_all(bare, {key: body for key, body in LAYOUTS[layout].items() if "demo-pkg/" in key})
        before = bare.snapshot()
        with pytest.raises(Refused, match="demo-pkg has a page from another tool"):
            bare.publish(bare.files.first, bare.files.other)
        assert bare.snapshot() == before
