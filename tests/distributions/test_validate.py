"""Validation of a file: the facts of a valid one, the warnings, and the reasons to refuse one."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from packaging.version import Version

from bucketwheel import distributions
from bucketwheel.distributions import validate, validate_archive
from bucketwheel.distributions.observations import Observation
from bucketwheel.distributions.wheel import validate_wheel
from bucketwheel.errors import Refused
from bucketwheel.names import DistributionName, distribution_name
from support.archives import make_sdist, make_wheel


def test_a_wheel_is_reported_with_all_that_an_index_says_about_it(tmp_path: Path) -> None:
    """Digest, size, Requires-Python and METADATA are those of the file itself, byte for byte."""
    path = make_wheel(tmp_path, "Demo.Pkg", "1.0", requires_python=">=3.9, <4")
    result = validate(path)
    with zipfile.ZipFile(path) as archive:
        metadata = archive.read("demo_pkg-1.0.dist-info/METADATA")
    assert (result.name.project, result.name.version, result.name.kind) == (
        "demo-pkg",
        Version("1.0"),
        "wheel",
    )
    assert (result.path, result.size) == (path, len(path.read_bytes()))
    assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result.requires_python == ">=3.9, <4"
    assert result.metadata == metadata
    assert result.warnings == ()


def test_an_sdist_has_no_metadata_to_publish(tmp_path: Path) -> None:
    """A build may still change an sdist's metadata, so only Requires-Python is taken from it."""
    result = validate(make_sdist(tmp_path, requires_python=">=3.9"))
    assert (result.requires_python, result.metadata, result.warnings) == (">=3.9", None, ())


@pytest.mark.parametrize(
    ("filename", "warning"),
    [
        ("Demo.Pkg-1.0.tar.gz", "would be called demo_pkg-1.0.tar.gz by PEP 625."),
        ("demo_pkg-1.0.zip", "would be called demo_pkg-1.0.tar.gz by PEP 625."),
        ("Demo_Pkg-1.0-py3-none-any.whl", "would begin with demo_pkg- by the binary distribution format"),
        ("demo_pkg-1.0-py3-none-linux_x86_64.whl", "is for 'linux_x86_64', which does not say what C library it needs"),
    ],
)
def test_an_old_spelling_is_a_warning_that_names_the_file(filename: str, warning: str, tmp_path: Path) -> None:
    """PyPI serves files made under old rules, so these pass; a warning names the new rule."""
    make = make_wheel if filename.endswith(".whl") else make_sdist
    path = make(tmp_path, filename=filename)
    warnings = validate(path).warnings
    assert f"{path} {warning}" in warnings[0]
    assert len([text for text in warnings if " would " in text]) <= 1


@pytest.mark.parametrize("tag", ["py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp311-abi3-linux_armv7l"])
def test_platforms_that_say_what_they_need_pass_in_silence(tag: str, tmp_path: Path) -> None:
    """Only the generic Linux tags of 64-bit machines are worth a word."""
    assert validate(make_wheel(tmp_path, tag=tag)).warnings == ()


def test_a_local_version_is_nothing_unusual(tmp_path: Path) -> None:
    """PyPI alone forbids local versions; private indexes live on them."""
    assert validate(make_wheel(tmp_path, version="1.0+cu118")).warnings == ()


def test_a_link_stands_for_what_it_leads_to(tmp_path: Path) -> None:
    """A path that the user gave may be a symbolic link; its own name counts."""
    target = make_wheel(tmp_path / "elsewhere")
    link = tmp_path / "demo_pkg-1.0-py3-none-any.whl"
    link.symlink_to(target)
    assert validate(link).sha256 == hashlib.sha256(target.read_bytes()).hexdigest()


def _refusal(path: Path) -> str:
    with pytest.raises(Refused) as refused:
        validate(path)
    assert [problem.subject for problem in refused.value.problems] == [str(path)]
    return refused.value.problems[0].what


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    """A typing error is told as one."""
    assert _refusal(tmp_path / "demo_pkg-1.0-py3-none-any.whl") == "does not exist"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory may well be named like a distribution."""
    (tmp_path / "demo_pkg-1.0.tar.gz").mkdir()
    assert _refusal(tmp_path / "demo_pkg-1.0.tar.gz") == "is not a file"


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    """Opening a pipe would wait for its writer."""
    os.mkfifo(tmp_path / "demo_pkg-1.0.tar.gz")
    assert _refusal(tmp_path / "demo_pkg-1.0.tar.gz") == "is not a file"


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """The message has the system's reason (a loop of links: root may read everything else)."""
    path = tmp_path / "demo_pkg-1.0.tar.gz"
    path.symlink_to(path)
    assert _refusal(path) == "cannot be read (Too many levels of symbolic links)"


@pytest.mark.parametrize("filename", ["notes.txt", "demo_pkg-1.0.egg", "demo_pkg.whl", "demo_pkg-1.0.tar.bz2"])
def test_a_file_that_is_no_distribution_is_refused_by_its_name(filename: str, tmp_path: Path) -> None:
    """Nothing is opened whose name no index could list, even if it is a wheel inside."""
    path = make_wheel(tmp_path, filename=filename)
    what = _refusal(path)
    assert " name" in what or "is not a wheel (.whl) or an sdist (.tar.gz)" in what


@pytest.mark.parametrize("filename", ["demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.0.tar.gz", "demo_pkg-1.0.zip"])
@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "is a web page, perhaps a login form"),
        (b"\x7fELF" + bytes(1000), None),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    filename: str, body: bytes, what: str | None, tmp_path: Path
) -> None:
    """The message says so if a download was interrupted, or brought a login form."""
    path = tmp_path / filename
    path.write_bytes(body)
    archive = "is not a gzipped tar archive" if filename.endswith(".gz") else "is not a ZIP archive, or is cut off"
    assert _refusal(path) == (what or archive)


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    """One publish reports three mistakes."""
    path = make_wheel(
        tmp_path,
        filename="other-2.0-py3-none-any.whl",
        members={
            "../evil.py": b"",
            "demo_pkg-1.0.dist-info/entry_points.txt": b"[console_scripts]\n../x = demo:main\n",
        },
    )
    with pytest.raises(Refused) as refused:
        validate(path)
    assert [problem.what.split(":")[0] for problem in refused.value.problems] == [
        "has members whose names lead out of the archive",
        "has the .dist-info of something else",
        "has a METADATA of something else",
        "has a METADATA of something else",
        "has scripts whose names are not file names",
    ]
    assert all(problem.remedy for problem in refused.value.problems)


def test_a_hostile_name_inside_cannot_reach_the_terminal(tmp_path: Path) -> None:
    """Names from within the archive are escaped, and cut where they are endless."""
    path = make_wheel(tmp_path, members={"../\u202e\u200b" + "x" * 500: b""})
    with pytest.raises(Refused) as refused:
        validate(path)
    assert str(refused.value).isprintable()
    assert "'../\\u202e\\u200bxxx" in str(refused.value)
    assert len(str(refused.value)) < 500


def test_a_file_that_changes_while_it_is_validated_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the digest could be of other bytes than the metadata."""
    path = make_wheel(tmp_path)

    def rebuilt_meanwhile(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Observation]:
        os.utime(path, ns=(1, 1))
        return validate_wheel(name, file, length)

    monkeypatch.setattr(distributions, "validate_wheel", rebuilt_meanwhile)
    assert _refusal(path) == "changed while it was read"


def _archive_name(path: Path) -> DistributionName:
    return distribution_name(path.name)


def test_an_open_archive_is_validated_from_its_beginning(tmp_path: Path) -> None:
    """A file fetched without a digest must keep the same rules; the position of the open file makes no difference."""
    path = make_wheel(tmp_path, requires_python=">=3.9")
    with path.open("rb") as file:
        file.seek(100)
        contents = validate_archive(_archive_name(path), file, path.stat().st_size)
    assert contents.requires_python == ">=3.9"
    assert contents.metadata == validate(path).metadata


def test_an_open_archive_is_refused_under_its_file_name(tmp_path: Path) -> None:
    """The user does not know the temporary file behind it."""
    path = tmp_path / "tmp123.part"
    path.write_bytes(b"<html>")
    with path.open("rb") as file, pytest.raises(Refused) as refused:
        validate_archive(distribution_name("demo_pkg-1.0.tar.gz"), file, 6)
    assert refused.value.problems[0].subject == "demo_pkg-1.0.tar.gz"
