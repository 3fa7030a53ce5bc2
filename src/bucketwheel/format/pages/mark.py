"""The mark in a page's own body: the manifest that it shows, and the generation of the renderer that wrote it.

A page also contains metadata of files, which may say anything. So a mark counts only where metadata never comes: in the
first bytes of an HTML page or a feed, and under a top-level key of a JSON page that PEP 691 leaves to the server. In a
document of Warehouse's API that key is the first one.
"""

from __future__ import annotations

import json
import re
from html import escape, unescape
from urllib.parse import quote, unquote

from bucketwheel.format.documents import Document, DocumentInvalid, load_document
from bucketwheel.format.layout import PageMark, page_mark
from bucketwheel.names import Sha256, is_sha256
from bucketwheel.storage import Object

__all__ = ["JSON_MARK", "RENDERER", "html_opening", "json_mark", "mark_of", "marked", "read_page_mark"]

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
    + rb'sha256=([0-9a-f]{64}) repository=([^"<>]*?)(?: settings=([0-9a-f]{1,64}))?">)?'
)
_HTML_HEAD = _OPENING[: _OPENING.index("<meta name=")].encode()

_XML_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_XML_MARK = re.compile(
    re.escape(_XML_HEAD)
    + rb"<!-- bucketwheel revision=([0-9]{1,16}) renderer=([0-9]{1,16})"
    + rb"(?: sha256=([0-9a-f]{64}) repository=([^ <>]*)(?: settings=([0-9a-f]{1,64}))?)? -->"
)

_SCRIPT_HEAD = b"window."
_SCRIPT_MARK = re.compile(
    rb"/\* bucketwheel revision=([0-9]{1,16}) renderer=([0-9]{1,16})"
    rb"(?: sha256=([0-9a-f]{64}) repository=([^ <>]*)(?: settings=([0-9a-f]{1,64}))?)? \*/"
)

_JSON_HEAD = f'{{"{JSON_MARK}":'.encode()
_JSON_OPENING = re.compile(re.escape(_JSON_HEAD) + rb'(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})')


def html_opening(mark: PageMark) -> str:
    """Open an HTML page, up to and with the mark; the rest of the head follows."""
    shown = ""
    if mark.manifest is not None:
        settings = "" if mark.settings is None else f" settings={mark.settings}"
        shown = f'{_SHOWN}sha256={mark.manifest} repository={escape(mark.repository or "")}{settings}">\n'
    revision = mark.revision  # rule: an HTML page carries its revision
    return f'{_OPENING}revision={revision} renderer={mark.renderer}">\n{shown}'


def json_mark(mark: PageMark) -> dict[str, object]:
    """Make the value of a JSON page's private key."""
    revision = mark.revision  # rule: a JSON page carries its revision
    facts = {"revision": revision, "renderer": mark.renderer, "manifest": mark.manifest, "repository": mark.repository}
    facts["settings"] = mark.settings
    return {name: fact for name, fact in facts.items() if fact is not None}


def marked(body: bytes, mark: PageMark) -> bytes:
    """Put the mark into a view, HTML, JSON, a feed or a script, that was rendered without one."""
    if body.startswith(_HTML_HEAD):
        return html_opening(mark).encode() + body.removeprefix(_HTML_HEAD)
    if body.startswith(_XML_HEAD):
        return _XML_HEAD + f"<!-- {_comment(mark)} -->\n".encode() + body.removeprefix(_XML_HEAD)
    if body.startswith(_SCRIPT_HEAD):
        return f"/* {_comment(mark)} */\n".encode() + body
    if body.startswith(b'{"'):
        written = json.dumps(json_mark(mark), ensure_ascii=False, separators=(",", ":")).encode()
        return _JSON_HEAD + written + b"," + body.removeprefix(b"{")
    raise ValueError("a view begins as no page does")


def _comment(mark: PageMark) -> str:
    shown = ""
    if mark.manifest is not None:
        # No comment of XML may contain two hyphens, and none of a script a star and a slash.
        repository = quote(mark.repository or "", safe="").replace("-", "%2D").replace("*", "%2A")
        settings = "" if mark.settings is None else f" settings={mark.settings}"
        shown = f" sha256={mark.manifest} repository={repository}{settings}"
    revision = mark.revision  # rule: a feed carries its revision
    return f"bucketwheel revision={revision} renderer={mark.renderer}{shown}"


def mark_of(page: Object) -> PageMark | None:
    """Return the mark of a stored page; None for another tool's. A store without marks has it in the body only."""
    return read_page_mark(page.body) if page.marks is None else page_mark(page.marks)


def read_page_mark(body: bytes) -> PageMark | None:
    """Read the mark of a page of ours, whatever its form, by any renderer; None for another tool's page."""
    if html := _HTML_MARK.match(body):
        return _written_mark(html, unescape(html[4].decode("utf-8", "replace")) if html[4] else None)
    if comment := _XML_MARK.match(body) or _SCRIPT_MARK.match(body):
        return _written_mark(comment, unquote(comment[4].decode("ascii", "replace")) if comment[4] else None)
    opening = _JSON_OPENING.match(body)  # then the rest, which may be long, need not be parsed
    try:
        document = load_document(body if opening is None else opening[0] + b"}", [])
        mark = document.optional_document(JSON_MARK)
        return None if mark is None else _read_json_mark(mark)
    except DocumentInvalid:
        return None


def _written_mark(found: re.Match[bytes], repository: str | None) -> PageMark:
    return PageMark(
        revision=int(found[1]),
        renderer=int(found[2]),
        manifest=Sha256(found[3].decode()) if found[3] else None,
        repository=repository,
        settings=found[5].decode() if found[5] else None,
    )


def _read_json_mark(mark: Document) -> PageMark:
    sha256 = mark.optional_text("manifest") or ""
    return PageMark(
        revision=mark.number("revision"),
        renderer=mark.number("renderer"),
        manifest=Sha256(sha256) if is_sha256(sha256) else None,
        repository=mark.optional_text("repository"),
        settings=mark.optional_text("settings"),
    )
