"""Look at a repository as its clients do: by its public address, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from threading import Event
from urllib.parse import quote
from uuid import uuid4

from bucketwheel.commands.check.findings import Finding
from bucketwheel.commands.check.served import Met, judge_absence, judge_file, judge_page
from bucketwheel.errors import Denied, Refused, Unavailable
from bucketwheel.events import Report, Warned
from bucketwheel.format.layout import SIDECARS, Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.names import ProjectName, shown
from bucketwheel.parallel import Workers
from bucketwheel.protocol.repository import Repository
from bucketwheel.sources.credentials import Credentials, read_netrc
from bucketwheel.sources.failures import Absent
from bucketwheel.sources.http import Answer, Client
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.urls import InvalidUrl, read_url
from bucketwheel.storage.inspection import Headers

__all__ = ["meet_as_client"]

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
        return [Finding(code="client-unreachable", subject=shown(base_url), what=str(error), remedy=remedy)]
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
        findings = list(judge_page(root, html=html, json=json, revision=len(listed), kind=visitor.layout.html()))
        if root.outcome == "failed":
            return findings
        visits: list[Callable[[], list[Finding]]] = [visitor.absence]
        visits += [partial(visitor.project, manifest) for manifest in manifests]
        return [*findings, *chain.from_iterable(workers.run(visits))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visitor:
    base: str
    client: Client
    credentials: Credentials
    layout: Layout

    def absence(self) -> list[Finding]:
        """Ask for what is certainly not there."""
        return list(judge_absence(self.page(f"{self.layout.simple}no-such-project-{uuid4().hex[:8]}/", _ACCEPTS[1])))

    def project(self, manifest: Manifest) -> list[Finding]:
        """Ask for what an installer asks for."""
        layout, revision = self.layout, manifest.revision
        html = render_project_html(manifest, layout, base_url=self.base)
        json = render_project_json(manifest, layout, base_url=self.base)
        findings: list[Finding] = []
        for accept in _ACCEPTS:
            page = self.page(layout.folder(manifest.project), accept)
            findings += judge_page(page, html=html, json=json, revision=revision, kind=layout.html())
        for key in self._file_of(manifest):
            findings += judge_file(self._ask(key, "*/*", body=False))
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

    def _take(self, where: str, answer: Answer, *, body: bool) -> Met:
        headers = Headers(
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
