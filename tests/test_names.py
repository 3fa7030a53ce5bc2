"""Names from outside: which ones are trusted, and how the others are shown."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.version import Version

from bucketwheel.names import InvalidName, distribution_name, is_sha256, printable, project_name


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("demo", "demo"),
        ("Demo._-Pkg", "demo-pkg"),
        ("zope.interface", "zope-interface"),
        ("A", "a"),
        ("9", "9"),
        ("a-._-b", "a-b"),
    ],
)
def test_project_names(text: str, normal: str) -> None:
    """A project's name has one normal spelling (PEP 503)."""
    assert project_name(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a-",
        "_bucketwheel",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "\na",
        "a\x00",
        "a+b",
        "a%2fb",
        "é",
        "\u212aelvin",  # lower() would make an ordinary k of this sign
        "\uff41",  # a full-width a
    ],
)
def test_hostile_project_names(text: str) -> None:
    """What PyPI would not take as a name is refused, never cleaned."""
    with pytest.raises(InvalidName, match="is not a project name"):
        project_name(text)


def test_wheel_names() -> None:
    """A wheel's name says all that it stands for."""
    name = distribution_name("Demo.Pkg-1!2.0+cu118-1abc-py2.py3-none-any.whl")

    assert (name.project, name.version, name.kind) == ("demo-pkg", Version("1!2.0+cu118"), "wheel")
    assert name.build == (1, "abc")
    assert name.tags == {Tag("py2", "none", "any"), Tag("py3", "none", "any")}


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("demo_pkg-1.0.tar.gz", "demo-pkg", "1.0"),
        ("Demo-Pkg-1.0.zip", "demo-pkg", "1.0"),
        ("demo-pkg-2!1.0rc1+local.tar.gz", "demo-pkg", "2!1.0rc1+local"),
    ],
)
def test_sdist_names(filename: str, project: str, version: str) -> None:
    """An sdist's name, PEP 625's or an older one's, says project and version."""
    name = distribution_name(filename)

    assert (name.project, str(name.version), name.kind) == (project, version, "sdist")
    assert name.filename == filename


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Legacy.Proj-3.0.tar.gz", "legacy_proj-3.0.tar.gz"),
        ("demo-1.0-py3-none-any.whl", "Demo-1.0.0-py3-none-any.whl"),
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3.py2-none-any.whl"),
        ("demo-1.0.zip", "demo-1.0.tar.gz"),
    ],
)
def test_one_distribution_in_two_spellings(one: str, other: str) -> None:
    """Two spellings of one distribution are known for one."""
    assert distribution_name(one).identity == distribution_name(other).identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("legacy_proj-3.0.tar.gz", "legacy_proj_extra-3.0.tar.gz"),
        ("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0-1-py3-none-any.whl"),
        ("demo-1.0.tar.gz", "demo-1.0.post1.tar.gz"),
        ("demo-1.0+a.tar.gz", "demo-1.0+b.tar.gz"),
    ],
)
def test_two_distributions(one: str, other: str) -> None:
    """Distributions that differ in project, version, kind, build or tags are two."""
    assert distribution_name(one).identity != distribution_name(other).identity


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "../demo-1.0.tar.gz",
        "/demo-1.0.tar.gz",
        "a/demo-1.0.tar.gz",
        "..\\demo-1.0.tar.gz",
        "C:demo-1.0.tar.gz",
        "%2e%2e%2fdemo-1.0.tar.gz",
        "-demo-1.0.tar.gz",
        "--config=x-1.0.tar.gz",
        ".demo-1.0.tar.gz",
        "~demo-1.0.tar.gz",
        "demo-1.0.tar.gz\n",
        "demo-1.0.tar.gz\x00",
        "demo-1.0.tar.gz ",
        "demo -1.0.tar.gz",
        "demo-1.0\u202e.tar.gz",
        "demо-1.0.tar.gz",  # noqa: RUF001  # a Cyrillic o
        "demo\u200b-1.0.tar.gz",
        "d\x1b[31memo-1.0.tar.gz",
        "d" * 300 + "-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl.metadata",
        "demo-1.0-py3-none-any.whl.part",
        "demo-1.0.tar.gz.asc",
        "demo-1.0.tar.gz.publish.attestation",
        "demo-1.0.tar.bz2",
        "demo-1.0.egg",
        "demo-1.0.WHL",
        "demo.tar.gz",
        "demo-x.tar.gz",
        "demo-1.0.whl",
        "demo-x-py3-none-any.whl",
        "demo-1.0-py3-none.whl",
        "demo-1.0-a-py3-none-any.whl",
        "demo-1.0-py3-none-any-linux-x.whl",
        "demo__x-1.0-py3-none-any.whl",
        "-1.0.tar.gz",
        "index.html",
        "index.json",
    ],
)
def test_hostile_file_names(filename: str) -> None:
    """What is no wheel's or sdist's name is refused, with a reason, never cleaned."""
    with pytest.raises(InvalidName) as refused:
        distribution_name(filename)
    assert str(refused.value).isprintable()


@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,30}(\.whl|\.tar\.gz|\.zip)", fullmatch=True)
    | st.lists(st.text("a1.-_+!v", max_size=6), min_size=2, max_size=7).map(lambda parts: "-".join(parts) + ".whl")
)
def test_names_never_end_in_a_traceback(text: str) -> None:
    """Any text is a trusted name or InvalidName; and a trusted name is plain ASCII within its folder."""
    with suppress(InvalidName):
        name = distribution_name(text)
        assert name.filename == text
        assert project_name(name.project) == name.project
        assert text.isascii()
        assert not set(text) & set("/\\% \n\x00")
    with suppress(InvalidName):
        assert project_name(project_name(text)) == project_name(text)


@pytest.mark.parametrize(
    ("text", "sha256"),
    [
        ("a" * 64, True),
        ("0123456789abcdef" * 4, True),
        ("A" * 64, False),
        ("a" * 63, False),
        ("a" * 65, False),
        ("a" * 64 + "\n", False),
        ("g" * 64, False),
        ("\u0661" * 64, False),
        ("", False),
    ],
)
def test_sha256(text: str, sha256: bool) -> None:  # noqa: FBT001  # a column of the table
    """A digest is 64 lowercase hexadecimal digits, and nothing more."""
    assert is_sha256(text) is sha256


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text, with ünïcode – and 日本", "plain text, with ünïcode – and 日本"),  # noqa: RUF001  # a dash is printable
        ("\x1b[31mred\x1b]8;;http://x\x07", r"\x1b[31mred\x1b]8;;http://x\x07"),
        ("two\r\nlines\t", r"two\r\nlines\t"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("exe\u202egnp", r"exe\u202egnp"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ue000\U000f0000", r"\ue000\U000f0000"),
        ("\ud800", r"\ud800"),
        ("line\u2028separator", r"line\u2028separator"),
    ],
)
def test_shown(text: str, safe: str) -> None:
    """Nothing that a terminal would obey, reverse or hide survives; what people can read does."""
    assert printable(text) == safe


@given(st.text(st.characters()))
def test_shown_is_always_printable(text: str) -> None:
    """Any text becomes one printable line that every stream of UTF-8 takes."""
    assert printable(text).isprintable()
    printable(text).encode()
