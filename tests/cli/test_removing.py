"""`bucketwheel delete`, `prune` and `status`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.command_line import COMMANDS, run_at_terminal, run_command

WHEEL, SDIST = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz"
FOLDER = Path("pypi", "simple", "demo-pkg")
TO = ("-r", "./pypi")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")


@pytest.fixture(autouse=True)
def _published(workspace: Path) -> None:
    """Publish one version, of two files."""
    make_wheel(workspace / "dist")
    make_sdist(workspace / "dist")
    assert run_command("publish", *TO).code == 0


def nightlies(*numbers: int) -> None:
    """Publish a wheel for each of so many nights."""
    for number in numbers:
        make_wheel(Path("nightly"), version=f"1.1.dev{number}")
    assert run_command("publish", "nightly", *TO).code == 0


def size_of(number: int) -> int:
    """How large a night's wheel is, which depends on the compressor."""
    return Path("nightly", f"demo_pkg-1.1.dev{number}-py3-none-any.whl").stat().st_size


def listed() -> list[str]:
    """Name the files that the project has."""
    projects = run_command("show", *TO, "--json").document["projects"]
    return [file["filename"] for project in projects for file in project["files"]]


# delete --------------------------------------------------------------------------------------------------------------


def test_a_version_is_deleted() -> None:
    """Each file is named, and the objects that went are counted, sidecars included."""
    run = run_command("delete", "Demo.Pkg==1.0.0", *TO, "--yes")
    assert (run.code, run.lines) == (0, [f"deleted {WHEEL}", f"deleted {SDIST}", "removed 3 objects"])
    assert listed() == []
    assert [path.name for path in sorted(FOLDER.iterdir())] == ["index.html", "index.json"]
    run = run_command("delete", "demo-pkg==1.0", *TO, "--yes")
    assert (run.code, run.lines) == (0, ["nothing left to delete in demo-pkg==1.0"])


def test_single_files_are_deleted() -> None:
    """The rest of the version stays."""
    assert run_command("delete", "demo-pkg==1.0", SDIST, *TO, "--yes").lines == [
        f"deleted {SDIST}",
        "removed 1 object",
    ]
    assert listed() == [WHEEL]


def test_a_project_is_deleted_and_stays_listed() -> None:
    """All its files go; its name is not free for others."""
    assert run_command("delete", "demo-pkg", *TO, "--yes").code == 0
    assert run_command("show", *TO).lines[1].split()[0] == "demo-pkg"
    assert "was deleted" in run_command("publish", *TO).notices


def test_without_a_terminal_delete_needs_yes() -> None:
    """It shows what would go and that --yes is missing: usage, and nothing is changed."""
    run = run_command("delete", "demo-pkg==1.0", *TO)
    assert (run.code, run.answer) == (2, "")
    assert run.notices.splitlines() == [
        f"would delete {WHEEL}",
        f"would delete {SDIST}",
        "would remove 3 objects",
        "error: --yes is missing, and there is no terminal to ask at; add --yes to confirm",
    ]
    assert listed() == [WHEEL, SDIST]
    run = run_command("delete", "demo-pkg==1.0", *TO, "--json")
    assert (run.code, run.document["exit"]) == (2, 2)


def test_a_dry_run_deletes_nothing() -> None:
    """With or without --yes it only says what it would do."""
    expected = [f"would delete {WHEEL}", f"would delete {SDIST}", "would remove 3 objects"]
    for options in (["--dry-run"], ["--dry-run", "--yes"]):
        run = run_command("delete", "demo-pkg", *TO, *options)
        assert (run.code, run.lines) == (0, expected)
    assert listed() == [WHEEL, SDIST]


def test_objects_that_wait_are_told() -> None:
    """If caches may keep pages, the objects stay until the next run or --now."""
    run_command("init", "./pypi", "--set", "cache-control=public, max-age=600")
    run = run_command("delete", "demo-pkg==1.0", WHEEL, *TO, "--yes")
    why = "caches may still show old pages"
    assert run.lines == [
        f"deleted {WHEEL}",
        f"1 file stays in the store until the next delete or prune, or --now: {why}",
    ]
    assert (FOLDER / WHEEL).is_file()
    run = run_command("delete", "demo-pkg==1.0", SDIST, *TO, "--yes", "--now")
    assert run.lines == [f"deleted {SDIST}", "removed 3 objects"]


def test_a_deletion_as_json() -> None:
    """The document names what is dead, what went, and what waits."""
    run = run_command("delete", "demo-pkg==1.0", SDIST, *TO, "--yes", "--json")
    assert run.document == {
        "project": "demo-pkg",
        "version": "1.0",
        "deleted": [SDIST],
        "removed": [f"simple/demo-pkg/{SDIST}"],
        "waiting": [],
        "dry-run": False,
    }
    run_command("init", "./pypi", "--set", "cache-control=public, max-age=600")
    document = run_command("delete", "demo-pkg", *TO, "--dry-run", "--json").document
    assert (document["waiting"], "version" in document, document["dry-run"]) == ([WHEEL], False, True)


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["demo-pkg", WHEEL], 2, "write PROJECT==VERSION to delete some files of a version"),
        (["demo-pkg=="], 2, "write PROJECT or PROJECT==VERSION"),
        (["demo-pkg==one"], 1, "error: demo-pkg==one is not published here; choose one of 1.0"),
        (["demo pkg"], 2, "error: demo pkg is not a project name"),
        (["nothing"], 1, "error: nothing is not published here"),
        (["demo-pkg==2.0"], 1, "error: demo-pkg==2.0 is not published here; choose one of 1.0"),
        (["demo-pkg==1.0", "a.whl"], 1, "error: a.whl is not a file of demo-pkg"),
    ],
    ids=str,
)
def test_what_cannot_be_deleted_is_refused(args: list[str], code: int, problem: str) -> None:
    """Usage ends with 2, what is not there with 1, and nothing changes."""
    run = run_command("delete", *args, *TO, "--yes")
    assert run.code == code
    assert problem in run.notices
    assert listed() == [WHEEL, SDIST]


@POSIX
@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y\n", 0, []), ("n\n", 1, [WHEEL, SDIST]), ("\n", 1, [WHEEL, SDIST])], ids=repr
)
def test_at_a_terminal_somebody_is_asked(workspace: Path, answer: str, code: int, left: list[str]) -> None:
    """It shows what would go before the question; any answer but yes changes nothing."""
    run = run_at_terminal("delete", "demo-pkg==1.0", *TO, home=workspace, typed=answer)
    assert run.code == code
    assert run.notices.index(f"would delete {WHEEL}") < run.notices.index("Delete permanently? [y/N]: ")
    assert ("was not confirmed; nothing was changed" in run.notices) is (code == 1)
    assert listed() == left


@POSIX
def test_who_leaves_instead_of_an_answer_changes_nothing(workspace: Path) -> None:
    """Ctrl-D at the question, which click treats as Ctrl-C: one sentence and exit 1."""
    run = run_at_terminal("delete", "demo-pkg==1.0", *TO, home=workspace, typed="\x04")
    assert run.code == 1
    assert run.notices.splitlines()[-1].endswith("interrupted; nothing was written to a repository")
    assert "Aborted" not in run.notices
    assert listed() == [WHEEL, SDIST]


@POSIX
def test_what_is_published_while_somebody_is_asked_stays(workspace: Path) -> None:
    """Only files that were shown are deleted."""
    make_wheel(workspace / "late", tag="py2-none-any")

    def publisher() -> None:
        assert run_command("publish", "late", *TO).code == 0

    run = run_at_terminal("delete", "demo-pkg==1.0", *TO, home=workspace, typed="y\n", meanwhile=publisher)
    assert run.code == 0
    assert listed() == ["demo_pkg-1.0-py2-none-any.whl"]


# prune ---------------------------------------------------------------------------------------------------------------


def test_a_prune_only_shows_what_would_go() -> None:
    """Without --yes nothing is changed, and the exit says that all is well."""
    nightlies(1, 2, 3)
    run = run_command("prune", "demo*", "--keep", "2", *TO)
    assert (run.code, run.lines) == (
        0,
        [
            "would delete demo_pkg-1.1.dev1-py3-none-any.whl",
            f"would delete 1 file ({size_of(1)} bytes) of 1 project",
            "would remove 2 objects",
            "nothing was changed; add --yes to do it",
        ],
    )
    assert len(listed()) == 5


def test_a_prune_deletes_old_nightlies() -> None:
    """With --yes they go; the final release stays."""
    nightlies(1, 2, 3)
    run = run_command("prune", "*", "--keep", "1", *TO, "--yes")
    assert run.lines[-2].startswith("deleted 2 files (1.")
    assert run.lines[-1] == "removed 4 objects"
    assert listed() == [WHEEL, SDIST, "demo_pkg-1.1.dev3-py3-none-any.whl"]
    assert run_command("prune", "*", "--keep", "1", *TO, "--yes").lines == ["nothing to delete of 1 project"]


def test_a_prune_hides() -> None:
    """Hidden files are off the pages, and stay."""
    nightlies(1, 2)
    run = run_command("prune", "*", "--keep", "1", "--hide", *TO, "--yes")
    assert run.lines == ["hid demo_pkg-1.1.dev1-py3-none-any.whl", f"hid 1 file ({size_of(1)} bytes) of 1 project"]
    assert "dev1" not in (FOLDER / "index.html").read_text(encoding="utf-8")
    assert len(listed()) == 4


def test_a_prune_by_age_and_of_all_releases() -> None:
    """Younger files stay; final releases need --all-releases."""
    nightlies(1)
    assert run_command("prune", "*", "--older-than", "1h", *TO).lines == ["nothing to delete of 1 project"]
    run = run_command("prune", "*", "--older-than", "0d", "--all-releases", *TO, "--yes")
    assert run.lines[-1] == "removed 5 objects"
    assert listed() == []


def test_whole_versions_are_kept() -> None:
    """A version stays whole as long as one of its files does."""
    nightlies(1, 2)
    make_wheel(Path("mac"), version="1.1.dev1", tag="cp312-cp312-macosx_11_0_arm64")
    assert run_command("publish", "mac", *TO).code == 0
    run = run_command("prune", "*", "--keep", "1", "--per", "version", *TO)
    assert run.lines == ["nothing to delete of 1 project"]
    assert len(run_command("prune", "*", "--keep", "1", *TO, "--json").document["files"]) == 1


def test_a_prune_as_json() -> None:
    """The document names the files with their sizes and times, and the objects."""
    nightlies(1, 2)
    document = run_command("prune", "demo-pkg", "--keep", "1", *TO, "--json").document
    [file] = document["files"]
    assert file.pop("upload-time").endswith("Z")
    assert file == {"filename": "demo_pkg-1.1.dev1-py3-none-any.whl", "version": "1.1.dev1", "size": size_of(1)}
    key = "simple/demo-pkg/demo_pkg-1.1.dev1-py3-none-any.whl"
    assert document["removed"] == [key, f"{key}.metadata"]
    assert (document["projects"], document["hidden"], document["dry-run"]) == (["demo-pkg"], False, True)


def test_orphans_are_removed() -> None:
    """Old orphans are shown, then removed; young ones stay."""
    orphan = FOLDER / "demo_pkg-3.0.tar.gz"
    orphan.write_bytes(b"half a release")
    assert run_command("prune", "*", "--orphans", *TO, "--yes").lines == ["no orphans of 1 project"]
    os.utime(orphan, (0, 0))
    key = "simple/demo-pkg/demo_pkg-3.0.tar.gz"
    run = run_command("prune", "*", "--orphans", *TO)
    assert run.lines == [
        f"would remove orphan {key} (14 bytes)",
        "would remove 1 object",
        "nothing was changed; add --yes to do it",
    ]
    assert orphan.exists()
    run = run_command("prune", "*", "--orphans", "--older-than", "2w", *TO, "--yes", "--json")
    assert run.document == {
        "projects": ["demo-pkg"],
        "orphans": [{"project": "demo-pkg", "key": key, "size": 14}],
        "removed": [key],
        "uploads": [],
        "dry-run": False,
    }
    assert not orphan.exists()


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["*"], 2, "choose one of --keep, --older-than and --orphans"),
        (["*", "--keep", "2", "--older-than", "3d"], 2, "choose one of --keep, --older-than and --orphans"),
        (["*", "--keep", "0"], 2, "Invalid value for '--keep'"),
        (["*", "--older-than", "3"], 2, "write a number of hours, days or weeks: 24h, 30d, 8w"),
        (["*", "--older-than", "99999d"], 2, "write a number of hours, days or weeks"),
        (["*", "--orphans", "--keep", "2"], 2, "--orphans goes with --older-than only"),
        (["*", "--orphans", "--hide"], 2, "--orphans goes with --older-than only"),
        (["--keep", "2"], 2, "Missing argument 'PATTERN...'"),
        (["dmeo*", "--keep", "2"], 1, "error: dmeo* is not in "),
    ],
    ids=str,
)
def test_what_cannot_be_pruned_is_refused(args: list[str], code: int, problem: str) -> None:
    """Usage ends with 2, a pattern that names nothing with 1."""
    run = run_command("prune", *args, *TO, "--yes")
    assert run.code == code
    assert problem in run.notices
    assert listed() == [WHEEL, SDIST]


# status --------------------------------------------------------------------------------------------------------------


def test_a_status_is_seen_and_set() -> None:
    """Without a status the present one is shown; setting it is seen by publishers."""
    assert run_command("status", "demo-pkg", *TO).lines == ["demo-pkg is active"]
    run = run_command("status", "Demo_Pkg", "archived", "--reason", "superseded\nby zoo", *TO)
    assert (run.code, run.lines) == (0, ["demo-pkg is archived: superseded by zoo"])
    assert run_command("status", "demo-pkg", *TO).lines == ["demo-pkg is archived: superseded by zoo"]
    make_wheel(Path("next"), version="1.1")
    assert "is archived and takes no new files" in run_command("publish", "next", *TO).notices
    assert run_command("status", "demo-pkg", "active", *TO).lines == ["demo-pkg is active"]
    assert run_command("publish", "next", *TO).code == 0


def test_an_emptied_project_has_a_status() -> None:
    """A project without files is there all the same."""
    run_command("delete", "demo-pkg", *TO, "--yes")
    assert run_command("status", "demo-pkg", "deprecated", *TO).lines == ["demo-pkg is deprecated"]


def test_a_status_as_json_and_on_trial() -> None:
    """A dry run says what the status would be, and changes nothing."""
    run = run_command("status", "demo-pkg", "quarantined", "--reason", "x", *TO, "--dry-run", "--json")
    assert run.document == {
        "project": "demo-pkg",
        "status": {"status": "quarantined", "reason": "x"},
        "changed": True,
        "dry-run": True,
    }
    assert run_command("status", "demo-pkg", "quarantined", *TO, "--dry-run").lines == ["demo-pkg would be quarantined"]
    assert run_command("status", "demo-pkg", *TO, "--json").document == {
        "project": "demo-pkg",
        "status": {"status": "active"},
        "changed": False,
        "dry-run": False,
    }


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["demo-pkg", "closed"], 2, "error: closed is not a status (PEP 792); choose one of active, archived, depre"),
        (["demo-pkg", "--reason", "x"], 2, "--reason goes with a status"),
        (["demo pkg", "active"], 2, "error: demo pkg is not a project name"),
        (["nothing"], 1, "error: nothing is not in "),
        (["nothing", "archived"], 1, "error: nothing is not in "),
    ],
    ids=str,
)
def test_what_cannot_be_marked_is_refused(args: list[str], code: int, problem: str) -> None:
    """Usage ends with 2, what is not there with 1."""
    run = run_command("status", *args, *TO)
    assert run.code == code
    assert problem in run.notices
    assert run_command("status", "demo-pkg", *TO).lines == ["demo-pkg is active"]


@pytest.mark.parametrize(("age", "days"), [("24h", 1), ("30d", 30), ("8w", 56), ("0d", 0), ("9999d", 9999)])
def test_an_age_is_read_in_its_unit(age: str, days: int) -> None:
    """h, d and w are hours, days and weeks, also for orphans."""
    command = COMMANDS["prune"]
    assert command.make_context("prune", ["*", "--older-than", age]).params["older_than"] == timedelta(days=days)


@pytest.mark.parametrize(("age", "deleted"), [("30d", 1), ("4w", 1), ("31d", 0), ("5w", 0)])
def test_an_age_decides_what_is_deleted(age: str, deleted: int) -> None:
    """A night of thirty days ago is older than four weeks, and not older than five."""
    nightlies(1)
    manifest = Path("pypi", "_bucketwheel", "manifests", "demo-pkg.json")
    document = json.loads(manifest.read_bytes())
    [nightly] = [file for file in document["files"] if ".dev" in file["filename"]]
    then = datetime.now(UTC) - timedelta(days=30, hours=1)
    nightly["upload-time"] = then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document["revision"] += 1
    manifest.write_text(json.dumps(document), encoding="utf-8")
    run = run_command("prune", "*", "--older-than", age, *TO, "--yes", "--json")
    assert run.code == 0, run.notices
    assert len(run.document["files"]) == deleted
