"""Prunes: expired files leave manifest, pages and store, in all projects that the patterns name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bucketwheel import load_settings, prune
from bucketwheel.commands.prune import Expiry, KeepNewest, KeepYounger
from bucketwheel.errors import Misconfigured, Refused, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Storage
from support.archives import make_wheel
from support.releasing import NOW, manifest_of, page_json, release_files
from support.removing import delete_from, keys, prune_from
from support.tampering import change_manifest, change_settings, put, state
from support.witness import Killed, Witness

LAST = Expiry(retention=KeepNewest(count=1), now=NOW)


def nightlies(storage: Storage, directory: Path, *numbers: int, name: str = "demo-pkg") -> None:
    """Release one wheel for each number, each in a run of its own."""
    for number in numbers:
        version = f"1.0.dev{number}"
        release_files(storage, make_wheel(directory, name, version), run_id=f"{name} {number}")


def versions(storage: Storage, project: str = "demo-pkg") -> list[str]:
    """List the versions that the page shows, and check each link."""
    page_versions: list[str] = page_json(storage, project)["versions"]
    return page_versions


def test_old_nightlies_go(storage: Storage, tmp_path: Path) -> None:
    """The newest stay; the others are deleted, and their objects and sidecars are removed."""
    nightlies(storage, tmp_path, 1, 2, 3)
    pruning = prune_from(storage, replace(LAST, retention=KeepNewest(count=2)))
    assert [file.version for file in pruning.files] == ["1.0.dev1"]
    assert versions(storage) == ["1.0.dev2", "1.0.dev3"]
    gone = "simple/demo-pkg/demo_pkg-1.0.dev1-py3-none-any.whl"
    assert (set(pruning.removed), pruning.waiting) == ({gone, f"{gone}.metadata"}, ())
    assert len(keys(storage)) == 4
    assert [file.version for file in manifest_of(storage, "demo-pkg").deleted] == ["1.0.dev1"]


def test_final_releases_stay(storage: Storage, tmp_path: Path) -> None:
    """Final releases count only with `all_releases`."""
    nightlies(storage, tmp_path, 1)
    release_files(storage, *(make_wheel(tmp_path, version=version) for version in ("0.9", "1.0")))
    everything = replace(LAST, retention=KeepYounger(than=timedelta(0)))
    assert [file.version for file in prune_from(storage, everything).files] == ["1.0.dev1"]
    assert versions(storage) == ["0.9", "1.0"]
    assert [file.version for file in prune_from(storage, replace(LAST, all_releases=True)).files] == ["0.9"]


def test_hidden_files_leave_the_pages_and_stay_in_the_store(storage: Storage, tmp_path: Path) -> None:
    """No name is deleted and no object removed; a second run finds nothing to hide."""
    nightlies(storage, tmp_path, 1, 2)
    pruning = prune_from(storage, replace(LAST, hide=True))
    assert ([file.version for file in pruning.files], pruning.removed) == (["1.0.dev1"], ())
    assert versions(storage) == ["1.0.dev2"]
    assert len(keys(storage)) == 4
    assert [file.hidden for file in manifest_of(storage, "demo-pkg").files] == [True, False]
    assert prune_from(storage, replace(LAST, hide=True)).files == ()
    assert [file.version for file in prune_from(storage, LAST).files] == ["1.0.dev1"]


@pytest.mark.parametrize(
    ("patterns", "pruned"),
    [
        (["*"], ["demo-extra", "demo-pkg", "other"]),
        (["Demo_*"], ["demo-extra", "demo-pkg"]),
        (["demo.pkg", "o?her"], ["demo-pkg", "other"]),
        (["demo-[ep]*"], ["demo-extra", "demo-pkg"]),
    ],
    ids=str,
)
def test_patterns_name_projects_in_any_spelling(
    storage: Storage, tmp_path: Path, patterns: list[str], pruned: list[str]
) -> None:
    """Each pattern is a shell pattern; projects that match none are not touched."""
    for name in ("demo-pkg", "demo-extra", "other"):
        nightlies(storage, tmp_path, 1, 2, name=name)
    pruning = prune_from(storage, LAST, patterns)
    assert list(pruning.projects) == pruned
    for name in ("demo-pkg", "demo-extra", "other"):
        assert versions(storage, name) == (["1.0.dev2"] if name in pruned else ["1.0.dev1", "1.0.dev2"])


def test_a_pattern_that_names_nothing_is_refused(storage: Storage, tmp_path: Path) -> None:
    """One wrong name prunes nothing, not even for the others."""
    nightlies(storage, tmp_path, 1, 2)
    before = state(storage)
    with pytest.raises(Refused, match=r"dmeo\* is not in "):
        prune_from(storage, LAST, ["demo*", "dmeo*"])
    assert state(storage) == before


def test_a_prune_finishes_what_was_interrupted(storage: Storage, tmp_path: Path) -> None:
    """The leftovers of a delete are removed, even if no file has expired."""
    nightlies(storage, tmp_path, 1)
    with pytest.raises(Killed):
        delete_from(Witness(storage, deaths=1), "demo-pkg")
    assert len(page_json(storage, "demo-pkg")["files"]) == 1
    assert (prune_from(storage, LAST).files, keys(storage)) == ((), [])
    assert versions(storage) == []


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_a_prune_that_dies_is_finished_by_the_same_command(
    storage: Storage, tmp_path: Path, deaths: int, *, hide: bool
) -> None:
    """After a death anywhere all links work, and the next run brings the pages and the store to the manifest."""
    nightlies(storage, tmp_path, 1, 2)
    try:
        prune_from(Witness(storage, deaths=deaths), replace(LAST, hide=hide))
    except Killed:
        page_json(storage, "demo-pkg")
    prune_from(storage, replace(LAST, hide=hide))
    assert versions(storage) == ["1.0.dev2"]
    assert len(keys(storage)) == (4 if hide else 2)


def test_several_projects_are_decided_before_any_object_goes(storage: Storage, tmp_path: Path) -> None:
    """All manifests are swapped, then all pages, then objects are removed."""
    for name in ("demo-pkg", "other"):
        nightlies(storage, tmp_path, 1, 2, name=name)
    witness = Witness(storage)
    prune_from(witness, LAST)
    kinds = [
        "manifest" if "manifests" in key else "remove" if verb == "remove" else "page" for verb, key in witness.writes
    ]
    assert kinds == ["manifest"] * 2 + ["page"] * 4 + ["remove"] * 4


def test_one_failing_project_does_not_hold_up_the_others(storage: Storage, tmp_path: Path) -> None:
    """The committed projects are finished, and exit 3 names the other."""
    for name in ("demo-pkg", "other"):
        nightlies(storage, tmp_path, 1, 2, name=name)

    def vanish(verb: str, key: str) -> None:
        other = manifest_key(ProjectName("other"))
        seen = storage.stat(other)
        if (verb, key) == ("swap", other) and seen is not None:
            storage.remove(other, expected=seen.version)

    with pytest.raises(Unfinished, match="other has a bucketwheel page but no manifest"):
        prune_from(Witness(storage, before=vanish), LAST)
    assert versions(storage) == ["1.0.dev2"]
    assert len(keys(storage)) == 2


def test_a_file_that_came_meanwhile_counts(storage: Storage, tmp_path: Path) -> None:
    """After a swap lost to a publisher the prune decides again: the newest file stays."""
    nightlies(storage, tmp_path, 1, 2)
    nights = iter([3])

    def publisher(verb: str, key: str) -> None:
        if (verb, key) == ("swap", manifest_key(ProjectName("demo-pkg"))):
            for night in nights:
                nightlies(storage, tmp_path, night)

    pruning = prune_from(Witness(storage, before=publisher), LAST)
    assert [file.version for file in pruning.files] == ["1.0.dev1", "1.0.dev2"]
    assert versions(storage) == ["1.0.dev3"]


@pytest.mark.parametrize("count", [0, -1])
def test_a_rule_that_keeps_nothing_is_wrong_usage(tmp_path: Path, count: int) -> None:
    """Keeping nothing is refused: that is a delete."""
    settings = load_settings(options={"repository": str(tmp_path / "pypi")}, environ={})
    with pytest.raises(Misconfigured, match="keep at least 1"):
        prune(["*"], settings, retention=KeepNewest(count=count))


def test_a_yanked_file_does_not_count(storage: Storage, tmp_path: Path) -> None:
    """A yanked nightly does not count: the one before it stays."""
    nightlies(storage, tmp_path, 1, 2)
    change_manifest(storage, lambda now: replace(now, files=(now.files[0], replace(now.files[1], yanked="broken"))))
    assert prune_from(storage, LAST).files == ()


def test_objects_wait_where_caches_keep_pages(storage: Storage, tmp_path: Path) -> None:
    """A nightly prune removes the objects that left the pages the night before."""
    nightlies(storage, tmp_path, 1, 2)
    change_settings(storage, lambda settings: replace(settings, cache_control="max-age=600"))
    first = prune_from(storage, LAST)
    assert (first.removed, first.waiting) == ((), ("demo_pkg-1.0.dev1-py3-none-any.whl",))
    nightlies(storage, tmp_path, 3)
    second = prune_from(storage, LAST)
    assert Key("simple/demo-pkg/demo_pkg-1.0.dev1-py3-none-any.whl") in second.removed
    assert second.waiting == ("demo_pkg-1.0.dev2-py3-none-any.whl",)


def test_a_dry_run_says_the_same_and_writes_nothing(storage: Storage, tmp_path: Path) -> None:
    """A dry run reports exactly what is then removed, leftovers of other runs included."""
    nightlies(storage, tmp_path, 1, 2)
    nightlies(storage, tmp_path, 1, name="other")
    delete_from(storage, "other")
    put(storage, "simple/other/other-1.0.dev1-py3-none-any.whl", b"late")
    witness = Witness(storage)
    rehearsed = prune_from(witness, LAST, dry_run=True)
    assert witness.writes == []
    assert len(rehearsed.removed) == 3
    assert replace(rehearsed, dry_run=False) == prune_from(storage, LAST)
