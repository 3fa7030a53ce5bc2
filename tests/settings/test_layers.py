"""Settings as they are found: pyproject.toml, the environment, the user's own file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bucketwheel.config.layers import (
    find_pyproject,
    load_settings,
    project_layers,
    user_config,
    wheelhouse_uploader_indexes,
)
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured
from bucketwheel.places import Connection, DirectoryPlace, S3Place


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's directory, which is the current one."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


def home_with(tmp_path: Path, config: str) -> dict[str, str]:
    """Write a user's own settings, and return the environment of that user."""
    path = tmp_path / "home" / ".config" / "bucketwheel" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(config, encoding="utf-8")
    return {"HOME": str(tmp_path / "home")}


def test_all_five_sources_are_read_in_their_order(project: Path, tmp_path: Path) -> None:
    """Each source gives what no stronger one says."""
    (project / "pyproject.toml").write_text(
        "[tool.hatch.publish.s3]\n"
        "disable = true\n"
        "existing = 'skip'\n"
        "[tool.bucketwheel]\n"
        "repository = './index'\n"
        "existing = 'refuse'\n"
        "uploaded-by = 'project'\n",
        encoding="utf-8",
    )
    environ = home_with(tmp_path, "single-writer = true\nuploaded-by = 'user'\nput-args = {ACL = 'private'}\n")
    settings = load_settings(
        options={"dry_run": "", "jobs": "1"},
        environ={**environ, "BUCKETWHEEL_REGION": "eu-west-1", "BUCKETWHEEL_JOBS": "2"},
        hatch_table={"disable": False, "put-args": {"ACL": "public-read"}, "uploaded-by": "hatch"},
    )
    assert settings == Settings(
        repository=DirectoryPlace(path=project / "index"),
        connection=Connection(region="eu-west-1"),
        dry_run=True,
        jobs=1,
        existing="skip",
        uploaded_by="project",
        put_args={"ACL": "public-read"},
        single_writer=True,
    )


def test_a_project_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a directory within, the nearest pyproject.toml upwards counts, and its directories start at it."""
    (project / "pyproject.toml").write_text("[tool.bucketwheel]\nrepository = './index'\n", encoding="utf-8")
    below = project / "src" / "pkg"
    below.mkdir(parents=True)
    assert find_pyproject(below) == project / "pyproject.toml"
    assert load_settings(below, environ={}).repository == DirectoryPlace(path=project / "index")
    monkeypatch.chdir(below.parent)
    assert load_settings(Path("pkg"), environ={}).repository == DirectoryPlace(path=project / "index")


def test_options_and_variables_start_at_the_current_directory(project: Path, tmp_path: Path) -> None:
    """Wherever the project is, what is typed is meant from here."""
    other = tmp_path / "other"
    other.mkdir()
    environ = {"BUCKETWHEEL_ARTIFACT_INDEXES": "./wheels"}
    settings = load_settings(other, options={"repository": "./index"}, environ=environ)
    assert settings.repository == DirectoryPlace(path=project / "index")
    assert settings.artifact_indexes == (str(project / "wheels"),)


def test_without_a_project_there_are_no_project_layers(tmp_path: Path) -> None:
    """Publishing needs no pyproject.toml."""
    assert project_layers(tmp_path) == ()


def test_a_project_that_says_nothing_of_us_has_no_settings(project: Path) -> None:
    """Tables that are absent are empty."""
    (project / "pyproject.toml").write_text("[project]\nname = 'demo'\n[tool.hatch.build]\n", encoding="utf-8")
    assert load_settings(environ={}) == Settings()


def test_the_process_environment_is_read_unless_another_is_given(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doors need not pass it."""
    monkeypatch.setenv("BUCKETWHEEL_REPOSITORY", "s3://bucket")
    assert project == Path.cwd()
    assert load_settings().repository == S3Place(bucket="bucket")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"[tool.bucketwheel]\nrepository = s3://bucket\n", "is not TOML: Invalid value (at line 2, column 14)"),
        (b"[tool.bucketwheel]\nuploaded-by = '\xff'\n", "is not UTF-8, as TOML must be"),
        (b"x = " + b"[" * 20_000, "is nested too deeply"),
        (b"x = " + b"9" * 5_000, "is not TOML: Exceeds the limit"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_the_line(project: Path, content: bytes, what: str) -> None:
    """What cannot be read is a problem of the file, whatever the parser thinks of it."""
    (project / "pyproject.toml").write_bytes(content)
    with pytest.raises(Misconfigured) as raised:
        load_settings(environ={})
    (problem,) = raised.value.problems
    assert problem.subject == str(project / "pyproject.toml")
    assert problem.what.startswith(what)


def test_all_files_that_cannot_be_read_are_named_at_once(project: Path, tmp_path: Path) -> None:
    """The project's file and the user's are both looked at."""
    (project / "pyproject.toml").write_text("=", encoding="utf-8")
    with pytest.raises(Misconfigured) as raised:
        load_settings(environ=home_with(tmp_path, "jobs = 3\njobs = 4\n"))
    assert [problem.subject for problem in raised.value.problems] == [
        str(project / "pyproject.toml"),
        str(tmp_path / "home/.config/bucketwheel/config.toml"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_an_unreadable_file_is_a_problem(project: Path) -> None:
    """No permission is no reason to go on without what the project says."""
    (project / "pyproject.toml").touch(mode=0o000)
    with pytest.raises(Misconfigured, match=r"cannot be read \(Permission denied\); make it readable"):
        load_settings(environ={})


@pytest.mark.parametrize(
    ("toml", "subjects"),
    [
        ("tool = 1", ["tool"]),
        ("tool.hatch = []\ntool.bucketwheel = 's3://bucket'", ["tool.hatch", "tool.bucketwheel"]),
        ("tool.hatch.publish.s3 = true", ["tool.hatch.publish.s3"]),
    ],
)
def test_a_table_that_is_none_is_named(project: Path, toml: str, subjects: list[str]) -> None:
    """On the way to our tables everything must be one."""
    (project / "pyproject.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(Misconfigured) as raised:
        load_settings(environ={})
    assert [str(problem) for problem in raised.value.problems] == [
        f"{subject} is not a table; write it as one" for subject in subjects
    ]


def test_each_source_has_its_own_words(project: Path, tmp_path: Path) -> None:
    """A problem stands under the path that the user typed, in every source."""
    (project / "pyproject.toml").write_text(
        "[tool.hatch.publish.s3]\njobs = 0\n[tool.bucketwheel]\njobs = 0\n", encoding="utf-8"
    )
    with pytest.raises(Misconfigured) as raised:
        load_settings(
            options={"jobs": "0"},
            option_prefix="-o ",
            environ={**home_with(tmp_path, "jobs = 0"), "BUCKETWHEEL_JOBS": "0"},
            hatch_table={"jobs": 0},
            required=("repository",),
        )
    assert [problem.subject for problem in raised.value.problems] == [
        "-o jobs",
        "BUCKETWHEEL_JOBS",
        "tool.hatch.publish.s3.jobs",
        "tool.bucketwheel.jobs",
        "Hatch's config.toml: publish.s3.jobs",
        f"{tmp_path}/home/.config/bucketwheel/config.toml: jobs",
        "repository",
    ]


@pytest.mark.parametrize(
    ("environ", "platform", "path"),
    [
        ({"HOME": "/home/me"}, "linux", Path("/home/me/.config/bucketwheel/config.toml")),
        ({"HOME": "/Users/me"}, "darwin", Path("/Users/me/.config/bucketwheel/config.toml")),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "/etc/me"}, "linux", Path("/etc/me/bucketwheel/config.toml")),
        ({"HOME": "/home/me", "XDG_CONFIG_HOME": "etc"}, "linux", Path("/home/me/.config/bucketwheel/config.toml")),
        ({}, "linux", None),
        ({"APPDATA": "C:/Users/me/AppData"}, "win32", Path("C:/Users/me/AppData/bucketwheel/config.toml")),
        ({"HOME": "/home/me"}, "win32", None),
    ],
)
def test_where_the_users_own_file_lies(environ: dict[str, str], platform: str, path: Path | None) -> None:
    """The system's own convention decides; a relative XDG_CONFIG_HOME is ignored, as its specification asks."""
    assert user_config(environ, platform) == path


class TestWheelhouseUploader:
    """What a project told wheelhouse-uploader is shown as our own setting."""

    def test_its_indexes_are_found(self, tmp_path: Path) -> None:
        """One URL a line, comments between them."""
        (tmp_path / "setup.cfg").write_text(
            "[metadata]\nname = demo\n\n[wheelhouse_uploader]\nartifact_indexes=\n"
            "    # from the CI service\n    https://one.example.com/\n    https://two.example.com/100%/\n",
            encoding="utf-8",
        )
        assert wheelhouse_uploader_indexes(tmp_path) == ("https://one.example.com/", "https://two.example.com/100%/")

    def test_its_secrets_are_not_shown(self, tmp_path: Path) -> None:
        """A password becomes a variable, for the lines are printed to be pasted."""
        (tmp_path / "setup.cfg").write_text(
            "[wheelhouse_uploader]\nartifact_indexes = https://me:c4n4ry@ci.example.com/\n", encoding="utf-8"
        )
        assert wheelhouse_uploader_indexes(tmp_path) == ("https://${INDEX_USER}:${INDEX_PASSWORD}@ci.example.com/",)

    @pytest.mark.parametrize("content", [None, b"", b"[wheelhouse_uploader]\n", b"no section", b"\xff\xfe"])
    def test_a_file_without_any_is_no_reason_to_fail(self, tmp_path: Path, content: bytes | None) -> None:
        """It is only a hint."""
        if content is not None:
            (tmp_path / "setup.cfg").write_bytes(content)
        assert wheelhouse_uploader_indexes(tmp_path) == ()
