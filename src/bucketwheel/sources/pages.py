"""Bytes of a page in, what it lists out: the one entry for every shape of index page."""

from __future__ import annotations

import codecs
import re

from bucketwheel.sources.html_page import read_html
from bucketwheel.sources.index_page import IndexPage
from bucketwheel.sources.json_page import read_json
from bucketwheel.sources.urls import read_url

__all__ = ["read_index"]

_UTF_16 = re.compile(r"charset\s*=\s*[\"']?(utf-16(?:le|be)?)", re.IGNORECASE)


def read_index(body: bytes, media_type: str, url: str) -> IndexPage:
    """List what an index page names: HTML (PEP 503, or a flat page of links) or JSON (PEP 691).

    `url` is where the page was found in the end, after redirects: its links are relative to that. Raises
    UnreadablePage, or InvalidUrl for a page whose own address is none.
    """
    address, _ = read_url(url)
    essence = media_type.partition(";")[0].strip().lower()
    # Static hosts serve what they were told, which is often nothing: a body that begins like JSON is JSON.
    if essence.endswith("json") or ("html" not in essence and body.lstrip()[:1] == b"{"):
        return read_json(body, address)
    return read_html(_text(body, media_type), address)


def _text(body: bytes, media_type: str) -> str:
    # Every encoding that pages are written in agrees with UTF-8 on the characters of URLs, except UTF-16.
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    named = _UTF_16.search(media_type)
    return body.decode(named[1] if named else "utf-8-sig", "replace")
