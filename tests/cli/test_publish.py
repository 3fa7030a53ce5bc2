"""`bucketwheel publish`: what it takes, what it answers, how it ends."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import pytest

from support.archives import make_sdist, make_wheel
from support.clients import run_pip
from support.command_line import run_command, run_process
from support.ministack import TestBucket

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
TO = ("-r", "./pypi")


def digest(path: Path) -> str:
    """Compute the sha256 that everybody must agree on."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install_line(workspace: Path, *releases: str) -> str:
    """Write the line that a publish into ./pypi ends with."""
    return shlex.join(["pip", "install", "--index-url", f"{(workspace / 'pypi').as_uri()}/simple/", *releases])


def test_publish_says_each_file_and_where_to_install_from(workspace: Path) -> None:
    """From a directory: one line a file on standard output, the last one installs; all else goes to standard error."""
    make_wheel(Path("dist"))
    make_sdist(Path("dist"))
    run = run_process("publish", "-r", "./pypi", home=workspace)
    assert run.code == 0
    assert run.lines == [
        f"dist/{WHEEL} ... success",
        "dist/demo_pkg-1.0.tar.gz ... success",
        install_line(workspace, "demo-pkg==1.0"),
    ]
    assert f"created a new repository at {workspace / 'pypi'}" in run.notices.splitlines()


def test_the_last_line_installs(workspace: Path, tmp_path: Path) -> None:
    """Pasted into a shell, the line does what it says."""
    make_wheel(Path("dist"))
    command = shlex.split(run_command("publish", *TO).lines[-1])
    ran = run_pip([*command[1:], "--target", str(tmp_path / "site"), "--no-deps"], home=workspace)
    assert ran.code == 0, ran.output
    assert (tmp_path / "site" / "demo_pkg" / "__init__.py").is_file()


def test_the_same_again_is_done_already(workspace: Path) -> None:
    """The same bytes again: exit 0, said as Hatch says it, and still the line to install by."""
    make_wheel(Path("dist"))
    run_command("publish", *TO)
    run = run_command("publish", *TO)
    assert run.code == 0
    assert run.lines == [f"dist/{WHEEL} ... already exists", install_line(workspace, "demo-pkg==1.0")]


def test_upload_is_publish() -> None:
    """Fingers that learnt another tool's word need not learn ours."""
    make_wheel(Path("dist"))
    run = run_command("upload", *TO, "--dry-run")
    assert (run.code, run.lines[0]) == (0, f"would publish dist/{WHEEL}")


@pytest.mark.parametrize(
    ("config", "directory"),
    [("", "dist"), ('[tool.hatch.build]\ndirectory = "out/here"\n', "out/here")],
)
def test_without_files_the_projects_builds_are_published(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, config: str, directory: str
) -> None:
    """Build directory and relative repository start at the project, from any directory in it."""
    Path("pyproject.toml").write_text(f'[tool.bucketwheel]\nrepository = "./pypi"\n{config}', encoding="utf-8")
    make_wheel(Path(directory))
    Path("src").mkdir()
    assert run_command("publish", "--dry-run").lines[0] == f"would publish {directory}/{WHEEL}"
    monkeypatch.chdir("src")
    assert run_command("publish").lines[0] == f"{workspace}/{directory}/{WHEEL} ... success"
    assert (workspace / "pypi" / "simple" / "demo-pkg" / WHEEL).is_file()


def test_files_directories_and_patterns_are_named() -> None:
    """Whatever names distributions may be given, several at once."""
    make_wheel(Path("a"))
    make_wheel(Path("b"), "other")
    make_wheel(Path("c"), "third")
    run = run_command("publish", *TO, f"a/{WHEEL}", "b", "c/*.whl")
    assert [line.split(" ...")[0] for line in run.lines[:-1]] == [
        f"a/{WHEEL}",
        "b/other-1.0-py3-none-any.whl",
        "c/third-1.0-py3-none-any.whl",
    ]
    assert run.lines[-1].endswith(" demo-pkg==1.0 other==1.0 third==1.0")


def test_a_dry_run_writes_nothing() -> None:
    """Everything is judged and told; not even the repository comes to be."""
    make_wheel(Path("dist"))
    run = run_command("publish", *TO, "--dry-run")
    assert run.code == 0
    assert run.lines == [
        f"would publish dist/{WHEEL}",
        f"would create a new repository at {Path('pypi').absolute()}",
        "would change page simple/demo-pkg/index.html",
        "would change page simple/demo-pkg/index.json",
        "would change page simple/index.json",
        "would change page simple/index.html",
    ]
    assert not Path("pypi").exists()


def test_no_create_refuses_a_new_repository() -> None:
    """In CI a repository that is not there is a typing error."""
    make_wheel(Path("dist"))
    run = run_command("publish", *TO, "--no-create")
    assert run.code == 1
    assert "is not a bucketwheel repository, and no-create is set" in run.notices
    assert not Path("pypi").exists()
    assert run_command("publish", *TO, environ={"BUCKETWHEEL_NO_CREATE": "1"}).code == 1
    assert not Path("pypi").exists()
    # Only init creates one now.
    assert run_command("init", *TO, environ={"BUCKETWHEEL_NO_CREATE": "1"}).code == 0
    assert run_command("publish", *TO, "--no-create").code == 0


def test_other_bytes_are_refused_with_both_digests() -> None:
    """A released file never changes: the message names what is there, what is here, and the ways out."""
    there = digest(make_wheel(Path("one")))
    here = digest(make_wheel(Path("two"), members={"demo_pkg/more.py": b"more = True\n"}))
    run_command("publish", *TO, "one")
    run = run_command("publish", *TO, "two")
    assert run.code == 1
    assert run.answer == ""
    assert f"error: {WHEEL} already exists with other bytes (published sha256 {there}, yours {here})" in run.notices
    assert "--skip-existing" in run.notices


def test_files_are_listed_by_project_and_version() -> None:
    """1.5 comes before 1.10, in every command that lists files."""
    versions = ["1.5", "1.10"]
    for version in reversed(versions):
        make_wheel(Path("dist"), version=version)
    run = run_command("publish", *TO)
    names = [f"demo_pkg-{version}-py3-none-any.whl" for version in versions]
    assert run.lines[:2] == [f"dist/{name} ... success" for name in names]
    fetched = run_command("fetch", "demo-pkg", "--from", "dist", "--into", "fetched", "--version", "1.5")
    assert fetched.lines == [f"fetched/{names[0]} ... fetched, unverified: no source states its digest"]
    promoted = run_command("promote", "demo-pkg==1.10", "demo-pkg==1.5", *TO, "--to", "./released")
    assert promoted.lines[:2] == [f"{name} ... success" for name in names]
    pruned = run_command("prune", "demo-pkg", "--older-than", "0h", "--all-releases", *TO)
    assert pruned.lines[:2] == [f"would delete {name}" for name in names]
    deleted = run_command("delete", "demo-pkg", *TO, "--dry-run")
    assert deleted.lines[:2] == [f"would delete {name}" for name in names]
    assert "choose one of 1.5, 1.10" in run_command("yank", "demo-pkg==3", "--reason", "x", *TO).notices


def test_files_of_an_earlier_build_have_another_remedy() -> None:
    """Other bytes of an older version than the newest in dist/ were left there; they are told in one text."""
    make_wheel(Path("old"))
    make_sdist(Path("old"))
    run_command("publish", *TO, "old")
    for version in ("1.0", "1.1"):
        make_wheel(Path("dist"), version=version, members={"demo_pkg/more.py": b"more = True\n"})
    make_sdist(Path("dist"), members={"more.py": b"more = True\n"})
    run = run_command("publish", *TO)
    assert run.code == 1
    assert run.notices.count("error: ") == 1
    assert run.notices.count("already exists with other bytes") == 2
    assert "run `hatch build --clean`, or name the files to publish" in run.notices
    assert "release a new version" not in run.notices


@pytest.mark.parametrize("option", ["--skip-existing", "--existing=skip"])
def test_skip_existing_leaves_other_bytes_as_they_are(option: str) -> None:
    """A rebuilt sdist is passed over with a warning, and the command succeeds."""
    make_wheel(Path("one"))
    make_wheel(Path("two"), members={"demo_pkg/more.py": b"more = True\n"})
    run_command("publish", *TO, "one")
    trial = run_command("publish", *TO, "two", option, "--dry-run")
    assert trial.lines[0] == f"two/{WHEEL} ... would be skipped, already exists with other bytes"
    run = run_command("publish", *TO, "two", option)
    assert run.code == 0
    assert run.lines[0] == f"two/{WHEEL} ... skipped, already exists with other bytes"
    assert f"warning: {WHEEL} already exists with other bytes" in run.notices


@pytest.mark.parametrize("option", ["--strict", "--existing=refuse"])
def test_strict_refuses_whatever_is_there(option: str) -> None:
    """With --strict even the same bytes are a refusal."""
    make_wheel(Path("dist"))
    run_command("publish", *TO)
    run = run_command("publish", *TO, option)
    assert run.code == 1
    assert f"error: {WHEEL} already exists" in run.notices


@pytest.mark.parametrize(
    "options",
    [("--skip-existing", "--strict"), ("--skip-existing", "--existing=same"), ("--strict", "--existing=refuse")],
)
def test_only_one_word_about_existing_files(options: tuple[str, ...]) -> None:
    """Two rules for what is there already contradict each other: usage."""
    run = run_command("publish", *TO, *options)
    assert run.code == 2
    assert "choose one of --skip-existing, --strict and --existing" in run.notices


def test_the_answer_as_json(workspace: Path) -> None:
    """One document holds all that the lines say."""
    wheel = make_wheel(Path("dist"))
    run = run_command("publish", *TO, "--json")
    assert run.document == {
        "repository": str(workspace / "pypi"),
        "index-url": f"{(workspace / 'pypi').as_uri()}/simple/",
        "dry-run": False,
        "files": [
            {
                "path": f"dist/{WHEEL}",
                "project": "demo-pkg",
                "version": "1.0",
                "sha256": digest(wheel),
                "fate": "published",
            }
        ],
        "created": True,
        "pages": [],
        "install": install_line(workspace, "demo-pkg==1.0"),
    }


def test_a_dry_run_as_json() -> None:
    """The document has what would change, and no install command: nothing is there to install."""
    make_wheel(Path("dist"))
    document = run_command("publish", *TO, "--json", "--dry-run").document
    assert document["dry-run"] is True
    assert document["created"] is True
    assert document["pages"] == [
        "simple/demo-pkg/index.html",
        "simple/demo-pkg/index.json",
        "simple/index.json",
        "simple/index.html",
    ]
    assert "install" not in document


def test_settings_come_from_every_layer() -> None:
    """An option beats a variable, which beats the project's own table; all bear the same names."""
    make_wheel(Path("dist"))
    Path("pyproject.toml").write_text('[tool.bucketwheel]\nrepository = "./file"\njobs = 2\n', encoding="utf-8")
    variables = {"BUCKETWHEEL_REPOSITORY": "./variable", "BUCKETWHEEL_UPLOADED_BY": "ci"}
    run_command("publish", "-r", "./option", "--uploaded-by", "me", environ=variables)
    run_command("publish", environ=variables)
    run_command("publish")
    releases = {
        place: run_command("show", "demo-pkg", "--json", "-r", f"./{place}").document
        for place in ("option", "variable", "file")
    }
    noted = {place: release["projects"][0]["files"][0]["by"].split()[:-1] for place, release in releases.items()}
    assert noted == {"option": ["me"], "variable": ["ci"], "file": []}


def test_all_that_is_wrong_with_settings_is_told_at_once() -> None:
    """Each problem stands under the name that was typed, and nothing is tried."""
    Path("pyproject.toml").write_text("[tool.bucketwheel]\nrepositry = './pypi'\n", encoding="utf-8")
    make_wheel(Path("dist"))
    run = run_command("publish", "--existing=nonsense", "--put-args=IfMatch=1", environ={"BUCKETWHEEL_JOBS": "many"})
    assert run.code == 2
    begins = [line.split(" is ")[0].split(" would ")[0] for line in run.notices.splitlines() if "error: " in line]
    assert begins == [
        "error: --existing",
        "error: --put-args.IfMatch",
        "error: BUCKETWHEEL_JOBS",
        "error: tool.bucketwheel.repositry",
        "error: repository",
    ]


def test_publish_to_s3_shows_each_request_with_v(workspace: Path, bucket: TestBucket) -> None:
    """With -v every request is a line: verb, key, status, milliseconds; no header, no credential."""
    make_wheel(Path("dist"))
    connection = bucket.connection
    assert connection.region
    assert connection.endpoint_url
    run = run_process(
        *("publish", "-v", "-r", str(bucket.place)),
        *("--region", connection.region, "--endpoint-url", connection.endpoint_url),
        home=workspace,
        environ={"AWS_ACCESS_KEY_ID": "AKIDCANARY", "AWS_SECRET_ACCESS_KEY": "secret-canary"},
    )
    assert run.code == 0, run.notices
    words = [line.split() for line in run.notices.splitlines()]
    [sent] = [line for line in words if line[:2] == ["PUT", f"simple/demo-pkg/{WHEEL}"]]
    assert (sent[2], sent[4]) == ("200", "ms")
    assert sent[3].isdecimal()
    assert "canary" not in (run.answer + run.notices).lower()


def test_put_args_are_given_one_by_one() -> None:
    """Each --put-args is one NAME=VALUE, whose value may hold spaces; all of them are judged."""
    make_wheel(Path("dist"))
    run = run_command(
        "publish", *TO, "--put-args", "Tagging=team=two words", "--put-args", "Body=x", "--put-args=Key=y", "--json"
    )
    assert run.code == 2
    assert [problem["subject"] for problem in run.document["problems"]] == ["--put-args.Body", "--put-args.Key"]


def test_what_is_committed_but_not_finished_ends_with_3() -> None:
    """The release is there, its root page cannot be written: exit 3 says so, and the same command finishes it."""
    make_wheel(Path("other"), "other")
    run_command("publish", *TO, "other")
    make_wheel(Path("dist"))
    in_the_way = Path("pypi", "_bucketwheel", ".lock")  # which nothing needs that is new
    in_the_way.unlink(missing_ok=True)
    in_the_way.mkdir()
    run = run_command("publish", *TO, "--json")
    assert (run.code, run.document["exit"]) == (3, 3)
    assert "run the same command again" in run.notices
    in_the_way.rmdir()
    assert run_command("publish", *TO).code == 0
    assert Path("pypi", "simple", "demo-pkg", "index.json").is_file()
