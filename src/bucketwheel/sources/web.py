"""Containers on the web: a flat page of links, or an index by PEP 503 or PEP 691."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from bucketwheel.errors import Denied, Problem, Refused
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.sources.credentials import Credentials
from bucketwheel.sources.failures import Absent
from bucketwheel.sources.files import Readable
from bucketwheel.sources.http import Client
from bucketwheel.sources.index_page import IndexPage, Link
from bucketwheel.sources.offers import Holding, PageRead
from bucketwheel.sources.page import read_page
from bucketwheel.sources.select import Artifact, is_archive_name, select
from bucketwheel.sources.urls import WebUrl

__all__ = ["WebContainer", "WebOffer"]

_FILE_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContainer:
    """A page that the user named, what it entitles us to show, and the client to ask with."""

    url: WebUrl
    credentials: Credentials
    client: Client

    def search(self, project: ProjectName, version: Version | None) -> Holding:
        """Read the page, and where it is the root of an index, the project's page instead or as well."""
        pages = self._pages(project)
        selections = [select(page.links, project, version) for page in pages]
        self._refuse_unusable(pages, project, version)
        if not any(selection.versions for selection in selections):
            self._refuse_pages_of_nothing(pages)
        return Holding(
            artifacts=tuple(
                Artifact(name=artifact.name, listed=WebOffer(link=artifact.listed, container=self))
                for selection in selections
                for artifact in selection.artifacts
            ),
            pages=tuple(
                PageRead(where=self.client.show(page.url), versions=selection.versions)
                for page, selection in zip(pages, selections, strict=True)
            ),
            misnamed=tuple(misnamed for selection in selections for misnamed in selection.misnamed),
        )

    def _pages(self, project: ProjectName) -> list[IndexPage]:
        if self.url.path.rstrip("/").endswith("/simple"):
            # An index's root may be huge, and its host may forbid it, or answer 403 for what is not there.
            with suppress(Absent, Denied):
                page = replace(self.url, path=f"{self.url.path.rstrip('/')}/{project}/")
                return [read_page(self.client, page, self.credentials)]
        root = read_page(self.client, self.url, self.credentials)
        named = dict.fromkeys(link.url for link in root.projects if str(canonicalize_name(link.name)) == project)
        return [root, *(read_page(self.client, url, self.credentials) for url in named)]

    def _refuse_unusable(self, pages: list[IndexPage], project: ProjectName, version: Version | None) -> None:
        problems = [
            Problem(
                subject=f"{artifact.name.filename} (listed by {self.client.show(page.url)})",
                what=artifact.listed.reason,
                remedy="correct the page, or name another one",
            )
            for page in pages
            for artifact in select(page.unusable, project, version).artifacts
        ]
        if problems:
            raise Refused(*problems)

    def _refuse_pages_of_nothing(self, pages: list[IndexPage]) -> None:
        """Tell a container without this project from something that is no container."""
        where = " which led to ".join(dict.fromkeys(self.client.show(url) for url in (self.url, pages[0].url)))
        if any(page.asks_password for page in pages):
            what, remedy = "is a login page", "give a user and a password in the source's URL or in netrc"
        elif not any(page.projects or any(is_archive_name(link.filename) for link in page.links) for page in pages):
            what, remedy = "lists no wheel and no sdist", "check the URL, and whether the job that fills it has run"
        else:
            return
        raise Refused(Problem(subject=where, what=what, remedy=remedy))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOffer:
    """A file that a page links to; what can be said of it without its bytes, the page has said."""

    link: Link
    container: WebContainer = field(compare=False, repr=False)

    @property
    def filename(self) -> str:
        """The name as the page gives it."""
        return self.link.filename

    @property
    def sha256(self) -> Sha256 | None:
        """The digest, where the page states one."""
        return self.link.sha256

    @property
    def size(self) -> int | None:
        """The length, where the page states it, as only JSON pages do."""
        return self.link.size

    @property
    def where(self) -> str:
        """The URL without user, password and query."""
        return self.container.client.show(self.link.url)

    def vouched(self) -> WebOffer:
        """Nothing to add: servers do not know digests."""
        return self

    def hand_to(self, take: Callable[[Readable], _T]) -> _T:
        """Ask for the file, anew after each fault that may pass."""
        return self.container.client.get(self.link.url, self.container.credentials, _FILE_HEADERS, take)
