"""Which files of a project have had their time: decides, never does.

A nightly index grows by a set of files every day, of which nobody installs but the last few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from bucketwheel.format.manifest import PublishedFile
from bucketwheel.names import InvalidName, distribution_name

__all__ = ["KeepNewest", "KeepYounger", "Per", "Retention", "expired"]

Per: TypeAlias = Literal["tags", "version"]
"""What goes or stays together: the files of one version with the same tags, or all files of a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepNewest:
    """The newest versions stay, of each set of wheel tags: so a platform whose CI is red keeps its last builds.

    Sdists are a set of their own. What is yanked or hidden takes nobody's place: nobody would install it.
    """

    count: int

    def stays(self, files: Sequence[PublishedFile], now: datetime) -> set[str]:
        """The names of the files that stay."""
        del now
        sets: dict[object, list[PublishedFile]] = defaultdict(list)
        for file in files:
            sets[_tags(file)].append(file)
        return {file.filename for members in sets.values() for file in self._newest(members)}

    def _newest(self, files: Iterable[PublishedFile]) -> list[PublishedFile]:
        members = [(Version(file.version), file) for file in files]
        installed = {version for version, file in members if file.yanked is None and not file.hidden}
        kept = sorted(installed, reverse=True)[: self.count]
        return [file for version, file in members if len(kept) < self.count or version >= kept[-1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepYounger:
    """What came to the index less than this long ago stays."""

    than: timedelta

    def stays(self, files: Sequence[PublishedFile], now: datetime) -> set[str]:
        """The names of the files that stay."""
        return {file.filename for file in files if datetime.fromisoformat(file.upload_time) > now - self.than}


Retention: TypeAlias = KeepNewest | KeepYounger
"""What stays, of whatever is looked at."""


def expired(
    files: Iterable[PublishedFile], retention: Retention, *, per: Per, all_releases: bool, now: datetime
) -> tuple[PublishedFile, ...]:
    """The files that go: of pre-releases and development releases (PEP 440), or with `all_releases` of all.

    A file whose version nobody can order is never among them.
    """
    judged = tuple(file for file in files if _is_judged(file, all_releases=all_releases))
    staying = retention.stays(judged, now)
    if per == "version":
        whole = {Version(file.version) for file in judged if file.filename in staying}
        return tuple(file for file in judged if Version(file.version) not in whole)
    return tuple(file for file in judged if file.filename not in staying)


def _is_judged(file: PublishedFile, *, all_releases: bool) -> bool:
    try:
        version = Version(file.version)
    except InvalidVersion:
        return False
    return all_releases or version.is_prerelease


def _tags(file: PublishedFile) -> object:
    """What a file is counted with: wheels of the same tags, whatever their build number; sdists."""
    try:
        name = distribution_name(file.filename)
    except InvalidName:
        return file.filename  # adopted: it says no tags, so it is a set of its own and stays
    return name.tags or name.kind
