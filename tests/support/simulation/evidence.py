"""What lies in the store as a reader sees it, read by nothing of ours: what pages link to, what the roots list."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from bucketwheel.names import ProjectName

__all__ = ["Link", "PageKey", "is_root", "links_of", "page_key", "projects_of"]

_SITE = "https://index.example/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """What kind of page lies at a key."""

    project: ProjectName | None
    """None: the root."""
    is_json: bool


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Link:
    """One file as a page offers it."""

    key: str
    sha256: str
    size: int
    metadata_sha256: str = ""
    """Of the sidecar; empty where none is announced."""
    yanked: str = ""
    signed: bool = False


@lru_cache(maxsize=10_000)
def page_key(key: str) -> PageKey | None:
    """Tell a page's key from any other; the simulated repositories keep `simple/` for their index."""
    found = re.fullmatch(r"simple/(?:(?P<project>[^/]+)/)?(?P<page>|index\.html|index\.json)", key)
    if found is None:
        return None
    project = found["project"]
    return PageKey(project=None if project is None else ProjectName(project), is_json=found["page"] == "index.json")


def is_root(key: str) -> bool:
    """Whether the root's page lies at a key."""
    page = page_key(key)
    return page is not None and page.project is None


@lru_cache(maxsize=50_000)
def links_of(key: str, body: bytes) -> tuple[Link, ...]:
    """The files that a project's page links to, in the order of their keys."""
    return tuple(sorted(_json_links(key, body) if key.endswith(".json") else _html_links(key, body)))


@lru_cache(maxsize=50_000)
def projects_of(key: str, body: bytes) -> frozenset[str]:
    """The projects that a root page lists."""
    if key.endswith(".json"):
        return frozenset(project["name"] for project in json.loads(body)["projects"])
    return frozenset(attributes["href"].rstrip("/") for attributes in _anchors(body))


def _json_links(key: str, body: bytes) -> list[Link]:
    return [
        Link(
            key=_target(key, file["url"]),
            sha256=file["hashes"]["sha256"],
            size=file["size"],
            metadata_sha256=file.get("core-metadata", {}).get("sha256", ""),
            yanked=file["yanked"] or "",
            signed=file.get("gpg-sig", False),
        )
        for file in json.loads(body)["files"]
    ]


def _html_links(key: str, body: bytes) -> list[Link]:
    return [
        Link(
            key=_target(key, attributes["href"]),
            sha256=urldefrag(attributes["href"]).fragment.removeprefix("sha256="),
            size=int(attributes["data-size"]),
            metadata_sha256=attributes.get("data-core-metadata", "").removeprefix("sha256="),
            yanked=attributes.get("data-yanked", ""),
            signed=attributes.get("data-gpg-sig") == "true",
        )
        for attributes in _anchors(body)
    ]


def _target(key: str, href: str) -> str:
    return unquote(urlsplit(urljoin(_SITE + key, href)).path).removeprefix("/")


def _anchors(body: bytes) -> list[dict[str, str]]:
    reader = _AnchorReader()
    reader.feed(body.decode())
    return reader.anchors


class _AnchorReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what anchors say."""
        if tag == "a":
            self.anchors.append({name: value or "" for name, value in attrs})
