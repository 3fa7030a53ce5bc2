"""Which version of a project fits an interpreter, as installers choose."""

from __future__ import annotations

import pytest
from packaging.tags import Tag, parse_tag

from bucketwheel.commands.show import Comparison, Interpreter, compare
from bucketwheel.format.manifest import Manifest, PublishedFile, Status
from support.manifests import DEMO, published

LINUX = Interpreter(
    python="3.12.1",
    tags=frozenset({Tag("cp312", "cp312", "manylinux_2_28_x86_64"), *parse_tag("py3-none-any")}),
    installed={DEMO: "1.0"},
)


def wheel(version: str, tag: str = "py3-none-any", **facts: object) -> PublishedFile:
    """A wheel of the demonstration."""
    return published(f"demo_pkg-{version}-{tag}.whl", version, **facts)


def compared(*files: PublishedFile, installed: str | None = "1.0") -> Comparison:
    """Compare these files with what is installed."""
    has = {} if installed is None else {DEMO: installed}
    interpreter = Interpreter(python=LINUX.python, tags=LINUX.tags, installed=has)
    return compare(Manifest(project=DEMO, revision=1, files=files), interpreter)


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        (wheel("1.1"), True),
        (wheel("1.1", "cp312-cp312-manylinux_2_28_x86_64"), True),
        (wheel("1.1", "cp312-cp312-win_amd64"), False),
        (wheel("1.1", "cp311-cp311-manylinux_2_28_x86_64"), False),
        (wheel("1.1", "py2.py3-none-any"), True),
        (published("demo_pkg-1.1.tar.gz", "1.1"), True),
        (published("demo_pkg-1.1.zip", "1.1"), True),
        (published("demo_pkg-1.1.tar.bz2", "1.1"), False),
        (wheel("1.1", requires_python=">=3.12"), True),
        (wheel("1.1", requires_python=">=3.13"), False),
        (wheel("1.1", requires_python="no specifier"), True),
        (wheel("1.1", yanked=""), False),
        (wheel("1.1", hidden=True), False),
    ],
    ids=lambda value: getattr(value, "filename", str(value)),
)
def test_a_file_fits_by_tags_python_and_state(file: PublishedFile, *, fits: bool) -> None:
    """What an installer would pass by is no upgrade."""
    assert compared(file).upgrade is fits


def test_the_newest_by_order_of_versions_counts() -> None:
    """Not by letters, and in its normal spelling."""
    assert compared(wheel("1.9"), wheel("1.10")).newest == "1.10"
    assert compared(published("demo_pkg-1.10.0.tar.gz", "1.10.0")).newest == "1.10.0"


@pytest.mark.parametrize(
    ("installed", "offered", "newest"),
    [
        ("1.0", ["1.0", "1.1rc1"], "1.0"),
        ("1.1rc1", ["1.0", "1.1rc2"], "1.1rc2"),
        ("1.1.dev1", ["1.0", "1.1.dev2"], "1.1.dev2"),
        ("1.0", ["1.1.dev2", "1.1.dev3"], "1.1.dev3"),
        (None, ["1.0", "1.1rc1"], "1.0"),
    ],
)
def test_pre_releases_are_for_those_who_have_one(installed: str | None, offered: list[str], newest: str) -> None:
    """Or where nothing else fits, as PEP 440 has it."""
    assert compared(*map(wheel, offered), installed=installed).newest == newest


def test_what_is_newer_here_or_not_installed_is_no_upgrade() -> None:
    """An upgrade is from something older."""
    assert compared(wheel("1.0"), installed="1.0").upgrade is False
    assert compared(wheel("1.0"), installed="1.0+local").upgrade is False
    assert compared(wheel("1.0+cu129"), installed="1.0").upgrade is True
    assert compared(wheel("1.0"), installed=None) == Comparison(installed=None, newest="1.0", upgrade=False)
    assert compared(wheel("1.0"), installed="not a version").upgrade is False
    assert compared() == Comparison(installed="1.0", newest=None, upgrade=False)


def test_a_quarantined_project_offers_nothing() -> None:
    """PEP 792: none of its files are listed."""
    manifest = Manifest(project=DEMO, revision=1, status=Status(status="quarantined"), files=(wheel("2.0"),))
    assert compare(manifest, LINUX).newest is None
