"""A host for a published directory, as a bucket with a CDN in front of it answers; it remembers every request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote_plus, urlsplit

from support.http_server import Exchange, serve

__all__ = ["HTML", "JSON", "IndexServer", "Request", "negotiated", "serve_index"]

HTML = "text/html"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
JSON = "application/vnd.pypi.simple.v1+json"

_PAGES = {HTML: "index.html", HTML_V1: "index.html", JSON: "index.json"}
_PAGE_CACHING = "public, max-age=0, must-revalidate"
_FILE_CACHING = "public, max-age=31536000, immutable"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it was answered."""

    method: str
    path: str
    """As the client wrote it, percent-encoding and all."""
    status: int
    accept: str | None
    authorization: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexServer:
    """A running host."""

    url: str
    """Its root, ending in a slash."""
    requests: list[Request]
    """In the order of their answers."""

    def asked_for(self, ending: str) -> list[Request]:
        """Pick the requests whose path ends so."""
        return [request for request in self.requests if request.path.endswith(ending)]

    def authorizations(self) -> set[str]:
        """Return the secrets that clients sent."""
        return {request.authorization for request in self.requests if request.authorization is not None}


@contextmanager
def serve_index(root: Path, *, offers: tuple[str, ...] = (HTML, HTML_V1, JSON)) -> Iterator[IndexServer]:
    """Serve a directory while the context lasts; `offers=(HTML,)` is a plain bucket, that knows no Accept header."""
    requests: list[Request] = []

    def behave(exchange: Exchange) -> None:
        status, headers, body = _found(root.resolve(), offers, exchange)
        accept = exchange.headers["Accept"]
        # Before the answer is sent, so that a client that has read it finds the request in the list.
        secret = exchange.headers["Authorization"]
        requests.append(
            Request(method=exchange.command, path=exchange.path, status=status, accept=accept, authorization=secret)
        )
        exchange.send(status, headers, body)

    with serve(behave) as server:
        yield IndexServer(url=f"{server.root}/", requests=requests)


def negotiated(accept: str | None, offers: tuple[str, ...]) -> str:
    """Choose the offer that a client prefers; the first one if it does not say, or accepts none (PEP 691)."""
    liked = dict.fromkeys(offers, 0.0)
    for choice in (accept or "").split(","):
        media_type, _, parameter = (part.strip() for part in choice.partition(";"))
        if media_type in liked:
            liked[media_type] = float(parameter.removeprefix("q=") or 1)
    return max(offers, key=lambda offer: liked[offer])


_Answer: TypeAlias = tuple[HTTPStatus, dict[str, str], bytes]


def _found(root: Path, offers: tuple[str, ...], exchange: Exchange) -> _Answer:
    # A plus in a path is a space to S3, so only links that write %2B find a file with a local version.
    key = unquote_plus(urlsplit(exchange.path).path).removeprefix("/")
    if key.endswith("/") or not key:
        media_type = negotiated(exchange.headers["Accept"], offers)
        charset = "" if media_type == JSON else "; charset=utf-8"
        headers = {"Content-Type": f"{media_type}{charset}", "Cache-Control": _PAGE_CACHING, "Vary": "Accept"}
        key += _PAGES[media_type]
    else:
        media_type = f"{HTML}; charset=utf-8" if key.endswith(".html") else "application/octet-stream"
        headers = {"Content-Type": media_type, "Cache-Control": _FILE_CACHING}
    path = (root / key).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        return HTTPStatus.NOT_FOUND, {"Content-Type": "application/xml"}, b""
    return _conditional(exchange, path.read_bytes(), headers | {"Accept-Ranges": "bytes"})


def _conditional(exchange: Exchange, body: bytes, headers: dict[str, str]) -> _Answer:
    headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
    if exchange.headers["If-None-Match"] == headers["ETag"]:
        return HTTPStatus.NOT_MODIFIED, headers, b""
    if wanted := _RANGE.match(exchange.headers["Range"] or ""):
        start, end = _range(wanted[1], wanted[2], len(body))
        if start >= end:
            headers["Content-Range"] = f"bytes */{len(body)}"
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, b""
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        return HTTPStatus.PARTIAL_CONTENT, headers, body[start:end]
    return HTTPStatus.OK, headers, body


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first byte and the one after the last: `5-9`, `5-`, or `-5` for the last five."""
    if not first:
        return max(0, size - int(last or 0)), size
    return int(first), min(int(last) + 1, size) if last else size
