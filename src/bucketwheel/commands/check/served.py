"""What a client meets at the repository's public address, held against what it should meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bucketwheel.commands.check.findings import Finding
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import shown
from bucketwheel.storage import Kind
from bucketwheel.storage.inspection import Headers

__all__ = ["Met", "Outcome", "judge_absence", "judge_file", "judge_page"]

Outcome: TypeAlias = Literal["answered", "absent", "forbidden", "failed"]

# PEP 691; text/html is the older name of the second.
_HTML = {"text/html", "application/vnd.pypi.simple.v1+html"}
_JSON = {"application/vnd.pypi.simple.v1+json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What came back for a URL."""

    url: str
    """Fit to be shown."""
    outcome: Outcome
    why: str = ""
    """In words, where it failed."""
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def judge_absence(met: Met) -> Iterator[Finding]:
    """Say what is wrong with the answer for a project that is not there: installers go on at 404 only."""
    if met.outcome == "forbidden":
        what = "is answered with 403 though it is only not there, and uv and others stop at that; 404 is what they need"
        remedy = "allow s3:ListBucket to whoever reads the bucket there, or have the CDN answer 404"
        yield _finding("client-forbidden", met, what, remedy)
    elif met.outcome == "answered":
        what = "is answered with a page, though no such project is there"
        yield _finding("client-page-differs", met, what, "have the server answer 404 to what is not there")
    elif met.outcome == "failed":
        yield _failed(met)


def judge_page(met: Met, *, html: bytes, json: bytes, revision: int, kind: Kind) -> Iterator[Finding]:
    """Say what is wrong with a page, which may come in either of its two forms at this revision."""
    if met.outcome == "absent":
        yield _finding("client-page-missing", met, "is not there for clients", _SAME_KEYS)
        return
    if met.outcome != "answered":
        yield _failed(met)
        return
    essence = met.headers.content_type.partition(";")[0].strip().lower()
    is_json = met.body.lstrip().startswith(b"{")
    if essence not in (_JSON if is_json else _HTML):
        what = f"is served as {shown(essence) or 'nothing'}, as which installers cannot read it"
        remedy = f"have the server send the Content-Type that the object has ({kind.content_type} for the HTML page)"
        yield _finding("client-page-type", met, what, remedy)
    if met.body not in {html, json}:
        yield from _judge_body(met, revision)
    if met.headers.cache_control != kind.cache_control:
        what = f"is served with Cache-Control {shown(met.headers.cache_control) or '(none)'}, not {kind.cache_control}"
        remedy = "have the server pass on the header, or set it with `bucketwheel init --set cache-control=…`"
        yield _finding("client-page-caching", met, what, remedy)


def judge_file(met: Met) -> Iterator[Finding]:
    """Say what is wrong with the answer for a distribution or its metadata."""
    encoding = met.headers.content_encoding
    if met.outcome == "absent":
        yield _finding("client-file-missing", met, "is not there for clients", _SAME_KEYS)
    elif met.outcome != "answered":
        yield _failed(met)
    elif encoding not in {"", "identity"}:
        what = f"is served with Content-Encoding {shown(encoding)}, and pip hashes what it receives"
        yield _finding("client-file-encoded", met, what, "turn compression off there for files and .metadata")


_SAME_KEYS = "see that base-url leads to the repository, and that the server finds keys as they are"


def _judge_body(met: Met, revision: int) -> Iterator[Finding]:
    mark = read_page_mark(met.body)
    if mark is None:
        what = "is not the page that the repository has"
        yield _finding(
            "client-page-differs", met, what, "see what answers there: a login page, another index, a listing"
        )
    elif mark.revision < revision:
        what = f"is kept by a cache: it shows revision {mark.revision} of {revision}"
        yield _finding("client-page-old", met, what, "have the CDN obey Cache-Control, or invalidate its copy")
    elif mark.revision == revision:
        yield _finding("client-page-differs", met, "was changed on the way", "turn off what rewrites pages there")


def _failed(met: Met) -> Finding:
    why = "is refused (HTTP 401 or 403)" if met.outcome == "forbidden" else f"cannot be had: {met.why}"
    return _finding("client-unreachable", met, why, "see that base-url is right and that its server is up")


def _finding(code: str, met: Met, what: str, remedy: str) -> Finding:
    return Finding(code=code, subject=met.url, what=what, remedy=remedy)
