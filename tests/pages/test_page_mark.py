"""The mark in a page's body: where a store keeps none beside it, it alone says which revision a page shows."""

from __future__ import annotations

import json
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout, PageMark
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.format.pages.html import render_project_html
from bucketwheel.format.pages.json import render_project_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.format.pages.mark import marked, read_page_mark
from bucketwheel.names import Sha256
from support.manifests import DEMO, published

IMITATION = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="bucketwheel" content="revision=99 renderer=9">'
)
PAGE = render_project_html(project_listing(Manifest(project=DEMO, revision=5), Layout()))


def test_metadata_cannot_imitate_a_mark() -> None:
    """A mark that a file's or a project's metadata imitates is not the page's."""
    inside = '{"_bucketwheel":{"revision":99,"renderer":9}}'
    manifest = Manifest(
        project=DEMO,
        revision=5,
        status=Status(reason=IMITATION + inside),
        files=(published("x-1.zip", IMITATION, yanked=IMITATION, requires_python=inside),),
    )

    for page in (
        render_project_html(project_listing(manifest, Layout())),
        render_project_json(project_listing(manifest, Layout())),
    ):
        assert read_page_mark(page) == PageMark(revision=5, renderer=2)


@pytest.mark.parametrize("repository", ["5e775e77", 'a "<quoted>" & odd \u00e9 id'])
def test_a_page_says_which_manifest_it_shows(repository: str) -> None:
    """The digest of the manifest and the repository's id are in the body, for stores that keep no marks."""
    mark = PageMark(revision=5, renderer=2, manifest=Sha256("a" * 64), repository=repository)
    manifest = Manifest(project=DEMO, revision=5)
    for render in (render_project_html, render_project_json):
        assert read_page_mark(render(project_listing(manifest, Layout()), mark)) == mark


def test_a_newer_renderers_page_is_known() -> None:
    """Pages of a newer renderer, with more in them than we know, keep a mark that we can read and obey."""
    html = PAGE.replace(b"renderer=2", b"renderer=7").replace(b"<body>", b"<body><nav>new</nav>")
    page = {"new": [], "_bucketwheel": {"more": "x", "renderer": 7, "revision": 5}}

    assert read_page_mark(html) == PageMark(revision=5, renderer=7)
    assert read_page_mark(json.dumps(page, indent=2).encode()) == PageMark(revision=5, renderer=7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b" " + PAGE,
        b"<!-- a stranger's page -->" + PAGE,
        PAGE.replace(b"revision=5", b"revision=-5"),
        PAGE.replace(b"revision=5", b"revision=five"),
        PAGE.replace(b"revision=5", "revision=\u0665".encode()),
        PAGE.replace(b"revision=5", b"revision=" + b"5" * 5000),
        PAGE.replace(b"renderer=2", b""),
        b"[]",
        b"{}",
        b'{"files":[{"_bucketwheel":{"revision":1,"renderer":1}}]}',
        b'{"_bucketwheel":[1,1]}',
        b'{"_bucketwheel":{"revision":1}}',
        b'{"_bucketwheel":{"revision":-1,"renderer":1}}',
        b'{"_bucketwheel":{"revision":true,"renderer":1}}',
        b'{"_bucketwheel":{"revision":"1","renderer":1}}',
        b'{"_bucketwheel":' * 50_000,
    ],
)
def test_other_pages_have_no_mark(body: bytes) -> None:
    """A foreign page, or one of ours that somebody edited at its head, has no mark."""
    assert read_page_mark(body) is None


@given(
    st.binary()
    | st.binary().map(lambda rest: PAGE[:120] + rest)
    | st.binary().map(lambda rest: b'{"_bucketwheel":' + rest)
)
def test_no_page_ends_in_a_traceback(body: bytes) -> None:
    """Whatever lies at a page's key, reading its mark raises nothing."""
    read_page_mark(body)


VIEWS = (
    b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>x</title></head></html>\n',
    b'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"></rss>\n',
    b'{"info":{"_bucketwheel":{"revision":99,"renderer":9}}}',
)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("repository", ["5e775e77", 'a--b "<quoted>" & {odd} \\ \u00e9 settings=ab id'])
def test_a_view_gets_the_mark_that_is_read_back(view: bytes, repository: str) -> None:
    """In the first bytes of each kind of view, with a digest of the settings that it shows."""
    mark = PageMark(
        revision=5, renderer=3, manifest=Sha256("a" * 64), repository=repository, settings="0123456789abcdef"
    )
    assert read_page_mark(marked(view, mark)) == mark
    assert read_page_mark(marked(view, PageMark(revision=7, renderer=1))) == PageMark(revision=7, renderer=1)
    assert read_page_mark(view) is None


def test_a_marked_feed_is_xml_and_a_marked_document_is_json() -> None:
    """Their readers see a comment, or a key that they do not know."""
    mark = PageMark(revision=5, renderer=3, manifest=Sha256("a" * 64), repository="a--b-->")
    _, feed, document = (marked(view, mark) for view in VIEWS)
    expat.ParserCreate().Parse(feed, True)  # noqa: FBT003 - expat's
    assert list(json.loads(document)) == ["_bucketwheel", "info"]


def test_what_is_no_view_gets_no_mark() -> None:
    """Then nobody could read it."""
    with pytest.raises(ValueError, match="begins as no page does"):
        marked(b"<html>", PageMark(revision=1, renderer=1))
