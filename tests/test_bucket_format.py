"""The examples in docs/bucket-format.md are what is written, byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, encode_manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.names import ProjectName, Sha256

DOCUMENT = (Path(__file__).parent.parent / "docs" / "bucket-format.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: ([a-z ]+) -->\n```[a-z]+\n(.*?)```\n", DOCUMENT, re.DOTALL))
DEMO = ProjectName("demo-pkg")
MANIFEST = Manifest(
    project=DEMO,
    revision=3,
    files=(
        PublishedFile(
            filename="demo_pkg-1.0-py3-none-any.whl",
            version="1.0",
            sha256=Sha256("a" * 64),
            size=4661,
            upload_time="2026-11-20T12:00:00.123456Z",
            by="0b7f7d6a7e0b4f0e9c55b6f1d2c3a4e5",
            requires_python=">=3.11,<4",
            metadata_sha256=Sha256("b" * 64),
            yanked="broken & <withdrawn>",
        ),
    ),
    deleted=(
        DeletedFile(
            filename="demo_pkg-0.9.tar.gz",
            version="0.9",
            sha256=Sha256("c" * 64),
            by="6f0c1f6b3d5e4c0f8a37a1d1f4a8e0b2",
        ),
    ),
)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("manifest", encode_manifest(MANIFEST)),
        ("html", render_project_html(project_listing(MANIFEST, Layout()))),
        ("json", render_project_json(project_listing(MANIFEST, Layout()))),
        ("root html", render_root_html([DEMO])),
        ("root json", render_root_json([DEMO])),
    ],
)
def test_the_documents_examples(name: str, written: bytes) -> None:
    """What the page shows of a document is exactly what is written."""
    assert EXAMPLES[name] == written.decode()


def test_no_example_is_left_out() -> None:
    """Each example of the page is compared above."""
    assert sorted(EXAMPLES) == ["html", "json", "manifest", "root html", "root json"]
