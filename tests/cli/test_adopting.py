"""`bucketwheel init --adopt` and `reindex --adopt`: what they say, and how they exit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bucketwheel.storage import Key
from support.archives import make_sdist, make_wheel
from support.command_line import run_command
from support.ministack import TestBucket
from support.tampering import put, state

TO = ("-r", "./pypi")
ADOPT = ("reindex", "--adopt", *TO)
FOLDER = "simple/demo-pkg"
WAIT = "3 files may belong to a publish that still runs; if none runs, run this again with --yes"


@pytest.fixture
def filled(workspace: Path) -> Path:
    """Give a directory that others filled: a pile, a legacy file, another project's, and an old tool's records."""
    pypi = workspace / "pypi"
    make_wheel(pypi)
    make_sdist(pypi / FOLDER)
    make_wheel(pypi / FOLDER, "other")
    (pypi / FOLDER / "demo_pkg-0.1.tar.bz2").write_bytes(b"old")
    (pypi / FOLDER / "manifest.json").write_bytes(b"[]")
    return pypi


def test_foreign_ground_is_adopted_when_that_is_asked_for(filled: Path) -> None:
    """A typing error writes nothing into a foreign bucket; the error says how to adopt it, and what comes next."""
    before = sorted(filled.rglob("*"))
    for command in (("init", "./pypi"), ("publish", "pypi/demo_pkg-1.0-py3-none-any.whl", *TO)):
        refused = run_command(*command)
        assert refused.code == 1
        assert f"`bucketwheel init {filled} --adopt`" in refused.notices
    assert sorted(filled.rglob("*")) == before
    made = run_command("init", "./pypi", "--adopt")
    assert (made.code, made.lines) == (
        0,
        [
            f"the files there are not in the index yet: run `bucketwheel reindex --adopt -r {filled}`",
            f"{filled} is a new repository; its index is {filled.as_uri()}/simple/",
        ],
    )
    again = run_command("init", "./pypi", "--adopt", "--json")
    assert (again.code, again.document["created"]) == (0, False)
    assert "to-adopt" not in again.document


def test_adopting_tells_what_became_of_everything(filled: Path) -> None:
    """Good news by project, the rest by file; first what waits, then what was done, then that nothing is left to do."""
    run_command("init", "./pypi", "--adopt")
    asked = run_command(*ADOPT)
    assert asked.code == 0
    left_out = f"left out: {FOLDER}/other-1.0-py3-none-any.whl cannot be a distribution of demo-pkg"
    assert asked.lines == [
        "waiting: demo_pkg-1.0-py3-none-any.whl",
        f"waiting: {FOLDER}/demo_pkg-0.1.tar.bz2",
        f"waiting: {FOLDER}/demo_pkg-1.0.tar.gz",
        left_out,
        WAIT,
        "looked at 1 project: 3 waiting, 1 left out; wrote 0 pages",
    ]
    done = run_command(*ADOPT, "--yes")
    assert done.code == 0
    assert done.lines == [
        f"taken in: {FOLDER}/demo_pkg-0.1.tar.bz2 (legacy: does not have the name of a wheel or an sdist)",
        left_out,
        "taken in: 2 files of demo-pkg",
        "also found 1 object outside of any index, such as another tool's pages and records; --json lists them",
        "looked at 1 project: 3 taken in, 1 left out; wrote 2 pages",
    ]
    assert "looking at 3 files" in done.notices
    (filled / FOLDER / "other-1.0-py3-none-any.whl").unlink()
    (filled / FOLDER / "manifest.json").unlink()
    assert run_command(*ADOPT).lines == ["looked at 1 project: nothing has changed; wrote 0 pages"]


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("python/demo-pkg", " --set simple=python/"),  # s3pypi --prefix python
        ("demo-pkg", " --set simple="),  # s3pypi
        ("simple/demo-pkg", ""),  # stick
        (".", ""),  # aws s3 cp
    ],
)
def test_a_publish_to_another_tools_index_says_how_to_adopt_it(workspace: Path, folder: str, options: str) -> None:
    """The whole command is in the message, with the place of the index."""
    make_wheel(workspace / "old" / folder)
    make_wheel(workspace / "dist", version="2")
    run = run_command("publish", "-r", "./old")
    assert run.code == 1
    assert f"`bucketwheel init {workspace}/old --adopt{options}`" in run.notices
    assert run_command("init", "./old", "--adopt", *options.split()).code == 0
    assert (
        run_command("reindex", "--adopt", "--yes", "-r", "./old")
        .lines[-1]
        .startswith("looked at 1 project: 1 taken in")
    )


def test_a_repository_around_another_is_refused(workspace: Path) -> None:
    """A forgotten part of the path would make one that contains the other."""
    make_wheel(workspace / "dist")
    assert run_command("publish", "-r", "./pypi/team").code == 0
    run = run_command("publish", "-r", "./pypi")
    assert (run.code, f"contains the repository {workspace}/pypi/team" in run.notices) == (1, True)
    assert not (workspace / "pypi" / "_bucketwheel").exists()


def test_a_repository_inside_another_is_made_only_by_init(workspace: Path) -> None:
    """A publish to a directory of a repository is a typing error; init makes what it is told."""
    make_wheel(workspace / "dist")
    assert run_command("publish", "-r", "./pypi").code == 0
    for more in ([], ["--dry-run"]):
        run = run_command("publish", "-r", "./pypi/team/a", *more)
        assert (run.code, f"is inside the repository {workspace}/pypi;" in run.notices) == (1, True)
    assert not (workspace / "pypi" / "team").exists()
    made = run_command("init", "./pypi/team/a")
    assert (made.code, f"is inside the repository {workspace}/pypi\n" in made.notices) == (0, True)
    assert run_command("publish", "-r", "./pypi/team/a").code == 0


def test_json_has_every_file(filled: Path) -> None:
    """And says of a dry run that it is one."""
    run_command("init", "./pypi", "--adopt")
    shutil.rmtree(filled / FOLDER)
    run = run_command(*ADOPT, "--yes", "--dry-run", "--json")
    assert run.document == {
        "repository": str(filled),
        "projects": 1,
        "files": [{"project": "demo-pkg", "key": "demo_pkg-1.0-py3-none-any.whl", "fate": "taken in"}],
        "leftovers": [],
        "pages-behind": 1,
        "dry-run": True,
    }
    assert run_command(*ADOPT, "--yes", "--dry-run").lines == [
        "would be taken in: 1 file of demo-pkg",
        "looked at 1 project: 1 would be taken in; would write the pages of 1 project",
    ]
    assert not list((filled / "simple").iterdir())


def test_few_files_outside_of_the_index_are_listed(filled: Path) -> None:
    """A bucket may hold a hundred thousand other archives; --json has them all."""
    run_command("init", "./pypi", "--adopt")
    (filled / "backup").mkdir()
    for number in range(13):
        (filled / "backup" / f"x-{number}.zip").write_bytes(b"x")
    lines = [line for line in run_command(*ADOPT).lines if "backup/" in line or "more" in line]
    assert len(lines) == 11
    assert lines[-1] == "left out: 3 more distributions outside of the index; --json lists them"
    files = run_command(*ADOPT, "--json").document["files"]
    assert sum(file["key"].startswith("backup/") for file in files) == 13


def test_an_index_that_lies_elsewhere_is_not_taken_for_nothing(workspace: Path) -> None:
    """s3pypi without a prefix has its projects at the top: nothing is found, and the answer says what to set."""
    make_wheel(workspace / "pypi" / "demo-pkg")
    run_command("init", "./pypi", "--adopt")
    hint = f"set it: `bucketwheel init {workspace}/pypi --set simple=PATH`"
    assert any(hint in line for line in run_command(*ADOPT).lines)
    run_command("init", "./pypi", "--set", "simple=")
    assert "taken in: 1 file of demo-pkg" in run_command(*ADOPT, "--yes").lines


def test_bytes_that_changed_end_with_1(workspace: Path) -> None:
    """The answer stands all the same: the file is off the pages, and somebody must look."""
    make_wheel(Path("dist"))
    assert run_command("publish", *TO).code == 0
    (workspace / "pypi" / FOLDER / "demo_pkg-1.0-py3-none-any.whl").write_bytes(b"overwritten")
    run = run_command(*ADOPT)
    assert (run.code, run.lines) == (
        1,
        [
            f"other bytes: {FOLDER}/demo_pkg-1.0-py3-none-any.whl",
            "files with other bytes stay off the pages until their own bytes are back; find out who overwrote them",
            "looked at 1 project: 1 with other bytes; wrote 2 pages",
        ],
    )
    page = json.loads((workspace / "pypi" / FOLDER / "index.json").read_bytes())
    assert page["files"] == []
    again = run_command(*ADOPT, "--json")
    assert (again.code, [file["fate"] for file in again.document["files"]]) == (1, ["contested"])
    plain = run_command("reindex", *TO)
    assert (plain.code, plain.lines) == (0, ["looked at 1 project, wrote 0 pages"])


@pytest.mark.parametrize("option", ["--reread", "--ours", "--trust-uploader-digests", "--yes"])
def test_options_of_adopting_want_it(option: str) -> None:
    """Alone they mean nothing."""
    run = run_command("reindex", option, *TO)
    assert run.code == 2
    assert "--reread, --ours, --trust-uploader-digests and --yes go with --adopt." in run.notices


def test_a_hostile_name_is_shown_and_not_obeyed(workspace: Path) -> None:
    """A writer to the bucket cannot write to the terminal of its operator."""
    evil = workspace / "pypi" / FOLDER / "demo_pkg-1.0\x1b[2J.tar.bz2"
    evil.parent.mkdir(parents=True)
    evil.write_bytes(b"x")
    run_command("init", "./pypi", "--adopt")
    run = run_command(*ADOPT, "--yes")
    assert "\x1b" not in run.answer
    assert "demo_pkg-1.0\\x1b[2J.tar.bz2" in run.answer


@pytest.mark.parametrize(
    ("keys", "pages"),
    [
        ([f"{FOLDER}/"], "slash"),
        ([f"{FOLDER}/index.html"], "index.html"),
        ([f"{FOLDER}/", f"{FOLDER}/index.html"], "both"),
        ([], "slash"),
    ],
)
def test_pages_will_be_of_the_style_of_those_that_lie_there(bucket: TestBucket, keys: list[str], pages: str) -> None:
    """Otherwise clients would keep getting the old pages; a style that was asked for counts."""
    storage, place = bucket.storage(), bucket.place
    for key in [*keys, f"{FOLDER}/demo_pkg-1.0.tar.gz"]:
        put(storage, key, b"x")
    common = ("--endpoint-url", str(bucket.connection.endpoint_url), "--region", "us-east-1", "--json")
    before = state(storage)
    made = run_command("init", str(place), "--adopt", *common)
    assert made.document["settings"]["pages"] == pages
    assert made.document["to-adopt"] is True
    assert {key: seen for key, seen in state(storage).items() if key != "_bucketwheel/repository.json"} == before
    settings = storage.stat(Key("_bucketwheel/repository.json"))
    assert settings is not None
    storage.remove(Key("_bucketwheel/repository.json"), expected=settings.version)
    made = run_command("init", str(place), "--adopt", "--set", "pages=index.html", *common)
    assert made.document["settings"]["pages"] == "index.html"
