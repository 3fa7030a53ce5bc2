"""What the views of a simulated repository show, and what they ought to, by rules that are written here once more."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from packaging.version import Version

from bucketwheel.format.manifest import Manifest, PublishedFile
from support.simulation.history import key_of
from support.view_pages import ViewKey, feed_versions, named_files, parsed_view_key, yanked_files

__all__ = ["expected_in", "shown_in"]

_Shown = frozenset[tuple[str, str, bool]]
"""The key and digest of each file, and whether it is yanked, which a page for people does not tell; of a feed versions.
"""


@lru_cache(maxsize=50_000)
def shown_in(key: str, body: bytes) -> _Shown:
    """Return what a view shows."""
    parsed = parsed_view_key(key)
    assert parsed is not None
    if parsed.view == "feeds":
        return frozenset((version, "", False) for version in feed_versions(body))
    yanked = frozenset[str]() if parsed.view == "people" else yanked_files(body)
    return frozenset((name, sha256, name in yanked) for name, sha256 in named_files(key, body))


@lru_cache(maxsize=50_000)
def expected_in(view: ViewKey, manifest: Manifest) -> _Shown:
    """Return what a view must show at this revision."""
    versions: dict[str, list[PublishedFile]] = defaultdict(list)
    for file in manifest.visible:
        versions[file.version].append(file)
    if view.view == "feeds":
        return frozenset((version, "", False) for version in versions)
    files = list(manifest.visible)
    if view.view == "json-versions":
        files = versions[view.version or ""]
    elif view.view == "people" and versions:
        files = versions[max(versions, key=lambda version: _rank(version, versions[version]))]
    told = view.view != "people"
    return frozenset((key_of(manifest, file), file.sha256, told and file.yanked is not None) for file in files)


def _rank(version: str, files: list[PublishedFile]) -> tuple[bool, bool, Version]:
    is_yanked = all(file.yanked is not None for file in files)
    return not is_yanked, not Version(version).is_prerelease, Version(version)
