"""The gateway: a repository as an index that any client can read, with your credentials.

It reads the pages and the files, never the manifests, and writes nothing. A name that the repository has is answered by
it alone; only one that it surely lacks is sent on to another index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from io import RawIOBase
from threading import Lock
from typing import BinaryIO

from bucketwheel.errors import BucketwheelError
from bucketwheel.events import Report, RequestSent, Warned
from bucketwheel.format.layout import SIDECARS, Layout
from bucketwheel.gateway.access import Access
from bucketwheel.gateway.headers import known_etag, prefers_json, read_range
from bucketwheel.gateway.paths import File, Moved, Page, read_path
from bucketwheel.names import ProjectName, printable
from bucketwheel.storage import Key, ObjectHeaders, Passed, PassesOn

__all__ = ["Answer", "Asked", "Gateway", "words_answer"]

_SECONDS_OF_SILENCE = 60.0
_MOST_TOLD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as far as it matters."""

    method: str
    path: bytes
    """As it came, still escaped, without the query."""
    hosts: Sequence[str] = ()
    authorization: str = field(default="", repr=False)
    accept: str = ""
    byte_range: str = ""
    if_range: str = ""
    if_none_match: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; `close` must be called when it has been sent, or cannot be."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""
    stream: BinaryIO | RawIOBase | None = None
    """What comes instead of `body`."""
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A repository that is shown as an index."""

    storage: PassesOn
    layout: Layout
    access: Access
    report: Report
    fallback: str | None = None
    """The index that is asked for names that the repository lacks."""
    _told: dict[str, float] = field(default_factory=dict)
    _telling: Lock = field(default_factory=Lock)

    def answer(self, asked: Asked) -> Answer:
        """Answer a request; may take as long as the store does."""
        begin = time.monotonic()
        answer = self._answer(asked)
        milliseconds = round((time.monotonic() - begin) * 1000)
        path = printable(asked.path.decode("ascii", "backslashreplace"))
        self.report(RequestSent(verb=asked.method, target=path, status=answer.status, milliseconds=milliseconds))
        return answer

    def tell(self, message: str) -> None:
        """Warn the user, who has many clients with one problem, once a minute."""
        with self._telling:
            now = time.monotonic()
            if now < self._told.get(message, 0.0):
                return
            if len(self._told) > _MOST_TOLD:
                self._told.clear()
            self._told[message] = now + _SECONDS_OF_SILENCE
        self.report(Warned(message=message))

    def _answer(self, asked: Asked) -> Answer:
        if not self.access.knows_host(asked.hosts):
            return words_answer(HTTPStatus.MISDIRECTED_REQUEST, "this gateway does not go by that name (Host)")
        if not self.access.opens(asked.authorization):
            wanted = {"WWW-Authenticate": 'Basic realm="bucketwheel"'}
            return words_answer(HTTPStatus.UNAUTHORIZED, "the password or token is missing or wrong", wanted)
        if asked.method not in {"GET", "HEAD"}:
            return words_answer(HTTPStatus.METHOD_NOT_ALLOWED, "this gateway only reads", {"Allow": "GET, HEAD"})
        try:
            match read_path(asked.path, self.layout):
                case Page(project=project):
                    return self.page(asked, project)
                case File(key=key):
                    return self._file(asked, key)
                case Moved(location=location):
                    return words_answer(HTTPStatus.MOVED_PERMANENTLY, "", {"Location": location})
                case None:
                    return _absent()
        except BucketwheelError as error:
            # The client must not take it for absent, and look elsewhere.
            self.tell(str(error))
            return words_answer(HTTPStatus.BAD_GATEWAY, str(error), _FLEETING)

    def page(self, asked: Asked, project: ProjectName | None) -> Answer:
        """Answer with a page, of a project or of the root."""
        for key, headers in self._forms(project, json=prefers_json(asked.accept)):
            # By GET for HEAD too: only the body of its answer tells an absent page from an absent bucket.
            answer = self._passed_on(asked, key, {**_kept(headers), "Vary": "Accept"}, part=False, by_get=True)
            if answer is not None:
                return answer
        if project is None or self.fallback is None:
            return _absent()
        location = {"Location": f"{self.fallback}{project}/"}
        return words_answer(HTTPStatus.TEMPORARY_REDIRECT, "", location | _FLEETING)

    def _forms(self, project: ProjectName | None, *, json: bool) -> Iterator[tuple[Key, ObjectHeaders]]:
        """Yield the keys at which a page may be, the preferred form first.

        The other one counts too: of a new project the HTML page comes first, and the name is taken from then on.
        """
        layout = self.layout
        html_keys = layout.root_html_keys if project is None else layout.html_keys(project)
        json_key = layout.root_json_key if project is None else layout.json_key(project)
        forms = [(json_key, layout.json()), *((key, layout.html()) for key in html_keys)]
        yield from forms if json else (*forms[1:], forms[0])

    def _file(self, asked: Asked, key: Key) -> Answer:
        headers = _kept(_headers_of(key, self.layout))
        return self._passed_on(asked, key, headers, part=True, by_get=asked.method == "GET") or _absent()

    def _passed_on(
        self, asked: Asked, key: Key, headers: Mapping[str, str], *, part: bool, by_get: bool
    ) -> Answer | None:
        """Return an object as an answer; None: it is absent."""
        span = read_range(asked.byte_range) if part and asked.method == "GET" else None
        same_as = known_etag(asked.if_range)
        if asked.if_range and not same_as:  # a date, which is no name of a state
            span = None
        with ExitStack() as opened:
            passed = opened.enter_context(
                self.storage.pass_on(
                    key, span=span, known=known_etag(asked.if_none_match), same_as=same_as, headers_only=not by_get
                )
            )
            if passed is None:
                return None
            return _answer_of(passed, asked, headers, part=part, close=opened.pop_all().close)


def _answer_of(
    passed: Passed, asked: Asked, headers: Mapping[str, str], *, part: bool, close: Callable[[], None]
) -> Answer:
    headers = {**headers, "ETag": passed.etag}
    if part:
        headers["Accept-Ranges"] = "bytes"
    if passed.modified is not None:
        headers["Last-Modified"] = format_datetime(passed.modified.astimezone(UTC), usegmt=True)
    if passed.unchanged:
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers, close=close)
    if passed.out_of_range:
        headers["Content-Range"] = f"bytes */{passed.size}"
        return Answer(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers, close=close)
    status = HTTPStatus.OK
    if (passed.start, passed.end) != (0, passed.size):
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {passed.start}-{passed.end - 1}/{passed.size}"
    headers["Content-Length"] = str(passed.end - passed.start)
    return Answer(status=status, headers=headers, stream=None if asked.method == "HEAD" else passed.body, close=close)


def _headers_of(key: Key, layout: Layout) -> ObjectHeaders:
    """Return how an object is served: by its name, whatever its writer noted, so that no file becomes a web page."""
    match key.rpartition("/")[2]:
        case "index.html":
            return layout.html()
        case "index.json":
            return layout.json()
    if (view := layout.headers_of_view(key)) is not None:
        return view
    kinds = dict(zip(SIDECARS, (layout.metadata(), layout.signature(), layout.provenance()), strict=True))
    return next((headers for ending, headers in kinds.items() if key.endswith(ending)), layout.distribution())


def _kept(headers: ObjectHeaders) -> dict[str, str]:
    """Return the headers for a client: a cache that others use too must not keep what needs a password."""
    cache_control = headers.cache_control.replace("public", "private")
    return {"Content-Type": headers.content_type, "Cache-Control": cache_control, **_SAFE}


_SAFE = {"X-Content-Type-Options": "nosniff"}
_FLEETING = {"Cache-Control": "no-store"}


def _absent() -> Answer:
    return words_answer(HTTPStatus.NOT_FOUND, "there is nothing of this name", _FLEETING)


def words_answer(status: HTTPStatus, words: str, headers: Mapping[str, str] = _FLEETING) -> Answer:
    """Return an answer in words."""
    content = {"Content-Type": "text/plain; charset=utf-8", **_SAFE}
    return Answer(status=status, headers={**content, **headers}, body=f"{words}\n".encode() if words else b"")
