"""What tests of deletions and prunes have in common: the verbs on any storage, and what lies there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bucketwheel.commands.delete import Deletion, FilesToDelete, delete_files
from bucketwheel.commands.prune import Expiry, Pruning, prune_projects
from bucketwheel.commands.prune_orphans import OrphansPruned, prune_orphans_of
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import SETTINGS_KEY, Layout, file_marks, manifest_key
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.format.settings import RepositorySettings, decode_settings, encode_settings
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import NO_MARKS, Key, Storage
from support.releasing import context_for, manifest_of

__all__ = [
    "FOR_EVER",
    "change_manifest",
    "change_settings",
    "delete_from",
    "keys",
    "leave_orphan",
    "make_newer",
    "prune_from",
    "prune_orphans_from",
    "put",
    "settings_of",
    "state",
]

FOR_EVER = datetime(9000, 1, 1, tzinfo=UTC)
"""Everything was written before this moment."""


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
    before: datetime = FOR_EVER,
    dry_run: bool = False,
    report: Report = ignore,
) -> OrphansPruned:
    """Remove orphans, as one command does."""
    with context_for(storage, dry_run=dry_run, report=report) as context:
        return prune_orphans_of(context, patterns, before=before)


def keys(storage: Storage, prefix: str = "simple/demo-pkg/") -> list[str]:
    """What lies there, without pages."""
    return [entry.key for entry in storage.list(prefix) if not entry.key.endswith(("/", "/index.html", "/index.json"))]


def state(storage: Storage) -> dict[str, bytes]:
    """Every object, whole."""
    found = {entry.key: storage.read(entry.key) for entry in storage.list("")}
    return {key: stored.body for key, stored in found.items() if stored is not None}


def put(storage: Storage, key: str, body: bytes = b"theirs") -> None:
    """Put an object there by hand, without any mark of ours."""
    assert storage.add(Key(key), body, sha256=sha256_of(body), headers=Layout().distribution(), marks=NO_MARKS)


def leave_orphan(storage: Storage, key: str, body: bytes = b"an orphan", *, repository: str | None = None) -> None:
    """Put an object there as a publisher does who dies before the commit; of this repository unless named."""
    sha256 = sha256_of(body)
    marks = file_marks(repository=repository or settings_of(storage).id, run_id="a call that died", sha256=sha256)
    assert storage.add(Key(key), body, sha256=sha256, headers=Layout().distribution(), marks=marks)


def settings_of(storage: Storage) -> RepositorySettings:
    """The repository's own settings."""
    stored = storage.read(SETTINGS_KEY)
    assert stored is not None
    return decode_settings(stored.body)


def change_settings(storage: Storage, **changes: object) -> None:
    """Set some of them anew."""
    stored = storage.read(SETTINGS_KEY)
    assert stored is not None
    settings = replace(decode_settings(stored.body), **changes)  # type: ignore[arg-type]  # fields by name
    body, kind = encode_settings(settings), Layout().record()
    storage.swap(SETTINGS_KEY, body, expected=stored.version, headers=kind, marks=NO_MARKS)


def change_manifest(storage: Storage, change: Callable[[Manifest], Manifest], project: str = "demo-pkg") -> None:
    """Commit a change by hand, as another command would that dies right after."""
    key = manifest_key(ProjectName(project))
    before = storage.read(key)
    assert before is not None
    after = change(manifest_of(storage, project))
    body = encode_manifest(replace(after, revision=after.revision + 1))
    storage.swap(key, body, expected=before.version, headers=Layout().record(), marks=NO_MARKS)


def make_newer(storage: Storage, project: str = "demo-pkg") -> None:
    """Let a newer bucketwheel write something into a manifest that we do not know."""
    key = manifest_key(ProjectName(project))
    stored = storage.read(key)
    assert stored is not None
    newer = stored.body.replace(b'"format":1', b'"format":1,"frozen":true')
    storage.swap(key, newer, expected=stored.version, headers=Layout().record(), marks=NO_MARKS)
