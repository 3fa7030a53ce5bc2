"""Look at a repository as its clients do: by its public address, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from threading import Event
from typing import Literal, TypeAlias
from urllib.parse import quote
from uuid import uuid4

from bucketwheel.commands.check.findings import Finding
from bucketwheel.errors import Denied, Refused, Unavailable
from bucketwheel.events import Report, Warned
from bucketwheel.format.layout import SIDECARS, Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import ProjectName, printable
from bucketwheel.parallel import Workers
from bucketwheel.protocol.repository import Repository
from bucketwheel.sources.credentials import Credentials, read_netrc
from bucketwheel.sources.http import Absent, Client, HttpResponse
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.urls import InvalidUrl, read_url
from bucketwheel.storage import ObjectHeaders, ServedHeaders

__all__ = ["Met", "Outcome", "check_absence", "check_file", "check_page", "meet_as_client"]

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
    headers: ServedHeaders = field(default_factory=ServedHeaders)
    body: bytes = b""


def check_absence(met: Met) -> Iterator[Finding]:
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


def check_page(met: Met, *, html: bytes, json: bytes, revision: int, kind: ObjectHeaders) -> Iterator[Finding]:
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
        what = f"is served as {printable(essence) or 'nothing'}, as which installers cannot read it"
        remedy = f"have the server send the Content-Type that the object has ({kind.content_type} for the HTML page)"
        yield _finding("client-page-type", met, what, remedy)
    if met.body not in {html, json}:
        yield from _check_body(met, revision)
    if met.headers.cache_control != kind.cache_control:
        what = (
            f"is served with Cache-Control {printable(met.headers.cache_control) or '(none)'}, not {kind.cache_control}"
        )
        remedy = "have the server pass on the header, or set it with `bucketwheel init --set cache-control=…`"
        yield _finding("client-page-caching", met, what, remedy)


def check_file(met: Met) -> Iterator[Finding]:
    """Say what is wrong with the answer for a distribution or its metadata."""
    encoding = met.headers.content_encoding
    if met.outcome == "absent":
        yield _finding("client-file-missing", met, "is not there for clients", _SAME_KEYS)
    elif met.outcome != "answered":
        yield _failed(met)
    elif encoding not in {"", "identity"}:
        what = f"is served with Content-Encoding {printable(encoding)}, and pip hashes what it receives"
        yield _finding("client-file-encoded", met, what, "turn compression off there for files and .metadata")


_SAME_KEYS = "see that base-url leads to the repository, and that the server finds keys as they are"


def _check_body(met: Met, revision: int) -> Iterator[Finding]:
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


_BLOCK = 1 << 16
# What a browser asks for, and what pip does (PEP 691): a host may answer both alike, or each as it likes best.
_ACCEPTS = (
    "text/html",
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.1, text/html;q=0.01",
)


def meet_as_client(
    repository: Repository,
    base_url: str,
    manifests: Iterable[Manifest],
    listed: Collection[ProjectName],
    workers: Workers,
    report: Report,
) -> list[Finding]:
    """Ask for the root, for a project that is not there, and for the pages and one file of each of these projects.

    `listed` are the projects on the root. Where the address is not open to us that is said as a warning: it may be so
    for a reason.
    """
    try:
        url, _ = read_url(base_url)
    except InvalidUrl as error:
        remedy = "set it anew with `bucketwheel init --set base-url=https://…`"
        return [Finding(code="client-unreachable", subject=printable(base_url), what=str(error), remedy=remedy)]
    client = Client(environ=os.environ, limits=Limits(tries=2), stopped=Event(), jobs=8, report=report, hidden={})
    visitor = _Visitor(
        base=base_url,
        client=client,
        credentials=Credentials(source=url, given=None, machines=read_netrc(os.environ, report)),
        layout=repository.layout,
    )
    with closing(client):
        root = visitor.page(visitor.layout.simple, _ACCEPTS[0])
        if root.outcome == "forbidden":
            report(Warned(message=f"{root.url} is not open to us, so what clients meet there was not looked at"))
            return []
        html, json = render_root_html(listed), render_root_json(listed)
        findings = list(check_page(root, html=html, json=json, revision=len(listed), kind=visitor.layout.html()))
        if root.outcome == "failed":
            return findings
        visits: list[Callable[[], list[Finding]]] = [visitor.absence]
        visits += [partial(visitor.project, manifest) for manifest in manifests]
        return [*findings, *chain.from_iterable(workers.map(visits))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visitor:
    base: str
    client: Client
    credentials: Credentials
    layout: Layout

    def absence(self) -> list[Finding]:
        """Ask for what is certainly not there."""
        return list(check_absence(self.page(f"{self.layout.simple}no-such-project-{uuid4().hex[:8]}/", _ACCEPTS[1])))

    def project(self, manifest: Manifest) -> list[Finding]:
        """Ask for what an installer asks for."""
        layout, revision = self.layout, manifest.revision
        html = render_project_html(manifest, layout, base_url=self.base)
        json = render_project_json(manifest, layout, base_url=self.base)
        findings: list[Finding] = []
        for accept in _ACCEPTS:
            page = self.page(layout.folder(manifest.project), accept)
            findings += check_page(page, html=html, json=json, revision=revision, kind=layout.html())
        for key in self._file_of(manifest):
            findings += check_file(self._ask(key, "*/*", body=False))
        return findings

    def page(self, key: str, accept: str) -> Met:
        """Ask for a page, whole."""
        return self._ask(key, accept, body=True)

    def _file_of(self, manifest: Manifest) -> Iterator[str]:
        """One file and its metadata stand for all: a server treats them alike."""
        for file in manifest.visible:
            if file.url is None:
                key = self.layout.key_of(manifest.project, file)
                yield key
                if file.metadata_sha256 is not None:
                    yield f"{key}{SIDECARS[0]}"
                return

    def _ask(self, key: str, accept: str, *, body: bool) -> Met:
        url, _ = read_url(self.base + quote(key))
        where = self.client.show(url)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        try:
            return self.client.get(url, self.credentials, headers, partial(self._take, where, body=body))
        except Absent:
            return Met(url=where, outcome="absent")
        except Denied:
            return Met(url=where, outcome="forbidden")
        except (Unavailable, Refused) as error:
            return Met(url=where, outcome="failed", why=str(error))

    def _take(self, where: str, answer: HttpResponse, *, body: bool) -> Met:
        headers = ServedHeaders(
            content_type=answer.media_type,
            cache_control=answer.response.headers.get("Cache-Control", ""),
            content_encoding=answer.encoding,
        )
        content = bytearray()
        while body and (block := answer.read(_BLOCK)):
            content += block
            if len(content) > self.client.limits.page_bytes:
                return Met(url=where, outcome="failed", why=f"it is longer than {self.client.limits.page_bytes} bytes")
        return Met(url=where, outcome="answered", headers=headers, body=bytes(content))
