"""A page of a project: where it is, what it shows, and whether what is there is right already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from bucketwheel.format.layout import PageMark, page_mark
from bucketwheel.format.pages.listing import Listing
from bucketwheel.format.pages.mark import RENDERER, mark_of
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.repository import Repository
from bucketwheel.protocol.sidecars import Sidecars
from bucketwheel.storage import Key, Object, ObjectHeaders, ObjectVersion, Storage

__all__ = [
    "Page",
    "PageVersion",
    "Rendered",
    "Shown",
    "is_newer",
    "is_up_to_date",
    "page_version",
    "project_mark",
    "stat_page",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVersion:
    """A page as a stat showed it."""

    version: ObjectVersion | None
    """None: there is no page."""
    mark: PageMark | None = None
    """None: no page, or not one that we wrote."""
    sha256: Sha256 | None = None
    is_empty: bool = False
    """An object without bytes, as consoles make it for a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that the pages of a manifest show, found once for all of them."""

    repository: Repository
    read: VersionedManifest
    listing: Listing
    """Of the simple pages."""
    sidecars: Sidecars

    @property
    def project(self) -> ProjectName:
        """The project whose pages they are."""
        return self.read.project


Judge: TypeAlias = Callable[[PageVersion, PageMark, Callable[[], bytes]], bool]
"""Says whether what was found needs no write; the bytes that it ought to have are rendered only when asked for."""


class Rendered(NamedTuple):
    """The bytes of a page, and its mark, which may say of itself that another run can do better."""

    body: bytes
    mark: PageMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that a project has, whatever its manifest says."""

    key: Key
    headers: ObjectHeaders
    mark: Callable[[VersionedManifest], PageMark]
    render: Callable[[Shown, PageMark], Rendered]
    is_right: Judge


def project_mark(repository: Repository, read: VersionedManifest) -> PageMark:
    """Return the mark of the simple pages that show this manifest."""
    return PageMark(
        revision=read.manifest.revision,
        renderer=RENDERER,
        manifest=read.sha256,
        repository=repository.settings.id,
    )


def is_newer(found: PageVersion, mark: PageMark) -> bool:
    """Return whether a page shows a later revision than the one at hand."""
    return found.mark is not None and found.mark.revision > mark.revision


def is_up_to_date(found: PageVersion, ours: PageMark, body: Callable[[], bytes]) -> bool:
    """Return whether a page needs no write: equal bytes, a newer revision, or this one by a newer renderer."""
    if found.sha256 == sha256_of(body()):
        return True
    if found.mark is None:
        return False
    if found.mark.revision > ours.revision:  # rule: a page never goes back
        return True
    if found.mark.revision == ours.revision and found.mark.renderer > ours.renderer:
        return True
    # Where the store keeps no digest, only the mark can tell.
    return found.mark == ours and found.sha256 is None


def stat_page(storage: Storage, key: Key) -> PageVersion:
    """Look at a page, whatever it is a page of."""
    info = storage.stat(key)
    if info is None:
        return PageVersion(version=None)
    if info.marks is not None:
        mark = page_mark(info.marks)
        return PageVersion(version=info.version, mark=mark, sha256=info.sha256, is_empty=info.size == 0)
    return page_version(storage.read(key))


def page_version(stored: Object | None) -> PageVersion:
    """Return the same of a page that was read; in a store without marks it says itself which revision it shows."""
    if stored is None:
        return PageVersion(version=None)
    return PageVersion(
        version=stored.version, mark=mark_of(stored), sha256=sha256_of(stored.body), is_empty=not stored.body
    )
