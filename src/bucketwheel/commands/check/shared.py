"""The catalogue, compared with the manifests, and the pages of all projects together, compared with the catalogue."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.format.catalogue import CATALOGUE_KEY, Catalogue
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.catalogue import (
    FoundCatalogue,
    is_shown,
    look_at_catalogue,
    missing_assets,
    refers_to_ours,
    shared_keys,
)
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key

__all__ = ["check_shared", "is_asset"]

_ASSET = re.compile(r"assets/[0-9a-f]{16}\.[a-z]{2,4}\Z")


def is_asset(key: Key) -> bool:
    """Return whether a key is named by a digest, as a style sheet, a script or a logo is: they are only ever added."""
    return _ASSET.match(key) is not None


def check_shared(
    repository: Repository,
    manifests: Collection[VersionedManifest],
    projects: Collection[ProjectName],
    workers: Workers,
) -> Iterator[Finding]:
    """Compare what was read of all projects with the catalogue, which is read now, and its pages with it."""
    if not shared_keys(repository.settings.views):
        return
    found = look_at_catalogue(repository, workers)
    if found.catalogue is None:
        yield finding("catalogue-missing" if found.version is None else "catalogue-damaged", CATALOGUE_KEY)
        return
    behind = sorted(read.project for read in manifests if found.is_behind(read))
    if behind:
        yield finding("catalogue-behind", CATALOGUE_KEY, number=len(behind), project=behind[0])
    if gone := sorted(set(found.catalogue.lines).difference(projects)):
        yield finding("catalogue-dangling", CATALOGUE_KEY, number=len(gone), project=gone[0])
    yield from _check_pages(repository, found, found.catalogue)
    if any(map(refers_to_ours, found.front)):
        yield from (finding("page-missing:shared", key) for key in missing_assets(repository, workers))
    logo = repository.settings.logo
    if logo is not None and "people" in repository.settings.views and repository.storage.stat(Key(logo)) is None:
        yield finding("page-missing:logo", logo)


def _check_pages(repository: Repository, found: FoundCatalogue, catalogue: Catalogue) -> Iterator[Finding]:
    for key, page in found.pages.items():
        if page.version is None:
            yield finding("page-missing:shared", key)
        elif page.mark is None:
            yield finding("page-edited:shared", key)
        elif page.mark.revision > catalogue.revision:
            yield finding("page-ahead:shared", key)
        elif not is_shown(repository, key, catalogue, page):
            yield finding("page-behind:shared", key)
