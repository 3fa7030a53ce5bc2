"""Projects and versions in the names of files."""

from __future__ import annotations

import pytest

from bucketwheel.format.parsed_names import is_distribution, parse_name
from bucketwheel.names import ProjectName

DEMO = ProjectName("demo-pkg")


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("demo_pkg-1.0-py3-none-any.whl", "1.0"),
        ("Demo.Pkg-1.0rc1-1-cp311-cp311-manylinux_2_17_x86_64.whl", "1.0rc1"),
        ("demo-pkg-1.00.tar.gz", "1.0"),
        ("demo_pkg-1.0.zip", "1.0"),
        ("Demo_Pkg-1.0.tar.bz2", "1.0"),
        ("demo.pkg-2009a.tgz", "2009a0"),
        ("demo-pkg-1.0-r7.tar.gz", "1.0.post7"),
        ("demo-pkg-1.0-1.tar.gz", "1.0.post1"),
        ("demo-pkg-1.0-beta-of-sorts.tar.gz", "1.0-beta-of-sorts"),
        ("demo_pkg-0.9-py2.7.egg", "0.9"),
        ("demo-pkg-1.0.win32-py2.7.exe", "1.0.win32"),
        ("demo_pkg-1.0-my-own-tags-of-long-ago.whl", "1.0"),
        ("demo pkg-v2.tar.xz", None),
    ],
)
def test_a_projects_folder_says_whose_a_name_is(filename: str, version: str | None) -> None:
    """Every form that clients ever followed counts, if it begins with the project's name in any spelling."""
    found = parse_name(filename, DEMO)
    assert (found and found.version) == version


@pytest.mark.parametrize(
    "filename",
    [
        "other-1.0.tar.gz",
        "demo_pkg_extra-1.0-py3-none-any.whl",
        "demo-pkg-extra-1.0.tar.bz2",
        "demo-1.0.tar.gz",
        "demo_pkg.tar.gz",
        "demo_pkg-1.0.txt",
        "demo_pkg-1.0.tar.gz.asc",
        "demo_pkg-1.0\x1b[2J.tar.bz2",
        "demo_pkg-1.0\\..\\x.zip",
        "latest.zip",
        "1.0.tar.bz2",
    ],
)
def test_what_cannot_be_the_projects_is_not(filename: str) -> None:
    """Another project's file, something else, and names that reach elsewhere or hide something."""
    assert parse_name(filename, DEMO) is None


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("demo_pkg-1.0-py3-none-any.whl", "demo-pkg", "1.0"),
        ("Demo-Pkg-1.0.tar.gz", "demo-pkg", "1.0"),
        ("demo-pkg-1.0.tar.bz2", "demo-pkg", "1.0"),
        ("demo_pkg-0.9-py2.7.egg", "demo-pkg", "0.9"),
    ],
)
def test_in_a_pile_a_name_must_say_it_all(filename: str, project: str, version: str) -> None:
    """Without a folder the name itself tells the project."""
    found = parse_name(filename, None)
    assert found is not None
    assert (found.project, found.version) == (project, version)


def test_only_distributions_are_looked_at() -> None:
    """Pages, records and sidecars are none, whatever they are called."""
    names = ["index.html", "json", "manifest.json", "x-1.0.whl.metadata", "x-1.0.tar.gz.asc", ""]
    assert not any(map(is_distribution, names))
