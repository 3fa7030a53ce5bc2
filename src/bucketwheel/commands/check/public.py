"""The repository as its clients see it: pages and files at its public address, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from threading import Event
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.commands.check.views import expected_root
from bucketwheel.errors import Denied, Refused, Unavailable
from bucketwheel.events import Report, Warned
from bucketwheel.format.layout import SIDECARS
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.listed_pages import expected_pages
from bucketwheel.protocol.repository import Repository
from bucketwheel.sources.credentials import Credentials, read_netrc
from bucketwheel.sources.http import Absent, Client, HttpResponse
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.urls import InvalidUrl, read_url
from bucketwheel.storage import ServedHeaders

__all__ = ["probe_as_client"]

# PEP 691; text/html is the older name of the second.
_HTML = {"text/html", "application/vnd.pypi.simple.v1+html"}
_JSON = {"application/vnd.pypi.simple.v1+json"}
# What a browser asks for, and what pip does (PEP 691): a host may answer both alike, or each in its own form.
_ACCEPTS = (
    "text/html",
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.1, text/html;q=0.01",
)
_BLOCK = 1 << 16


def probe_as_client(
    repository: Repository,
    manifests: Collection[VersionedManifest],
    listed: Collection[ProjectName],
    workers: Workers,
    report: Report,
) -> list[Finding]:
    """Fetch the root, a project that does not exist, and the pages and one file of each of these projects.

    Nothing is fetched without a base-url or a project. `listed` are the projects on the root. A root that is not open
    to us is a warning: that may be intended.
    """
    base_url = repository.settings.base_url
    if base_url is None or not manifests:
        return []
    try:
        url, _ = read_url(base_url)
    except InvalidUrl as error:
        return [finding("client-unreachable", base_url, why=error)]
    client = Client(environ=os.environ, limits=Limits(tries=2), stopped=Event(), jobs=8, report=report, hidden={})
    credentials = Credentials(source=url, given=None, machines=read_netrc(os.environ, report))
    probe = _Probe(repository=repository, base_url=base_url, client=client, credentials=credentials)
    with closing(client):
        root = probe.fetch(repository.layout.simple, _ACCEPTS[0])
        if root.outcome == "forbidden":
            report(Warned(message=f"{root.url} is not open to us, so the check does not cover what clients get there"))
            return []
        pages = expected_root(repository.layout, listed).values()
        findings = list(probe.check_page(root, pages, len(listed)))
        if root.outcome == "failed":
            return findings
        checks: list[Callable[[], list[Finding]]] = [probe.check_absence]
        checks += [partial(probe.check_project, read) for read in manifests]
        return [*findings, *chain.from_iterable(workers.map(checks))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A server's response for a URL."""

    url: str
    """Printable."""
    outcome: Literal["answered", "absent", "forbidden", "failed"]
    why: str = ""
    """The reason, if there is no answer."""
    headers: ServedHeaders = field(default_factory=ServedHeaders)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """A client of a repository at its public address."""

    repository: Repository
    base_url: str
    client: Client
    credentials: Credentials

    def check_absence(self) -> list[Finding]:
        """Check the response for a project that does not exist: installers go on at 404 only."""
        missing = f"{self.repository.layout.simple}no-such-project-{uuid4().hex[:8]}/"
        response = self.fetch(missing, _ACCEPTS[1])
        kinds = {"answered": "client-page-differs:absent", "forbidden": "client-forbidden"}
        if response.outcome == "absent":
            return []
        return [finding(kinds.get(response.outcome, "client-unreachable"), response.url, why=response.why)]

    def check_project(self, read: VersionedManifest) -> list[Finding]:
        """Check the responses for what an installer asks for."""
        layout, manifest, project = self.repository.layout, read.manifest, read.project
        pages = expected_pages(self.repository, read).values()
        findings: list[Finding] = []
        for accept in _ACCEPTS:
            findings += self.check_page(self.fetch(layout.folder(project), accept), pages, manifest.revision)
        # One file and its metadata stand for all: a server treats them alike.
        for file in [file for file in manifest.visible if file.url is None][:1]:
            key = layout.key_of(project, file)
            findings += _check_file(self.fetch(key, "*/*", body=False))
            if file.metadata_sha256 is not None:
                findings += _check_file(self.fetch(f"{key}{SIDECARS[0]}", "*/*", body=False))
        return findings

    def check_page(self, response: Response, pages: Collection[bytes], revision: int) -> Iterator[Finding]:
        """Check the response for a page, which may have any of these forms at this revision."""
        if response.outcome != "answered":
            yield _not_answered(response, "client-page-missing")
            return
        url, served, expected = response.url, response.headers, self.repository.layout.html()
        media_type = served.content_type.partition(";")[0].strip().lower()
        if media_type not in (_JSON if response.body.lstrip().startswith(b"{") else _HTML):
            yield finding("client-page-type", url, type=media_type or "(none)", expected=expected.content_type)
        if response.body not in pages:
            yield from _check_body(response, revision)
        if served.cache_control != expected.cache_control:
            found = served.cache_control or "(none)"
            yield finding("client-page-caching", url, found=found, expected=expected.cache_control)

    def fetch(self, key: str, accept: str, *, body: bool = True) -> Response:
        """Fetch what clients find at a key, with its body or without."""
        url, _ = read_url(self.base_url + quote(key))
        where = self.client.show(url)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        try:
            return self.client.get(url, self.credentials, headers, partial(self._read, where, body=body))
        except Absent:
            return Response(url=where, outcome="absent")
        except Denied:
            return Response(url=where, outcome="forbidden", why="HTTP 401 or 403")
        except (Unavailable, Refused) as error:
            return Response(url=where, outcome="failed", why=str(error))

    def _read(self, where: str, answer: HttpResponse, *, body: bool) -> Response:
        headers = ServedHeaders(
            content_type=answer.media_type,
            cache_control=answer.response.headers.get("Cache-Control", ""),
            content_encoding=answer.encoding,
        )
        content, longest = bytearray(), self.client.limits.page_bytes
        while body and (block := answer.read(_BLOCK)):
            content += block
            if len(content) > longest:
                return Response(url=where, outcome="failed", why=f"it is longer than {longest} bytes")
        return Response(url=where, outcome="answered", headers=headers, body=bytes(content))


def _check_body(response: Response, revision: int) -> Iterator[Finding]:
    mark = read_page_mark(response.body)
    if mark is None:
        yield finding("client-page-differs", response.url)
    elif mark.revision < revision:
        yield finding("client-page-old", response.url, shown=mark.revision, revision=revision)
    elif mark.revision == revision:
        yield finding("client-page-differs:changed", response.url)


def _check_file(response: Response) -> Iterator[Finding]:
    """Check the response for a distribution or its metadata."""
    encoding = response.headers.content_encoding
    if response.outcome != "answered":
        yield _not_answered(response, "client-file-missing")
    elif encoding not in {"", "identity"}:
        yield finding("client-file-encoded", response.url, encoding=encoding)


def _not_answered(response: Response, missing: str) -> Finding:
    """Report a response without an answer; `missing` is the kind of finding for an object that is absent."""
    return finding(missing if response.outcome == "absent" else "client-unreachable", response.url, why=response.why)
