"""Real uv on a private bucket with nothing in between, by the recipe of the pages.

The store checks signatures; the words of the recipe are read from docs/reading.md and the README.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.clients import ClientRun, run_client
from support.private_index import PAGE, README, PrivateIndex, block, variables_of
from support.private_store import Keys

PROJECT = """
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["my-package"]

"""
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project that uses the index, as the page says."""

    index: PrivateIndex
    directory: Path
    home: Path
    default: str
    """The index for all other names: one that has nothing."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def uv(self, *args: str, keys: Keys | None = None, environ: Mapping[str, str] = NOTHING) -> ClientRun:
        """Run uv with the variables of the page, and with credentials that the store knows."""
        keys = keys or self.index.store.keys
        recipe = variables_of(self.index.of_page(block(PAGE, "uv: variables")))
        variables = {**recipe, **keys.variables, "UV_DEFAULT_INDEX": self.default, **environ}
        return run_client([find_uv_bin(), *args], home=self.home, directory=self.directory, environ=variables)

    @property
    def lock(self) -> str:
        """The text of uv.lock."""
        return (self.directory / "uv.lock").read_text("utf-8")


@pytest.fixture
def project(private_index: PrivateIndex, tmp_path: Path) -> Project:
    """Make a project with the page's lines in its pyproject.toml."""
    directory, home, empty = tmp_path / "pro ject", tmp_path / "home", tmp_path / "empty"
    for each in (directory, home, empty):
        each.mkdir()
    table = private_index.of_page(block(PAGE, "uv: pyproject.toml"))
    (directory / "pyproject.toml").write_text(PROJECT + table, encoding="utf-8")
    return Project(index=private_index, directory=directory, home=home, default=empty.as_uri())


def installed(project: Project) -> set[str]:
    """Return what the project's environment has."""
    return {path.name for path in (project.directory / ".venv").rglob("*.dist-info")}


def test_lock_sync_and_add(project: Project, tmp_path: Path) -> None:
    """All is signed from the first request on; the lock file has the bucket's address, and no secret or gateway.

    Another machine, with an empty home, installs what is locked.
    """
    locked = project.uv("lock")
    assert locked.code == 0, locked.output
    assert f'source = {{ registry = "{project.index.url}" }}' in project.lock
    assert "my_package-1.5%2Blocal-py3-none-any.whl" in project.lock
    assert {one.status for one in project.index.store.seen} == {200}
    assert all(one.signed for one in project.index.store.seen)
    keys = project.index.store.keys
    assert keys.id not in project.lock
    assert keys.secret not in project.lock

    other = Project(index=project.index, directory=project.directory, home=tmp_path / "other", default=project.default)
    other.home.mkdir()
    synced = other.uv("sync", "--frozen")
    assert synced.code == 0, synced.output
    assert "my_package-1.5+local.dist-info" in installed(other)

    added = project.uv("add", "--index", f"company={project.index.url}", "other-package")
    assert added.code == 0, added.output
    assert "other_package-1.0.dist-info" in installed(project)


def test_install_with_the_session_of_a_role(project: Project) -> None:
    """A token is sent too, and is in no file."""
    session = project.index.store.session()
    assert session.token
    synced = project.uv("sync", keys=session)
    assert synced.code == 0, synced.output
    assert "my_package-1.5+local.dist-info" in installed(project)
    assert session.token not in project.lock
    assert all(one.signed for one in project.index.store.read())


def test_the_readme_s_lines_are_those(project: Project) -> None:
    """Its table and its variables work, as those of the page do."""
    table = project.index.of_page(block_of(README, 'authenticate = "always"'))
    (project.directory / "pyproject.toml").write_text(PROJECT + table, encoding="utf-8")
    variables = variables_of(project.index.of_page(block_of(README, "UV_S3_ENDPOINT_URL")))
    assert set(variables) == {"UV_S3_ENDPOINT_URL", "UV_PREVIEW_FEATURES", "AWS_REGION"}
    synced = project.uv("sync", environ=variables)
    assert synced.code == 0, synced.output
    assert all(one.signed for one in project.index.store.read())


def block_of(page: str, word: str) -> str:
    """Return the first block of code on a page that has this word."""
    blocks = page.split("```")[1::2]
    return next(each.partition("\n")[2] for each in blocks if word in each)


def test_a_missing_project(project: Project) -> None:
    """With the right to list it is not found, by one signed request; without it uv stops at a 403."""
    table = (project.directory / "pyproject.toml").read_text("utf-8")
    (project.directory / "pyproject.toml").write_text(table.replace("my-package", "no-such-package"))
    missing = project.uv("lock")
    assert missing.code != 0
    assert "not found" in missing.output
    project.index.store.lists = False
    denied = project.uv("lock")
    assert denied.code != 0
    assert "403" in denied.output


def test_no_credentials(project: Project) -> None:
    """Nothing is installed, and uv says 403 or that it has none."""
    for keys in (Keys(id="", secret=""), Keys(id="AKIAIOSFODNN7EXAMPLE", secret="wrong")):  # noqa: S106 - a test's
        refused = project.uv("sync", keys=keys)
        assert refused.code != 0
        assert installed(project) == set()
    assert not [one for one in project.index.store.read() if one.status == 200]


def test_the_region_is_what_requests_are_signed_for(project: Project) -> None:
    """The wrong one is in the signature, which S3 refuses; moto takes any, so what is sent is looked at."""
    seen = project.index.store.scopes
    seen.clear()
    assert project.uv("lock").code == 0
    assert seen == {"eu-central-1"}
    seen.clear()
    shutil.rmtree(project.home / ".cache", ignore_errors=True)
    project.uv("lock", "--upgrade", environ={"AWS_REGION": "us-west-2"})
    assert seen == {"us-west-2"}


def test_the_page_names_the_version_of_uv_that_can(project: Project) -> None:
    """The one that runs here is newer, and the recipe needs no more than four lines."""
    version = tuple(map(int, project.uv("--version").output.split()[1].split(".")))
    assert version >= (0, 8, 21)
    assert "uv from 0.8.21 on" in PAGE
    assert sys.version_info >= (3, 11)
