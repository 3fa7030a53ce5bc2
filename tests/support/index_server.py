"""A host for a published directory, as a bucket with a CDN in front of it answers; it remembers every request."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

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


@contextmanager
def serve_index(root: Path, *, offers: tuple[str, ...] = (HTML, HTML_V1, JSON)) -> Iterator[IndexServer]:
    """Serve a directory while the context lasts; `offers=(HTML,)` is a plain bucket, that knows no Accept header."""
    requests: list[Request] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, root, offers, requests)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield IndexServer(url=f"http://127.0.0.1:{http.server_address[1]}/", requests=requests)
        finally:
            http.shutdown()
            thread.join()


def negotiated(accept: str | None, offers: tuple[str, ...]) -> str:
    """Choose the offer that a client prefers; the first one if it does not say, or accepts none (PEP 691)."""
    liked = dict.fromkeys(offers, 0.0)
    for choice in (accept or "").split(","):
        media_type, _, parameter = (part.strip() for part in choice.partition(";"))
        if media_type in liked:
            liked[media_type] = float(parameter.removeprefix("q=") or 1)
    return max(offers, key=lambda offer: liked[offer])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: HTTPStatus
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, root: Path, offers: tuple[str, ...], requests: list[Request], *connection: object) -> None:
        self._root = root.resolve()
        self._offers = offers
        self._requests = requests
        super().__init__(*connection)  # type: ignore[arg-type]  # passed on from the server as they came

    def do_GET(self) -> None:
        answer = self._answer()
        accept = self.headers["Accept"]
        # Before the answer is sent, so that a client that has read it finds the request in the list.
        self._requests.append(Request(method=self.command, path=self.path, status=answer.status, accept=accept))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815  # the standard library finds it by this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the standard library's
        """Log nothing: the requests are kept instead."""

    def _answer(self) -> _Answer:
        # A plus in a path is a space to S3, so only links that write %2B find a file with a local version.
        key = unquote_plus(urlsplit(self.path).path).removeprefix("/")
        if key.endswith("/") or not key:
            media_type = negotiated(self.headers["Accept"], self._offers)
            charset = "" if media_type == JSON else "; charset=utf-8"
            headers = {"Content-Type": f"{media_type}{charset}", "Cache-Control": _PAGE_CACHING, "Vary": "Accept"}
            key += _PAGES[media_type]
        else:
            headers = {"Content-Type": "application/octet-stream", "Cache-Control": _FILE_CACHING}
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return _Answer(status=HTTPStatus.NOT_FOUND, headers={"Content-Type": "application/xml"})
        return self._found(path.read_bytes(), headers | {"Accept-Ranges": "bytes"})

    def _found(self, body: bytes, headers: dict[str, str]) -> _Answer:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
        if self.headers["If-None-Match"] == headers["ETag"]:
            return _Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        if wanted := _RANGE.match(self.headers["Range"] or ""):
            start, end = _range(wanted[1], wanted[2], len(body))
            if start >= end:
                headers["Content-Range"] = f"bytes */{len(body)}"
                return _Answer(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
            return _Answer(status=HTTPStatus.PARTIAL_CONTENT, headers=headers, body=body[start:end])
        return _Answer(status=HTTPStatus.OK, headers=headers, body=body)


def _range(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first byte and the one after the last: `5-9`, `5-`, or `-5` for the last five."""
    if not first:
        return max(0, size - int(last or 0)), size
    return int(first), min(int(last) + 1, size) if last else size
