"""Bytes of a page in, what it lists out: the one entry for every shape of index page."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser

from bucketwheel.names import InvalidName, Sha256, is_sha256, project_name
from bucketwheel.sources.urls import InvalidUrl, WebUrl, filename_of, follow, read_url

__all__ = [
    "IndexPage",
    "Link",
    "ProjectLink",
    "UnreadablePage",
    "Unusable",
    "link_to",
    "read_html",
    "read_index",
    "read_json",
]


class UnreadablePage(ValueError):
    """A body that is no index page; the message continues the page's URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file that a page lists; whether the name that the page gives it is a good one is not judged yet."""

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
    """All that a page lists, in its order."""

    url: WebUrl
    links: tuple[Link, ...] = ()
    projects: tuple[ProjectLink, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    asks_password: bool = False
    """Whether it has a field for a password, as login pages do."""


def link_to(
    base: WebUrl,
    reference: str,
    *,
    filename: str | None = None,
    sha256: str | None,
    size: int | None = None,
    yanked: str | None = None,
) -> Link | Unusable:
    """Resolve one entry of a page; where the page gives no file name it is the last segment of the URL's path."""
    try:
        url = follow(base, reference)
    except InvalidUrl as error:
        return Unusable(filename=filename or filename_of(reference.partition("?")[0]), reason=str(error))
    named = filename if filename is not None else filename_of(url.path)
    if sha256 is not None and not is_sha256(sha256.lower()):
        return Unusable(filename=named, reason="is listed with a sha256 that is none")
    digest = None if sha256 is None else Sha256(sha256.lower())
    return Link(url=url, filename=named, sha256=digest, size=size, yanked=yanked)


_PIECE = 64 * 1024
_LONGEST_TAG = 256 * 1024
"""Characters that the parser may hold back, waiting for the end of a tag, a comment or a script.

It looks at them again with each piece, and takes some 250 times their size in memory for a tag of many attributes.
"""

_SHA256 = re.compile(r"(?:^|&)sha256=([^&]*)")


def read_html(text: str, url: WebUrl) -> IndexPage:
    """List what the page links to; raises UnreadablePage. Linear in time, whatever the markup."""
    anchors = _parsed(text)
    base = _base(url, anchors.base)
    links: list[Link] = []
    projects: list[ProjectLink] = []
    unusable: list[Unusable] = []
    for href, yanked in anchors.found:
        reference, _, fragment = href.partition("#")
        digest = _SHA256.search(fragment)
        match link_to(base, reference, sha256=digest[1] if digest else None, yanked=yanked):
            case Unusable() as entry:
                unusable.append(entry)
            case Link(filename="") as entry if not url.path.startswith(entry.url.path):
                # PEP 503: a root page's links end in a slash. The page itself and its parents are no projects.
                projects.append(ProjectLink(url=entry.url, name=filename_of(entry.url.path[:-1])))
            case Link(filename=str(filename)) as entry if filename:
                links.append(entry)
    return IndexPage(
        url=url,
        links=tuple(links),
        projects=tuple(projects),
        unusable=tuple(unusable),
        asks_password=anchors.asks_password,
    )


class _Anchors(HTMLParser):
    """Collects where a page's anchors lead; no tree is built, so nesting costs nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.found: list[tuple[str, str | None]] = []
        """Where each leads, and why that was yanked."""
        self.asks_password = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := _attribute(attrs, "href")) is not None:
            self.found.append((href, _yanked(attrs)))
        elif tag == "base" and self.base is None:
            self.base = _attribute(attrs, "href")
        elif tag == "input" and (_attribute(attrs, "type") or "").lower() == "password":
            self.asks_password = True


def _attribute(attrs: list[tuple[str, str | None]], name: str) -> str | None:
    # HTML: of an attribute written twice the first counts; blanks around a URL do not.
    return next((value.strip() for key, value in attrs if key == name and value is not None), None)


def _yanked(attrs: list[tuple[str, str | None]]) -> str | None:
    # PEP 592: the attribute alone says that it is yanked; its value, if any, says why.
    return next((value or "" for key, value in attrs if key == "data-yanked"), None)


def _parsed(text: str) -> _Anchors:
    anchors = _Anchors()
    for start in range(0, len(text), _PIECE):
        try:
            anchors.feed(text[start : start + _PIECE])
        except (AssertionError, ValueError) as error:
            # html.parser on markup that it gives up on: `<![x`, `&#` with thousands of digits.
            raise UnreadablePage("is not HTML that can be read") from error
        if len(anchors.rawdata) > _LONGEST_TAG:
            raise UnreadablePage("has a tag, a comment or a script of more than 256 KiB, as no index page has")
    # No close(): it would search what is left over again and again, and an unfinished tag is no link.
    return anchors


def _base(url: WebUrl, reference: str | None) -> WebUrl:
    try:
        return url if reference is None else follow(url, reference)
    except InvalidUrl as error:
        raise UnreadablePage(f"has a <base> that {error}") from error


def read_json(body: bytes, url: WebUrl) -> IndexPage:
    """List what the page names; raises UnreadablePage. Keys we do not know are passed over, as PEP 691 asks."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePage("is not JSON that can be read") from error
    match document:
        case {"meta": {"api-version": str(version)}} if not version.startswith("1."):
            raise UnreadablePage("is of a newer version of the index API than 1")
        case {"files": list(files)}:
            entries = [_entry(file, url) for file in files]
            return IndexPage(
                url=url,
                links=tuple(entry for entry in entries if isinstance(entry, Link)),
                unusable=tuple(entry for entry in entries if isinstance(entry, Unusable)),
            )
        case {"projects": list(projects)}:
            return IndexPage(url=url, projects=tuple(_projects(projects, url)))
    raise UnreadablePage("is JSON, but not of an index (PEP 691): it has neither files nor projects")


def _entry(file: object, url: WebUrl) -> Link | Unusable:
    match file:
        case {"filename": str(filename), "url": str(reference)}:
            address = reference.partition("#")[0]
            return link_to(
                url, address, filename=filename, sha256=_sha256(file), size=_size(file), yanked=_yanked_value(file)
            )
    raise UnreadablePage("lists a file without a filename or a url")


def _sha256(file: object) -> str | None:
    match file:
        case {"hashes": {"sha256": str(digest)}}:
            return digest
    return None


def _size(file: object) -> int | None:
    match file:
        case {"size": int(size)} if size >= 0 and not isinstance(size, bool):
            return size
    return None


def _yanked_value(file: object) -> str | None:
    match file:
        case {"yanked": str(reason)} if reason:
            return reason
        case {"yanked": True}:
            return ""
    return None


def _projects(projects: list[object], url: WebUrl) -> list[ProjectLink]:
    links = []
    for project in projects:
        match project:
            case {"name": str(name)}:
                try:
                    links.append(ProjectLink(url=follow(url, f"{project_name(name)}/"), name=name))
                except InvalidName:
                    continue  # no project of ours can have it
            case _:
                raise UnreadablePage("lists a project without a name")
    return links


_UTF_16 = re.compile(r"charset\s*=\s*[\"']?(utf-16(?:le|be)?)", re.IGNORECASE)


def read_index(body: bytes, media_type: str, url: str) -> IndexPage:
    """List what an index page names: HTML (PEP 503, or a flat page of links) or JSON (PEP 691).

    `url` is where the page was found in the end, after redirects: its links are relative to that. Raises
    UnreadablePage, or InvalidUrl for a page whose own address is none.
    """
    address, _ = read_url(url)
    essence = media_type.partition(";")[0].strip().lower()
    # Static hosts serve what they were told, which is often nothing: a body that begins like JSON is JSON.
    if essence.endswith("json") or ("html" not in essence and body.lstrip()[:1] == b"{"):
        return read_json(body, address)
    return read_html(_text(body, media_type), address)


def _text(body: bytes, media_type: str) -> str:
    # Every encoding that pages are written in agrees with UTF-8 on the characters of URLs, except UTF-16.
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    named = _UTF_16.search(media_type)
    return body.decode(named[1] if named else "utf-8-sig", "replace")
