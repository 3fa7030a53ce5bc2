"""Views as their readers see them, read without bucketwheel: the files that they name, and the revision they show."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit
from xml.parsers import expat

__all__ = ["ViewKey", "feed_versions", "named_files", "parsed_view_key", "revision_on", "view_json", "yanked_files"]

_SITE = "https://index.example/"
_KEYS = {
    "json": r"pypi/(?P<project>[^/]+)/json",
    "json-versions": r"pypi/(?P<project>[^/]+)/(?P<version>[^/]+)/json",
    "people": r"project/(?P<project>[^/]+)/index\.html",
    "feeds": r"rss/project/(?P<project>[^/]+)/releases\.xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewKey:
    """The key of a view's page."""

    view: str
    project: str
    version: str | None = None


@lru_cache(maxsize=10_000)
def parsed_view_key(key: str) -> ViewKey | None:
    """Read the key of a view of a project; None for any other key."""
    for view, pattern in _KEYS.items():
        if found := re.fullmatch(pattern, key):
            return ViewKey(view=view, **found.groupdict())
    return None


def view_json(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a document of Warehouse's API."""
    return json.loads(body)


@lru_cache(maxsize=50_000)
def named_files(key: str, body: bytes) -> frozenset[tuple[str, str]]:
    """Return the key and the sha256 of each file that a view names; a feed names none."""
    parsed = parsed_view_key(key)
    assert parsed is not None
    if parsed.view == "feeds":
        expat.ParserCreate().Parse(body, True)  # noqa: FBT003 - expat's
        return frozenset()
    if parsed.view == "people":
        return frozenset(_people(key, body))
    return frozenset((_key(file["url"]), file["digests"]["sha256"]) for file in _files(view_json(body)))


def yanked_files(body: bytes) -> frozenset[str]:
    """Return the keys of the files that a document of Warehouse's API calls yanked."""
    return frozenset(_key(file["url"]) for file in _files(view_json(body)) if file["yanked"])


def _files(document: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return [*document["urls"], *(file for files in document.get("releases", {}).values() for file in files)]


def feed_versions(body: bytes) -> list[str]:
    """Return the versions in a project's feed, the newest first."""
    return re.findall(r"<item>\n<title>([^<]*)</title>", body.decode())


def revision_on(body: bytes) -> int:
    """Return the revision that a view has in its own bytes, at the place where its mark is."""
    found = re.search(rb'^[^\n]{0,60}"revision":(\d+)|revision=(\d+)', body[:600], re.MULTILINE)
    assert found is not None, body[:600]
    return int(found[1] or found[2])


def _people(key: str, body: bytes) -> list[tuple[str, str]]:
    reader = _Reader()
    reader.feed(body.decode())
    links = [_key(urljoin(_SITE + key, href)) for href in reader.links]
    files = [link for link in links if link.endswith((".whl", ".tar.gz", ".zip"))]
    return list(zip(files, reader.digests, strict=True))


def _key(url: str) -> str:
    # A store in memory has URLs without a host.
    return unquote(urlsplit(url).path).removeprefix("/")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.digests: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the targets of links."""
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]

    def handle_data(self, data: str) -> None:
        """Collect digests, which stand beside their files."""
        self.digests += re.findall(r"sha256: ([0-9a-f]{64})", data)
