"""Core metadata are compared with the file's name; pkginfo reads the fields of the right member only."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.distributions import Distribution, validate
from distributions.verdicts import refusals
from support.archives import make_sdist, make_wheel, metadata_text

_METADATA = "demo_pkg-1.0.dist-info/METADATA"


def _validated(tmp_path: Path, metadata: bytes) -> Distribution:
    return validate(make_wheel(tmp_path, members={_METADATA: metadata}))


def _refusals(tmp_path: Path, metadata: bytes) -> list[str]:
    return refusals(make_wheel(tmp_path, members={_METADATA: metadata}))


@pytest.mark.parametrize(
    ("name", "version"), [("Demo.Pkg", "1.0"), ("demo__pkg", "1.0"), ("demo-pkg", "1.0.0"), ("demo-pkg", "v1.0")]
)
def test_other_spellings_of_one_name_and_version_are_equal(name: str, version: str, tmp_path: Path) -> None:
    """Names are compared as PEP 503 has it, versions as PEP 440."""
    assert _validated(tmp_path, metadata_text(name, version).encode()).warnings == ()


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("demo-pkg-extra", "1.0", "its Name is 'demo-pkg-extra', not 'demo-pkg'"),
        ("démo-pkg", "1.0", "its Name is 'démo-pkg', not 'demo-pkg'"),
        ("demo-pkg", "1.1", "its Version is '1.1', not '1.0'"),
        ("demo-pkg", "1.0+local", "its Version is '1.0+local', not '1.0'"),
        ("demo-pkg", "one", "its Version is 'one', not '1.0'"),
        ("demo-pkg", "9" * 5000, f"its Version is '{'9' * 100}…', not '1.0'"),
    ],
)
def test_metadata_of_something_else_are_refused(name: str, version: str, expected: str, tmp_path: Path) -> None:
    """An index would show one thing and an installer find another."""
    assert _refusals(tmp_path, metadata_text(name, version).encode()) == [
        f"has a METADATA of something else: {expected}"
    ]


@pytest.mark.parametrize("header", ["Name: demo-pkg", "name: evil", "Version: 1.0", "Requires-Python: >=3"])
def test_a_header_given_twice_is_refused(header: str, tmp_path: Path) -> None:
    """Some readers take the first and some the last, even where both say the same."""
    metadata = metadata_text("demo-pkg", "1.0", ">=3", f"{header}\n").encode()
    assert (
        _refusals(tmp_path, metadata)[0]
        == f"has a METADATA that gives its {header.split(':', maxsplit=1)[0].title()} more than once"
    )


def test_a_header_behind_a_carriage_return_counts(tmp_path: Path) -> None:
    """Readers of e-mail headers end a line there."""
    metadata = b"Metadata-Version: 2.1\nSummary: x\rName: evil\nName: demo-pkg\nVersion: 1.0\n\n"
    assert "gives its Name more than once" in _refusals(tmp_path, metadata)[0]


def test_names_in_the_description_do_not_count(tmp_path: Path) -> None:
    """The description may show metadata, this project's or another's."""
    metadata = metadata_text("demo-pkg", "1.0").encode() + b"Name: evil\nContent-Type: message/rfc822\n\nName: evil\n"
    assert _validated(tmp_path, metadata).warnings == ()


@pytest.mark.parametrize("field", ["Name", "Version"])
@pytest.mark.parametrize("replacement", ["X-{}: x", "{}: UNKNOWN"])
def test_a_wheel_without_name_or_version_is_refused(field: str, replacement: str, tmp_path: Path) -> None:
    """An installer has nothing else; setuptools writes UNKNOWN for a missing value."""
    lines = metadata_text("demo-pkg", "1.0").splitlines()
    metadata = "\n".join(replacement.format(field) if line.startswith(f"{field}:") else line for line in lines)
    assert _refusals(tmp_path, metadata.encode()) == [f"has a METADATA without a {field}"]


@pytest.mark.parametrize("field", ["Name", "Version", "Metadata-Version"])
def test_an_sdist_with_incomplete_metadata_is_a_warning(field: str, tmp_path: Path) -> None:
    """A build writes its metadata again."""
    metadata = metadata_text("demo-pkg", "1.0").replace(f"\n{field}:", "\nX-Other:")
    metadata = metadata.removeprefix("Metadata-Version: 2.1\n") if field == "Metadata-Version" else metadata
    result = validate(make_sdist(tmp_path, members={"PKG-INFO": metadata.encode()}))
    assert [f"has a PKG-INFO without a {field}" in warning for warning in result.warnings] == [True]


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.4", "2.5", "2.6", "3.0", "x"])
def test_requires_python_is_read_under_any_metadata_version(version: str, tmp_path: Path) -> None:
    """Installers do so too, and versions newer than pkginfo are no reason to warn."""
    metadata = metadata_text("demo-pkg", "1.0", ">=3.9").replace("2.1", version).encode()
    result = _validated(tmp_path, metadata)
    assert (result.requires_python, result.warnings) == (">=3.9", ())


@pytest.mark.parametrize("written", ["3.9 or newer", ">=3.*.*", "=>3.9", ">=" + "9" * 5000, "<script>"])
def test_a_requires_python_that_is_none_is_left_out(written: str, tmp_path: Path) -> None:
    """Pages only carry version specifiers; the user gets a warning."""
    result = _validated(tmp_path, metadata_text("demo-pkg", "1.0", written).encode())
    assert result.requires_python is None
    assert "has a Requires-Python that is not a version specifier and is left out of the index" in result.warnings[0]


def test_requires_python_over_two_lines_is_one(tmp_path: Path) -> None:
    """Headers may be folded."""
    assert (
        _validated(tmp_path, metadata_text("demo-pkg", "1.0", ">=3.9,\n  <4").encode()).requires_python == ">=3.9, <4"
    )


def test_metadata_that_are_not_utf8_are_a_warning(tmp_path: Path) -> None:
    """Old tools wrote Latin-1; the bytes are published as they are."""
    metadata = metadata_text("demo-pkg", "1.0", extra="Author: José\n").encode("latin-1")
    result = _validated(tmp_path, metadata)
    assert result.metadata == metadata
    assert "has a METADATA that is not UTF-8" in result.warnings[0]


def test_a_line_that_is_no_header_is_a_warning(tmp_path: Path) -> None:
    """Readers stop there, or do not; the fields that count have been given once before it."""
    metadata = metadata_text("demo-pkg", "1.0", extra="not a header\n").encode()
    assert "with a line that is not a header" in _validated(tmp_path, metadata).warnings[0]


def test_metadata_of_more_than_a_mebibyte_are_refused(tmp_path: Path) -> None:
    """They are held in memory and fetched by every resolver."""
    metadata = metadata_text("demo-pkg", "1.0").encode()
    assert _validated(tmp_path, metadata + b"x" * (1_048_576 - len(metadata))).warnings == ()
    assert _refusals(tmp_path, metadata + b"x" * (1_048_577 - len(metadata))) == [
        "has more than 1048576 bytes in 'demo_pkg-1.0.dist-info/METADATA'"
    ]


def test_messages_within_messages_are_not_followed(tmp_path: Path) -> None:
    """To an e-mail parser, Content-Type would open another level, a thousand times over."""
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\nx\n--b%d\n" % (at, at) for at in range(9000))
    metadata = metadata_text("demo-pkg", "1.0").rstrip("\n").encode().split(b"\n\n")[0] + b"\n" + nested
    assert _validated(tmp_path, metadata).requires_python is None


@pytest.mark.parametrize(("version", "count"), [("2.3", 0), ("2.4", 1), ("2.10", 1)])
def test_missing_licence_files_are_a_warning_since_there_is_a_rule(version: str, count: int, tmp_path: Path) -> None:
    """PEP 639 says where they are; setuptools had written the field before."""
    metadata = metadata_text("demo-pkg", "1.0", extra="License-File: LICENSE\n").replace("2.1", version).encode()
    assert len(_validated(tmp_path, metadata).warnings) == count
    assert len(validate(make_sdist(tmp_path, members={"PKG-INFO": metadata})).warnings) == count


def test_licence_files_where_they_belong_are_found(tmp_path: Path) -> None:
    """In a wheel below `.dist-info/licenses/`, in an sdist below its root."""
    metadata = metadata_text("demo-pkg", "1.0", extra="License-File: a/LICENSE\n").replace("2.1", "2.4").encode()
    licence = "demo_pkg-1.0.dist-info/licenses/a/LICENSE"
    assert validate(make_wheel(tmp_path, members={_METADATA: metadata, licence: b""})).warnings == ()
    assert validate(make_sdist(tmp_path, members={"PKG-INFO": metadata, "a/LICENSE": b""})).warnings == ()
