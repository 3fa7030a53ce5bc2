"""A manifest that went back: what a restored backup does to commands, and how an adoption repairs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from bucketwheel import adopt, initialise, load_settings
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.commands.status import change_status
from bucketwheel.commands.yank import YankChange, change_yank
from bucketwheel.errors import Misconfigured, Unfinished, WentBack
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.format.pages.json import read_root_json
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Object, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import adopt_all, fates
from support.archives import make_sdist, make_wheel
from support.disorders import html_page
from support.memory import MemoryStorage
from support.ministack import TestBucket
from support.releasing import NOW, context_for, manifest_of, page_json, release_files
from support.removing import delete_from, prune_from, prune_orphans_from
from support.tampering import (
    change_manifest,
    check_store,
    codes,
    leave_orphan,
    own_marks,
    put,
    put_back,
    rebuild,
    remove,
    settings_of,
    state,
    stored,
    write_manifest,
)
from support.witness import Witness

DEMO = ProjectName("demo-pkg")
MANIFEST = manifest_key(DEMO)
FOLDER = "simple/demo-pkg/"
WHEEL = "demo_pkg-1.0-py3-none-any.whl"
NEXT = "demo_pkg-1.1-py3-none-any.whl"


@pytest.fixture
def backup(storage: Storage, tmp_path: Path) -> Object:
    """Publish two versions, and give the manifest of the first."""
    release_files(storage, make_wheel(tmp_path), make_sdist(tmp_path))
    first = stored(storage, MANIFEST)
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    return first


def yank(storage: Storage) -> object:
    """Yank the version that both manifests have."""
    with context_for(storage) as context:
        return change_yank(context, DEMO, YankChange(yanked="broken", version=Version("1.0")))


def deprecate(storage: Storage) -> object:
    """Set the status."""
    with context_for(storage) as context:
        return change_status(context, DEMO, Status(status="deprecated"))


def keep_newest(storage: Storage) -> object:
    """Delete all but the newest version."""
    return prune_from(storage, Expiry(retention=KeepNewest(count=1), now=NOW, all_releases=True))


WRITERS: dict[str, Callable[[Storage, Path], object]] = {
    "publish": lambda storage, folder: release_files(storage, make_wheel(folder, version="2.0")),
    "publish again": lambda storage, folder: release_files(storage, make_wheel(folder)),
    "publish, dry run": lambda storage, folder: release_files(storage, make_wheel(folder, version="2.0"), dry_run=True),
    "yank": lambda storage, _: yank(storage),
    "status": lambda storage, _: deprecate(storage),
    "delete": lambda storage, _: delete_from(storage, "demo-pkg", "1.0"),
    "prune": lambda storage, _: keep_newest(storage),
    "prune --orphans": lambda storage, _: prune_orphans_from(storage),
    "reindex": lambda storage, _: rebuild(storage),
}


def names(storage: Storage) -> dict[str, str]:
    """Return every name in the manifest, with what it is there."""
    manifest = manifest_of(storage, "demo-pkg")
    shown = {file.filename: "hidden" if file.hidden else "shown" for file in manifest.files}
    return (
        shown
        | {file.filename: "missing" for file in manifest.missing}
        | dict.fromkeys((file.filename for file in manifest.deleted), "deleted")
    )


# Noticed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_is_built_on_it(writer: str, storage: Storage, backup: Object, tmp_path: Path) -> None:
    """Every writer refuses, names the repair, and commits and removes nothing."""
    put_back(storage, MANIFEST, backup)
    before = state(storage)
    with pytest.raises(WentBack, match=r"from revision 2 to 1: .*; run `bucketwheel reindex demo-pkg --adopt`"):
        WRITERS[writer](storage, tmp_path)
    left = {key: seen for key, seen in state(storage).items() if "2.0" not in key}
    assert left == before


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "prune --orphans"])
def test_nor_on_another_line_of_revisions(writer: str, storage: Storage, backup: Object, tmp_path: Path) -> None:
    """Somebody restored it and an older bucketwheel committed: the number is the page's, the content is not."""
    put_back(storage, MANIFEST, backup)
    change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated", reason="x")))
    before = state(storage)
    with pytest.raises(WentBack, match="has two different revisions 2"):
        WRITERS[writer](storage, tmp_path)
    assert {key: seen for key, seen in state(storage).items() if "2.0" not in key} == before


def test_a_page_of_either_kind_shows_it(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """One of the two pages may be gone or behind."""
    for lost in (html_page(storage), f"{FOLDER}index.json"):
        page = stored(storage, lost)
        present = stored(storage, MANIFEST)
        put_back(storage, MANIFEST, backup)
        remove(storage, lost)
        with pytest.raises(WentBack):
            release_files(storage, make_wheel(tmp_path, version="2.0"))
        put(storage, lost, page.body, page.marks or {})
        put_back(storage, MANIFEST, present)


def test_other_projects_are_not_held_up(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """A reindex writes the pages of all others; the exit is 3, because it wrote."""
    release_files(storage, make_wheel(tmp_path, "other"))
    put_back(storage, MANIFEST, backup)
    change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated")), "other")
    with pytest.raises(Unfinished, match="demo-pkg has a manifest that went back from revision 2 to 1"):
        rebuild(storage)
    assert page_json(storage, "other")["project-status"] == {"status": "deprecated"}


def test_nor_by_one_that_goes_back_while_pages_are_written(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """The other project's pages and the root are written all the same."""
    release_files(storage, make_wheel(tmp_path, "other"))
    for project in ("demo-pkg", "other"):
        change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated")), project)
    remove(storage, Layout().root_json_key)
    page = Layout().json_key(DEMO)
    moments = [("swap", page)]

    def meddle(verb: str, key: str) -> None:
        if (verb, key) in moments:
            moments.clear()
            put(storage, page, b"edited since")
            put_back(storage, MANIFEST, backup)

    with pytest.raises(Unfinished, match="demo-pkg has a manifest that went back"):
        rebuild(Witness(storage, before=meddle))
    assert page_json(storage, "other")["project-status"] == {"status": "deprecated"}
    assert read_root_json(stored(storage, Layout().root_json_key).body) == ("demo-pkg", "other")


def test_a_run_that_wrote_pages_before_it_noticed_is_unfinished(
    storage: Storage, backup: Object, tmp_path: Path
) -> None:
    """It commits nothing, but brings the other project's pages up to date: exit 3, as for a reindex."""
    wheels = make_wheel(tmp_path, version="1.1"), make_wheel(tmp_path, "other")
    release_files(storage, wheels[1])
    for project in ("demo-pkg", "other"):
        change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated")), project)
    page = Layout().json_key(DEMO)
    moments = [("swap", page)]

    def meddle(verb: str, key: str) -> None:
        if (verb, key) in moments:
            moments.clear()
            put(storage, page, b"edited since")
            put_back(storage, MANIFEST, backup)

    with pytest.raises(Unfinished, match="demo-pkg has a manifest that went back"):
        release_files(Witness(storage, before=meddle), *wheels)
    assert page_json(storage, "other")["project-status"] == {"status": "deprecated"}


@pytest.mark.usefixtures("backup")
@pytest.mark.parametrize("projects", [(), ("demo-pkg",)])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_reindex_names_a_project_whose_manifest_is_lost(
    storage: Storage, projects: tuple[str, ...], *, dry_run: bool
) -> None:
    """The root lists it, and its pages are ours: its files are not forgotten in silence."""
    remove(storage, MANIFEST)
    with (
        pytest.raises(WentBack, match="demo-pkg has a bucketwheel page but no manifest"),
        context_for(storage, dry_run=dry_run) as context,
    ):
        reindex_projects(context, projects)


def restoring(storage: Storage, backup: Object, *moment: str) -> Storage:
    """Return the store, where somebody restores the manifest right before this request."""
    moments = [moment]

    def restore(verb: str, key: str) -> None:
        if (verb, key) in moments:
            moments.clear()
            put_back(storage, MANIFEST, backup)

    return Witness(storage, before=restore)


def test_a_commit_that_lost_to_a_restore_is_unfinished(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """The lost swap may have been our own: the exit is 3, and nothing is built on the older manifest."""
    for writer in ("publish", "yank", "status", "delete"):
        present = stored(storage, MANIFEST)
        with pytest.raises(Unfinished, match="went back from revision 2 to 1"):
            WRITERS[writer](restoring(storage, backup, "swap", MANIFEST), tmp_path)
        assert stored(storage, MANIFEST).body == backup.body
        put_back(storage, MANIFEST, present)


def test_a_delete_that_is_forgotten_removes_nothing(storage: Storage, backup: Object) -> None:
    """The manifest is restored after the commit of the deletion: the restored one names the files again."""
    del backup
    before_delete = stored(storage, MANIFEST)
    with pytest.raises(Unfinished, match="went back"):
        delete_from(restoring(storage, before_delete, "swap", f"{FOLDER}index.json"), "demo-pkg", "1.0")
    assert storage.stat(Key(FOLDER + WHEEL)) is not None


def test_a_check_names_it(storage: Storage, backup: Object) -> None:
    """The finding has the command that repairs it."""
    put_back(storage, MANIFEST, backup)
    found = [finding for finding in check_store(storage).findings if finding.code == "page-ahead"]
    assert len(found) == 2
    assert "bucketwheel reindex demo-pkg --adopt" in found[0].remedy
    change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated")))
    assert "page-ahead" in codes(check_store(storage))


# Repaired ------------------------------------------------------------------------------------------------------------


def repaired(storage: Storage, *projects: str) -> dict[str, str]:
    """Repair the project, see that a second run writes nothing and a check finds nothing, and return the fates."""
    found = fates(adopt_all(storage, *projects))
    after = state(storage)
    adopt_all(storage, *projects)
    rebuild(storage)
    assert state(storage) == after
    assert {finding.code for finding in check_store(storage).findings if finding.gravity == "error"} == set()
    return found


@pytest.mark.parametrize("projects", [("demo-pkg",), ()], ids=["named", "all"])
def test_the_newest_page_decides(storage: Storage, backup: Object, projects: tuple[str, ...], tmp_path: Path) -> None:
    """What it lists comes back, with its yank; the revision is above both, and publishers go on."""
    yank(storage)
    page = page_json(storage, "demo-pkg")
    put_back(storage, MANIFEST, backup)
    repaired(storage, *projects)
    manifest = manifest_of(storage, "demo-pkg")
    assert manifest.revision == 4
    assert {file.filename: file.yanked for file in manifest.files} == {
        WHEEL: "broken",
        "demo_pkg-1.0.tar.gz": "broken",
        NEXT: None,
    }
    assert page_json(storage, "demo-pkg")["files"] == page["files"]
    release_files(storage, make_wheel(tmp_path, version="2.0"))
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0", "1.1", "2.0"]


def test_the_status_is_the_pages(storage: Storage, backup: Object) -> None:
    """A project in quarantine stays there, and what its page does not list comes in hidden."""
    write_manifest(storage, "demo-pkg", lambda m: replace(m, status=Status(status="quarantined", reason="malware")))
    put_back(storage, MANIFEST, backup)
    repaired(storage)
    assert manifest_of(storage, "demo-pkg").status == Status(status="quarantined", reason="malware")
    assert page_json(storage, "demo-pkg")["files"] == []
    assert names(storage)[WHEEL] == "hidden"


def test_what_is_not_listed_is_not_shown(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """Entries off the newest page are hidden, or deleted if their objects are gone; unlisted ones of ours stay out."""

    def hide(manifest: Manifest) -> Manifest:
        return replace(manifest, files=tuple(replace(f, hidden=f.filename == WHEEL) for f in manifest.files))

    write_manifest(storage, "demo-pkg", hide)
    delete_from(storage, "demo-pkg", None, "demo_pkg-1.0.tar.gz")
    leave_orphan(storage, f"{FOLDER}demo_pkg-0.9.tar.gz")
    foreign = make_wheel(tmp_path, version="0.8")
    put(storage, FOLDER + foreign.name, foreign)
    put_back(storage, MANIFEST, backup)
    found = repaired(storage)
    unmarked = isinstance(storage, MemoryStorage)
    assert names(storage) == {
        WHEEL: "hidden",
        NEXT: "shown",
        foreign.name: "hidden",
        "demo_pkg-1.0.tar.gz": "deleted",
    } | ({} if unmarked else {"demo_pkg-0.9.tar.gz": "hidden"})
    assert (found[FOLDER + WHEEL], found[FOLDER + foreign.name]) == ("hidden", "hidden")
    assert found[f"{FOLDER}demo_pkg-1.0.tar.gz"] == "deleted"
    assert [file["filename"] for file in page_json(storage, "demo-pkg")["files"]] == [NEXT]


def test_a_listed_file_that_is_gone_is_missing(storage: Storage, backup: Object, tmp_path: Path) -> None:
    """Its bytes may come back, and others may not."""
    put_back(storage, MANIFEST, backup)
    remove(storage, FOLDER + NEXT)
    assert repaired(storage)[FOLDER + NEXT] == "missing"
    assert names(storage)[NEXT] == "missing"
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    assert names(storage)[NEXT] == "shown"


def test_a_deleted_name_stays_deleted(storage: Storage, backup: Object) -> None:
    """The manifest that went back knows that the name is deleted, though the newest page, a wrong one, lists it."""
    del backup
    shown = {key: stored(storage, key) for key in (html_page(storage), f"{FOLDER}index.json")}
    delete_from(storage, "demo-pkg", "1.1", at_once=True)
    for key, page in shown.items():
        later = page.body.replace(b"revision=2", b"revision=9").replace(b'"revision":2', b'"revision":9')
        marks = dict(page.marks or {}) | {"bucketwheel-revision": "9"}
        put_back(storage, key, replace(page, body=later, marks=marks))
    repaired(storage)
    assert names(storage)[NEXT] == "deleted"
    assert manifest_of(storage, "demo-pkg").revision == 10


def test_of_two_pages_that_disagree_only_what_both_list_counts(storage: Storage, backup: Object) -> None:
    """Two lines of revisions left a page each: a file that one of them lists comes in hidden."""
    json_page = stored(storage, f"{FOLDER}index.json")
    put_back(storage, MANIFEST, backup)
    change_manifest(storage, lambda manifest: replace(manifest, status=Status(status="deprecated")))
    remove(storage, html_page(storage), f"{FOLDER}index.json")
    rebuild(storage)
    put_back(storage, f"{FOLDER}index.json", json_page)
    repaired(storage)
    assert names(storage) == {WHEEL: "shown", "demo_pkg-1.0.tar.gz": "shown", NEXT: "hidden"}
    assert manifest_of(storage, "demo-pkg").status.status == "deprecated"


def test_a_lost_manifest_is_made_again(storage: Storage, backup: Object) -> None:
    """Without --ours: the page is proof enough, and remembers upload times."""
    del backup
    page = page_json(storage, "demo-pkg")
    remove(storage, MANIFEST)
    repaired(storage)
    assert manifest_of(storage, "demo-pkg").revision == 3
    assert page_json(storage, "demo-pkg")["files"] == page["files"]


def test_a_dry_run_shows_the_repair(storage: Storage, backup: Object) -> None:
    """And writes nothing."""
    put_back(storage, MANIFEST, backup)
    before = state(storage)
    assert fates(adopt_all(storage, dry_run=True)) == {FOLDER + NEXT: "taken in"}
    assert state(storage) == before


def test_a_lost_swap_begins_with_the_look(storage: Storage, backup: Object) -> None:
    """Another repair comes first: ours finds nothing left to do."""
    put_back(storage, MANIFEST, backup)
    moments = [("swap", str(MANIFEST))]

    def other(verb: str, key: str) -> None:
        if (verb, key) in moments:
            moments.clear()
            adopt_all(storage)

    adopt_all(Witness(storage, before=other))
    assert manifest_of(storage, "demo-pkg").revision == 3


def test_reindex_reports_it_in_a_dry_run(storage: Storage, backup: Object) -> None:
    """Also when it would write nothing."""
    put_back(storage, MANIFEST, backup)
    with pytest.raises(WentBack), context_for(storage, dry_run=True) as context:
        reindex_projects(context, ())


def test_what_is_unlisted_and_ours_is_left_alone(backup: Object, storage: Storage) -> None:
    """A publish that has not finished commits by itself later."""
    body = b"unfinished"
    if isinstance(storage, MemoryStorage):
        put(storage, f"{FOLDER}demo_pkg-3.0.tar.gz", body, own_marks(storage, body))
        put_back(storage, MANIFEST, backup)
        assert repaired(storage)[f"{FOLDER}demo_pkg-3.0.tar.gz"] == "left out"


# All of _bucketwheel/ is lost ----------------------------------------------------------------------------------------


def test_the_id_comes_back_from_a_page(bucket: TestBucket, tmp_path: Path) -> None:
    """So our own unfinished uploads are known as ours, and released files come back as they were."""
    storage = bucket.storage()
    release_files(storage, make_wheel(tmp_path), make_sdist(tmp_path))
    leave_orphan(storage, f"{FOLDER}demo_pkg-3.0.tar.gz")
    write_manifest(storage, "demo-pkg", lambda m: replace(m, files=tuple(replace(f, yanked="no") for f in m.files)))
    delete_from(storage, "demo-pkg", None, "demo_pkg-1.0.tar.gz")
    page, first = page_json(storage, "demo-pkg"), settings_of(storage).id
    remove(storage, *(entry.key for entry in storage.list("_bucketwheel/")))
    settings = load_settings(options={"repository": str(bucket.place), "endpoint-url": bucket.connection.endpoint_url})
    initialise(settings, changes={}, adopt=True)
    assert settings_of(storage).id == first
    assert fates(adopt_all(storage))[f"{FOLDER}demo_pkg-3.0.tar.gz"] == "left out"
    assert page_json(storage, "demo-pkg")["files"] == page["files"]
    assert [file["yanked"] for file in page["files"]] == ["no"]


def test_a_directory_finds_its_id_again(tmp_path: Path) -> None:
    """There the body of a page tells it."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path))
    first = settings_of(storage).id
    remove(storage, *(entry.key for entry in storage.list("_bucketwheel/")))
    initialise(load_settings(options={"repository": str(storage.root)}), changes={}, adopt=True)
    assert settings_of(storage).id == first
    adopt_all(storage, yes=False)
    assert page_json(storage, "demo-pkg")["versions"] == ["1.0"]


def test_a_place_without_such_a_page_gets_a_new_id(tmp_path: Path) -> None:
    """Another tool's JSON page tells none."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    put(storage, FOLDER + WHEEL, make_wheel(tmp_path))
    put(storage, f"{FOLDER}index.json", b'{"meta":{"api-version":"1.0"},"name":"demo-pkg","files":[]}')
    initialise(load_settings(options={"repository": str(storage.root)}), changes={}, adopt=True)
    assert len(settings_of(storage).id) == 32


@pytest.mark.parametrize(("projects", "yes"), [((), True), (("demo-pkg",), False)])
def test_ours_is_for_named_projects_and_must_be_agreed_to(tmp_path: Path, projects: tuple[str, ...], yes: bool) -> None:  # noqa: FBT001 - a table
    """It takes in unfinished uploads too."""
    settings = load_settings(options={"repository": str(tmp_path)})
    with pytest.raises(Misconfigured, match="--ours takes in unfinished uploads too"):
        adopt(settings, projects=projects, ours=True, yes=yes)


def test_ours_takes_in_what_no_page_lists_hidden(backup: Object, storage: Storage) -> None:
    """A person agreed to it, but never that clients get it."""
    leave_orphan(storage, f"{FOLDER}demo_pkg-3.0.tar.gz")
    put_back(storage, MANIFEST, backup)
    assert fates(adopt_all(storage, "demo-pkg", ours=True))[f"{FOLDER}demo_pkg-3.0.tar.gz"] == "hidden"
    assert names(storage)["demo_pkg-3.0.tar.gz"] == "hidden"
