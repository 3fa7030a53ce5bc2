"""The HTML pages of the simple index: PEP 503 with PEP 592, 629, 658, 714, 740 and 792."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from html import escape
from io import BytesIO

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
    anchors = (_link(link, signed=listing.signed) for link in listing.links)
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
    anchors = (f'<a href="{name}/">{name}</a><br>\n' for name in map(_escaped, names))
    mark = PageMark(revision=len(names), renderer=RENDERER)
    return _document(mark, {"pypi:repository-version": _API_VERSION}, "Simple index", anchors)


def _link(link: ListedFile, *, signed: bool) -> str:
    # Written out, because a page has up to tens of thousands of these, and generators take twice as long.
    file = link.file
    attributes = f' href="{_escaped(f"{link.href}#sha256={file.sha256}")}"'
    if file.requires_python:
        attributes += f' data-requires-python="{_escaped(file.requires_python)}"'
    if file.metadata_sha256 is not None:
        digest = _escaped(f"sha256={file.metadata_sha256}")
        # the second is the older name, for older clients (PEP 714)
        attributes += f' data-core-metadata="{digest}" data-dist-info-metadata="{digest}"'
    if file.yanked is not None:
        attributes += f' data-yanked="{_escaped(file.yanked)}"'
    if signed:
        attributes += f' data-gpg-sig="{"true" if file.gpg_sig else "false"}"'
    if link.provenance is not None:
        attributes += f' data-provenance="{_escaped(link.provenance)}"'
    # Not in a standard for HTML, but uv reads both: so its --exclude-newer works on a bucket, which serves HTML only.
    attributes += f' data-size="{file.size}" data-upload-time="{_escaped(file.upload_time)}"'
    return f"<a{attributes}>{_escaped(file.filename)}</a><br>\n"


def _document(mark: PageMark, meta: dict[str, str], title: str, anchors: Iterable[str]) -> bytes:
    metas = "".join(f'<meta name="{name}" content="{_escaped(content)}">\n' for name, content in meta.items())
    title = _escaped(title)
    body = BytesIO()
    body.write(f"{html_opening(mark)}{metas}<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n".encode())
    body.writelines(anchor.encode() for anchor in anchors)
    body.write(b"</body>\n</html>\n")
    return body.getvalue()


def _escaped(text: str) -> str:
    escaped = escape(text)
    # Nearly all of the thousands of texts on a page are printable and need no replacement.
    return escaped if escaped.isprintable() else _UNWRITABLE.sub("\ufffd", escaped)
