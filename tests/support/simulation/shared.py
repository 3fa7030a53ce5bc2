"""The catalogue of a simulated repository and the pages of all projects, read without bucketwheel's own rules."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from packaging.version import Version

from bucketwheel.format.layout import FEED_KEYS, PEOPLE_KEYS
from bucketwheel.format.manifest import Manifest, PublishedFile

__all__ = ["SHARED", "assets_of", "catalogue_lines", "latest_of", "releases_in", "shown_projects", "shown_releases"]

SHARED = frozenset((*PEOPLE_KEYS, *FEED_KEYS))

_RELEASE = {
    "index.html": re.compile(
        r'project/([a-z-]+)/index\.html"><strong>[^<]*</strong> <span class="bw-version">([^<]+)<'
    ),
    "rss/updates.xml": re.compile(r"<item>\n<title>(\S+) (\S+)</title>"),
}
_PROJECT = {
    "search/projects.js": re.compile(r'\["([^"]+)","([^"]+)"'),
    "rss/packages.xml": re.compile(r"<title>(\S+) (added) to"),
}


@lru_cache(maxsize=10_000)
def catalogue_lines(body: bytes) -> Mapping[str, tuple[int, str]]:
    """Return of each project in a catalogue its revision and its newest version, empty for none."""
    document: Any = json.loads(body)
    return {each["name"]: (each["revision"], each.get("latest", "")) for each in document["projects"]}


def releases_in(body: bytes) -> set[tuple[str, str]]:
    """Return the releases in a catalogue."""
    document: Any = json.loads(body)
    return {(each["project"], each["version"]) for each in document["releases"]}


@lru_cache(maxsize=10_000)
def latest_of(manifest: Manifest) -> str:
    """Return the newest version of a manifest: not yanked, then final, then highest."""
    versions: dict[str, list[PublishedFile]] = defaultdict(list)
    for file in manifest.visible:
        versions[file.version].append(file)
    return max(versions, key=lambda version: _rank(version, versions[version]), default="")


def _rank(version: str, files: list[PublishedFile]) -> tuple[bool, bool, Version]:
    parsed = Version(version)
    return any(file.yanked is None for file in files), not parsed.is_prerelease, parsed


@lru_cache(maxsize=10_000)
def assets_of(body: bytes) -> frozenset[str]:
    """Return the keys of the style sheet, the script and the icon that a page for people refers to."""
    return frozenset(re.findall(r"assets/[0-9a-f]{16}\.[a-z]+", body.decode()))


def shown_releases(key: str, body: bytes) -> set[tuple[str, str]] | None:
    """Return the releases that a page shows; None for a page that shows none."""
    pattern = _RELEASE.get(key)
    return None if pattern is None else set(pattern.findall(body.decode()))


def shown_projects(key: str, body: bytes) -> set[str] | None:
    """Return the projects that a page shows; None for a page that shows releases."""
    pattern = _PROJECT.get(key)
    return None if pattern is None else {project for project, _ in pattern.findall(body.decode())}
