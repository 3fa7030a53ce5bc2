"""Releases into a store in memory and into a directory, judged by what they leave there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Damaged, Refused, Unfinished
from bucketwheel.events import Created, Event
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.format.manifest import DeletedFile
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.release import release
from bucketwheel.storage import Key, ObjectHeaders, ObjectVersion, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.memory import MemoryStorage
from support.releasing import context_for, manifest_of, page_json, release_files, request_for
from support.tampering import change_manifest, overwrite, put, remove, stored

DEMO = ProjectName("demo-pkg")
WHEEL_KEY = Key("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl")


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty store of either kind."""
    return MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")


def keys(storage: Storage) -> list[str]:
    """List all keys in the store."""
    return [entry.key for entry in storage.list("")]


def test_a_first_release_makes_the_repository_and_all_pages(storage: Storage, tmp_path: Path) -> None:
    """A wheel and an sdist are there with their sidecar, on both pages, and the project is on both roots."""
    wheel, sdist = make_wheel(tmp_path, requires_python=">=3.9"), make_sdist(tmp_path)
    release_files(storage, wheel, sdist)
    page = page_json(storage, "demo-pkg")
    assert [file["filename"] for file in page["files"]] == ["demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"]
    assert page["files"][0]["requires-python"] == ">=3.9"
    assert page["versions"] == ["1.0"]
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    assert json.loads(root.body)["projects"] == [{"name": "demo-pkg"}]
    html = "index.html" if isinstance(storage, DirectoryStorage) else ""
    assert keys(storage) == sorted(
        [
            "_bucketwheel/manifests/demo-pkg.json",
            "_bucketwheel/repository.json",
            f"simple/{html}",
            "simple/index.json",
            f"simple/demo-pkg/{html}",
            "simple/demo-pkg/index.json",
            WHEEL_KEY,
            f"{WHEEL_KEY}.metadata",
            "simple/demo-pkg/demo_pkg-1.0.tar.gz",
        ]
    )


def test_the_proof_of_the_store_is_made_once(storage: Storage, tmp_path: Path) -> None:
    """The first release proves the store, and the next one finds the record and leaves it alone."""
    release_files(storage, make_wheel(tmp_path))
    first = storage.read(Key("_bucketwheel/repository.json"))
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert first is not None
    assert json.loads(first.body)["conditional-writes"] == "proven"
    assert storage.read(Key("_bucketwheel/repository.json")) == first


def test_the_next_version_joins_the_first(storage: Storage, tmp_path: Path) -> None:
    """A release keeps everything that was released before it."""
    release_files(storage, make_wheel(tmp_path))
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]
    assert manifest_of(storage, "demo-pkg").revision == 2


def test_the_same_files_again_write_nothing(storage: Storage, tmp_path: Path) -> None:
    """A repeated publish changes no object."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    before = {key: storage.stat(Key(key)) for key in keys(storage)}
    outcome = release_files(storage, wheel)
    assert [candidate.filename for candidate in outcome.plans[DEMO].unchanged] == [wheel.name]
    assert {key: storage.stat(Key(key)) for key in keys(storage)} == before


def test_several_projects_go_in_one_call(storage: Storage, tmp_path: Path) -> None:
    """Each project gets its pages, and the root lists all of them."""
    wheels = [make_wheel(tmp_path, name=name) for name in ("alpha", "beta", "gamma")]
    release_files(storage, *wheels)
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    assert [project["name"] for project in json.loads(root.body)["projects"]] == ["alpha", "beta", "gamma"]
    assert all(page_json(storage, name)["versions"] == ["1.0"] for name in ("alpha", "beta", "gamma"))


def test_one_refused_file_stops_every_project(storage: Storage, tmp_path: Path) -> None:
    """Of several projects all are planned before the first commit, and before a byte is sent."""
    release_files(storage, make_wheel(tmp_path))
    (tmp_path / "rebuilt").mkdir()
    rebuilt = make_wheel(tmp_path / "rebuilt", members={"demo_pkg/more.py": b"more = 1\n"})
    before = keys(storage)
    with pytest.raises(Refused, match="already exists with other bytes"):
        release_files(storage, make_wheel(tmp_path, name="another"), rebuilt)
    assert keys(storage) == before


def test_a_run_that_died_before_its_commit_is_finished_by_the_next(storage: Storage, tmp_path: Path) -> None:
    """The same bytes exist without a sidecar: they are used, and the sidecar is added."""
    wheel = make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    put(storage, WHEEL_KEY, wheel.read_bytes())
    release_files(storage, wheel)
    assert page_json(storage, "demo-pkg")["versions"] == ["0.9", "1.0"]
    assert manifest_of(storage, "demo-pkg").files[1].key is None


def test_bytes_of_others_are_stepped_aside_and_left_alone(storage: Storage, tmp_path: Path) -> None:
    """The object of a dead run stays as it is; ours gets a key with its digest, and the page links to it."""
    wheel = make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    put(storage, WHEEL_KEY, b"other bytes")
    release_files(storage, wheel)
    aside = f"simple/demo-pkg/{sha256_of(wheel.read_bytes())}/{wheel.name}"
    assert manifest_of(storage, "demo-pkg").files[1].key == aside
    assert page_json(storage, "demo-pkg")["files"][1]["url"] == aside.removeprefix("simple/demo-pkg/")
    assert stored(storage, WHEEL_KEY).body == b"other bytes"


def test_a_foreign_sidecar_is_stepped_aside_too(storage: Storage, tmp_path: Path) -> None:
    """Our bytes beside another `.metadata` are useless: pip would refuse the pair."""
    wheel = make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    put(storage, f"{WHEEL_KEY}.metadata", b"Name: other\n")
    release_files(storage, wheel)
    assert manifest_of(storage, "demo-pkg").files[1].key is not None
    page_json(storage, "demo-pkg")


def test_a_dead_key_is_never_used_again(storage: Storage, tmp_path: Path) -> None:
    """A dead key is skipped, and so is the next one if it is dead too."""
    wheel = make_wheel(tmp_path)
    digest = sha256_of(wheel.read_bytes())
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    second = Key(f"simple/demo-pkg/{digest}/{wheel.name}")
    change_manifest(storage, lambda manifest: replace(manifest, dead_keys=(WHEEL_KEY, second)))
    release_files(storage, wheel)
    assert manifest_of(storage, "demo-pkg").files[1].key == f"simple/demo-pkg/{digest}-2/{wheel.name}"
    page_json(storage, "demo-pkg")


def test_a_missing_file_comes_back_where_it_lay(storage: Storage, tmp_path: Path) -> None:
    """The same bytes revive the entry with its state."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    yanked = replace(manifest_of(storage, "demo-pkg").files[0], yanked="broken")
    for key in (WHEEL_KEY, Key(f"{WHEEL_KEY}.metadata")):
        seen = storage.stat(key)
        assert seen is not None
        storage.remove(key, expected=seen.version)
    change_manifest(storage, lambda manifest: replace(manifest, files=(), missing=(yanked,)))
    release_files(storage, wheel, run_id="the one that brings it back")
    after = manifest_of(storage, "demo-pkg")
    assert after.missing == ()
    assert after.files == (replace(yanked, by="the one that brings it back"),)
    assert page_json(storage, "demo-pkg")["files"][0]["yanked"] == "broken"


def test_deleted_names_are_refused_before_anything_is_sent(storage: Storage, tmp_path: Path) -> None:
    """A deleted name stays dead, and its files are not even uploaded."""
    wheel = make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    dead = DeletedFile(filename=wheel.name, version="1.0", sha256=Sha256("0" * 64), by="x")
    change_manifest(storage, lambda manifest: replace(manifest, deleted=(dead,)))
    before = keys(storage)
    with pytest.raises(Refused, match="was deleted"):
        release_files(storage, wheel)
    assert keys(storage) == before


def test_foreign_ground_is_left_alone(storage: Storage, tmp_path: Path) -> None:
    """A place with other objects and without our settings is not written to."""
    put(storage, "simple/legacy/legacy-1.0.tar.gz", b"theirs")
    with pytest.raises(Refused, match="not empty and not a bucketwheel repository"):
        release_files(storage, make_wheel(tmp_path))
    assert keys(storage) == ["simple/legacy/legacy-1.0.tar.gz"]


def test_a_page_of_another_tool_keeps_its_project(storage: Storage, tmp_path: Path) -> None:
    """A page without a manifest belongs to another tool; files alone do not decide."""
    release_files(storage, make_wheel(tmp_path, name="another"))
    put(storage, "simple/demo-pkg/something-else.txt", b"a file alone decides nothing")
    release_files(storage, make_wheel(tmp_path))
    name = "index.html" if isinstance(storage, DirectoryStorage) else ""
    put(storage, f"simple/third/{name}", b"<a href='third-1.0.tar.gz'>third-1.0.tar.gz</a>")
    with pytest.raises(Refused, match="another tool"):
        release_files(storage, make_wheel(tmp_path, name="third"))
    assert [key for key in keys(storage) if "third" in key] == [f"simple/third/{name}"]


def test_our_page_without_a_manifest_is_a_loss_and_not_a_start(storage: Storage, tmp_path: Path) -> None:
    """A lost manifest is never taken for a new project: its page would lose every release."""
    release_files(storage, make_wheel(tmp_path))
    remove(storage, manifest_key(DEMO))
    with pytest.raises(Refused, match="manifest"):
        release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]


def test_a_damaged_manifest_is_never_built_on(storage: Storage, tmp_path: Path) -> None:
    """A damaged manifest stops the publish and stays as it is."""
    release_files(storage, make_wheel(tmp_path))
    half = stored(storage, manifest_key(DEMO)).body[:100]
    overwrite(storage, manifest_key(DEMO), half)
    with pytest.raises(Damaged, match="cannot be read"):
        release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert stored(storage, manifest_key(DEMO)).body == half


def test_a_page_that_a_person_edited_or_removed_is_written_again(storage: Storage, tmp_path: Path) -> None:
    """The next publish of the same files repairs the pages."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    before = {key: storage.read(Key(key)) for key in keys(storage) if "index" in key or key.endswith("/")}
    html, json_page = Layout(pages="index.html").html_keys(DEMO)[0], Layout().json_key(DEMO)
    html = html if isinstance(storage, DirectoryStorage) else Layout().html_keys(DEMO)[0]
    remove(storage, html, json_page)
    put(storage, html, b"<h1>edited</h1>")
    release_files(storage, wheel)
    after = {key: storage.read(Key(key)) for key in before}
    assert {key: page.body for key, page in after.items() if page} == {
        key: page.body for key, page in before.items() if page
    }


def test_nothing_is_made_where_that_is_forbidden(storage: Storage, tmp_path: Path) -> None:
    """`--no-create` refuses a place without a repository."""
    with pytest.raises(Refused, match="no-create"), context_for(storage) as context:
        release(context, request_for(make_wheel(tmp_path), create=False))
    assert keys(storage) == []


def test_a_new_repository_is_announced(tmp_path: Path) -> None:
    """A publish to a new place reports that it was new."""
    events: list[Event] = []
    with context_for(MemoryStorage(), report=events.append) as context:
        release(context, request_for(make_wheel(tmp_path)))
    assert Created(repository="s3://bucket") in events


def test_a_dry_run_writes_nothing_and_says_what_would_be(storage: Storage, tmp_path: Path) -> None:
    """A dry run validates and plans with an existing repository, or with none."""
    outcome = release_files(storage, make_wheel(tmp_path), dry_run=True)
    assert keys(storage) == []
    assert len(outcome.plans[DEMO].new) == 1
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    before = {key: storage.stat(Key(key)) for key in keys(storage)}
    outcome = release_files(storage, make_wheel(tmp_path), dry_run=True)
    assert {key: storage.stat(Key(key)) for key in keys(storage)} == before
    assert Layout().json_key(DEMO) in outcome.pages


def test_a_damaged_project_does_not_hide_what_was_released(tmp_path: Path) -> None:
    """Of two projects one cannot be committed: the other is, and the exit says unfinished with the reason."""

    class VanishingManifest(MemoryStorage):
        """A store that loses one manifest just before its swap."""

        def swap(
            self,
            key: Key,
            body: bytes,
            *,
            expected: ObjectVersion | None,
            headers: ObjectHeaders,
            marks: Mapping[str, str],
        ) -> ObjectVersion:
            """Lose the manifest, then swap."""
            if key == manifest_key(DEMO) and expected is not None:
                del self.objects[key]
            return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)

    storage = VanishingManifest()
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, name="another"))
    with pytest.raises(Unfinished, match=r"committed: another; not committed: .*demo-pkg"):
        release_files(storage, make_wheel(tmp_path, version="1.1"), make_wheel(tmp_path, name="another", version="1.1"))
    assert page_json(storage, "another")["versions"] == ["1.0", "1.1"]


class Careless(MemoryStorage):
    """A store that ignores conditions, as some real ones do."""

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Write without comparing."""
        del expected
        found = self.stat(key)
        seen = None if found is None else found.version
        return MemoryStorage.swap(self, key, body, expected=seen, headers=headers, marks=marks)


def test_a_store_that_ignores_conditions_is_refused(tmp_path: Path) -> None:
    """Without the proof only the settings are written, on which it was tried (I14)."""
    storage = Careless()
    for _ in range(2):
        with pytest.raises(Refused, match="ignores conditional writes"):
            release_files(storage, make_wheel(tmp_path))
    assert keys(storage) == ["_bucketwheel/repository.json"]


def test_a_single_writer_may_choose_a_store_that_ignores_conditions(tmp_path: Path) -> None:
    """The choice is recorded, and counts only for commands that make it too."""
    storage = Careless()
    with context_for(storage) as context:
        target = replace(context.target, single_writer=True)
        release(replace(context, target=target), request_for(make_wheel(tmp_path)))
    settings = storage.read(Key("_bucketwheel/repository.json"))
    assert settings is not None
    assert json.loads(settings.body)["conditional-writes"] == "ignored"
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]
    with pytest.raises(Refused, match="single-writer"):
        release_files(storage, make_wheel(tmp_path, version="1.1"))
