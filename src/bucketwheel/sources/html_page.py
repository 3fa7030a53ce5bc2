"""Index pages in HTML: a flat page of links, a PEP 503 root page or project page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from bucketwheel.sources.index_page import IndexPage, Link, ProjectLink, UnreadablePage, Unusable, link_to
from bucketwheel.sources.urls import InvalidUrl, WebUrl, filename_of, follow

__all__ = ["read_html"]

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
