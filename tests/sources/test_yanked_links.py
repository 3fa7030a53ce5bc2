"""Yanked files (PEP 592), as pages in HTML and in JSON mark them."""

from __future__ import annotations

import json

import pytest

from bucketwheel.sources.pages import read_index

URL = "https://index.example/simple/demo/"
FILE = "demo-1.0.tar.gz"


@pytest.mark.parametrize(
    ("attribute", "yanked"),
    [
        ("", None),
        (" data-yanked", ""),
        (' data-yanked=""', ""),
        (' data-yanked="it &amp; broke"', "it & broke"),
        (' data-yanked="first" data-yanked="second"', "first"),
        (' DATA-YANKED="false"', "false"),
        (' data-yanked-not="x"', None),
    ],
)
def test_in_html_the_attribute_alone_says_it(attribute: str, yanked: str | None) -> None:
    """Its value, if any, says why."""
    page = read_index(f'<a href="{FILE}#sha256={"a" * 64}"{attribute}>{FILE}</a>'.encode(), "text/html", URL)
    assert [(link.filename, link.sha256, link.yanked) for link in page.links] == [(FILE, "a" * 64, yanked)]


@pytest.mark.parametrize(
    ("value", "yanked"), [(None, None), (False, None), (True, ""), ("", None), ("it broke", "it broke"), (1, None)]
)
def test_in_json_it_is_true_or_a_reason(value: object, yanked: str | None) -> None:
    """An empty text is none (PEP 691), and what is neither says nothing."""
    file = {"filename": FILE, "url": FILE, "hashes": {}} | ({} if value is None else {"yanked": value})
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}).encode()
    page = read_index(body, "application/vnd.pypi.simple.v1+json", URL)
    assert [link.yanked for link in page.links] == [yanked]
