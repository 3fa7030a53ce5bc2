"""A listing, sorted: which files could be whose, where pages lie, and what is no part of an index."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bucketwheel.commands.adopt.parsed_names import Claim, claim, is_distribution
from bucketwheel.format.layout import SIDECARS, Layout, PageStyle
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import InvalidName, ProjectName, project_name
from bucketwheel.storage import Key, ListEntry

__all__ = ["Ground", "Lying", "Strange", "can_be_kept", "linked", "page_style", "prefixes", "read_ground"]

_OURS = "_bucketwheel/"
# Where a publisher steps aside to: `<sha256>/` and `<sha256>-2/`.
_ASIDE = re.compile(r"([0-9a-f]{64})(-\d+)?\Z")
_PAGES = ("", "index.html", "index.json")
# Beside a pile, or at the top of an index: its page in any style, and wheelhouse-uploader's digests.
_ROOTS = ("", "index.html", "metadata.json")

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A file that could be a project's, as a listing shows it."""

    key: Key
    claim: Claim
    etag: str | None
    aside: str = ""
    """The sha256 that its folder is named after, and its bytes must have; empty for any other folder."""

    @property
    def filename(self) -> str:
        """What it would be released as."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """Why a distribution is left out."""

    project: ProjectName | None
    """In whose folder it lies."""
    why: str
    """Continues its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """All that a listing shows."""

    objects: Mapping[Key, ListEntry]
    files: Mapping[ProjectName, tuple[Lying, ...]]
    pages: Mapping[ProjectName, tuple[Key, ...]]
    """Where a project's pages lie, whoever wrote them, in whatever spelling of its folder."""
    others: Mapping[ProjectName | None, tuple[Key, ...]]
    """What else lies in a project's folders, or at the root (None): no distribution, no sidecar, no page."""
    strange: Mapping[Key, Strange]
    """Distributions that can be nobody's where they lie."""

    def beside(self, key: Key) -> frozenset[str]:
        """Which sidecars lie beside a file."""
        return frozenset(ending for ending in SIDECARS if Key(f"{key}{ending}") in self.objects)


def read_ground(listing: Iterable[ListEntry], layout: Layout) -> Ground:
    """Sort what a listing shows; files count in a project's folder however that is spelled, and in a pile.

    A pile lies directly in the repository's own folder, or in that of the index.
    """
    # A console's folder for the repository's own prefix has no key of its own.
    objects = {entry.key: entry for entry in listing if entry.key and not entry.key.startswith(_OURS)}
    roots = {*layout.root_html_keys, layout.root_json_key}
    piles = _Piles()
    for entry in objects.values():
        if entry.key not in roots and not entry.key.endswith(SIDECARS):
            piles.sort(entry, _spot(entry.key, layout))
    return Ground(
        objects=objects,
        files=_fixed(piles.files),
        pages=_fixed(piles.pages),
        others=_fixed(piles.others),
        strange=piles.strange,
    )


def can_be_kept(key: Key) -> bool:
    """Whether a manifest can name it, and a directory hold it; a link to `a//b` or `./a` would lead elsewhere."""
    return key.isprintable() and not set("\\:") & set(key) and not {"", ".", ".."} & set(key.split("/"))


def linked(entry: ListEntry, project: ProjectName) -> Lying | None:
    """What an object is that a project's page links to, wherever it lies; None for what cannot be the project's."""
    claimed = claim(entry.key.rpartition("/")[2], project)
    if claimed is None or entry.key.startswith(_OURS):
        return None
    return Lying(key=entry.key, claim=claimed, etag=entry.etag)


def prefixes(layout: Layout, manifest: Manifest, folders: Collection[str]) -> tuple[str, ...]:
    """What to list to see all of one project: its folder, these folders too, and those where its files lie."""
    keys = (file.key for file in (*manifest.files, *manifest.missing) if file.key is not None)
    wanted = {layout.folder(manifest.project), *folders, *(key[: key.rfind("/") + 1] for key in keys)}
    return tuple(sorted(each for each in wanted if not any(each.startswith(other) for other in wanted - {each})))


def page_style(ground: Ground) -> PageStyle | None:
    """How the pages are laid out that lie there for projects with files; None: there are none."""
    pages = [key for project in ground.files for key in ground.pages.get(project, ())]
    # A console leaves empty objects behind that end in a slash, for folders.
    slash = any(key.endswith("/") and ground.objects[key].size for key in pages)
    index = any(key.endswith("/index.html") for key in pages)
    if slash and index:
        return "both"
    return "slash" if slash else "index.html" if index else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Where in an index a key lies."""

    folder: str | None
    """Empty for the top of the index, or of the repository; None for neither that nor a folder of the index."""
    within: str
    """What lies between the folder and the file."""
    filename: str

    @property
    def project(self) -> ProjectName | None:
        """The project whose folder this is, in any spelling."""
        try:
            return project_name(self.folder or "")
        except InvalidName:
            return None


def _spot(key: Key, layout: Layout) -> _Spot:
    path, _, filename = key.rpartition("/")
    if not key.startswith(layout.simple):
        return _Spot(folder=None if path else "", within=path, filename=filename)
    folder, _, within = path.removeprefix(layout.simple.rstrip("/")).removeprefix("/").partition("/")
    return _Spot(folder=folder, within=within, filename=filename)


class _Piles:
    """What is sorted so far."""

    def __init__(self) -> None:
        self.files: dict[ProjectName, list[Lying]] = defaultdict(list)
        self.pages: dict[ProjectName, list[Key]] = defaultdict(list)
        self.others: dict[ProjectName | None, list[Key]] = defaultdict(list)
        self.strange: dict[Key, Strange] = {}

    def sort(self, entry: ListEntry, spot: _Spot) -> None:
        """Put an object where it belongs."""
        project = spot.project
        if is_distribution(spot.filename):
            self._sort_distribution(entry, spot, project)
        elif project is not None and not spot.within and spot.filename in _PAGES:
            self.pages[project].append(entry.key)
        elif project is not None or (spot.folder == "" and spot.filename in _ROOTS):
            self.others[project].append(entry.key)

    def _sort_distribution(self, entry: ListEntry, spot: _Spot, project: ProjectName | None) -> None:
        aside = _ASIDE.match(spot.within)
        claimed = claim(spot.filename, project)
        if not can_be_kept(entry.key):
            why = "has a name that no link can be trusted to lead to"
        elif spot.folder is None or (spot.folder and project is None) or (spot.within and aside is None):
            why = "lies where an index has no files, and no page links to it"
        elif claimed is None:
            why = f"cannot be a distribution of {project}" if project else "does not say whose it is"
        else:
            found = Lying(key=entry.key, claim=claimed, etag=entry.etag, aside=aside[1] if aside else "")
            self.files[claimed.project].append(found)
            return
        self.strange[entry.key] = Strange(project=project, why=why)


def _fixed(groups: Mapping[_K, list[_V]]) -> dict[_K, tuple[_V, ...]]:
    return {name: tuple(group) for name, group in groups.items()}
