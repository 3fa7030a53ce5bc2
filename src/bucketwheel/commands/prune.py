"""Retention: let go of what nobody installs any more, so that an index of nightlies does not grow for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, TypeAlias

from packaging.version import InvalidVersion, Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import InvalidName, ProjectName, distribution_name, fixed_beginning, matching
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.removal import clear, give_up, rehearse
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Expiry", "KeepNewest", "KeepYounger", "Per", "Pruning", "Retention", "expired", "prune", "prune_at"]

Per: TypeAlias = Literal["tags", "version"]
"""What goes or stays merged: the files of one version with the same tags, or all files of a version."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What a prune did, or with `dry_run` would do."""

    projects: tuple[ProjectName, ...]
    """Those that the patterns name."""
    files: tuple[PublishedFile, ...]
    """The entries that went."""
    hidden: bool
    """Whether they are only off the pages; else their names are dead and their objects go."""
    removed: tuple[Key, ...]
    """The objects that went, sidecars and what interrupted runs had left included."""
    waiting: tuple[str, ...]
    """File names whose objects the next delete or prune removes, because caches may keep pages."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """Which files of each project go, and how."""

    retention: Retention
    now: datetime
    per: Per = "tags"
    all_releases: bool = False
    hide: bool = False

    def chosen(self, manifest: Manifest) -> tuple[PublishedFile, ...]:
        """Those that have had their time; to be hidden only those that are not so yet."""
        files = expired(manifest.files, self.retention, per=self.per, all_releases=self.all_releases, now=self.now)
        return tuple(file for file in files if not (self.hide and file.hidden))

    def carried_out(self, manifest: Manifest, chosen: tuple[PublishedFile, ...]) -> Manifest:
        """The next revision, without them, or with them hidden."""
        if not self.hide:
            return give_up(manifest, chosen)
        names = {file.filename for file in chosen}
        files = (replace(file, hidden=True) if file.filename in names else file for file in manifest.files)
        return replace(manifest, revision=manifest.revision + 1, files=tuple(files))


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
    files go off the pages and stay in the store. Raises Refused for a pattern that names nothing, Unfinished where
    something is given up and the rest fails: the same call again finishes it.
    """
    if isinstance(retention, KeepNewest) and retention.count < 1:
        raise Misconfigured(
            Problem(subject="retention", what="keeps nothing", remedy="keep at least one; `delete` removes all")
        )
    expiry = Expiry(retention=retention, now=datetime.now(UTC), per=per, all_releases=all_releases, hide=hide)
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return prune_at(site, patterns, expiry, dry_run=settings.dry_run, workers=workers, report=report)


def prune_at(
    site: Target, patterns: Sequence[str], expiry: Expiry, *, dry_run: bool, workers: Workers, report: Report = ignore
) -> Pruning:
    """Swap the manifests, then refresh the pages, then remove what lies under names that were dead before that."""
    found = open_to_read(site)
    projects = matching(patterns, _published(found, patterns), site.place)
    truths = workers.map(partial(read_manifest, site, project) for project in projects)
    if dry_run:
        cleared = rehearse(found, truths, expiry, at_once=False, workers=workers)
    else:
        repository = open_to_write(site, found)
        cleared = clear(repository, truths, expiry, at_once=False, workers=workers, report=report)
    return Pruning(
        projects=projects,
        files=cleared.chosen,
        hidden=expiry.hide,
        removed=cleared.removed,
        waiting=cleared.waiting,
        dry_run=dry_run,
    )


def _published(repository: Repository, patterns: Sequence[str]) -> list[ProjectName]:
    beginnings = {fixed_beginning(pattern) for pattern in patterns}
    keys = (entry.key for beginning in beginnings for entry in repository.storage.list(f"{MANIFESTS}{beginning}"))
    return [project for key in keys if (project := project_of(key)) is not None]
