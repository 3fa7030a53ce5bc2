"""Pages as an installer sees them, read without bucketwheel: the files that they link to, the projects of a root."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from bucketwheel.names import ProjectName

__all__ = ["Link", "links_of", "page_key", "projects_of"]

_SITE = "https://index.example/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _PageKey:
    """The key of a page."""

    project: ProjectName | None
    """None for the root."""
    is_json: bool


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Link:
    """A file as a page offers it."""

    key: str
    sha256: str
    size: int
    metadata_sha256: str = ""
    """The digest of the sidecar; empty where the page announces none."""
    yanked: str = ""
    signed: bool = False


@lru_cache(maxsize=10_000)
def page_key(key: str) -> _PageKey | None:
    """Parse the key of a page, or return None; simulated repositories keep their index in `simple/`."""
    found = re.fullmatch(r"simple/(?:(?P<project>[^/]+)/)?(?P<page>|index\.html|index\.json)", key)
    if found is None:
        return None
    project = found["project"]
    return _PageKey(project=None if project is None else ProjectName(project), is_json=found["page"] == "index.json")


@lru_cache(maxsize=50_000)
def links_of(key: str, body: bytes) -> tuple[Link, ...]:
    """Return the files that a project's page links to, sorted by key."""
    return tuple(sorted(_json_links(key, body) if key.endswith(".json") else _html_links(key, body)))


@lru_cache(maxsize=50_000)
def projects_of(key: str, body: bytes) -> frozenset[str]:
    """Return the projects that a root page lists."""
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
        """Collect the attributes of anchors."""
        if tag == "a":
            self.anchors.append({name: value or "" for name, value in attrs})
