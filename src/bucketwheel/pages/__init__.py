"""The bytes of pages: views of the manifests, each of which can be deleted and rendered again to the same bytes."""

from __future__ import annotations

from bucketwheel.pages.mark import RENDERER, read_page_mark
from bucketwheel.pages.simple import render_simple_html, render_simple_json
from bucketwheel.pages.simple_html import render_project_html, render_root_html
from bucketwheel.pages.simple_json import read_root_json, render_project_json, render_root_json

__all__ = [
    "RENDERER",
    "read_page_mark",
    "read_root_json",
    "render_project_html",
    "render_project_json",
    "render_root_html",
    "render_root_json",
    "render_simple_html",
    "render_simple_json",
]
