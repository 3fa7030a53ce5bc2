"""What one container holds of one project, wherever it is."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from bucketwheel.errors import Denied, Problem, Refused
from bucketwheel.names import ProjectName, Sha256, printable
from bucketwheel.places import Place
from bucketwheel.sources.connections import Credentials
from bucketwheel.sources.files import Readable
from bucketwheel.sources.http import Absent, Answer, Client
from bucketwheel.sources.pages import IndexPage, Link, UnreadablePage, read_index
from bucketwheel.sources.select import Artifact, Misnamed, is_archive_name, select
from bucketwheel.sources.urls import WebUrl
from bucketwheel.storage import Key, Storage

__all__ = [
    "Container",
    "Holding",
    "Offer",
    "PageRead",
    "StoredContainer",
    "StoredOffer",
    "WebContainer",
    "WebOffer",
    "read_page",
]

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


_T = TypeVar("_T")


class Offer(Protocol):
    """A file that a container lists, and how to have its bytes."""

    @property
    def filename(self) -> str:
        """The name as the container gives it."""

    @property
    def sha256(self) -> Sha256 | None:
        """The digest, where the container vouches for one."""

    @property
    def size(self) -> int | None:
        """The length in bytes, where the container says it."""

    @property
    def where(self) -> str:
        """The file's address, fit to be shown."""

    def vouched(self) -> Self:
        """The same offer with what a look at the file itself can add to it."""

    def hand_to(self, take: Callable[[Readable], _T]) -> _T:
        """Give the bytes to `take`, from their beginning, and again from their beginning where they broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """A page or listing that was read, and which versions of the project it has."""

    where: str
    versions: frozenset[Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What was found in one container."""

    artifacts: tuple[Artifact[Offer], ...]
    pages: tuple[PageRead, ...]
    misnamed: tuple[Misnamed, ...]


class Container(Protocol):
    """A place that CI jobs leave their artifacts in."""

    def search(self, project: ProjectName, version: Version | None) -> Holding:
        """Find a project's files; raises Refused, Denied or Unavailable, also where nothing at all is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContainer:
    """A place that is listed, pages or not: a flat pile and the tree of an index look alike."""

    place: Place
    storage: Storage

    def search(self, project: ProjectName, version: Version | None) -> Holding:
        """List the place; a file is what the last segment of its key says."""
        where = printable(str(self.place))
        offers = [
            StoredOffer(
                filename=entry.key.rpartition("/")[2],
                where=f"{where}/{printable(entry.key)}",
                size=entry.size,
                key=entry.key,
                storage=self.storage,
            )
            for entry in self.storage.list("")
        ]
        if not offers:
            remedy = "check its name, and whether the job that fills it has run"
            raise Refused(Problem(subject=where, what="holds nothing", remedy=remedy))
        selection = select(offers, project, version)
        return Holding(
            artifacts=tuple(Artifact(name=found.name, listed=found.listed) for found in selection.artifacts),
            pages=(PageRead(where=where, versions=selection.versions),),
            misnamed=selection.misnamed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOffer:
    """An object that a listing shows."""

    filename: str
    where: str
    size: int
    key: Key
    sha256: Sha256 | None = None
    storage: Storage = field(compare=False, repr=False)

    def vouched(self) -> StoredOffer:
        """Take the digest that the store keeps of it, where it does."""
        seen = self.storage.stat(self.key)
        return self if seen is None else replace(self, sha256=seen.sha256)

    def hand_to(self, take: Callable[[Readable], _T]) -> _T:
        """Stream the object."""
        with self.storage.open(self.key) as body:
            return take(body)


_FILE_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


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
