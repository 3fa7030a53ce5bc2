"""Changes that people and other tools make to a store, and the check that must find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bucketwheel.commands.check import Checked, check_projects
from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.config.resolution import Settings
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import SETTINGS_KEY, Layout, file_marks, manifest_key
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.format.settings import RepositorySettings, View, decode_settings, encode_settings
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import NO_MARKS, Key, Object, ObjectHeaders, ObjectInfo, Storage
from support.releasing import context_for, manifest_of

__all__ = [
    "change_manifest",
    "change_settings",
    "check_store",
    "codes",
    "leave_orphan",
    "make_newer",
    "overwrite",
    "own_marks",
    "put",
    "put_back",
    "rebuild",
    "remove",
    "settings_of",
    "state",
    "stored",
    "switch_on",
    "write_manifest",
]

_FILE = Layout().distribution()


def stored(storage: Storage, key: str) -> Object:
    """Return an object that must exist."""
    found = storage.read(Key(key))
    assert found is not None, key
    return found


def state(storage: Storage) -> dict[str, ObjectInfo | None]:
    """Return all objects, each with its version and time."""
    return {entry.key: storage.stat(entry.key) for entry in storage.list("")}


def put(storage: Storage, key: str, body: bytes | Path = b"theirs", marks: Mapping[str, str] = NO_MARKS) -> Key:
    """Put or overwrite an object, as any tool may."""
    content = body.read_bytes() if isinstance(body, Path) else body
    if not storage.add(Key(key), content, sha256=sha256_of(content), headers=_FILE, marks=marks):
        overwrite(storage, key, content, marks=marks)
    return Key(key)


def leave_orphan(storage: Storage, key: str, body: bytes = b"an orphan", *, repository: str | None = None) -> None:
    """Put an object as a publisher does that dies before its commit; of this repository unless another is named."""
    put(storage, key, body, own_marks(storage, body, repository))


def own_marks(storage: Storage, body: bytes, repository: str | None = None) -> dict[str, str]:
    """Return the marks that a publisher of this repository puts on a file."""
    repository = repository or settings_of(storage).id
    return file_marks(repository=repository, run_id="a run that died", sha256=sha256_of(body))


def overwrite(
    storage: Storage, key: str, body: bytes, headers: ObjectHeaders = _FILE, marks: Mapping[str, str] = NO_MARKS
) -> None:
    """Write over an object."""
    storage.swap(Key(key), body, expected=stored(storage, key).version, headers=headers, marks=marks)


def put_back(storage: Storage, key: str, earlier: Object) -> None:
    """Write an earlier state of an object over the present one, marks included."""
    overwrite(storage, key, earlier.body, marks=earlier.marks or NO_MARKS)


def remove(storage: Storage, *keys: str) -> None:
    """Remove objects."""
    for key in keys:
        storage.remove(Key(key), expected=stored(storage, key).version)


def change_manifest(storage: Storage, change: Callable[[Manifest], Manifest], project: str = "demo-pkg") -> None:
    """Commit a change as a later command would that dies right after."""
    after = change(manifest_of(storage, project))
    body = encode_manifest(replace(after, revision=after.revision + 1))
    overwrite(storage, manifest_key(ProjectName(project)), body)


def write_manifest(storage: Storage, project: str, change: Callable[[Manifest], Manifest]) -> None:
    """Change a manifest as a later command would, and refresh the pages."""
    change_manifest(storage, change, project)
    rebuild(storage)


def make_newer(storage: Storage, project: str = "demo-pkg") -> None:
    """Add something to a manifest that only a newer bucketwheel knows."""
    key = manifest_key(ProjectName(project))
    overwrite(storage, key, stored(storage, key).body.replace(b'"format":1', b'"format":1,"frozen":true'))


def rebuild(storage: Storage) -> None:
    """Refresh all pages from the manifests."""
    with context_for(storage) as context:
        reindex_projects(context, ())


def switch_on(storage: Storage, *views: View, base_url: str | None = None) -> None:
    """Switch views on, and write their pages."""
    change_settings(storage, lambda settings: replace(settings, views=views, base_url=base_url))
    rebuild(storage)


def settings_of(storage: Storage) -> RepositorySettings:
    """Read the repository's own settings."""
    return decode_settings(stored(storage, SETTINGS_KEY).body)


def change_settings(storage: Storage, change: Callable[[RepositorySettings], RepositorySettings]) -> None:
    """Change the repository's own settings."""
    overwrite(storage, SETTINGS_KEY, encode_settings(change(settings_of(storage))))


def check_store(storage: Storage, *projects: str, deep: bool = False, report: Report = ignore) -> Checked:
    """Check a repository in this store, but no signature: those of tests are none."""
    with context_for(storage, report=report) as context:
        return check_projects(context, projects, deep=deep, settings=Settings(signatures="carry"))


def codes(checked: Checked) -> set[str]:
    """Return the codes of the findings."""
    return {finding.code for finding in checked.findings}
