"""The mark in a page's own body: the revision it shows, and the generation of the renderer that wrote it.

A page also contains metadata of files, which may say anything. So a mark counts only where metadata never comes: in the
first bytes of an HTML page, and under a top-level key of a JSON page that PEP 691 leaves to the server.
"""

from __future__ import annotations

import re

from bucketwheel.format.documents import DocumentInvalid, load_document
from bucketwheel.format.layout import PageMark

__all__ = ["JSON_MARK", "RENDERER", "html_opening", "json_mark", "read_page_mark"]

RENDERER = 1
"""Increase this whenever the bytes of any page change for the same manifest: then `reindex` writes pages again."""

JSON_MARK = "_bucketwheel"

# Every renderer begins a page with these bytes, so that older ones recognise a newer page and leave it alone.
_OPENING = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="bucketwheel" content="'
_HTML_MARK = re.compile(re.escape(_OPENING.encode()) + rb'revision=([0-9]{1,16}) renderer=([0-9]{1,16})">')


def html_opening(revision: int) -> str:
    """Open an HTML page, up to and with the mark; the rest of the head follows."""
    return f'{_OPENING}revision={revision} renderer={RENDERER}">\n'  # rule: an HTML page carries its revision


def json_mark(revision: int) -> dict[str, int]:
    """Make the value of a JSON page's private key."""
    return {"revision": revision, "renderer": RENDERER}  # rule: a JSON page carries its revision


def read_page_mark(body: bytes) -> PageMark | None:
    """Read the mark of a page of ours, HTML or JSON, by any renderer; None for another tool's page."""
    if html := _HTML_MARK.match(body):
        return PageMark(revision=int(html[1]), renderer=int(html[2]))
    try:
        mark = load_document(body, []).optional_document(JSON_MARK)
        return None if mark is None else PageMark(revision=mark.number("revision"), renderer=mark.number("renderer"))
    except DocumentInvalid:
        return None
