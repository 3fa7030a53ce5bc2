"""A publish takes the distributions among the named paths, and refuses the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.distributions.find import collect
from bucketwheel.errors import Refused
from support.archives import make_sdist, make_wheel


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A build directory with a wheel, an sdist, and much that is neither."""
    make_wheel(tmp_path)
    make_sdist(tmp_path)
    for name in ("notes.txt", "demo_pkg-1.0-py3-none-any.whl.metadata", "demo_pkg-1.1.tar.gz.part", ".hidden"):
        (tmp_path / name).write_text("ignored", encoding="utf-8")
    (tmp_path / "demo_pkg-1.0.tar.gz.asc").write_text("signed", encoding="utf-8")
    (tmp_path / "demo_pkg-1.0.tar.gz.publish.attestation").write_text("{}", encoding="utf-8")
    (tmp_path / "demo_pkg-2.0.whl").mkdir()
    return tmp_path


def refusal(*paths: Path) -> str:
    """Return the reasons for which these paths are refused."""
    with pytest.raises(Refused) as caught:
        collect(paths)
    return str(caught.value)


def test_a_directory_gives_its_distributions_and_what_belongs_to_them(dist: Path) -> None:
    """Everything else in a directory is ignored; signatures and attestations go with their file."""
    wheel, sdist = collect([dist])
    assert (wheel.path.name, wheel.signature, wheel.attestations) == ("demo_pkg-1.0-py3-none-any.whl", None, None)
    assert (sdist.path.name, sdist.signature, sdist.attestations) == ("demo_pkg-1.0.tar.gz", b"signed", b"{}")


def test_a_named_file_brings_the_signature_beside_it(dist: Path) -> None:
    """Naming the sdist alone publishes its signature too."""
    (sdist,) = collect([dist / "demo_pkg-1.0.tar.gz"])
    assert sdist.signature == b"signed"


def test_a_pattern_is_expanded_where_the_shell_did_not(dist: Path) -> None:
    """`dist/*.whl` means the wheels, on Windows too, and never a directory of that name."""
    assert [file.path.name for file in collect([dist / "*any.whl"])] == ["demo_pkg-1.0-py3-none-any.whl"]


def test_a_named_file_that_is_no_distribution_is_refused(dist: Path) -> None:
    """The user meant the named files, so the message names all that cannot be published."""
    message = refusal(dist / "notes.txt", dist / "absent-1.0.tar.gz", dist)
    assert "notes.txt is not a wheel (.whl) or an sdist" in message
    assert "absent-1.0.tar.gz does not exist" in message


def test_named_leftovers_are_ignored(dist: Path) -> None:
    """`dist/*` expanded by a shell names `.metadata` and `.part` files as well."""
    named = [path for path in dist.iterdir() if path.is_file() and path.name not in {"notes.txt", ".hidden"}]
    assert len(collect(named)) == 2


def test_a_named_signature_needs_its_file(dist: Path) -> None:
    """A signature of a file that is not published would be lost silently."""
    assert "belongs to a file that is not among those" in refusal(
        dist / "demo_pkg-1.0.tar.gz.asc", dist / "demo_pkg-1.0-py3-none-any.whl"
    )


def test_nothing_to_publish_is_refused(tmp_path: Path) -> None:
    """An empty build directory is a mistake, not a success."""
    assert "holds nothing to publish; build first" in refusal(tmp_path)
