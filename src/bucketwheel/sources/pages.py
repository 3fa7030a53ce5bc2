"""Index pages of every shape: the bytes of a page in, what it lists out."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from bucketwheel.names import InvalidName, Sha256, is_sha256, project_name
from bucketwheel.sources.urls import InvalidUrl, WebUrl, filename_of, follow, read_url

__all__ = ["IndexPage", "Link", "ProjectLink", "UnreadablePage", "Unusable", "read_index"]


class UnreadablePage(ValueError):
    """A body that is not an index page; the message continues the page's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file that a page lists, under a name that may still be a bad one."""

    url: WebUrl
    filename: str
    sha256: Sha256 | None = None
    """As the page states it; weaker algorithms prove nothing and are left out."""
    size: int | None = None
    yanked: str | None = None
    """Why it was yanked (PEP 592), empty where the page gives no reason; None: not yanked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLink:
    """A project that a root page lists."""

    url: WebUrl
    name: str
    """As the page spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A file that a page lists in such a way that it must not be fetched."""

    filename: str
    reason: str
    """Continues the file name: "leads from https to http"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage:
    """Everything that a page lists, in its order."""

    url: WebUrl
    links: tuple[Link, ...] = ()
    projects: tuple[ProjectLink, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    asks_password: bool = False
    """It has a field for a password, as login pages do."""


def read_index(body: bytes, media_type: str, url: str) -> IndexPage:
    """List what an index page names: HTML (PEP 503, or a flat page of links) or JSON (PEP 691).

    `url` is the page's address after redirects: its links are relative to that. Raises UnreadablePage, or InvalidUrl
    if the address is not a URL.
    """
    address, _ = read_url(url)
    essence = media_type.partition(";")[0].strip().lower()
    # Static hosts often serve no media type or a wrong one: a body that begins like JSON is JSON.
    if essence.endswith("json") or ("html" not in essence and body.lstrip()[:1] == b"{"):
        return _read_json(body, address)
    return _read_html(_decoded(body, media_type), address)


_Entry = Link | Unusable | ProjectLink | None


def _page(url: WebUrl, entries: Sequence[_Entry], *, asks_password: bool = False) -> IndexPage:
    return IndexPage(
        url=url,
        links=tuple(entry for entry in entries if isinstance(entry, Link)),
        projects=tuple(entry for entry in entries if isinstance(entry, ProjectLink)),
        unusable=tuple(entry for entry in entries if isinstance(entry, Unusable)),
        asks_password=asks_password,
    )


def _link(
    base: WebUrl,
    reference: str,
    *,
    filename: str | None = None,
    sha256: str | None,
    size: int | None = None,
    yanked: str | None,
) -> Link | Unusable:
    """Resolve one entry of a page; without a file name, the last segment of its URL's path is its name."""
    try:
        url = follow(base, reference)
    except InvalidUrl as error:
        return Unusable(filename=filename or filename_of(reference.partition("?")[0]), reason=str(error))
    if filename is None:
        filename = filename_of(url.path)
    digest = None if sha256 is None else Sha256(sha256.lower())
    if digest is not None and not is_sha256(digest):
        return Unusable(filename=filename, reason="is listed with an invalid sha256")
    return Link(url=url, filename=filename, sha256=digest, size=size, yanked=yanked)


# HTML ----------------------------------------------------------------------------------------------------------------

_PIECE = 64 * 1024
_LONGEST_TAG = 256 * 1024
"""Characters that the parser may hold back while it waits for the end of a tag, a comment or a script.

It looks at them again with each piece, and takes some 250 times their size in memory for a tag of many attributes.
"""
_END_OF_REFERENCE = re.compile(r"[\t\n\f\r ;]")
_SHA256 = re.compile(r"(?:^|&)sha256=([^&]*)")
_UTF_16 = re.compile(r"charset\s*=\s*[\"']?(utf-16(?:le|be)?)", re.IGNORECASE)


def _decoded(body: bytes, media_type: str) -> str:
    # Every encoding that pages are written in agrees with UTF-8 on the characters of URLs, except UTF-16.
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    named = _UTF_16.search(media_type)
    return body.decode(named[1] if named else "utf-8-sig", "replace")


def _read_html(text: str, url: WebUrl) -> IndexPage:
    """List what the page links to, in linear time for any markup."""
    anchors = _parsed(text)
    try:
        base = url if anchors.base is None else follow(url, anchors.base)
    except InvalidUrl as error:
        raise UnreadablePage(f"has a <base> that {error}") from error
    entries = [_html_entry(href, yanked, base, url) for href, yanked in anchors.found]
    return _page(url, entries, asks_password=anchors.asks_password)


def _html_entry(href: str, yanked: str | None, base: WebUrl, page: WebUrl) -> _Entry:
    reference, _, fragment = href.partition("#")
    digest = _SHA256.search(fragment)
    entry = _link(base, reference, sha256=digest[1] if digest else None, yanked=yanked)
    if isinstance(entry, Unusable) or entry.filename:
        return entry
    # PEP 503: a root page's links end in a slash. The page itself and its parents are not projects.
    if page.path.startswith(entry.url.path):
        return None
    return ProjectLink(url=entry.url, name=filename_of(entry.url.path[:-1]))


class _Anchors(HTMLParser):
    """The anchors of a page; no tree is built, so nesting costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.found: list[tuple[str, str | None]] = []
        """The address of each, and why that file was yanked."""
        self.asks_password = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # HTML: of an attribute written twice the first counts; blanks around a URL do not.
        values: dict[str, str] = {}
        for name, value in attrs:
            if value is not None:
                values.setdefault(name, value.strip())
        if tag == "a" and "href" in values:
            # PEP 592: the attribute alone says that it is yanked; its value, if any, says why.
            yanked = next((value or "" for name, value in attrs if name == "data-yanked"), None)
            self.found.append((values["href"], yanked))
        elif tag == "base" and self.base is None:
            self.base = values.get("href")
        elif tag == "input" and values.get("type", "").lower() == "password":
            self.asks_password = True


def _parsed(text: str) -> _Anchors:
    anchors = _Anchors()
    for piece in _pieces(text):
        _feed(anchors, piece)
        if len(anchors.rawdata) > _LONGEST_TAG:
            raise UnreadablePage("has a tag, a comment or a script of more than 256 KiB, as no index page has")
    # Python 3.14.10 leaves new pieces unread until what it holds back has doubled, so that takes the rest of them.
    # No close(): it would search what is left over again and again, and an unfinished tag is no link.
    _feed(anchors, " " * len(anchors.rawdata))
    return anchors


def _feed(anchors: _Anchors, piece: str) -> None:
    try:
        anchors.feed(piece)
    except (AssertionError, ValueError) as error:
        # html.parser on markup that it gives up on: `<![x`, `&#` with thousands of digits.
        raise UnreadablePage("is not valid HTML") from error


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        # The parser holds back all text before a `&` near the end of a piece, unless one of these follows it.
        found = _END_OF_REFERENCE.search(text, start + _PIECE, start + 2 * _PIECE)
        end = found.end() if found else start + _PIECE
        yield text[start:end]
        start = end


# JSON ----------------------------------------------------------------------------------------------------------------


def _read_json(body: bytes, url: WebUrl) -> IndexPage:
    """List what the page names; keys that we do not know are ignored, as PEP 691 asks."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePage("is not valid JSON") from error
    match document:
        case {"meta": {"api-version": str(version)}} if not version.startswith("1."):
            raise UnreadablePage("is of a newer version of the index API than 1")
        case {"files": list(files)}:
            return _page(url, [_json_file(file, url) for file in files])
        case {"projects": list(projects)}:
            return _page(url, [_json_project(project, url) for project in projects])
    raise UnreadablePage("is JSON, but not of an index (PEP 691): it has neither files nor projects")


def _json_file(file: object, page: WebUrl) -> Link | Unusable:
    match file:
        case {"filename": str(filename), "url": str(reference), **facts}:
            hashes, size, yanked = facts.get("hashes"), facts.get("size"), facts.get("yanked")
        case _:
            raise UnreadablePage("lists a file without a filename or a url")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    return _link(
        page,
        reference.partition("#")[0],
        filename=filename,
        sha256=sha256 if isinstance(sha256, str) else None,
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        yanked=_json_yanked(yanked),
    )


def _json_yanked(value: object) -> str | None:
    if value is True:
        return ""
    return value if isinstance(value, str) and value else None


def _json_project(project: object, page: WebUrl) -> ProjectLink | None:
    match project:
        case {"name": str(name)}:
            try:
                return ProjectLink(url=follow(page, f"{project_name(name)}/"), name=name)
            except InvalidName:
                return None  # no project of ours can have it
    raise UnreadablePage("lists a project without a name")
