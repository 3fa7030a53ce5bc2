"""`bucketwheel repository`: names for repositories in the user's own config.toml."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bucketwheel import load_settings
from support.command_line import CommandRun, run_command

COMMENTED = """# the first line
jobs = 4  # few

# what we release
[repositories.release]  # production
url = "s3://our-release/python"  # the bucket
region = "eu-central-1"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path of the user's config.toml, below XDG_CONFIG_HOME; it does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config home"))
    return tmp_path / "config home" / "bucketwheel" / "config.toml"


def run(*args: str) -> CommandRun:
    """Run one of the commands; it must succeed."""
    ended = run_command("repository", *args)
    assert ended.code == 0, ended.notices
    return ended


def read(config: Path) -> Mapping[str, Any]:
    """Read the file as every command reads it."""
    return tomllib.loads(config.read_text("utf-8"))


def written(config: Path, text: str) -> None:
    """Write the file."""
    config.parent.mkdir(parents=True)
    config.write_text(text, encoding="utf-8")


def test_a_repository_that_was_added_is_used_by_its_name(config: Path) -> None:
    """The file is made where XDG_CONFIG_HOME says; its connection keys count with the name."""
    run("add", "staging", "s3://our-staging/python", "--region", "eu-west-1", "--profile", "dev", "--default")
    assert read(config) == {
        "repository": "staging",
        "repositories": {"staging": {"url": "s3://our-staging/python", "region": "eu-west-1", "profile": "dev"}},
    }
    settings = load_settings()
    assert (str(settings.repository), settings.connection.region) == ("s3://our-staging/python", "eu-west-1")


def test_comments_and_order_stay(config: Path) -> None:
    """Every line that is not changed is the same afterwards, in a file of several forms of tables too."""
    written(config, COMMENTED + '\n[repositories]\ninline = {url = "s3://our-inline"}  # short\n')
    run("set", "release", "--region", "eu-west-3", "--default")
    run("set", "inline", "--profile", "dev")
    run("add", "third", "s3://our-third")
    text = config.read_text("utf-8")
    for comment in ("# the first line", "# few", "# what we release", "# production", "# the bucket", "# short"):
        assert comment in text
    assert read(config) == {
        "jobs": 4,
        "repository": "release",
        "repositories": {
            "release": {"url": "s3://our-release/python", "region": "eu-west-3"},
            "inline": {"url": "s3://our-inline", "profile": "dev"},
            "third": {"url": "s3://our-third"},
        },
    }


def test_add_refuses_a_name_that_exists(config: Path) -> None:
    """Nothing is changed, and the error names the command that changes it."""
    written(config, COMMENTED)
    ended = run_command("repository", "add", "release", "s3://another")
    assert ended.code == 1
    assert "`bucketwheel repository set release`" in ended.notices
    assert config.read_text("utf-8") == COMMENTED


def test_set_changes_only_what_is_given(config: Path) -> None:
    """Other keys of the repository stay, and so do other repositories."""
    written(config, COMMENTED)
    run("set", "release", "--profile", "dev")
    assert config.read_text("utf-8") == COMMENTED + 'profile = "dev"\n'
    run("set", "release", "--url", "s3://moved", "--no-sign-request")
    assert read(config)["repositories"]["release"] == {
        "url": "s3://moved",
        "region": "eu-central-1",
        "profile": "dev",
        "no-sign-request": True,
    }
    run("set", "release", "--sign-request")
    assert read(config)["repositories"]["release"]["no-sign-request"] is False


def test_show_and_list(config: Path) -> None:
    """`show` has everything of one, `list` a line for each, and marks the default; both as JSON too."""
    written(config, COMMENTED)
    run("add", "default-one", "s3://the-default", "--default")
    assert run("show", "release").lines == ["release", "url: s3://our-release/python", "region: eu-central-1"]
    assert run("list").lines == ["default-one  s3://the-default  (default)", "release  s3://our-release/python"]
    assert run("show", "default-one", "--json").document == {
        "name": "default-one",
        "url": "s3://the-default",
        "default": True,
    }
    assert [each["default"] for each in run("list", "--json").document["repositories"]] == [True, False]


@pytest.mark.parametrize("args", [["show"], ["set", "--profile", "x"], ["remove"]], ids=str)
def test_an_absent_name_ends_with_1(args: list[str], config: Path) -> None:
    """No file is made for it."""
    ended = run_command("repository", *args, "absent")
    assert ended.code == 1
    assert "`bucketwheel repository list`" in ended.notices
    assert not config.exists()


def test_remove_of_the_default_asks_for_yes(config: Path) -> None:
    """With it the default goes too, so that no setting names what is not there."""
    written(config, 'repository = "release"\n' + COMMENTED)
    refused = run_command("repository", "remove", "release")
    assert (refused.code, "--yes" in refused.notices) == (2, True)
    assert "release" in read(config)["repositories"]
    run("remove", "release", "--yes")
    assert read(config) == {"jobs": 4}
    run("add", "other", "s3://our-other")
    run("remove", "other")


@pytest.mark.parametrize(
    "args",
    [
        ["add", "new", "s3://user:canary@our-bucket"],
        ["add", "new", "https://user:canary@example.com/simple/"],
        ["add", "new", "s3://our-bucket?X-Amz-Signature=canary"],
        ["add", "new", "s3://our-bucket", "--endpoint-url", "https://user:canary@example.com"],
        ["set", "release", "--url", "s3://user:canary@our-bucket"],
        ["set", "release", "--aws-secret-access-key=canary"],
        ["add", "new", "s3://our-bucket", "--session-token", "canary"],
        ["add", "../canary", "s3://our-bucket"],
        ["add", "new", "ftp://our-bucket"],
        ["add", "new", "bare"],
    ],
    ids=str,
)
def test_a_secret_or_nonsense_ends_with_2(args: list[str], config: Path) -> None:
    """The file stays as it is, and the secret is in no message."""
    written(config, COMMENTED)
    ended = run_command("repository", *args)
    assert ended.code == 2
    assert "canary" not in ended.notices + ended.answer
    assert config.read_text("utf-8") == COMMENTED


def test_a_directory_is_made_absolute(config: Path, workspace: Path) -> None:
    """The user names it from the current directory, and the file is elsewhere."""
    run("add", "local", "./repository")
    assert read(config)["repositories"]["local"]["url"] == str(workspace / "repository")


@pytest.mark.parametrize("text", [b"a = [", b"repositories = 3", b"\xff\xfe", b'repositories.x = "s3://our-bucket"'])
def test_a_file_that_cannot_be_read_is_left_alone(text: bytes, config: Path) -> None:
    """Exit 2, with the file or the key in the message."""
    config.parent.mkdir(parents=True)
    config.write_bytes(text)
    for args in (["add", "new", "s3://our-bucket"], ["list"]):
        ended = run_command("repository", *args)
        assert (ended.code, "config.toml" in ended.notices) == (2, True)
    assert config.read_bytes() == text


@pytest.mark.skipif(os.name == "nt", reason="symbolic links and modes")
def test_a_link_and_the_mode_stay(config: Path, tmp_path: Path) -> None:
    """A file that is kept elsewhere is changed there; nothing else is left in either directory."""
    kept = tmp_path / "dotfiles" / "bucketwheel.toml"
    kept.parent.mkdir()
    kept.write_text(COMMENTED, encoding="utf-8")
    kept.chmod(0o600)
    config.parent.mkdir(parents=True)
    config.symlink_to(kept)
    run("add", "new", "s3://our-bucket")
    assert config.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (*kept.parent.iterdir(), *config.parent.iterdir())] == [kept.name, config.name]


def test_errors_are_documents_with_json(config: Path) -> None:
    """As of every command."""
    ended = run_command("repository", "show", "absent", "--json")
    assert json.loads(ended.answer)["exit"] == 1
    assert not config.exists()
