"""Deletes: names first, then pages, then objects; a delete that dies is finished by the next one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Denied, OutcomeUnknown, Refused, Unavailable, Unfinished
from bucketwheel.events import Event, FileDone, Stage
from bucketwheel.format.layout import SIDECARS, manifest_key
from bucketwheel.format.manifest import DeletedFile, Manifest
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.storage import Key, ObjectHeaders, ObjectVersion, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.manifests import published
from support.memory import MemoryStorage
from support.releasing import manifest_of, page_json, release_files
from support.removing import delete_from, keys, prune_orphans_from
from support.tampering import change_manifest, change_settings, make_newer, put, state, stored
from support.witness import Killed, Witness

WHEEL, SDIST = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"
NEXT = "demo_pkg-1.1-py3-none-any.whl"
WHEEL_KEY = Key(f"simple/demo-pkg/{WHEEL}")
MANIFEST = manifest_key(ProjectName("demo-pkg"))


@pytest.fixture(autouse=True)
def _released(storage: Storage, tmp_path: Path) -> None:
    """Release two versions, the first of them as wheel and sdist."""
    release_files(storage, make_wheel(tmp_path), make_sdist(tmp_path), run_id="first")
    release_files(storage, make_wheel(tmp_path, version="1.1"), run_id="second")


def names(storage: Storage) -> list[str]:
    """List the files that the page links to, and check each link."""
    return [file["filename"] for file in page_json(storage, "demo-pkg")["files"]]


def contents(storage: Storage) -> dict[str, bytes]:
    """Return the bytes of every object."""
    return {entry.key: stored(storage, entry.key).body for entry in storage.list("")}


# What goes -----------------------------------------------------------------------------------------------------------


def test_a_deleted_version_never_comes_back(storage: Storage, tmp_path: Path) -> None:
    """Its entries are deleted names, its pages link to the rest, its objects are gone, and no bytes may come back."""
    deletion = delete_from(storage, "demo-pkg", "1.0")
    assert deletion.deleted == (WHEEL, SDIST)
    assert set(deletion.removed) == {WHEEL_KEY, f"{WHEEL_KEY}.metadata", f"simple/demo-pkg/{SDIST}"}
    assert names(storage) == [NEXT]
    assert keys(storage) == [f"simple/demo-pkg/{NEXT}", f"simple/demo-pkg/{NEXT}.metadata"]
    wheel = make_wheel(tmp_path)
    assert manifest_of(storage, "demo-pkg").deleted[0] == DeletedFile(
        filename=WHEEL, version="1.0", sha256=sha256_of(wheel.read_bytes()), by="first"
    )
    with pytest.raises(Refused, match="was deleted"):
        release_files(storage, wheel)


def test_only_named_files_go(storage: Storage) -> None:
    """The sdist of the version stays."""
    assert delete_from(storage, "demo-pkg", "1.0.0", WHEEL).deleted == (WHEEL,)
    assert names(storage) == [SDIST, NEXT]


def test_an_emptied_project_stays_listed(storage: Storage, tmp_path: Path) -> None:
    """Its name stays taken: the root lists it, its page is empty, and a new version can be published."""
    assert set(delete_from(storage).deleted) == {WHEEL, SDIST, NEXT}
    assert (names(storage), keys(storage)) == ([], [])
    root = storage.read(Key("simple/index.json"))
    assert root is not None
    assert b'"demo-pkg"' in root.body
    release_files(storage, make_wheel(tmp_path, version="2.0"))
    assert names(storage) == ["demo_pkg-2.0-py3-none-any.whl"]


def test_a_missing_file_can_be_deleted(storage: Storage, tmp_path: Path) -> None:
    """A file that a person removed becomes a deleted name with its version, and never comes back."""
    change_manifest(storage, _missing(WHEEL))
    assert delete_from(storage, "demo-pkg", "1.0").deleted == (WHEEL, SDIST)
    assert manifest_of(storage, "demo-pkg").missing == ()
    with pytest.raises(Refused, match="was deleted"):
        release_files(storage, make_wheel(tmp_path))


def test_all_sidecars_go(storage: Storage) -> None:
    """Metadata, signature and provenance go with their file."""
    for ending in SIDECARS[1:]:
        put(storage, f"{WHEEL_KEY}{ending}")
    delete_from(storage, "demo-pkg", "1.0", WHEEL)
    assert [key for key in keys(storage) if key.startswith(WHEEL_KEY)] == []


def test_files_beside_their_usual_place_go(storage: Storage) -> None:
    """A file is removed at the key of its entry, in the project's folder or outside of it."""
    for key in ("simple/demo-pkg/aside/demo_pkg-0.1.tar.gz", "old/pile/demo_pkg-0.2.tar.gz"):
        put(storage, key)
        put(storage, f"{key}.metadata")
        change_manifest(storage, _with_entry_at(Key(key)))
    put(storage, "old/pile/demo_pkg-0.2.tar.gz.md5")
    removed = delete_from(storage, "demo-pkg", "0.1").removed + delete_from(storage, "demo-pkg", "0.2").removed
    assert len(removed) == 4
    assert keys(storage, "old/") == ["old/pile/demo_pkg-0.2.tar.gz.md5"]
    assert keys(storage, "simple/demo-pkg/aside/") == []


def test_adopted_versions_are_named_as_they_are(storage: Storage) -> None:
    """A version of PEP 440 is found in any spelling, every other one by its exact text."""
    put(storage, "old/demo_pkg-final.tar.gz")
    change_manifest(storage, _with_entry_at(Key("old/demo_pkg-final.tar.gz")))
    assert delete_from(storage, "demo-pkg", "final").deleted == ("demo_pkg-final.tar.gz",)
    assert delete_from(storage, "demo-pkg", "v1.1.0").deleted == (NEXT,)


def test_files_at_a_url_have_no_object_here(storage: Storage) -> None:
    """An entry with a URL is deleted, and objects are looked up only under its dead name."""
    change_manifest(storage, _with_entry_at(None, url="https://files.example/demo_pkg-0.1.tar.gz"))
    deletion = delete_from(storage, "demo-pkg", "0.1")
    assert (deletion.deleted, deletion.removed) == (("demo_pkg-0.1.tar.gz",), ())


def test_objects_under_a_dead_name_are_removed(storage: Storage) -> None:
    """A dead name is dead for all bytes: the next delete removes what a late publisher uploads."""
    delete_from(storage, "demo-pkg", "1.0")
    put(storage, WHEEL_KEY, b"late")
    put(storage, f"simple/demo-pkg/{SDIST}.asc", b"late, beside a file that is gone")
    deletion = delete_from(storage, "demo-pkg", "1.0")
    assert deletion.deleted == ()
    assert set(deletion.removed) == {WHEEL_KEY, f"simple/demo-pkg/{SDIST}.asc"}


def test_a_key_that_an_entry_names_is_never_emptied(storage: Storage) -> None:
    """A key that an entry names is never removed, even if the manifest also calls it dead."""
    record = DeletedFile(filename="other.tar.gz", version="0", sha256=Sha256("0" * 64), by="x", key=WHEEL_KEY)
    change_manifest(storage, lambda now: replace(now, deleted=(record,), dead_keys=(WHEEL_KEY,)))
    delete_from(storage, "demo-pkg", "1.1")
    assert names(storage) == [WHEEL, SDIST]


# In which order ------------------------------------------------------------------------------------------------------


def test_names_die_before_pages_forget_before_objects_go(storage: Storage) -> None:
    """The manifest is swapped first, then every page, then objects are removed: sidecars after their file."""
    witness = Witness(storage)
    delete_from(witness, "demo-pkg", "1.0", WHEEL)
    html = "simple/demo-pkg/index.html" if isinstance(storage, DirectoryStorage) else "simple/demo-pkg/"
    assert witness.writes[0] == ("swap", MANIFEST)
    assert set(witness.writes[1:3]) == {("swap", html), ("swap", "simple/demo-pkg/index.json")}
    assert witness.writes[3:] == [("remove", WHEEL_KEY), ("remove", f"{WHEEL_KEY}.metadata")]


@pytest.mark.parametrize("moment", ["list", "remove"])
def test_a_name_that_dies_after_the_refresh_is_left_to_its_own_delete(storage: Storage, moment: str) -> None:
    """Only names that were dead before the refresh are removed: pages may still show those of another delete."""

    def another_delete(verb: str, _key: str) -> None:
        if verb == moment and len(manifest_of(storage, "demo-pkg").deleted) == 1:
            change_manifest(storage, _deleted(NEXT))

    delete_from(Witness(storage, before=another_delete), "demo-pkg", "1.0", WHEEL)
    assert len(manifest_of(storage, "demo-pkg").deleted) == 2
    assert names(storage) == [SDIST, NEXT]


def test_objects_written_after_the_listing_are_left_alone(storage: Storage) -> None:
    """Only listed versions are removed; other bytes and their sidecars wait for the next run."""

    def publisher(verb: str, key: str) -> None:
        if (verb, key) == ("remove", WHEEL_KEY):
            seen = storage.stat(WHEEL_KEY)
            if seen is not None and seen.size > len(b"late"):
                storage.remove(WHEEL_KEY, expected=seen.version)
                put(storage, WHEEL_KEY, b"late")

    deletion = delete_from(Witness(storage, before=publisher), "demo-pkg", "1.0", WHEEL)
    assert deletion.removed == ()
    assert set(delete_from(storage, "demo-pkg", "1.0").removed) >= {WHEEL_KEY, f"{WHEEL_KEY}.metadata"}


# Deaths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deaths", range(6))
def test_a_delete_that_dies_is_finished_by_the_same_command(storage: Storage, tmp_path: Path, deaths: int) -> None:
    """After any number of writes all links work, and the next run ends where an undisturbed one does."""
    undisturbed = _copy(storage, tmp_path / "undisturbed")
    delete_from(undisturbed, "demo-pkg", "1.0")
    with pytest.raises(Killed):
        delete_from(Witness(storage, deaths=deaths), "demo-pkg", "1.0")
    names(storage)
    delete_from(storage, "demo-pkg", "1.0")
    assert contents(storage) == contents(undisturbed)


def test_the_next_delete_of_the_project_finishes_an_interrupted_one(storage: Storage) -> None:
    """A delete of another version removes the objects of all dead names."""
    with pytest.raises(Killed):
        delete_from(Witness(storage, deaths=3), "demo-pkg", "1.0")
    assert WHEEL_KEY in keys(storage)
    assert WHEEL_KEY in delete_from(storage, "demo-pkg", "1.1").removed
    assert keys(storage) == []


def test_a_lost_answer_is_found_in_the_manifest(tmp_path: Path) -> None:
    """A commit whose answer was lost counts, and its names are reported."""
    storage = Answerless()
    release_files(storage, make_wheel(tmp_path))
    storage.lossy = True
    deletion = delete_from(storage, "demo-pkg", "1.0")
    assert deletion.deleted == (WHEEL,)
    assert manifest_of(storage, "demo-pkg").revision == 2


def test_a_publisher_finds_its_call_in_a_deleted_name(storage: Storage) -> None:
    """A publisher whose answer was lost finds its release in the record, although it was deleted since."""
    delete_from(storage)
    assert manifest_of(storage, "demo-pkg").names_run("first")
    assert manifest_of(storage, "demo-pkg").names_run("second")


@pytest.mark.parametrize("verb", ["swap", "list", "remove"], ids=["pages", "listing", "objects"])
def test_a_failure_after_the_commit_is_unfinished(storage: Storage, verb: str) -> None:
    """Exit 3 says that names are dead and the rest is not done; the next run does the rest."""

    def trouble(asked: str, about: str) -> None:
        if asked == verb and about.startswith("simple/demo-pkg/"):
            raise Denied("AWS denies s3:DeleteObject")

    with pytest.raises(Unfinished, match=r"AWS denies s3:DeleteObject.* again"):
        delete_from(Witness(storage, before=trouble), "demo-pkg", "1.0")
    assert len(manifest_of(storage, "demo-pkg").deleted) == 2
    assert len(delete_from(storage, "demo-pkg", "1.0").removed) == 3
    assert names(storage) == [NEXT]


def test_a_failure_before_the_commit_is_no_half_work(storage: Storage) -> None:
    """A manifest that cannot be read is no reason to say unfinished."""

    def trouble(asked: str, about: str) -> None:
        if (asked, about) == ("read", MANIFEST):
            raise Unavailable("no answer")

    before = state(storage)
    with pytest.raises(Unavailable, match="no answer"):
        delete_from(Witness(storage, before=trouble), "demo-pkg", "1.0")
    assert state(storage) == before


# What is refused, and what only looks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("project", "version", "filenames", "problem"),
    [
        ("nothing", None, (), "nothing is not published here; check the name"),
        ("demo-pkg", "3.0", (), "demo-pkg==3.0 is not published here; choose one of 1.0, 1.1"),
        ("demo-pkg", "1.0", (NEXT,), f"{NEXT} is not a file of demo-pkg==1.0; choose among {WHEEL}, {SDIST}"),
        ("demo-pkg", None, ("\x1b.whl", "b.whl"), "\\x1b.whl is not a file .*\nb.whl is not a file"),
    ],
    ids=["project", "version", "file", "files"],
)
def test_an_unknown_file_is_refused(
    storage: Storage, project: str, version: str | None, filenames: tuple[str, ...], problem: str
) -> None:
    """A wrong name deletes nothing, and all of them are reported at once."""
    before = state(storage)
    with pytest.raises(Refused, match=problem.replace("\\", "\\\\")):
        delete_from(storage, project, version, *filenames)
    assert state(storage) == before


def test_a_repeated_delete_is_done(storage: Storage) -> None:
    """The same delete again succeeds and writes nothing."""
    delete_from(storage, "demo-pkg", "1.0", WHEEL)
    before = state(storage)
    deletion = delete_from(storage, "demo-pkg", "1.0", WHEEL)
    assert (deletion.deleted, deletion.removed) == ((), ())
    assert state(storage) == before


def test_a_manifest_of_a_newer_version_is_left_alone(storage: Storage) -> None:
    """A newer format is refused: a swap would lose what it adds."""
    make_newer(storage)
    for dry_run in (True, False):
        with pytest.raises(Refused, match="newer bucketwheel"):
            delete_from(storage, "demo-pkg", "1.0", dry_run=dry_run)


def test_a_dry_run_says_the_same_and_writes_nothing(storage: Storage) -> None:
    """A dry run reports exactly what the delete then does."""
    put(storage, f"{WHEEL_KEY}.asc")
    witness = Witness(storage)
    rehearsed = delete_from(witness, "demo-pkg", "1.0", dry_run=True)
    assert witness.writes == []
    assert replace(rehearsed, dry_run=False) == delete_from(storage, "demo-pkg", "1.0")


def test_progress_counts_what_is_removed(storage: Storage) -> None:
    """The stage tells how many files and bytes go, and each file is reported once."""
    events: list[Event] = []
    delete_from(storage, "demo-pkg", "1.0", report=events.append)
    [stage] = [event for event in events if isinstance(event, Stage)]
    done = [event for event in events if isinstance(event, FileDone)]
    assert (stage.doing, stage.count, stage.total_bytes) == ("removing", 2, sum(event.size for event in done))
    assert {event.name for event in done} == {WHEEL, SDIST}


# Caches --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["public, max-age=61", "public, max-age=0, s-maxage=600", "public", "max-age=0, stale-while-revalidate=3600"],
)
def test_where_caches_keep_pages_objects_wait_for_the_next_run(storage: Storage, header: str) -> None:
    """A page in a cache may still name what was deleted; the next delete finds names that were dead before it."""
    change_settings(storage, lambda settings: replace(settings, cache_control=header))
    first = delete_from(storage, "demo-pkg", "1.0", WHEEL)
    assert (first.deleted, first.removed, first.waiting) == ((WHEEL,), (), (WHEEL,))
    assert names(storage) == [SDIST, NEXT]
    second = delete_from(storage, "demo-pkg", "1.0", SDIST)
    assert set(second.removed) == {WHEEL_KEY, f"{WHEEL_KEY}.metadata"}
    assert second.waiting == (SDIST,)
    assert delete_from(storage, "demo-pkg", "1.0", SDIST).removed == (f"simple/demo-pkg/{SDIST}",)


@pytest.mark.parametrize(
    "header", ["public, max-age=0, must-revalidate", "max-age=60", "no-store", "No-Cache, max-age=600"]
)
def test_where_caches_ask_again_objects_go_at_once(storage: Storage, header: str) -> None:
    """No cache shows an old page for more than a minute."""
    change_settings(storage, lambda settings: replace(settings, cache_control=header))
    assert len(delete_from(storage, "demo-pkg", "1.0").removed) == 3


def test_at_once_waits_for_no_cache(storage: Storage) -> None:
    """`--now` removes the bytes at once; a dry run reports what would wait."""
    change_settings(storage, lambda settings: replace(settings, cache_control="max-age=600"))
    assert delete_from(storage, "demo-pkg", "1.0", dry_run=True).waiting == (WHEEL, SDIST)
    deletion = delete_from(storage, "demo-pkg", "1.0", at_once=True)
    assert (len(deletion.removed), deletion.waiting) == (3, ())


def test_orphans_wait_for_no_cache(storage: Storage) -> None:
    """No page ever named a dead key, so orphans are removed at once, and what deletes had left with them."""
    change_settings(storage, lambda settings: replace(settings, cache_control="max-age=600"))
    delete_from(storage, "demo-pkg", "1.0", WHEEL)
    change_manifest(storage, lambda now: replace(now, dead_keys=(Key("simple/demo-pkg/x.whl"),)))
    put(storage, "simple/demo-pkg/x.whl")
    removed = prune_orphans_from(storage).removed
    assert set(removed) == {WHEEL_KEY, f"{WHEEL_KEY}.metadata", "simple/demo-pkg/x.whl"}


# By hand -------------------------------------------------------------------------------------------------------------


class Answerless(MemoryStorage):
    """A store that loses the answers to commits once `lossy` is set."""

    lossy = False

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Swap, and lose the answer."""
        version = MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)
        if self.lossy and key == MANIFEST:
            raise OutcomeUnknown("no answer")
        return version


def _missing(name: str) -> Callable[[Manifest], Manifest]:
    def change(now: Manifest) -> Manifest:
        files = {file.filename: file for file in now.files}
        return replace(now, missing=(files.pop(name),), files=tuple(files.values()))

    return change


def _deleted(name: str) -> Callable[[Manifest], Manifest]:
    def change(now: Manifest) -> Manifest:
        files = {file.filename: file for file in now.files}
        gone = files.pop(name)
        record = DeletedFile(filename=name, version=gone.version, sha256=gone.sha256, by="another")
        return replace(now, deleted=(*now.deleted, record), files=tuple(files.values()))

    return change


def _with_entry_at(key: Key | None, url: str | None = None) -> Callable[[Manifest], Manifest]:
    """Add an adopted sdist with the name at the end of its key."""

    def change(now: Manifest) -> Manifest:
        name = (url or key or "").rpartition("/")[2]
        version = name.removeprefix("demo_pkg-").removesuffix(".tar.gz")
        entry = published(name, version, sha256=sha256_of(b"theirs"), size=6, key=key, url=url)
        return replace(now, files=(*now.files, entry))

    return change


def _copy(storage: Storage, directory: Path) -> Storage:
    if isinstance(storage, DirectoryStorage):
        shutil.copytree(storage.root, directory)
        return DirectoryStorage(root=directory)
    assert isinstance(storage, MemoryStorage)
    return MemoryStorage(objects=dict(storage.objects))
