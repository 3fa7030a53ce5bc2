"""Changes that people and other tools make to a store, and the check that must find them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bucketwheel.commands.check import Checked, check_projects
from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import SETTINGS_KEY, Layout, manifest_key
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.format.settings import RepositorySettings, decode_settings, encode_settings
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.storage import NO_MARKS, Key, Object, ObjectHeaders, Storage
from support.releasing import context_for, manifest_of

__all__ = [
    "change_settings",
    "check_store",
    "codes",
    "overwrite",
    "put",
    "put_back",
    "rebuild",
    "remove",
    "stored",
    "write_manifest",
]

_FILE = Layout().distribution()


def stored(storage: Storage, key: str) -> Object:
    """Return an object that must exist."""
    found = storage.read(Key(key))
    assert found is not None, key
    return found


def put(storage: Storage, key: str, body: bytes, marks: Mapping[str, str] = NO_MARKS) -> None:
    """Put an object at a free key, as `aws s3 cp` does."""
    assert storage.add(Key(key), body, sha256=sha256_of(body), headers=_FILE, marks=marks), key


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


def write_manifest(storage: Storage, project: str, change: Callable[[Manifest], Manifest]) -> None:
    """Change a manifest as a later command would, and refresh the pages."""
    after = change(manifest_of(storage, project))
    body = encode_manifest(replace(after, revision=after.revision + 1))
    overwrite(storage, manifest_key(ProjectName(project)), body)
    rebuild(storage)


def rebuild(storage: Storage) -> None:
    """Bring all pages to what the manifests say."""
    with context_for(storage) as context:
        reindex_projects(context, ())


def change_settings(storage: Storage, change: Callable[[RepositorySettings], RepositorySettings]) -> None:
    """Change the repository's own settings."""
    settings = decode_settings(stored(storage, SETTINGS_KEY).body)
    overwrite(storage, SETTINGS_KEY, encode_settings(change(settings)))


def check_store(storage: Storage, *projects: str, deep: bool = False, report: Report = ignore) -> Checked:
    """Check a repository in this store."""
    with context_for(storage, report=report) as context:
        return check_projects(context, projects, deep=deep)


def codes(checked: Checked) -> set[str]:
    """Return the codes of the findings."""
    return {finding.code for finding in checked.findings}
