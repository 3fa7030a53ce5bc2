"""The settings of views: `views`, `title`, and what remembers the views that are off again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.errors import Damaged, Misconfigured, Refused
from bucketwheel.format.documents import load_document
from bucketwheel.format.settings import (
    RepositorySettings,
    change_settings,
    decode_settings,
    encode_settings,
    refuse_unwritable,
)
from support.archives import make_wheel
from support.command_line import run_command

OFF = RepositorySettings(id="5e77" * 8)
ADDRESS = ("--set", "base-url=https://pypi.example.com/")
KNOWN_BEFORE = ("kind", "id", "pages", "simple", "base-url", "cache-control", "cloudfront-distribution")
"""The keys that a bucketwheel without views knows, beside `format` and two that are absent here."""


def document_of(settings: RepositorySettings) -> dict[str, object]:
    """Return the document as anybody reads it."""
    document: dict[str, object] = json.loads(encode_settings(settings))
    return document


@pytest.mark.parametrize(
    ("value", "views"),
    [
        ("feeds,json", ("json", "feeds")),
        (" people , json-versions,json,people", ("json", "json-versions", "people")),
        ("", ()),
        (",", ()),
    ],
)
def test_views_have_one_order_and_come_back(value: str, views: tuple[str, ...]) -> None:
    """Two operators who switch the same views on write the same bytes."""
    settings = change_settings(OFF, {"views": value})
    assert settings.views == views
    assert decode_settings(encode_settings(settings)) == settings


def test_without_views_the_document_is_as_before() -> None:
    """Nothing keeps an older bucketwheel from writing where no view is on."""
    assert not {"views", "retired-views", "title"} & document_of(OFF).keys()


def test_a_view_that_was_on_is_remembered_until_it_is_on_again() -> None:
    """`reindex` learns from this that there may be pages to remove."""
    on = change_settings(OFF, {"views": "feeds,people"})
    off = change_settings(on, {"views": "people"})
    assert (off.views, off.retired_views) == (("people",), ("feeds",))
    assert change_settings(off, {"title": "Ours"}).retired_views == ("feeds",)
    assert change_settings(off, {"views": ""}).retired_views == ("people", "feeds")
    assert change_settings(off, {"views": "feeds"}).retired_views == ("people",)
    assert decode_settings(encode_settings(off)) == off


def test_an_older_bucketwheel_refuses_to_write() -> None:
    """Its own reader calls what it does not know unknown, and then the repository is for reading only."""
    unknown: list[str] = []
    document = load_document(encode_settings(change_settings(OFF, {"views": "json", "title": "Ours"})), unknown)
    assert document.number("format") == 1
    for key in KNOWN_BEFORE:
        document.optional_text(key)
    document.finish()
    assert unknown == ["title", "views"]
    with pytest.raises(Refused, match=r"settings of a newer bucketwheel \(title, views\)"):
        refuse_unwritable(replace(OFF, unknown=tuple(unknown)), "s3://b", store="aws", single_writer=False)


@pytest.mark.parametrize("key", ["views", "retired-views"])
def test_a_view_of_a_newer_bucketwheel_makes_the_repository_read_only(key: str) -> None:
    """We could not write its pages, and it would be gone from the settings after our next change."""
    body = json.dumps(document_of(OFF) | {key: ["json", "atom"]}).encode()
    assert decode_settings(body).unknown == (f"{key}: atom",)


@pytest.mark.parametrize("title", ["x" * 80, "Übersicht & <mehr>"])
def test_a_title_is_any_short_text(title: str) -> None:
    """It is shown as it is."""
    settings = change_settings(OFF, {"title": title})
    assert decode_settings(encode_settings(settings)).title == title
    assert change_settings(settings, {"title": ""}).title is None


@pytest.mark.parametrize("title", ["x" * 81, "two\nlines", "bidi \u202e", " spaces "])
def test_a_title_that_could_mislead_is_refused(title: str) -> None:
    """The document is held to the same rule: somebody may have edited it."""
    with pytest.raises(Misconfigured, match="--set title cannot be set; give a name of at most 80"):
        change_settings(OFF, {"title": title})
    with pytest.raises(Damaged, match="title cannot be used"):
        decode_settings(json.dumps(document_of(OFF) | {"title": title}).encode())


def test_an_unknown_view_cannot_be_set() -> None:
    """The error names those that there are."""
    with pytest.raises(Misconfigured, match="choose among json, json-versions, people, feeds"):
        change_settings(OFF, {"views": "json,atom"})


@pytest.mark.parametrize("view", ["json", "json-versions", "feeds"])
def test_a_directory_without_address_refuses_absolute_links(view: str, workspace: Path) -> None:
    """A wrong setting is usage, and makes nothing; with an address it is right."""
    refused = run_command("init", "./pypi", "--set", f"views={view},people")
    assert refused.code == 2
    assert f"--set views={view} has absolute links, and a directory has no public address" in refused.notices
    assert not (workspace / "pypi").exists()
    assert run_command("init", "./pypi", "--set", f"views={view},people", *ADDRESS).code == 0
    assert run_command("init", "./pypi", "--set", "base-url=").code == 2
    assert run_command("init", "./pypi", "--set", "base-url=", "--set", "views=people").code == 0


@pytest.mark.parametrize("simple", ["", "pypi/", "project/x/"])
def test_views_never_share_a_folder_with_the_index(simple: str, workspace: Path) -> None:
    """A project could have the name of a view's folder."""
    assert run_command("init", "./other", "--set", f"simple={simple}").code == 0
    refused = run_command("init", "./other", "--set", "views=people")
    assert (refused.code, "cannot be where the index has its pages" in refused.notices) == (2, True)
    assert (workspace / "other").exists()


def test_a_logo_is_stored_before_a_page_shows_it(workspace: Path) -> None:
    """The settings name it by its digest; every page for people shows it, until it is taken away again."""
    picture = b"\x89PNG\r\n\x1a\n and so on"
    (workspace / "a logo.png").write_bytes(picture)
    make_wheel(workspace / "dist")
    assert run_command("init", "./pypi", "--set", "views=people", "--set", "logo=a logo.png").code == 0
    [key] = (workspace / "pypi" / "assets").iterdir()
    assert key.read_bytes() == picture
    assert run_command("publish", "-r", "./pypi", "dist").code == 0
    page = workspace / "pypi" / "project" / "demo-pkg" / "index.html"
    assert f'src="../../assets/{key.name}"' in page.read_text("utf-8")
    assert run_command("init", "./pypi", "--set", "logo=").code == 0
    assert run_command("reindex", "-r", "./pypi").code == 0
    assert key.name not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("body", "why"), [(b"<svg/>", "is an SVG"), (None, "cannot be read: No such file"), (b"GIF89a", "is not a picture")]
)
def test_what_is_no_logo_is_refused_at_once(body: bytes | None, why: str, workspace: Path) -> None:
    """Nothing is made for it."""
    if body is not None:
        (workspace / "logo.png").write_bytes(body)
    refused = run_command("init", "./pypi", "--set", "logo=logo.png")
    assert (refused.code, why in refused.notices) == (2, True), refused.notices
    assert not (workspace / "pypi").exists()


@pytest.mark.parametrize("path", ["assets/../x.png", "https://elsewhere.example/x.png", "assets/0123456789abcdef.svg"])
def test_a_logo_that_nobody_could_set_is_damage(path: str) -> None:
    """Somebody edited the document: pages would show whatever it says."""
    with pytest.raises(Damaged, match="logo cannot be used"):
        decode_settings(encode_settings(replace(OFF, logo=path)))
