"""The repository's two root pages, and the JSON one read back: the set of projects that only grows."""

from __future__ import annotations

import json
from contextlib import suppress

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.errors import Damaged
from bucketwheel.format.pages.html import render_root_html
from bucketwheel.format.pages.json import read_root_json, render_root_json
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import ProjectName, project_name

PROJECTS = [ProjectName("zulu"), ProjectName("a-project"), ProjectName("a-project"), ProjectName("9lives")]
NAMES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)?", fullmatch=True).map(project_name)
META = {"api-version": "1.4"}


def test_html_root_is_exactly_this() -> None:
    """The HTML root lists each project once, in order, by a relative link that ends in a slash."""
    assert (
        render_root_html(PROJECTS).decode()
        == """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=3 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<title>Simple index</title>
</head>
<body>
<h1>Simple index</h1>
<a href="9lives/">9lives</a><br>
<a href="a-project/">a-project</a><br>
<a href="zulu/">zulu</a><br>
</body>
</html>
"""
    )
    html5lib.HTMLParser(strict=True).parse(render_root_html(PROJECTS))


def test_json_root_is_exactly_this() -> None:
    """The JSON root lists each project once, in order."""
    assert render_root_json(PROJECTS).decode() == (
        '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":3,"renderer":2},'
        '"projects":[{"name":"9lives"},{"name":"a-project"},{"name":"zulu"}]}\n'
    )


@given(st.frozensets(NAMES))
def test_json_root_reads_back(projects: frozenset[ProjectName]) -> None:
    """What a JSON root lists is what was written into it, and its revision is their number."""
    body = render_root_json(projects)

    assert read_root_json(body) == tuple(sorted(projects))
    mark = read_page_mark(body)
    assert mark is not None
    assert mark.revision == len(projects)
    assert read_page_mark(render_root_html(projects)) == mark


def test_a_strangers_root_reads_as_normal_names() -> None:
    """A root that another tool wrote may spell names as people do (PEP 691); they are read in their normal spelling."""
    body = b'{"meta": {"api-version": "1.0"}, "projects": [{"name": "Zope.Interface"}, {"name": "attrs", "x": [1]}]}'

    assert read_root_json(body) == ("attrs", "zope-interface")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not JSON in UTF-8"),
        (b"<!DOCTYPE html>", "is not JSON in UTF-8"),
        (b'{"projects": [{"name": "a"}]', "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b"[]", "is not a JSON object"),
        (b"{}", "it is not a page of the simple API"),
        (b'{"meta": {}, "projects": []}', "meta.api-version is missing"),
        (b'{"meta": {"api-version": "2.0"}, "projects": []}', "it is not a page of the simple API"),
        (b'{"meta": {"api-version": "1.4"}}', "projects is missing"),
        (b'{"meta": {"api-version": "1.4"}, "projects": null}', "projects is not a list"),
        (b'{"meta": {"api-version": "1.4"}, "projects": ["a"]}', "projects[0] is not an object"),
        (b'{"meta": {"api-version": "1.4"}, "projects": [{}]}', "projects[0].name is missing"),
        (b'{"meta": {"api-version": "1.4"}, "projects": [{"name": "../a"}]}', "'../a' is not a project name"),
        (b'{"meta": {"api-version": "1.4"}, "projects": [{"name": "a\\n"}]}', r"'a\n' is not a project name"),
    ],
)
def test_a_damaged_root_is_said_to_be(body: bytes, why: str) -> None:
    """A root that cannot be read whole is refused in words, with the remedy: never taken for an empty one."""
    with pytest.raises(Damaged) as refused:
        read_root_json(body)

    assert f"cannot be read ({why}" in str(refused.value)
    assert "run bucketwheel reindex" in str(refused.value)


@given(st.binary() | st.text().map(lambda name: json.dumps({"meta": META, "projects": [{"name": name}]}).encode()))
def test_no_root_ends_in_a_traceback(body: bytes) -> None:
    """Whatever lies at the JSON root's key, reading it gives names or Damaged, and nothing else."""
    with suppress(Damaged):
        assert all(project_name(name) == name for name in read_root_json(body))
