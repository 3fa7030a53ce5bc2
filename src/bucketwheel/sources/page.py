"""Index pages brought in whole, within bounds."""

from __future__ import annotations

import zlib

from bucketwheel.errors import Problem, Refused
from bucketwheel.sources.credentials import Credentials
from bucketwheel.sources.http import Answer, Client
from bucketwheel.sources.index_page import IndexPage, UnreadablePage
from bucketwheel.sources.pages import read_index
from bucketwheel.sources.urls import WebUrl

__all__ = ["read_page"]

_BLOCK = 64 * 1024
_HEADERS = {
    # PEP 691: JSON says more; what knows neither type gives what it has.
    "Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1, */*;q=0.01",
    "Accept-Encoding": "gzip",
    # A page kept by some cache would hide what a CI job has just added.
    "Cache-Control": "no-cache",
}


def read_page(client: Client, url: WebUrl, credentials: Credentials) -> IndexPage:
    """Ask for an index page and read it; raises Absent, Refused, Denied or Unavailable."""
    most = client.limits.page_bytes

    def take(answer: Answer) -> IndexPage:
        try:
            body = _decompressed(_bounded(answer, most), answer.encoding, most)
            return read_index(body, answer.media_type, answer.url.request)
        except UnreadablePage as error:
            raise Refused(
                Problem(subject=answer.where, what=str(error), remedy="name the URL of a page that lists files")
            ) from error

    return client.get(url, credentials, _HEADERS, take)


def _bounded(answer: Answer, limit: int) -> bytes:
    body = bytearray()
    while block := answer.read(_BLOCK):
        body += block
        if len(body) > limit:
            raise UnreadablePage(f"is longer than {limit} bytes")
    return bytes(body)


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise UnreadablePage("comes in an encoding that was not asked for")
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = decoder.decompress(body, limit + 1)
    except zlib.error as error:
        raise UnreadablePage("says that it is gzip, and is not") from error
    if len(plain) > limit:
        raise UnreadablePage(f"is longer than {limit} bytes")
    if not decoder.eof:
        raise UnreadablePage("says that it is gzip, and ends too early")
    return plain
