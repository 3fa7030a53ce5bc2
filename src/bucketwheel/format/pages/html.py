"""The HTML pages of the simple index: PEP 503 with PEP 592, 629, 658, 714, 740 and 792."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from html import escape

from bucketwheel.format.layout import Layout, PageMark
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.listing import ListedFile, Listing, project_listing
from bucketwheel.format.pages.mark import RENDERER, html_opening
from bucketwheel.names import ProjectName

__all__ = ["render_project_html", "render_root_html", "render_simple_html"]

_API_VERSION = "1.4"  # PEP 833 froze the HTML form at this version

# Controls, surrogates and noncharacters: HTML cannot hold them, not even as references. White space stays.
_UNWRITABLE = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000))
    + "]"
)


def render_project_html(listing: Listing, mark: PageMark | None = None) -> bytes:
    """Write a project's HTML page; without a mark it says only which revision it shows."""
    manifest, status = listing.manifest, listing.manifest.status
    meta = {"pypi:repository-version": _API_VERSION, "pypi:project-status": status.status}
    if status.reason is not None:
        meta["pypi:project-status-reason"] = status.reason
    anchors = (_anchor(_attributes(link, signed=listing.signed), link.file.filename) for link in listing.links)
    mark = mark or PageMark(revision=manifest.revision, renderer=RENDERER)
    return _document(mark, meta, f"Links for {manifest.project}", anchors)


def render_simple_html(manifest: Manifest, *, base_url: str | None = None) -> bytes:
    """Write a project's page as PEP 503 has it: links are relative, unless an entry has a key or URL.

    `base_url` is the public address of the repository, ending in a slash; attestations are linked only with one.
    """
    return render_project_html(project_listing(manifest, Layout(), base_url))


def render_root_html(projects: Collection[ProjectName]) -> bytes:
    """Write the HTML page that lists all projects; its revision is their number, because the set only grows."""
    names = sorted(set(projects))
    anchors = (_anchor([("href", f"{name}/")], name) for name in names)
    mark = PageMark(revision=len(names), renderer=RENDERER)
    return _document(mark, {"pypi:repository-version": _API_VERSION}, "Simple index", anchors)


def _attributes(link: ListedFile, *, signed: bool) -> Iterator[tuple[str, str]]:
    file = link.file
    yield "href", f"{link.href}#sha256={file.sha256}"
    if file.requires_python:
        yield "data-requires-python", file.requires_python
    if file.metadata_sha256 is not None:
        yield "data-core-metadata", f"sha256={file.metadata_sha256}"
        yield "data-dist-info-metadata", f"sha256={file.metadata_sha256}"  # the older name, for older clients (PEP 714)
    if file.yanked is not None:
        yield "data-yanked", file.yanked
    if signed:
        yield "data-gpg-sig", "true" if file.gpg_sig else "false"
    if link.provenance is not None:
        yield "data-provenance", link.provenance
    # Not in a standard for HTML, but uv reads both: so its --exclude-newer works on a bucket, which serves HTML only.
    yield "data-size", str(file.size)
    yield "data-upload-time", file.upload_time


def _document(mark: PageMark, meta: dict[str, str], title: str, anchors: Iterable[str]) -> bytes:
    metas = "".join(f'<meta name="{name}" content="{_escaped(content)}">\n' for name, content in meta.items())
    return (
        f"{html_opening(mark)}{metas}<title>{_escaped(title)}</title>\n</head>\n<body>\n<h1>{_escaped(title)}</h1>\n"
        f"{''.join(anchors)}</body>\n</html>\n"
    ).encode()


def _anchor(attributes: Iterable[tuple[str, str]], text: str) -> str:
    written = "".join(f' {name}="{_escaped(value)}"' for name, value in attributes)
    return f"<a{written}>{_escaped(text)}</a><br>\n"


def _escaped(text: str) -> str:
    escaped = escape(text)
    # Nearly all of the thousands of texts on a page are printable and need no replacement.
    return escaped if escaped.isprintable() else _UNWRITABLE.sub("\ufffd", escaped)
