"""Nothing that a distribution or a person says can become more than an attribute's value or a link's text."""

from __future__ import annotations

import json
import unicodedata
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout, PageMark
from bucketwheel.format.manifest import Manifest, PublishedFile, Status
from bucketwheel.format.pages.html import render_project_html
from bucketwheel.format.pages.json import render_project_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.format.pages.mark import read_page_mark
from support.manifests import DEMO, manifests, published

METADATA_KEYS = ("core-metadata", "dist-info-metadata")
LAYOUTS = st.sampled_from([Layout(), Layout(simple=""), Layout(simple="whl/nightly/")])


def elements(page: bytes) -> list[Element]:
    """Every element of a page, as a strict, independent parser finds them; a parse error fails the test."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False)
    return [element for element in parser.parse(page).iter() if isinstance(element.tag, str)]


def as_html_holds_it(text: str) -> str:
    """What is left of a text in HTML, by the HTML standard: line ends are one, and what it cannot hold is replaced."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if lost(character) else character for character in lines)


def lost(character: str) -> bool:
    """Whether HTML cannot hold a character: a control that is no white space, a surrogate, a noncharacter."""
    if character in "\t\n\f":
        return False
    noncharacter = 0xFDD0 <= ord(character) <= 0xFDEF or ord(character) & 0xFFFE == 0xFFFE
    return noncharacter or unicodedata.category(character) in {"Cc", "Cs"}


def expected_attributes(file: PublishedFile, *, signed: bool) -> dict[str, str]:
    """All that a link says of a file, but for where it lies."""
    optional = {
        "data-requires-python": as_html_holds_it(file.requires_python) if file.requires_python else None,
        "data-core-metadata": f"sha256={file.metadata_sha256}" if file.metadata_sha256 else None,
        "data-dist-info-metadata": f"sha256={file.metadata_sha256}" if file.metadata_sha256 else None,
        "data-yanked": None if file.yanked is None else as_html_holds_it(file.yanked),
        "data-gpg-sig": str(file.gpg_sig).lower() if signed else None,
        "data-size": str(file.size),
        "data-upload-time": file.upload_time,
    }
    return {name: value for name, value in optional.items() if value is not None}


@given(manifests(), LAYOUTS)
def test_html_says_exactly_what_the_manifest_says(manifest: Manifest, layout: Layout) -> None:
    """An HTML page of any manifest has the elements it should have, each with the expected attributes, and no other."""
    body = render_project_html(project_listing(manifest, layout))

    assert read_page_mark(body) == PageMark(revision=manifest.revision, renderer=2)
    page = elements(body)
    links = {element.text: dict(element.attrib) for element in page if element.tag == "a"}
    hrefs = {text: attributes.pop("href") for text, attributes in links.items()}
    signed = any(file.gpg_sig for file in manifest.visible)
    assert links == {file.filename: expected_attributes(file, signed=signed) for file in manifest.visible}
    assert hrefs == {f.filename: f"{layout.href(DEMO, f)}#sha256={f.sha256}" for f in manifest.visible}
    tags = ["html", "head", *["meta"] * (4 + (manifest.status.reason is not None)), "title", "body", "h1"]
    assert [element.tag for element in page] == tags + ["a", "br"] * len(manifest.visible)
    metas = {element.attrib.get("name"): element.attrib.get("content") for element in page if element.tag == "meta"}
    assert metas["pypi:project-status"] == manifest.status.status
    if manifest.status.reason is not None:
        assert metas["pypi:project-status-reason"] == as_html_holds_it(manifest.status.reason)


@given(manifests(), LAYOUTS)
def test_json_says_exactly_what_the_manifest_says(manifest: Manifest, layout: Layout) -> None:
    """A JSON page of any manifest has the expected values, word for word, and never a null."""
    body = render_project_json(project_listing(manifest, layout))

    assert read_page_mark(body) == PageMark(revision=manifest.revision, renderer=2)
    page = json.loads(body)
    signed = any(file.gpg_sig for file in manifest.visible)
    assert {file["filename"]: file for file in page["files"]} == {
        file.filename: {
            "filename": file.filename,
            "url": layout.href(DEMO, file),
            "hashes": {"sha256": file.sha256},
            "size": file.size,
            "upload-time": file.upload_time,
            "yanked": file.yanked is not None and (file.yanked or True),
        }
        | ({"requires-python": file.requires_python} if file.requires_python else {})
        | ({key: {"sha256": file.metadata_sha256} for key in METADATA_KEYS} if file.metadata_sha256 else {})
        | ({"gpg-sig": file.gpg_sig} if signed else {})
        for file in manifest.visible
    }
    reason = {} if manifest.status.reason is None else {"reason": manifest.status.reason}
    assert page["project-status"] == {"status": manifest.status.status} | reason
    assert all(value is not None for file in page["files"] for value in file.values())


@settings(max_examples=30)
@given(manifests())
def test_pages_list_in_one_order(manifest: Manifest) -> None:
    """HTML and JSON list the same files in the same order (PEP 691)."""
    links = [
        element.text
        for element in elements(render_project_html(project_listing(manifest, Layout())))
        if element.tag == "a"
    ]

    assert [
        file["filename"] for file in json.loads(render_project_json(project_listing(manifest, Layout())))["files"]
    ] == links


@pytest.mark.parametrize(
    ("reason", "read"),
    [
        ('"><script>alert(1)</script>', '"><script>alert(1)</script>'),
        ("' onmouseover='x", "' onmouseover='x"),
        ("&lt;&#60;&amp;", "&lt;&#60;&amp;"),
        ("</a></body><!--", "</a></body><!--"),
        ("two\nlines\tand\fmore", "two\nlines\tand\fmore"),
        ("\r\n and \r", "\n and \n"),
        ("\x00\x1b[31m\x7f\x85\x9b", "\ufffd\ufffd[31m\ufffd\ufffd\ufffd"),
        ("\ufffe\U0010ffff\ufdd0", "\ufffd\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
        ("\u202egnp.exe\u2066", "\u202egnp.exe\u2066"),
    ],
)
def test_html_escapes(reason: str, read: str) -> None:
    """These reasons for a yank, or for a status, come out of a strict parser as they should."""
    manifest = Manifest(
        project=DEMO,
        revision=1,
        status=Status(reason=reason),
        files=(published("x-1.zip", "1", yanked=reason, requires_python=reason),),
    )

    page = elements(render_project_html(project_listing(manifest, Layout())))

    link = next(element for element in page if element.tag == "a")
    assert (link.attrib["data-yanked"], link.attrib["data-requires-python"]) == (read, read)
    assert [element.attrib["content"] for element in page if element.get("name") == "pypi:project-status-reason"] == [
        read
    ]
