"""What the views show: projects, their releases and files. A manifest or a plain list fills it; every view reads it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from packaging.version import Version

from bucketwheel.format.manifest import Status
from bucketwheel.names import ProjectName, version_order

__all__ = [
    "NO_FACTS",
    "CoreFacts",
    "ReleaseView",
    "ViewedFile",
    "ViewedProject",
    "by_version",
    "from_folder",
    "newest",
    "rank",
]

FOLDERS = 2
"""How deep the folders of a project's pages are: `pypi/<project>/`, `project/<project>/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreFacts:
    """The core metadata of a version, as far as it is known; the names are Warehouse's."""

    author: str | None = None
    author_email: str | None = None
    classifiers: tuple[str, ...] = ()
    description: str | None = None
    description_content_type: str | None = None
    download_url: str | None = None
    dynamic: tuple[str, ...] | None = None
    home_page: str = ""
    keywords: str | None = None
    license: str | None = None
    license_expression: str | None = None
    license_files: tuple[str, ...] | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    platform: str | None = None
    project_urls: Mapping[str, str] = field(default_factory=dict)
    provides_extra: tuple[str, ...] | None = None
    requires_dist: tuple[str, ...] | None = None
    summary: str | None = None


NO_FACTS = CoreFacts()


class ViewedFile(NamedTuple):  # a page may have a hundred thousand, and a dataclass takes four times as long to make
    """A distribution as the views show it; what is unknown is None or empty."""

    filename: str
    url: str
    """Absolute, or relative to the project's page in the simple index; percent-encoded, without a fragment."""
    hashes: Mapping[str, str]
    """By the names of hashlib; empty where nobody stated any."""
    size: int | None = None
    upload_time: str | None = None
    """In PEP 700's form."""
    requires_python: str | None = None
    core_metadata: Mapping[str, str] | bool = False
    """The digests of the `.metadata` beside it; True: there is one, of unknown digest."""
    yanked: str | None = None
    """The reason; None: not yanked."""
    by: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Return whether it is a wheel; everything else that is listed is an sdist."""
        return self.filename.endswith(".whl")

    @property
    def python_version(self) -> str:
        """The Python tag of a wheel, `source` for an sdist: Warehouse's words."""
        if not self.filename.endswith(".whl"):
            return "source"
        parts = self.filename.rsplit("-", 3)
        return parts[1] if len(parts) > 3 else "source"  # noqa: PLR2004 - the parts after the version


class ReleaseView(NamedTuple):
    """One version of a project. Most have one file, and an index may have a hundred thousand."""

    version: str
    files: tuple[ViewedFile, ...]
    """Wheels first, then by name."""

    @property
    def is_yanked(self) -> bool:
        """Return whether no file of it is left that was not yanked."""
        if len(self.files) == 1:
            return self.files[0].yanked is not None
        return all(file.yanked is not None for file in self.files)

    @property
    def yanked_reason(self) -> str | None:
        """The first reason that somebody gave; None if it is not yanked."""
        if not self.is_yanked:
            return None
        return next((file.yanked for file in self.files if file.yanked), None)

    @property
    def released(self) -> str | None:
        """When its first file came."""
        if len(self.files) == 1:
            return self.files[0].upload_time or None
        return min((file.upload_time for file in self.files if file.upload_time), default=None)

    @property
    def requires_python(self) -> str | None:
        """What the first file that says it requires."""
        return next((file.requires_python for file in self.files if file.requires_python), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedProject:
    """A project with all its releases, the oldest version first."""

    project: ProjectName
    releases: tuple[ReleaseView, ...]
    revision: int = 0
    status: Status = field(default_factory=Status)
    facts: CoreFacts = NO_FACTS
    """Of the newest version."""


def by_version(files: Iterable[tuple[str, ViewedFile]]) -> tuple[ReleaseView, ...]:
    """Sort files, each with its version, into releases, the oldest first."""
    grouped: dict[str, list[ViewedFile]] = {}
    for version, file in files:
        grouped.setdefault(version, []).append(file)
    for several in grouped.values():
        if len(several) > 1:
            several.sort(key=_page_order)
    return tuple([ReleaseView(version, tuple(grouped[version])) for version in sorted(grouped, key=_version_order)])


def _page_order(file: ViewedFile) -> tuple[bool, str]:
    return not file.is_wheel, file.filename


@lru_cache(maxsize=1 << 14)
def _version_order(version: str) -> tuple[bool, Version, str]:
    return version_order(version)


def newest(releases: Sequence[ReleaseView]) -> ReleaseView | None:
    """Return the release that a project shows: not yanked, then final, then the highest version; None without any.

    The releases are sorted, the oldest first.
    """
    # The highest version mostly is it: then no other one is looked at.
    if releases and _standing(releases[-1]) == _BEST:
        return releases[-1]
    return max(reversed(releases), key=_standing, default=None)


_BEST = (True, True)


def rank(version: str, *, is_yanked: bool) -> tuple[bool, bool, tuple[bool, Version, str]]:
    """Return the order in which versions are shown: the newest has the highest rank."""
    return not is_yanked, _is_final(version), _version_order(version)


def _standing(release: ReleaseView) -> tuple[bool, bool]:
    return not release.is_yanked, _is_final(release.version)


@lru_cache(maxsize=1 << 14)
def _is_final(version: str) -> bool:
    is_known, parsed, _ = _version_order(version)
    return is_known and not parsed.is_prerelease


def from_folder(url: str, project: ProjectName, depth: int) -> str:
    """Write a file's URL for a page outside of the simple index that is so many folders deep."""
    folder, slash, filename = url.rpartition("/")
    return _folder_from(folder + slash, project, depth) + filename


@lru_cache(maxsize=1 << 12)
def _folder_from(folder: str, project: ProjectName, depth: int) -> str:
    if "://" in folder or folder.startswith("/"):
        return folder
    # Below a root that is deep enough for any way up.
    root = "/r" * 16
    target = posixpath.join(root, "simple", project, folder)
    relative = posixpath.relpath(target, posixpath.join(root, *"d" * depth))
    return "" if relative == "." else f"{relative}/"


def moment(upload_time: str) -> datetime:
    """Read an upload time."""
    return datetime.fromisoformat(upload_time)
