"""Releases into a store in memory and into a directory, judged by what they leave there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Damaged, Denied, Refused, Unfinished
from bucketwheel.events import Created, Event, Warned
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key
from bucketwheel.format.manifest import DeletedFile
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.release import release
from bucketwheel.storage import Key, ObjectHeaders, ObjectVersion, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.memory import MemoryStorage
from support.releasing import context_for, manifest_of, page_json, release_files, request_for
from support.tampering import change_manifest, overwrite, put, remove, state, stored

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
    assert json.loads(stored(storage, "simple/index.json").body)["projects"] == [{"name": "demo-pkg"}]
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
    first = stored(storage, SETTINGS_KEY)
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert first is not None
    (proof,) = json.loads(first.body)["proofs"].values()
    assert set(proof.values()) == {"proven"}
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
    before = state(storage)
    outcome = release_files(storage, wheel)
    assert [candidate.filename for candidate in outcome.plans[DEMO].unchanged] == [wheel.name]
    assert state(storage) == before


def test_several_projects_go_in_one_run(storage: Storage, tmp_path: Path) -> None:
    """Each project gets its pages, and the root lists all of them."""
    wheels = [make_wheel(tmp_path, name=name) for name in ("alpha", "beta", "gamma")]
    release_files(storage, *wheels)
    root = json.loads(stored(storage, "simple/index.json").body)
    assert [project["name"] for project in root["projects"]] == ["alpha", "beta", "gamma"]
    assert all(page_json(storage, name)["versions"] == ["1.0"] for name in ("alpha", "beta", "gamma"))


def test_one_refused_file_stops_every_project(storage: Storage, tmp_path: Path) -> None:
    """Of several projects all are planned before the first commit, and before a byte is sent."""
    release_files(storage, make_wheel(tmp_path))
    (tmp_path / "rebuilt").mkdir()
    rebuilt = make_wheel(tmp_path / "rebuilt", members={"demo_pkg/more.py": b"more = 1\n"})
    before = state(storage)
    with pytest.raises(Refused, match="already exists with other bytes"):
        release_files(storage, make_wheel(tmp_path, name="another"), rebuilt)
    assert state(storage) == before


@pytest.mark.parametrize("refused_by", ["--strict", "other bytes", "a deleted name"])
def test_a_refusal_brings_pages_up_to_date(storage: Storage, tmp_path: Path, refused_by: str) -> None:
    """A run died before it wrote its pages; its second run is refused, writes them, and says both."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    change_manifest(storage, lambda manifest: replace(manifest, files=(replace(manifest.files[0], yanked="broken"),)))
    if refused_by == "a deleted name":
        other = make_wheel(tmp_path, version="0.9")
        dead = DeletedFile(filename=other.name, version="0.9", sha256=Sha256("0" * 64), by="x")
        change_manifest(storage, lambda manifest: replace(manifest, deleted=(dead,)))
        wheel = other
    elif refused_by == "other bytes":
        wheel = make_wheel(tmp_path / "again", members={"demo_pkg/more.py": b"more = 1\n"})
    before = manifest_of(storage, "demo-pkg")
    assert page_json(storage, "demo-pkg")["files"][0]["yanked"] is False
    events: list[Event] = []
    with pytest.raises(Refused, match=wheel.name), context_for(storage, report=events.append) as context:
        release(context, request_for(wheel, existing="refuse" if refused_by == "--strict" else "same"))
    assert page_json(storage, "demo-pkg")["files"][0]["yanked"] == "broken"
    assert manifest_of(storage, "demo-pkg") == before
    assert [event for event in events if isinstance(event, Warned) and "up to date now" in event.message]
    state_after = state(storage)
    events.clear()
    with pytest.raises(Refused, match=wheel.name), context_for(storage, report=events.append) as context:
        release(context, request_for(wheel, existing="refuse"))
    assert (state(storage), events) == (state_after, [])


def test_a_refusal_in_a_dry_run_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    """Outdated pages stay as they are."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    change_manifest(storage, lambda manifest: replace(manifest, files=(replace(manifest.files[0], yanked="broken"),)))
    before = state(storage)
    with pytest.raises(Refused, match="already exists"):
        release_files(storage, wheel, existing="refuse", dry_run=True)
    assert state(storage) == before


def test_a_refusal_stays_one_where_the_pages_cannot_be_written(tmp_path: Path) -> None:
    """The refusal is the error; that the pages are still out of date is said beside it."""

    class ReadOnlyPages(MemoryStorage):
        """A store that denies every write to a page."""

        def swap(
            self,
            key: Key,
            body: bytes,
            *,
            expected: ObjectVersion | None,
            headers: ObjectHeaders,
            marks: Mapping[str, str],
        ) -> ObjectVersion:
            """Deny pages."""
            if denied and key.startswith("simple/"):
                raise Denied(f"{key} may not be written")
            return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)

    storage, denied, wheel = ReadOnlyPages(), False, make_wheel(tmp_path)
    release_files(storage, wheel)
    change_manifest(storage, lambda manifest: replace(manifest, files=(replace(manifest.files[0], yanked="broken"),)))
    denied = True
    events: list[Event] = []
    with pytest.raises(Refused, match="already exists"), context_for(storage, report=events.append) as context:
        release(context, request_for(wheel, existing="refuse"))
    assert [event for event in events if isinstance(event, Warned) and "may not be written" in event.message]


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


def test_a_missing_file_comes_back_at_its_key(storage: Storage, tmp_path: Path) -> None:
    """The same bytes revive the entry with its state."""
    wheel = make_wheel(tmp_path)
    release_files(storage, wheel)
    yanked = replace(manifest_of(storage, "demo-pkg").files[0], yanked="broken")
    remove(storage, WHEEL_KEY, f"{WHEEL_KEY}.metadata")
    change_manifest(storage, lambda manifest: replace(manifest, files=(), missing=(yanked,)))
    release_files(storage, wheel, run_id="the one that brings it back")
    after = manifest_of(storage, "demo-pkg")
    assert after.missing == ()
    assert after.files == (replace(yanked, by="the one that brings it back"),)
    assert page_json(storage, "demo-pkg")["files"][0]["yanked"] == "broken"


@pytest.mark.parametrize("left", [(), (".asc",), (".provenance",), (".asc", ".provenance")])
def test_a_missing_file_comes_back_with_the_sidecars_that_are_left(
    storage: Storage, tmp_path: Path, left: tuple[str, ...]
) -> None:
    """The entry names a signature and attestations only if they are stored, and it is no adopted file any more."""
    sdist = make_sdist(tmp_path)
    release_files(storage, sdist)
    key = f"simple/demo-pkg/{sdist.name}"
    remove(storage, key)
    for suffix in left:
        put(storage, f"{key}{suffix}", b"of a publisher")
    digest = sha256_of(b"of a publisher")
    before = replace(
        manifest_of(storage, "demo-pkg").files[0],
        gpg_sig=True,
        provenance_sha256=digest,
        metadata_sha256=digest,
        seen="1",
    )
    change_manifest(storage, lambda manifest: replace(manifest, files=(), missing=(before,)))
    release_files(storage, sdist)
    after = manifest_of(storage, "demo-pkg").files[0]
    assert after.gpg_sig == (".asc" in left)
    assert after.provenance_sha256 == (digest if ".provenance" in left else None)
    assert (after.metadata_sha256, after.seen) == (None, None)


def test_deleted_names_are_refused_before_anything_is_sent(storage: Storage, tmp_path: Path) -> None:
    """A deleted name stays dead, and its files are not even uploaded."""
    wheel = make_wheel(tmp_path)
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    dead = DeletedFile(filename=wheel.name, version="1.0", sha256=Sha256("0" * 64), by="x")
    change_manifest(storage, lambda manifest: replace(manifest, deleted=(dead,)))
    release_files(storage, make_wheel(tmp_path, version="0.9"))  # a refusal would bring the pages to the manifest
    before = state(storage)
    with pytest.raises(Refused, match="was deleted"):
        release_files(storage, wheel)
    assert state(storage) == before


def test_a_place_of_other_tools_is_left_alone(storage: Storage, tmp_path: Path) -> None:
    """A place with other objects and without our settings is not written to."""
    put(storage, "simple/legacy/legacy-1.0.tar.gz", b"theirs")
    with pytest.raises(Refused, match="not empty and not a bucketwheel repository"):
        release_files(storage, make_wheel(tmp_path))
    assert keys(storage) == ["simple/legacy/legacy-1.0.tar.gz"]


def test_a_folder_that_a_console_made_is_empty(tmp_path: Path) -> None:
    """Consoles make an empty object for a folder; one with bytes is somebody's object, whatever its name."""
    storage = MemoryStorage()
    put(storage, "simple/", b"")
    release_files(storage, make_wheel(tmp_path))
    assert manifest_of(storage, "demo-pkg").revision == 1
    put(storage, "simple/second/", b"")
    release_files(storage, make_wheel(tmp_path, "second"))
    assert manifest_of(storage, "second").revision == 1
    other = MemoryStorage()
    put(other, "simple/", b"<html>")
    with pytest.raises(Refused, match="not empty"):
        release_files(other, make_wheel(tmp_path))


def test_a_desktops_files_are_not_in_the_way(tmp_path: Path) -> None:
    """A directory that only holds dot files is empty."""
    (tmp_path / "pypi").mkdir()
    (tmp_path / "pypi" / ".DS_Store").write_bytes(b"a desktop's")
    storage = DirectoryStorage(root=tmp_path / "pypi")
    release_files(storage, make_wheel(tmp_path))
    assert manifest_of(storage, "demo-pkg").revision == 1


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


def test_our_page_without_a_manifest_is_not_a_new_project(storage: Storage, tmp_path: Path) -> None:
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
    before = {key: stored(storage, key).body for key in keys(storage) if "index" in key or key.endswith("/")}
    [html] = Layout(pages="index.html" if isinstance(storage, DirectoryStorage) else "slash").html_keys(DEMO)
    remove(storage, html, Layout().json_key(DEMO))
    put(storage, html, b"<h1>edited</h1>")
    release_files(storage, wheel)
    assert {key: stored(storage, key).body for key in before} == before


def test_no_repository_is_created_where_that_is_forbidden(storage: Storage, tmp_path: Path) -> None:
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


def test_a_dry_run_writes_nothing_and_plans(storage: Storage, tmp_path: Path) -> None:
    """A dry run validates and plans with an existing repository, or with none."""
    outcome = release_files(storage, make_wheel(tmp_path), dry_run=True)
    assert keys(storage) == []
    assert len(outcome.plans[DEMO].new) == 1
    release_files(storage, make_wheel(tmp_path, version="0.9"))
    before = state(storage)
    outcome = release_files(storage, make_wheel(tmp_path), dry_run=True)
    assert state(storage) == before
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
    (proof,) = json.loads(settings.body)["proofs"].values()
    assert {proof[name] for name in ("create", "swap", "swap-absent")} == {"ignored"}
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]
    with pytest.raises(Refused, match="single-writer"):
        release_files(storage, make_wheel(tmp_path, version="1.1"))
