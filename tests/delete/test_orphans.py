"""Orphans: objects that a run uploaded and never released are removed once their keys are dead."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bucketwheel.errors import Refused, WentBack
from bucketwheel.events import Event, Warned
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import Recorded
from support.archives import make_wheel
from support.disorders import html_page
from support.memory import MemoryStorage
from support.releasing import manifest_of, page_json, release_files
from support.removing import END_OF_TIME, delete_from, keys, prune_orphans_from
from support.tampering import (
    change_manifest,
    change_settings,
    check_store,
    leave_orphan,
    overwrite,
    put,
    remove,
    state,
)
from support.witness import Killed, Witness

NEXT = "demo_pkg-1.1-py3-none-any.whl"
NEXT_KEY = Key(f"simple/demo-pkg/{NEXT}")
MANIFEST = manifest_key(ProjectName("demo-pkg"))


@pytest.fixture(autouse=True)
def _released(storage: Storage, tmp_path: Path) -> None:
    """Release one version."""
    release_files(storage, make_wheel(tmp_path), run_id="first")


def orphans(storage: Storage, before: datetime = END_OF_TIME) -> list[str]:
    """List the orphans that a dry run finds."""
    return [orphan.key for orphan in prune_orphans_from(storage, before=before, dry_run=True).orphans]


def test_orphans_go_and_their_keys_are_dead(storage: Storage, tmp_path: Path) -> None:
    """A file is removed with its sidecars; its publisher's next run takes another key, and released files stay."""
    wheel = make_wheel(tmp_path, version="1.1")
    leave_orphan(storage, NEXT_KEY, wheel.read_bytes())
    leave_orphan(storage, f"{NEXT_KEY}.metadata")
    before = keys(storage)
    pruned = prune_orphans_from(storage)
    assert [orphan.key for orphan in pruned.orphans] == [NEXT_KEY]
    assert pruned.removed == (NEXT_KEY, f"{NEXT_KEY}.metadata")
    assert keys(storage) == before[:2]
    assert manifest_of(storage, "demo-pkg").dead_keys == (NEXT_KEY,)
    release_files(storage, wheel)
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]
    assert manifest_of(storage, "demo-pkg").files[1].key is not None


def test_dead_keys_stay_dead(storage: Storage) -> None:
    """A later removal adds to them."""
    for key in (NEXT_KEY, Key("simple/demo-pkg/demo_pkg-1.2.tar.gz")):
        leave_orphan(storage, key)
        prune_orphans_from(storage)
    assert manifest_of(storage, "demo-pkg").dead_keys == (NEXT_KEY, "simple/demo-pkg/demo_pkg-1.2.tar.gz")


def test_keys_die_before_pages_before_objects_go(storage: Storage) -> None:
    """The manifest records it first: a publisher of that key loses its swap and takes another key."""
    leave_orphan(storage, NEXT_KEY)
    witness = Witness(storage)
    prune_orphans_from(witness)
    assert witness.writes[0] == ("swap", MANIFEST)
    assert {verb for verb, _ in witness.writes[1:-1]} == {"swap"}
    assert witness.writes[-1] == ("remove", NEXT_KEY)


def test_a_publisher_that_commits_first_keeps_its_file(storage: Storage, tmp_path: Path) -> None:
    """A file released between the listing and the swap is no orphan: the swap is lost and the listing repeated."""
    wheel = make_wheel(tmp_path, version="1.1")
    leave_orphan(storage, NEXT_KEY, wheel.read_bytes())
    commits = iter([wheel])

    def publisher(verb: str, key: str) -> None:
        if (verb, key) == ("swap", MANIFEST):
            for path in commits:
                release_files(storage, path)

    pruned = prune_orphans_from(Witness(storage, before=publisher))
    assert pruned.removed == ()
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]
    assert manifest_of(storage, "demo-pkg").dead_keys == ()


def test_the_listing_comes_after_the_manifest(storage: Storage, tmp_path: Path) -> None:
    """A file released between the read of the manifest and the listing is no orphan: the swap is lost."""
    wheel = make_wheel(tmp_path, version="1.1")
    commits = iter([wheel])

    def publisher(verb: str, key: str) -> None:
        if (verb, key) == ("list", "simple/demo-pkg/"):
            for path in commits:
                release_files(storage, path)

    prune_orphans_from(Witness(storage, before=publisher))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1"]
    assert manifest_of(storage, "demo-pkg").dead_keys == ()


@pytest.mark.parametrize("deaths", range(4))
def test_a_prune_that_dies_is_finished_by_the_same_command(storage: Storage, deaths: int) -> None:
    """After a death anywhere the next run removes the objects at dead keys; so does a delete of the project."""
    leave_orphan(storage, NEXT_KEY)
    with pytest.raises(Killed):
        prune_orphans_from(Witness(storage, deaths=deaths))
    if deaths == 0:
        assert prune_orphans_from(storage).removed == (NEXT_KEY,)
    else:
        assert NEXT_KEY in delete_from(storage, "demo-pkg", "1.0").removed
    assert manifest_of(storage, "demo-pkg").dead_keys == (NEXT_KEY,)
    assert NEXT_KEY not in keys(storage)
    before = state(storage)
    assert prune_orphans_from(storage).removed == ()
    assert state(storage) == before


# What is none --------------------------------------------------------------------------------------------------------


def test_the_bytes_of_a_missing_record_are_none(storage: Storage) -> None:
    """A publisher may be bringing the missing bytes back; other bytes under that name are an orphan."""
    change_manifest(storage, _all_missing)
    assert orphans(storage) == []
    key = Key("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl")
    remove(storage, key)
    assert orphans(storage) == []
    leave_orphan(storage, key, b"other bytes")
    assert orphans(storage) == [key]


def test_what_is_left_of_a_missing_file_is_not_looked_at(tmp_path: Path) -> None:
    """The listing shows that only its sidecars are there: no mark of theirs would change the answer."""
    storage = Recorded()
    release_files(storage, make_wheel(tmp_path))
    change_manifest(storage, _all_missing)
    remove(storage, Key("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"))
    storage.asked.clear()
    assert orphans(storage) == []
    assert not [request for request in storage.asked if ".metadata" in request]


def test_an_object_under_a_dead_name_is_no_orphan(storage: Storage) -> None:
    """It is removed with the delete, and its key is not recorded as dead."""
    with pytest.raises(Killed):
        delete_from(Witness(storage, deaths=3), "demo-pkg", "1.0")
    pruned = prune_orphans_from(storage)
    assert (pruned.orphans, len(pruned.removed)) == ((), 2)
    assert manifest_of(storage, "demo-pkg").dead_keys == ()


def test_young_ones_are_left_alone(storage: Storage) -> None:
    """A publisher may still be at work: the age is by the store's own clock."""
    leave_orphan(storage, NEXT_KEY)
    assert orphans(storage, before=datetime.now(UTC) - timedelta(hours=1)) == []
    assert orphans(storage, before=datetime.now(UTC) + timedelta(hours=1)) == [NEXT_KEY]


def test_sidecars_alone_are_one(storage: Storage) -> None:
    """Where a person removed the file of an orphan, its sidecars go too."""
    leave_orphan(storage, f"{NEXT_KEY}.asc")
    leave_orphan(storage, f"{NEXT_KEY}.metadata")
    assert orphans(storage) == [NEXT_KEY]
    assert prune_orphans_from(storage).removed == (f"{NEXT_KEY}.metadata", f"{NEXT_KEY}.asc")


def test_pages_are_none(storage: Storage) -> None:
    """Nor are pages of a style that is not in use."""
    if isinstance(storage, MemoryStorage):
        change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    assert orphans(storage) == []
    prune_orphans_from(storage)
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]


# Without a manifest --------------------------------------------------------------------------------------------------


def test_a_project_that_was_never_committed_gets_a_manifest(storage: Storage) -> None:
    """Its first publisher died: the dead key is on record, the project is listed, and no other one is touched."""
    leave_orphan(storage, "simple/fresh/fresh-1.0.tar.gz")
    leave_orphan(storage, "simple/fresher/fresher-1.0.tar.gz")
    pruned = prune_orphans_from(storage, ["fresh"])
    assert pruned.removed == ("simple/fresh/fresh-1.0.tar.gz",)
    manifest = manifest_of(storage, "fresh")
    assert (manifest.revision, manifest.dead_keys) == (1, ("simple/fresh/fresh-1.0.tar.gz",))
    assert page_json(storage, "fresh")["files"] == []
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    assert b'"fresh"' in root.body
    assert keys(storage, "simple/fresher/") == ["simple/fresher/fresher-1.0.tar.gz"]


def test_a_project_with_pages_and_no_manifest_is_left_alone(storage: Storage) -> None:
    """Such a project is another tool's, or lost its manifest: a new one would hide all its releases."""
    leave_orphan(storage, NEXT_KEY)
    remove(storage, MANIFEST)
    before, events = state(storage), list[Event]()
    with pytest.raises(WentBack, match="demo-pkg has a bucketwheel page but no manifest"):
        prune_orphans_from(storage)
    assert state(storage) == before
    for key in (html_page(storage), "simple/demo-pkg/index.json"):
        overwrite(storage, key, b"<html>another tool's</html>")
    before = state(storage)
    assert prune_orphans_from(storage, report=events.append).orphans == ()
    assert state(storage) == before
    assert Warned(message="demo-pkg has pages but no manifest, so it was skipped; run `bucketwheel check`") in events


def test_a_first_publisher_at_work_is_no_loss(storage: Storage, tmp_path: Path) -> None:
    """A publisher may have added pages and a manifest since the read: the manifest is read once more."""
    leave_orphan(storage, "simple/fresh/fresh-1.0.tar.gz")
    arrivals = iter([make_wheel(tmp_path, "fresh", "1.1")])

    def publisher(verb: str, key: str) -> None:
        if (verb, key) == ("stat", "simple/fresh/index.json"):
            for path in arrivals:
                release_files(storage, path)

    pruned = prune_orphans_from(Witness(storage, before=publisher), ["fresh"])
    assert pruned.removed == ("simple/fresh/fresh-1.0.tar.gz",)
    assert page_json(storage, "fresh")["versions"] == ["1.1"]


def test_patterns_name_projects_with_a_manifest_or_with_files(storage: Storage) -> None:
    """Other names are refused; a folder whose name no project can have is not taken for one."""
    leave_orphan(storage, "simple/Fresh/Fresh-1.0.tar.gz")
    leave_orphan(storage, "simple/fresh-file")
    assert list(prune_orphans_from(storage, ["*"], dry_run=True).projects) == ["demo-pkg"]
    with pytest.raises(Refused, match="fresh is not in "):
        prune_orphans_from(storage, ["fresh"])


def test_a_dry_run_says_the_same_and_writes_nothing(storage: Storage) -> None:
    """A dry run reports exactly what is then removed."""
    leave_orphan(storage, NEXT_KEY)
    witness = Witness(storage)
    rehearsed = prune_orphans_from(witness, dry_run=True)
    assert witness.writes == []
    assert replace(rehearsed, dry_run=False) == prune_orphans_from(storage)


def test_temporary_files_go_too(tmp_path: Path) -> None:
    """In a directory: of the named projects, and those beside manifests and the root; other dot files stay."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, name="other"))
    ours = [
        "_bucketwheel/manifests/.bucketwheel-1",
        "simple/.bucketwheel-2",
        f"simple/demo-pkg/{'0' * 64}/.bucketwheel-3",
        "simple/demo-pkg/.bucketwheel-4",
    ]
    others = ["simple/other/.bucketwheel-5", "simple/demo-pkg/.DS_Store"]
    for key in (*ours, *others):
        (storage.root / key).parent.mkdir(exist_ok=True)
        (storage.root / key).write_bytes(b"half")
        os.utime(storage.root / key, (0, 0))
    found = {finding.subject: finding.remedy for finding in check_store(storage).findings}
    assert found.keys() == {*ours, others[0]}
    assert found[others[0]] == "after a day run `bucketwheel prune other --orphans --yes`"
    assert set(prune_orphans_from(storage, ["demo-pkg"], dry_run=True).uploads) == set(ours)
    assert set(prune_orphans_from(storage, ["demo-pkg"]).uploads) == set(ours)
    assert [finding.subject for finding in check_store(storage).findings] == others[:1]
    assert not any((storage.root / key).exists() for key in ours)
    assert all((storage.root / key).exists() for key in others)


# Marks, and none -----------------------------------------------------------------------------------------------------


def test_where_marks_are_only_ours_count(tmp_path: Path) -> None:
    """Files of other tools and repositories are left to `reindex --adopt`, whatever their names."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    put(storage, NEXT_KEY)
    leave_orphan(storage, "simple/demo-pkg/demo_pkg-1.2.tar.gz", repository="another")
    leave_orphan(storage, "simple/demo-pkg/odd name.bin")
    assert orphans(storage) == ["simple/demo-pkg/odd name.bin"]


def test_where_no_marks_are_what_a_publisher_would_have_put_there_counts(tmp_path: Path) -> None:
    """In a directory names decide: distributions of this project, at the keys that a publisher tries."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    aside = f"simple/demo-pkg/{sha256_of(b'theirs')}"
    ours = [f"{aside}-2/{NEXT}", f"{aside}/{NEXT}", f"{NEXT_KEY}", "simple/demo-pkg/demo_pkg-1.2.tar.gz.metadata"]
    others = [
        "simple/demo-pkg/README.txt",
        "simple/demo-pkg/other-1.0.tar.gz",
        f"simple/demo-pkg/{'0' * 64}/{NEXT}",
        f"simple/demo-pkg/old/{NEXT}",
    ]
    for key in (*ours, *others):
        put(storage, key)
    assert orphans(storage) == [*ours[:2], NEXT_KEY, ours[3].removesuffix(".metadata")]
    prune_orphans_from(storage)
    assert set(keys(storage)) >= set(others)
    assert not set(keys(storage)) & set(ours)


def _all_missing(now: Manifest) -> Manifest:
    return replace(now, missing=now.files, files=())
