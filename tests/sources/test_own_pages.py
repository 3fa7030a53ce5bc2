"""What we publish we can fetch: our own pages, read back, list what the manifest lists."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.names import Sha256, project_name
from bucketwheel.sources.pages import IndexPage, read_index
from support.manifests import DEMO, filenames, published, sha256s

URL = "https://pypi.example/simple/demo-pkg/"
"""Where the pages of `DEMO` lie; its files lie beside them."""


def listed(page: IndexPage) -> list[tuple[str, str | None]]:
    """Name and digest of every file, in one order."""
    assert page.unusable == ()
    return sorted((link.filename, link.sha256) for link in page.links)


@given(st.dictionaries(filenames(), sha256s(), max_size=5))
def test_project_pages_are_read_back(files: dict[str, Sha256]) -> None:
    """HTML and JSON list the same files with the same digests, however they are called."""
    entries = tuple(published(name, "1.0", sha256=sha256) for name, sha256 in files.items())
    manifest = Manifest(project=DEMO, revision=1, files=entries)
    html = read_index(render_project_html(manifest, Layout()), "text/html; charset=utf-8", URL)
    json = read_index(render_project_json(manifest, Layout()), "application/vnd.pypi.simple.v1+json", URL)
    assert listed(html) == listed(json) == sorted(files.items())


def test_root_pages_are_read_back() -> None:
    """Every project, under its own page."""
    projects = [project_name(name) for name in ("demo-pkg", "other")]
    for body, media_type in (
        (render_root_html(projects), "text/html"),
        (render_root_json(projects), "application/json"),
    ):
        page = read_index(body, media_type, "https://pypi.example/simple/")
        assert [(project.name, str(project.url)) for project in page.projects] == [
            ("demo-pkg", "https://pypi.example/simple/demo-pkg/"),
            ("other", "https://pypi.example/simple/other/"),
        ]
