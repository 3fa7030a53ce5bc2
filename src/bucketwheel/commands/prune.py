"""Retention: delete what is old, so that an index of nightlies does not grow without end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, TypeAlias

from packaging.version import InvalidVersion

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import (
    InvalidName,
    ProjectName,
    distribution_name,
    fixed_beginning,
    matching,
    parsed_version,
    version_order,
)
from bucketwheel.protocol.change import read_and_look
from bucketwheel.protocol.removal import delete_names, remove
from bucketwheel.protocol.repository import Context, list_projects, open_context, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Expiry", "KeepNewest", "KeepYounger", "Per", "Pruning", "Retention", "expired", "prune", "prune_projects"]

Per: TypeAlias = Literal["tags", "version"]
"""What is kept or deleted as one: the files of one version with the same tags, or all files of a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """The result of a prune; with `dry_run`, what it would be."""

    projects: tuple[ProjectName, ...]
    """The projects that the patterns name."""
    files: tuple[PublishedFile, ...]
    """The entries that were deleted or hidden."""
    hidden: bool
    """Whether they are only off the pages; else their names are deleted and their objects removed."""
    removed: tuple[Key, ...]
    """The objects that were removed, with sidecars and what interrupted runs had left."""
    waiting: tuple[str, ...]
    """File names whose objects the next delete or prune removes, because caches may keep pages."""
    dry_run: bool


def prune(
    patterns: Sequence[str],
    settings: Settings,
    *,
    retention: Retention,
    per: Per = "tags",
    all_releases: bool = False,
    hide: bool = False,
    report: Report = ignore,
) -> Pruning:
    """Delete what a retention rule does not keep, in all projects that the patterns (`torch*`) name.

    Only pre-releases and development releases unless `all_releases`; whole versions with `per="version"`. With `hide`
    files leave the pages and stay in the store. Raises Refused for a pattern that names nothing, Unfinished where
    something is deleted and the rest fails: the same call again finishes it.
    """
    if isinstance(retention, KeepNewest) and retention.count < 1:
        remedy = "keep at least 1, or use `bucketwheel delete` to delete everything"
        raise Misconfigured(Problem(subject="retention", what="keeps nothing", remedy=remedy))
    expiry = Expiry(retention=retention, now=datetime.now(UTC), per=per, all_releases=all_releases, hide=hide)
    with open_context(settings, report) as context:
        return prune_projects(context, patterns, expiry)


def prune_projects(context: Context, patterns: Sequence[str], expiry: Expiry) -> Pruning:
    """Commit what expires, bring the pages to it, then remove the objects."""
    repository = open_to_read(context.target)
    beginnings = {fixed_beginning(pattern) for pattern in patterns}
    known = {project for beginning in beginnings for project in list_projects(repository.storage, beginning)}
    projects = matching(patterns, known, context.target.place)
    manifests, pages = read_and_look(context, repository, projects)
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
    removal = remove(context, repository, manifests, pages, expiry)
    return Pruning(
        projects=projects,
        files=removal.selected,
        hidden=expiry.hide,
        removed=removal.removed,
        waiting=removal.waiting,
        dry_run=context.dry_run,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepNewest:
    """The newest versions stay, of each set of wheel tags: so a platform whose CI is red keeps its last builds.

    Sdists are a set of their own. Yanked and hidden files do not count: no installer would take them.
    """

    count: int

    def stays(self, files: Sequence[PublishedFile], now: datetime) -> set[str]:
        """Return the names of the files that stay."""
        del now
        sets: dict[object, list[PublishedFile]] = defaultdict(list)
        for file in files:
            sets[_tags(file)].append(file)
        return {file.filename for members in sets.values() for file in self._newest(members)}

    def _newest(self, files: Iterable[PublishedFile]) -> list[PublishedFile]:
        members = [(parsed_version(file.version), file) for file in files]
        installed = {version for version, file in members if file.yanked is None and not file.hidden}
        kept = sorted(installed, reverse=True)[: self.count]
        return [file for version, file in members if len(kept) < self.count or version >= kept[-1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepYounger:
    """The files stay that were released less than this long ago."""

    than: timedelta

    def stays(self, files: Sequence[PublishedFile], now: datetime) -> set[str]:
        """Return the names of the files that stay."""
        return {file.filename for file in files if datetime.fromisoformat(file.upload_time) > now - self.than}


Retention: TypeAlias = KeepNewest | KeepYounger
"""A rule that says which of some files stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """The rule that selects the files of each project that are deleted, or hidden."""

    retention: Retention
    now: datetime
    per: Per = "tags"
    all_releases: bool = False
    hide: bool = False

    def select(self, manifest: Manifest) -> tuple[PublishedFile, ...]:
        """Select the expired files; to be hidden only those that are visible."""
        files = expired(manifest.files, self.retention, per=self.per, all_releases=self.all_releases, now=self.now)
        chosen = (file for file in files if not (self.hide and file.hidden))
        return tuple(sorted(chosen, key=lambda file: (version_order(file.version), file.filename)))

    def apply(self, manifest: Manifest, selected: tuple[PublishedFile, ...]) -> Manifest:
        """Return the next revision, without them, or with them hidden."""
        if not self.hide:
            return delete_names(manifest, selected)
        names = {file.filename for file in selected}
        files = (replace(file, hidden=True) if file.filename in names else file for file in manifest.files)
        return replace(manifest, revision=manifest.revision + 1, files=tuple(files))


def expired(
    files: Iterable[PublishedFile], retention: Retention, *, per: Per, all_releases: bool, now: datetime
) -> tuple[PublishedFile, ...]:
    """Return the files that expire: of pre-releases and development releases (PEP 440), or with `all_releases` of all.

    A file whose version is not one of PEP 440 never expires.
    """
    candidates = tuple(file for file in files if _may_expire(file, all_releases=all_releases))
    staying = retention.stays(candidates, now)
    if per == "version":
        whole = {parsed_version(file.version) for file in candidates if file.filename in staying}
        return tuple(file for file in candidates if parsed_version(file.version) not in whole)
    return tuple(file for file in candidates if file.filename not in staying)


def _may_expire(file: PublishedFile, *, all_releases: bool) -> bool:
    try:
        version = parsed_version(file.version)
    except InvalidVersion:
        return False
    return all_releases or version.is_prerelease


def _tags(file: PublishedFile) -> object:
    """Return the set that a file counts in: wheels of the same tags, whatever their build number; sdists."""
    # But for their versions the names of nightly wheels are the same few, which are read once.
    tags = _tags_in(file.filename.replace(f"-{file.version}-", "-0-", 1))
    return tags or file.filename  # adopted: its name has no tags, so it is a set of its own and stays


@lru_cache(maxsize=1024)
def _tags_in(filename: str) -> object:
    try:
        name = distribution_name(filename)
    except InvalidName:
        return None
    return name.tags or name.kind
