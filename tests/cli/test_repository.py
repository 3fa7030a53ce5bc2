"""`bucketwheel init`, `show` and `reindex`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.clients import clean_environment
from support.command_line import run_command
from support.ministack import TestBucket

TO = ("-r", "./pypi")


@pytest.fixture
def published(workspace: Path) -> Path:
    """Give a repository with two versions of one project and one of another."""
    make_wheel(Path("dist"), version="1.10", requires_python=">=3.9")
    make_wheel(Path("dist"), version="1.9")
    make_sdist(Path("dist"), "zoo", "2")
    assert run_command("publish", *TO).code == 0
    return workspace / "pypi"


# init ----------------------------------------------------------------------------------------------------------------


def test_init_makes_a_repository_and_then_finds_it(workspace: Path) -> None:
    """The first call makes it, the second says that it is there; both say where its index is."""
    first, second = run_command("init", "./pypi"), run_command("init", "./pypi")
    index = f"{(workspace / 'pypi').as_uri()}/simple/"
    assert (first.code, first.answer) == (0, f"{workspace}/pypi is a new repository; its index is {index}\n")
    assert (second.code, second.answer) == (0, f"{workspace}/pypi is a repository; its index is {index}\n")
    assert f"created a new repository at {workspace}/pypi" in first.notices
    assert second.notices == ""


def test_init_says_that_pages_are_outdated_only_where_they_are(published: Path) -> None:
    """Only links to attestations contain base-url."""
    manifest = published / "_bucketwheel" / "manifests" / "zoo.json"
    document = json.loads(manifest.read_bytes())
    document["files"][0]["provenance-sha256"] = "a" * 64
    manifest.write_text(json.dumps(document), encoding="utf-8")
    run = run_command("init", "./pypi", "--set", "base-url=https://pypi.example.com")
    assert run.lines[0] == f"the pages still follow the old settings: run `bucketwheel reindex -r {published}`"
    assert len(run_command("init", "./pypi", "--set", "base-url=https://pypi.example.com").lines) == 1


def test_init_sets_what_lies_in_the_repository(published: Path) -> None:
    """A setting is kept there for all publishers."""
    run = run_command(
        "init", "./pypi", "--set", "base-url=https://pypi.example.com", "--set", "cache-control=public, max-age=60"
    )
    assert run.lines == [f"{published} is a repository; its index is https://pypi.example.com/simple/"]
    document = run_command("init", "./pypi", "--json").document
    assert document["settings"].pop("id")
    assert document == {
        "repository": str(published),
        "index-url": "https://pypi.example.com/simple/",
        "created": False,
        "pages-outdated": False,
        "settings": {
            "pages": "index.html",
            "simple": "simple/",
            "base-url": "https://pypi.example.com/",
            "cache-control": "public, max-age=60",
            "proofs": {"directory": {"create": "proven", "swap": "proven", "swap-absent": "proven"}},
        },
    }


def test_a_repository_that_was_copied_from_s3_into_a_directory_says_what_to_do(published: Path) -> None:
    """No file name ends in a slash: the style is changed as the message says, and then everything works."""
    settings = published / "_bucketwheel" / "repository.json"
    document = json.loads(settings.read_bytes()) | {"pages": "slash", "proofs": {"aws": {"create": "proven"}}}
    settings.write_text(json.dumps(document), encoding="utf-8")
    run = run_command("reindex", *TO)
    assert run.code == 1
    assert f"`bucketwheel init {published} --set pages=index.html`" in run.notices
    assert run_command("init", str(published), "--set", "pages=index.html").code == 0
    assert run_command("reindex", *TO).code == 0
    assert run_command("check", *TO).code == 0


def test_init_takes_a_name_or_the_configured_repository() -> None:
    """The URL may be the name of one of `repositories`; without it the project's own repository is meant."""
    Path("pyproject.toml").write_text(
        '[tool.bucketwheel]\nrepository = "./main"\nrepositories.staging.url = "./staging"\n', encoding="utf-8"
    )
    assert run_command("init", "staging").code == 0
    assert run_command("init").code == 0
    assert Path("staging", "_bucketwheel", "repository.json").is_file()
    assert Path("main", "_bucketwheel", "repository.json").is_file()


def test_init_of_two_places_is_usage() -> None:
    """One repository is made at a time."""
    run = run_command("init", "./pypi", "-r", "./other")
    assert run.code == 2
    assert "give the repository once" in run.notices


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("pages", "write KEY=VALUE"),
        ("pages=fancy", "--set pages cannot be set; choose one of slash, index.html, both"),
        ("nope=1", "--set nope cannot be set; choose one of pages, simple, base-url, cache-control, put-args"),
        ("base-url=https://i.example/our packages", "--set base-url cannot be set; give the public address"),
        ("base-url=https://i.example/\nx", "--set base-url cannot be set; give the public address"),
    ],
)
def test_init_refuses_what_cannot_be_set(setting: str, problem: str) -> None:
    """A wrong setting is usage, says what would be right, and makes nothing."""
    run = run_command("init", "./pypi", "--set", setting)
    assert run.code == 2
    assert problem in run.notices
    assert not Path("pypi").exists()


def test_init_moves_no_published_files(published: Path) -> None:
    """`simple` is part of each file's address, so it can only be changed before the first publish."""
    assert run_command("init", "./empty").code == 0
    assert run_command("init", "./empty", "--set", "simple=whl").code == 0
    before = (published / "_bucketwheel" / "repository.json").read_bytes()
    run = run_command("init", "./pypi", "--set", "simple=whl")
    assert run.code == 1
    assert "already has files under simple/, so `simple` cannot change" in run.notices
    assert (published / "_bucketwheel" / "repository.json").read_bytes() == before
    assert run_command("init", "./pypi", "--set", "simple=simple/").code == 0


def test_init_is_never_a_trial() -> None:
    """With a configured dry run nothing is made: `init` has no trial."""
    run = run_command("init", "./pypi", environ={"BUCKETWHEEL_DRY_RUN": "1"})
    assert run.code == 2
    assert run.notices.startswith("error: dry-run cannot be used with init")
    assert not Path("pypi").exists()


def test_init_creates_a_bucket_only_when_asked(bucket: TestBucket) -> None:
    """A bucket that is not there is an error with a remedy; --create-bucket makes it, and the repository in it."""
    if bucket.place.prefix:
        pytest.skip("this S3 gives us a prefix, not buckets")
    assert bucket.connection.endpoint_url
    connection = ("--region", "us-east-1", "--endpoint-url", bucket.connection.endpoint_url)
    url = f"s3://{bucket.place.bucket}-two/pypi"
    refused = run_command("init", url, *connection)
    assert refused.code == 1
    assert f"{bucket.place.bucket}-two" in refused.notices
    made = run_command("init", url, "--create-bucket", *connection)
    assert made.code == 0, made.notices
    assert made.answer.startswith(f"{url} is a new repository; its index is http")


# show ----------------------------------------------------------------------------------------------------------------


def test_show_lists_projects(published: Path) -> None:
    """One line a project: its newest version by order of versions, not of letters, all its sizes, its latest time."""
    manifest = published / "_bucketwheel" / "manifests" / "demo-pkg.json"
    document = json.loads(manifest.read_bytes())
    document["files"][0] |= {"size": 1_500_000, "upload-time": "2030-01-02T03:04:05.678901Z"}
    document["files"][1] |= {"size": 500_000}
    manifest.write_text(json.dumps(document), encoding="utf-8")
    run = run_command("show", "-r", str(published))
    rows = [line.split() for line in run.lines]
    assert rows[:2] == [
        ["PROJECT", "LATEST", "VERSIONS", "FILES", "SIZE", "UPLOADED", "STATUS"],
        ["demo-pkg", "1.10", "2", "2", "2.0", "MB", "2030-01-02", "03:04", "active"],
    ]
    assert rows[2][:4] + rows[2][-1:] == ["zoo", "2", "1", "1", "active"]


@pytest.mark.usefixtures("published")
def test_the_latest_is_one_that_installers_take() -> None:
    """A version that is wholly yanked is not shown as the latest; where all are yanked or hidden there is none."""
    run_command("yank", "demo-pkg==1.10", *TO, "--reason", "broken")
    assert run_command("show", *TO).lines[1].split()[1] == "1.9"
    run_command("hide", "demo-pkg==1.9", *TO)
    assert run_command("show", *TO).lines[1].split()[1] == "-"


@pytest.mark.usefixtures("published")
def test_show_lists_the_files_of_a_project() -> None:
    """One line a file, oldest version first, under any spelling of the project's name."""
    run_command("yank", "zoo==2", *TO, "--reason", "broken\nbeyond repair")
    run = run_command("show", "Demo_Pkg", *TO)
    assert run.code == 0
    assert run.lines[0] == f"demo-pkg is active; its page is {Path('pypi').absolute().as_uri()}/simple/demo-pkg/"
    assert [line.split()[:2] for line in run.lines[1:]] == [
        ["VERSION", "FILE"],
        ["1.9", "demo_pkg-1.9-py3-none-any.whl"],
        ["1.10", "demo_pkg-1.10-py3-none-any.whl"],
    ]
    assert run.lines[3].split()[-1] == ">=3.9"
    assert run_command("show", "zoo", *TO).lines[2].endswith("  -       yanked: broken beyond repair")


def test_show_remarks_what_installers_pass_by(published: Path) -> None:
    """A file is remarked as yanked even without a reason, and as hidden where pages leave it out."""
    run_command("yank", "zoo==2", *TO, "--reason", "")
    manifest = published / "_bucketwheel" / "manifests" / "zoo.json"
    assert run_command("show", "zoo", *TO).lines[2].endswith("  yanked")
    document = json.loads(manifest.read_bytes())
    document["files"][0]["hidden"] = True
    manifest.write_text(json.dumps(document), encoding="utf-8")
    assert run_command("show", "zoo", *TO).lines[2].endswith("  yanked, hidden")


@pytest.mark.usefixtures("published")
def test_show_names_the_uploader_of_a_file() -> None:
    """The column is there where some file has an uploader."""
    assert "UPLOADED BY" not in run_command("show", "zoo", *TO).lines[1]
    make_wheel(Path("more"), "zoo", "3")
    run_command("publish", "more", *TO, "--uploaded-by", "ci job 7")
    head, two, three = run_command("show", "zoo", *TO).lines[1:]
    column = head.index("UPLOADED BY")
    assert (two[column:].split()[0], three[column:].partition("  ")[0]) == ("-", "ci job 7")


@pytest.mark.usefixtures("published")
def test_show_of_an_emptied_project() -> None:
    """A project whose files are all deleted is still there, and so is its page."""
    run_command("delete", "zoo", *TO, "--yes", "--now")
    run_command("status", "zoo", "archived", *TO, "--reason", "moved")
    run = run_command("show", "zoo", *TO)
    page = f"{Path('pypi').absolute().as_uri()}/simple/zoo/"
    assert (run.code, run.lines) == (0, [f"zoo is archived: moved; its page is {page}", "zoo has no files"])
    assert run_command("show", "zoo==2", *TO).code == 1


def shown_at_terminal(*args: str, home: Path, columns: int) -> list[str]:
    """Run `bucketwheel show` with a terminal as its standard output, and return what the terminal gets."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "bucketwheel", "show", *args]
    environ = clean_environment(home) | {"COLUMNS": str(columns), "NO_COLOR": "1"}
    subprocess.run(command, cwd=home, env=environ, stdout=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return shown.splitlines()


def test_tables_fit_the_terminal(workspace: Path) -> None:
    """A narrow terminal shows fewer columns, and no line is longer than it is wide; a file gets all."""
    make_wheel(Path("dist"), "a-project-with-a-rather-long-name", "1.10")
    run_command("publish", *TO)
    for wanted, first, column in (((), 0, "STATUS"), (("a-project-with-a-rather-long-name",), 1, "FILE")):
        assert max(map(len, run_command("show", *wanted, *TO).lines[first:])) > 70
        narrow = shown_at_terminal(*wanted, *TO, home=workspace, columns=70)[first:]
        assert max(map(len, narrow)) <= 70
        assert column in narrow[0]


@pytest.mark.usefixtures("published")
def test_show_lists_the_files_of_a_version() -> None:
    """A version is the same however it is written."""
    document = run_command("show", "demo-pkg == 1.10.0", *TO, "--json").document
    [project] = document["projects"]
    assert [file["filename"] for file in project["files"]] == ["demo_pkg-1.10-py3-none-any.whl"]
    assert project["versions"] == ["1.9", "1.10"]


def test_show_as_json_is_complete(published: Path) -> None:
    """All that the manifest knows of a file is in the document, under the manifest's own keys."""
    run_command("yank", "demo-pkg==1.10", *TO, "--reason", "")
    document = run_command("show", "demo-pkg==1.10", *TO, "--json").document
    [project] = document["projects"]
    [file] = project["files"]
    assert (document["repository"], document["index-url"]) == (str(published), f"{published.as_uri()}/simple/")
    assert (project["project"], project["status"]) == ("demo-pkg", {"status": "active"})
    assert set(file) == {
        *("filename", "version", "sha256", "size", "upload-time", "by"),
        *("requires-python", "metadata-sha256", "yanked"),
    }
    assert (file["requires-python"], file["yanked"]) == (">=3.9", {"reason": ""})


def test_show_of_an_empty_repository(workspace: Path) -> None:
    """Nothing published is no error."""
    run_command("init", "./pypi")
    run = run_command("show", *TO)
    assert (run.code, run.answer) == (0, f"{workspace}/pypi is empty\n")
    assert run_command("show", *TO, "--json").document["projects"] == []


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("wanted", ["nothing", "demo-pkg==3"])
def test_show_of_what_is_not_there_fails(wanted: str) -> None:
    """A script learns by the exit status that a release is not there."""
    run = run_command("show", wanted, *TO)
    assert run.code == 1
    assert run.notices.startswith(f"error: {wanted} is not in ")


def test_show_goes_on_for_all_others(published: Path) -> None:
    """The projects that can be read are shown; the error of the other stands at the end, and the exit is 1."""
    manifest = published / "_bucketwheel" / "manifests" / "demo-pkg.json"
    manifest.write_text('{"format":', encoding="utf-8")
    run = run_command("show", *TO)
    assert run.code == 1
    assert [line.split()[0] for line in run.lines[1:]] == ["zoo"]
    assert run.notices.startswith("error: the manifest of demo-pkg cannot be read")
    run = run_command("show", *TO, "--json")
    assert run.code == 1
    assert [project["project"] for project in run.document["projects"]] == ["zoo"]
    assert run.document["unreadable"][0].startswith("the manifest of demo-pkg cannot be read")
    run = run_command("show", *TO, "demo-pkg")
    assert (run.code, run.answer) == (1, "")
    assert "the manifest of demo-pkg cannot be read" in run.notices
    (published / "_bucketwheel" / "manifests" / "zoo.json").write_text("{}", encoding="utf-8")
    assert "nothing in" in run_command("show", *TO).answer


# reindex -------------------------------------------------------------------------------------------------------------


def test_reindex_rebuilds_what_is_missing(published: Path) -> None:
    """A deleted page comes back; a dry run only counts it; a second run writes nothing."""
    page = published / "simple" / "demo-pkg" / "index.html"
    page.unlink()
    rehearsed = run_command("reindex", *TO, "--dry-run")
    assert (rehearsed.code, rehearsed.answer) == (0, "looked at 2 projects, would write the pages of 1 project\n")
    assert not page.exists()
    assert run_command("reindex", *TO).answer == "looked at 2 projects, wrote 1 page\n"
    assert page.is_file()
    assert run_command("reindex", *TO, "--json").document == {"projects": 2, "pages-behind": 0, "dry-run": False}


def test_reindex_of_some_leaves_others(published: Path) -> None:
    """Only the named projects are looked at."""
    pages = [published / "simple" / project / "index.html" for project in ("demo-pkg", "zoo")]
    for page in pages:
        page.unlink()
    assert run_command("reindex", "Zoo", *TO).answer == "looked at 1 project, wrote 1 page\n"
    assert [page.exists() for page in pages] == [False, True]
