"""Retention: let go of what nobody installs any more, so that an index of nightlies does not grow for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from bucketwheel.commands.retention import KeepNewest, Per, Retention, expired
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.named import fixed_beginning, matching
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import read_truth
from bucketwheel.protocol.removal import clear, give_up, rehearse
from bucketwheel.protocol.repository import Repository, Site, open_site, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Expiry", "Pruning", "prune", "prune_at"]


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
    site = open_site(settings, report)
    with Workers(settings.jobs) as workers:
        return prune_at(site, patterns, expiry, dry_run=settings.dry_run, workers=workers, report=report)


def prune_at(
    site: Site, patterns: Sequence[str], expiry: Expiry, *, dry_run: bool, workers: Workers, report: Report = ignore
) -> Pruning:
    """Swap the manifests, then refresh the pages, then remove what lies under names that were dead before that."""
    found = open_to_read(site)
    projects = matching(patterns, _published(found, patterns), site.place)
    truths = workers.run(partial(read_truth, site, project) for project in projects)
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
