"""Records of deleted names shrink once their objects are gone: a hundred thousand of them must not be a burden."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.errors import Refused
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import DeletedFile
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_wheel
from support.manifests import published
from support.memory import MemoryStorage
from support.releasing import NOW, manifest_of, page_json, release_files
from support.removing import delete_from, keys, prune_from, prune_orphans_from
from support.tampering import change_manifest, change_settings, check_store, codes, put, stored
from support.witness import Witness

MANIFEST = manifest_key(ProjectName("demo-pkg"))
FIRST, SECOND, THIRD = (f"demo_pkg-{version}-py3-none-any.whl" for version in ("1.0", "1.1", "1.2"))
FOLDER = "simple/demo-pkg/"


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return a store with four releases, each by a run of its own."""
    storage: Storage = MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")
    for version in ("1.0", "1.1", "1.2", "1.3"):
        release_files(storage, make_wheel(tmp_path, version=version), run_id=f"run of {version}")
    return storage


def records(storage: Storage) -> dict[str, DeletedFile]:
    """Return the records of deleted names."""
    return {record.filename: record for record in manifest_of(storage, "demo-pkg").deleted}


def test_a_record_becomes_its_name_and_its_run(storage: Storage) -> None:
    """The next delete shrinks the record of the last one, and writes nothing else of it."""
    delete_from(storage, "demo-pkg", "1.0")
    assert not records(storage)[FIRST].is_shrunk
    delete_from(storage, "demo-pkg", "1.1")
    assert records(storage)[FIRST] == DeletedFile(filename=FIRST, by="run of 1.0")
    assert not records(storage)[SECOND].is_shrunk
    document = json.loads(stored(storage, MANIFEST).body)
    assert document["deleted"][0] == {"filename": FIRST, "by": "run of 1.0"}
    assert page_json(storage, "demo-pkg")["versions"] == ["1.2", "1.3"]


def test_a_prune_shrinks_too(storage: Storage) -> None:
    """Retention deletes most names of all."""
    prune_from(storage, Expiry(retention=KeepNewest(count=3), now=NOW, all_releases=True))
    prune_from(storage, Expiry(retention=KeepNewest(count=2), now=NOW, all_releases=True))
    assert [record.is_shrunk for record in records(storage).values()] == [True, False]


@pytest.mark.parametrize("left", ["", ".metadata", ".asc"])
def test_a_record_stays_while_anything_is_there(storage: Storage, left: str) -> None:
    """The next delete still has to remove it, and looks nowhere else."""
    delete_from(storage, "demo-pkg", "1.0")
    put(storage, f"{FOLDER}{FIRST}{left}", b"late")
    assert f"{FOLDER}{FIRST}{left}" in delete_from(storage, "demo-pkg", "1.1").removed
    assert not records(storage)[FIRST].is_shrunk
    delete_from(storage, "demo-pkg", "1.2")
    assert records(storage)[FIRST].is_shrunk


def test_a_record_stays_while_caches_keep_its_object(storage: Storage) -> None:
    """Objects that wait for the next delete are found by it."""
    change_settings(storage, lambda settings: replace(settings, cache_control="max-age=600"))
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    assert not records(storage)[FIRST].is_shrunk
    delete_from(storage, "demo-pkg", "1.2")
    assert [record.is_shrunk for record in records(storage).values()] == [True, False, False]


def test_a_file_that_stepped_aside_is_looked_for_at_its_key(storage: Storage) -> None:
    """The record's key counts; once it is gone, so is the key."""
    aside = Key(f"{FOLDER}{sha256_of(b'late')}/{FIRST}")
    delete_from(storage, "demo-pkg", "1.0")
    change_manifest(storage, lambda now: replace(now, deleted=tuple(replace(file, key=aside) for file in now.deleted)))
    put(storage, aside, b"late")
    assert delete_from(storage, "demo-pkg", "1.1").removed[0] == aside
    delete_from(storage, "demo-pkg", "1.2")
    assert records(storage)[FIRST] == DeletedFile(filename=FIRST, by="run of 1.0")


def test_a_lost_swap_lists_again(storage: Storage) -> None:
    """A listing that is older than the manifest proves nothing."""
    delete_from(storage, "demo-pkg", "1.0")
    lost: list[str] = []

    def late_publisher(verb: str, key: str) -> None:
        if (verb, key) == ("swap", MANIFEST) and not lost:
            lost.append(key)
            put(storage, FOLDER + FIRST, b"late")
            change_manifest(storage, lambda now: now)

    delete_from(Witness(storage, before=late_publisher), "demo-pkg", "1.1")
    assert lost
    assert not records(storage)[FIRST].is_shrunk


def test_a_delete_does_not_list_the_whole_folder(storage: Storage) -> None:
    """With shrunk records, a delete looks only for what it deletes, and for what the last one did."""
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    listed: list[str] = []

    def listing(verb: str, prefix: str) -> None:
        if verb == "list":
            listed.append(prefix)

    delete_from(Witness(storage, before=listing), "demo-pkg", "1.2", THIRD)
    assert listed == [FOLDER + SECOND, FOLDER + THIRD]


def test_a_shrunk_name_stays_dead_in_every_spelling(storage: Storage, tmp_path: Path) -> None:
    """The name says enough."""
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    with pytest.raises(Refused, match=f"{FIRST} was deleted"):
        release_files(storage, make_wheel(tmp_path, version="1.0"))
    other = make_wheel(tmp_path / "other", version="1.0", filename="Demo_Pkg-1.0.0-py3-none-any.whl")
    with pytest.raises(Refused, match=f"was deleted as {FIRST}"):
        release_files(storage, other)


@pytest.mark.parametrize("arguments", [("1.0",), ("1.0", FIRST), (None, FIRST), ("v1.0.0",)])
def test_a_delete_of_shrunk_names_is_done(storage: Storage, arguments: tuple[str, ...]) -> None:
    """The same command again succeeds, whatever became of the record."""
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    before = manifest_of(storage, "demo-pkg")
    assert delete_from(storage, "demo-pkg", *arguments).deleted == ()
    assert manifest_of(storage, "demo-pkg") == before
    with pytest.raises(Refused, match=r"demo-pkg==0\.8 is not published here"):
        delete_from(storage, "demo-pkg", "0.8")
    with pytest.raises(Refused, match=f"{FIRST} is not a file of demo-pkg"):
        delete_from(storage, "demo-pkg", "1.2", FIRST)


def test_an_old_name_is_deleted_by_its_version(storage: Storage) -> None:
    """An adopted egg's version is in its name too."""
    egg = published("demo_pkg-0.7-py2.7.egg", "0.7", sha256=sha256_of(b"egg"), size=3)
    put(storage, f"{FOLDER}{egg.filename}", b"egg")
    change_manifest(storage, lambda now: replace(now, files=(*now.files, egg)))
    delete_from(storage, "demo-pkg", "0.7")
    delete_from(storage, "demo-pkg", "1.1")
    assert records(storage)[egg.filename].is_shrunk
    assert delete_from(storage, "demo-pkg", "0.7").deleted == ()


def test_a_publisher_finds_its_run_in_a_shrunk_record(storage: Storage) -> None:
    """Its answer was lost, and its file was deleted since."""
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    assert manifest_of(storage, "demo-pkg").names_run("run of 1.0")


def test_what_turns_up_under_a_shrunk_name_is_an_orphan(storage: Storage) -> None:
    """Whoever wrote it: `check` finds it and names the command that removes it; a delete leaves it alone."""
    delete_from(storage, "demo-pkg", "1.0")
    delete_from(storage, "demo-pkg", "1.1")
    key = put(storage, FOLDER + FIRST, b"late")
    sidecar = put(storage, f"{FOLDER}{FIRST}.asc", b"late")
    delete_from(storage, "demo-pkg", "1.2")
    assert key in keys(storage)
    checked = check_store(storage)
    assert codes(checked) == {"deleted-remains"}
    assert "prune demo-pkg --orphans" in checked.findings[0].remedy
    assert prune_orphans_from(storage).removed == (key, sidecar)
    assert codes(check_store(storage)) == set()
    assert manifest_of(storage, "demo-pkg").dead_keys == (key,)
