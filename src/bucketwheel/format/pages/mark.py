"""The mark in a page's own body: the manifest that it shows, and the generation of the renderer that wrote it.

A page also contains metadata of files, which may say anything. So a mark counts only where metadata never comes: in the
first bytes of an HTML page, and under a top-level key of a JSON page that PEP 691 leaves to the server.
"""

from __future__ import annotations

import re
from html import escape, unescape

from bucketwheel.format.documents import Document, DocumentInvalid, load_document
from bucketwheel.format.layout import PageMark, page_mark
from bucketwheel.names import Sha256, is_sha256
from bucketwheel.storage import Object

__all__ = ["JSON_MARK", "RENDERER", "html_opening", "json_mark", "mark_of", "read_page_mark"]

RENDERER = 2
"""Increase this whenever the bytes of any page change for the same manifest: then `reindex` writes pages again."""

JSON_MARK = "_bucketwheel"

# Every renderer begins a page with these bytes, so that older ones recognise a newer page and leave it alone.
_OPENING = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="bucketwheel" content="'
_SHOWN = '<meta name="bucketwheel-manifest" content="'
_HTML_MARK = re.compile(
    re.escape(_OPENING.encode())
    + rb'revision=([0-9]{1,16}) renderer=([0-9]{1,16})">'
    + rb"(?:\n"
    + re.escape(_SHOWN.encode())
    + rb'sha256=([0-9a-f]{64}) repository=([^"<>]*)">)?'
)


def html_opening(mark: PageMark) -> str:
    """Open an HTML page, up to and with the mark; the rest of the head follows."""
    shown = ""
    if mark.manifest is not None:
        shown = f'{_SHOWN}sha256={mark.manifest} repository={escape(mark.repository or "")}">\n'
    revision = mark.revision  # rule: an HTML page carries its revision
    return f'{_OPENING}revision={revision} renderer={mark.renderer}">\n{shown}'


def json_mark(mark: PageMark) -> dict[str, object]:
    """Make the value of a JSON page's private key."""
    revision = mark.revision  # rule: a JSON page carries its revision
    facts = {"revision": revision, "renderer": mark.renderer, "manifest": mark.manifest, "repository": mark.repository}
    return {name: fact for name, fact in facts.items() if fact is not None}


def mark_of(page: Object) -> PageMark | None:
    """Return the mark of a stored page; None for another tool's. A store without marks has it in the body only."""
    return read_page_mark(page.body) if page.marks is None else page_mark(page.marks)


def read_page_mark(body: bytes) -> PageMark | None:
    """Read the mark of a page of ours, HTML or JSON, by any renderer; None for another tool's page."""
    if html := _HTML_MARK.match(body):
        repository = unescape(html[4].decode("utf-8", "replace")) if html[4] else None
        sha256 = Sha256(html[3].decode()) if html[3] else None
        return PageMark(revision=int(html[1]), renderer=int(html[2]), manifest=sha256, repository=repository)
    try:
        mark = load_document(body, []).optional_document(JSON_MARK)
        return None if mark is None else _read_json_mark(mark)
    except DocumentInvalid:
        return None


def _read_json_mark(mark: Document) -> PageMark:
    sha256 = mark.optional_text("manifest") or ""
    return PageMark(
        revision=mark.number("revision"),
        renderer=mark.number("renderer"),
        manifest=Sha256(sha256) if is_sha256(sha256) else None,
        repository=mark.optional_text("repository"),
    )
