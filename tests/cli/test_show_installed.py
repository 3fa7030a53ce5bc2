"""`bucketwheel show --installed`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.archives import make_wheel
from support.command_line import run_command

TO = ("-r", "./pypi")


@pytest.fixture(autouse=True)
def _published(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish two projects, of which an older version of one is installed in a directory of its own."""
    for name, version in (("demo-pkg", "1.0"), ("demo-pkg", "1.1"), ("zoo", "2")):
        make_wheel(Path("dist"), name, version)
    assert run_command("publish", *TO).code == 0
    installed = workspace / "site" / "Demo.Pkg-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n", encoding="utf-8")
    broken = workspace / "site" / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(workspace / "site"), *sys.path])


def test_installed_projects_are_compared() -> None:
    """Only what this interpreter has is shown, with the newest that fits it."""
    assert run_command("show", "--installed", *TO).lines == [
        "PROJECT   INSTALLED  NEWEST THAT FITS  UPGRADE",
        "demo-pkg  1.0        1.1               yes",
    ]


def test_a_yanked_version_is_no_upgrade() -> None:
    """Installers pass it by, and so does the comparison."""
    run_command("yank", "demo-pkg==1.1", *TO, "--reason", "broken")
    assert run_command("show", "--installed", *TO).lines[1].split() == ["demo-pkg", "1.0", "1.0", "no"]


def test_a_named_project_is_compared_also_where_it_is_not_installed() -> None:
    """There is nothing to upgrade then."""
    assert run_command("show", "zoo", "--installed", *TO).lines[1].split() == ["zoo", "-", "2", "no"]


def test_the_comparison_as_json() -> None:
    """The document of show, and three keys more."""
    [project] = run_command("show", "demo-pkg", "--installed", *TO, "--json").document["projects"]
    assert (project["installed"], project["newest"], project["upgrade"]) == ("1.0", "1.1", True)
    assert project["versions"] == ["1.0", "1.1"]
    [project] = run_command("show", "zoo", "--installed", *TO, "--json").document["projects"]
    assert (project["newest"], project["upgrade"]) == ("2", False)
    assert "installed" not in project


def test_where_nothing_is_installed_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table without rows."""
    monkeypatch.setattr(sys, "path", sys.path[1:])
    assert run_command("show", "--installed", *TO).answer == f"nothing in {Path.cwd()}/pypi is installed here\n"
