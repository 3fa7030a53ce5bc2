"""The offers of a source: the distributions of one project that its pages link to or its storage lists."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from packaging.utils import canonicalize_name
from packaging.version import Version

from bucketwheel.errors import Denied, Problem, Refused
from bucketwheel.names import DistributionName, ProjectName, Sha256, printable
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.sources.credentials import Credentials
from bucketwheel.sources.digests import read_digests
from bucketwheel.sources.http import Absent, Client, HttpResponse
from bucketwheel.sources.pages import IndexPage, Link, UnreadablePage, read_index
from bucketwheel.sources.select import Offer, Read, Selection, is_archive_name, select
from bucketwheel.sources.urls import WebUrl
from bucketwheel.storage import Key, ListEntry, Storage
from bucketwheel.storage.progress import Progress

__all__ = ["Found", "search_page", "search_storage"]

_CHECK_JOB = "check the address, and whether the job that fills it has run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page or listing, and what it has of a project."""

    where: str
    selection: Selection
    offers: tuple[Callable[[], Offer], ...]
    """A call makes each, for it may ask a storage for the digest."""


def search_storage(place: Place, storage: Storage, project: ProjectName, version: Version | None) -> list[Found]:
    """List a place; only the last part of a key counts, so a flat directory and the tree of an index are alike.

    Raises Refused if the place is empty, Denied or Unavailable.
    """
    where = printable(str(place))
    filenames = {entry: entry.key.rpartition("/")[2] for entry in storage.list("")}
    if not filenames:
        raise Refused(Problem(subject=where, what="is empty", remedy=_CHECK_JOB))
    selection = select(filenames.values(), project, version)
    entries = {entry: selection.names[filename] for entry, filename in filenames.items() if filename in selection.names}
    # A store verifies the digests that it keeps. A directory keeps none.
    keys = [entry.key for entry in entries]
    stated = read_digests(storage, filenames, keys) if isinstance(place, DirectoryPlace) else None
    offers = tuple(partial(_stored_offer, storage, entry, name, where, stated) for entry, name in entries.items())
    return [Found(where=where, selection=selection, offers=offers)]


def _stored_offer(
    storage: Storage, entry: ListEntry, name: DistributionName, place: str, stated: Mapping[Key, Sha256] | None
) -> Offer:
    def stream(receive: Callable[[Read], Sha256]) -> Sha256:
        with storage.open(entry.key) as body:
            return receive(body.read)

    sha256 = None if stated is None else stated.get(entry.key)
    verified = sha256 is not None
    if sha256 is None and (info := storage.stat(entry.key)) is not None:
        sha256 = info.sha256
        verified = sha256 is not None and stated is None
    where = f"{place}/{printable(entry.key)}"
    return Offer(name=name, size=entry.size, sha256=sha256, verified=verified, where=where, address=where, open=stream)


def search_page(client: Client, credentials: Credentials, project: ProjectName, version: Version | None) -> list[Found]:
    """Read the page of a source, and if it is the root of an index, the project's page instead or as well.

    Raises Refused, also for a page that lists no distribution at all; Denied or Unavailable.
    """
    pages = _read_pages(client, credentials, project)
    found: list[Found] = []
    problems: list[Problem] = []
    for page in pages:
        where = client.show(page.url)
        filenames = [link.filename for link in page.links] + [entry.filename for entry in page.unusable]
        selection = select(filenames, project, version)
        offers = tuple(
            partial(_linked_offer, client, credentials, link, selection.names[link.filename])
            for link in page.links
            if link.filename in selection.names
        )
        found.append(Found(where=where, selection=selection, offers=offers))
        remedy = "correct the page, or name another one"
        problems += [
            Problem(subject=f"{entry.filename} (listed by {where})", what=entry.reason, remedy=remedy)
            for entry in page.unusable
            if entry.filename in selection.names
        ]
    if problems:
        # Without that file a release would look whole and would not be.
        raise Refused(*problems)
    if not any(each.selection.versions for each in found):
        _refuse_pages_of_nothing(client, credentials.source, pages)
    return found


def _linked_offer(client: Client, credentials: Credentials, link: Link, name: DistributionName) -> Offer:
    def download(receive: Callable[[Read], Sha256]) -> Sha256:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        read = Progress(client.report, name.filename).counting
        return client.get(link.url, credentials, headers, lambda response: receive(read(response.read)))

    return Offer(
        name=name,
        size=link.size,
        sha256=link.sha256,
        verified=link.sha256 is not None,
        where=client.show(link.url),
        address=link.url.request,
        open=download,
    )


def _refuse_pages_of_nothing(client: Client, source: WebUrl, pages: Sequence[IndexPage]) -> None:
    """Refuse what is not a list of distributions; a list without this project is fine."""
    where = " which led to ".join(dict.fromkeys(client.show(url) for url in (source, pages[0].url)))
    if any(page.asks_password for page in pages):
        what, remedy = "is a login page", "give a user and a password in the source's URL or in netrc"
    elif not any(page.projects or any(is_archive_name(link.filename) for link in page.links) for page in pages):
        what, remedy = "lists no wheel and no sdist", _CHECK_JOB
    else:
        return
    raise Refused(Problem(subject=where, what=what, remedy=remedy))


# Reading pages -------------------------------------------------------------------------------------------------------

_BLOCK = 64 * 1024
_HEADERS = {
    # PEP 691: JSON says more; a server that knows neither type sends what it has.
    "Accept": "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
    "text/html;q=0.1, */*;q=0.01",
    "Accept-Encoding": "gzip",
    # A page from some cache would not show what a CI job has just added.
    "Cache-Control": "no-cache",
}


def _read_pages(client: Client, credentials: Credentials, project: ProjectName) -> list[IndexPage]:
    source = credentials.source
    if source.path.rstrip("/").endswith("/simple"):
        # An index's root may be huge, and its host may forbid it, or answer 403 for what is not there.
        with suppress(Absent, Denied):
            page = replace(source, path=f"{source.path.rstrip('/')}/{project}/")
            return [_read_page(client, page, credentials)]
    root = _read_page(client, source, credentials)
    named = dict.fromkeys(link.url for link in root.projects if str(canonicalize_name(link.name)) == project)
    return [root, *(_read_page(client, url, credentials) for url in named)]


def _read_page(client: Client, url: WebUrl, credentials: Credentials) -> IndexPage:
    limit = client.limits.page_bytes

    def receive(response: HttpResponse) -> IndexPage:
        try:
            body = _decompressed(_body(response, limit), response.encoding, limit)
            return read_index(body, response.media_type, response.url.request)
        except UnreadablePage as error:
            remedy = "name the URL of a page that lists files"
            raise Refused(Problem(subject=response.where, what=str(error), remedy=remedy)) from error

    return client.get(url, credentials, _HEADERS, receive)


def _body(response: HttpResponse, limit: int) -> bytes:
    body = bytearray()
    while block := response.read(_BLOCK):
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
        raise UnreadablePage("is marked as gzip and is not gzip") from error
    if len(plain) > limit:
        raise UnreadablePage(f"is longer than {limit} bytes")
    if not decoder.eof:
        raise UnreadablePage("is gzip that ends too early")
    return plain
