"""The simple pages of a project without a repository around them: for servers and generators of their own."""

from __future__ import annotations

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html
from bucketwheel.format.pages.json import render_project_json

__all__ = ["render_simple_html", "render_simple_json"]


def render_simple_html(manifest: Manifest, *, base_url: str | None = None) -> bytes:
    """Write a project's page as PEP 503 has it: files lie beside it, unless their entries say otherwise.

    `base_url` is the public address of the repository, ending in a slash; attestations are linked only with one.
    """
    return render_project_html(manifest, Layout(), base_url=base_url)


def render_simple_json(manifest: Manifest, *, base_url: str | None = None) -> bytes:
    """Write the same page as PEP 691 has it, to be served as `application/vnd.pypi.simple.v1+json`."""
    return render_project_json(manifest, Layout(), base_url=base_url)
