"""Deletes and prunes in any storage, without the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bucketwheel.commands.delete import Deletion, FilesToDelete, delete_files
from bucketwheel.commands.prune import Expiry, Pruning, prune_projects
from bucketwheel.commands.prune_orphans import OrphansPruned, prune_orphans_of
from bucketwheel.events import Report, ignore
from bucketwheel.names import ProjectName
from bucketwheel.storage import Storage
from support.releasing import context_for

__all__ = ["END_OF_TIME", "delete_from", "keys", "prune_from", "prune_orphans_from"]

END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)
"""Every object was written before this moment."""


def delete_from(
    storage: Storage,
    project: str = "demo-pkg",
    version: str | None = None,
    *filenames: str,
    at_once: bool = False,
    dry_run: bool = False,
    report: Report = ignore,
) -> Deletion:
    """Delete, as one command does."""
    selection = FilesToDelete(version=version, filenames=filenames)
    with context_for(storage, dry_run=dry_run, report=report) as context:
        return delete_files(context, ProjectName(project), selection, at_once=at_once)


def prune_from(storage: Storage, expiry: Expiry, patterns: Sequence[str] = ("*",), *, dry_run: bool = False) -> Pruning:
    """Prune, as one command does."""
    with context_for(storage, dry_run=dry_run) as context:
        return prune_projects(context, patterns, expiry)


def prune_orphans_from(
    storage: Storage,
    patterns: Sequence[str] = ("*",),
    *,
    before: datetime = END_OF_TIME,
    dry_run: bool = False,
    report: Report = ignore,
) -> OrphansPruned:
    """Remove orphans, as one command does."""
    with context_for(storage, dry_run=dry_run, report=report) as context:
        return prune_orphans_of(context, patterns, before=before)


def keys(storage: Storage, prefix: str = "simple/demo-pkg/") -> list[str]:
    """List the keys of a project, without pages."""
    return [entry.key for entry in storage.list(prefix) if not entry.key.endswith(("/", "/index.html", "/index.json"))]
