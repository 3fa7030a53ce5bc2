"""Unreferenced objects, which no manifest names: whose each is, by its marks and its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from packaging.utils import canonicalize_name

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.commands.check.references import referenced_objects
from bucketwheel.format.layout import Layout, distribution_key, sidecar_keys
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile
from bucketwheel.names import LEGACY_ENDINGS, InvalidName, ProjectName, distribution_name
from bucketwheel.storage import Key, ListEntry

__all__ = ["Owner", "Unreferenced", "check_others", "check_records", "check_unreferenced", "unreferenced_keys"]

_MOST_NAMES = 5
# Old sdists end in `.zip` too, and may have a name that cannot be read today.
_LEGACY = (*LEGACY_ENDINGS, ".zip")


Owner: TypeAlias = Literal["page", "file", "foreign", "unknown"]
"""Our page or our file, by its marks; unknown in a store without marks (a directory)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreferenced:
    """An object that no manifest names."""

    key: Key
    owner: Owner
    modified: datetime | None


def unreferenced_keys(manifest: Manifest, layout: Layout, folder: Iterable[Key]) -> tuple[Key, ...]:
    """Return the keys that a manifest does not explain; only the file's where a file has sidecars."""
    project = manifest.project
    explained = {wanted.key for wanted in referenced_objects(manifest, layout)}
    explained.update(*(_with_sidecars(layout.key_of(project, missing)) for missing in manifest.missing))
    remains = (deleted for deleted in manifest.deleted if not deleted.is_shrunk)
    explained.update(*(_with_sidecars(layout.key_of(project, deleted)) for deleted in remains))
    explained.update(*map(_with_sidecars, manifest.dead_keys))
    if manifest.revision:
        explained |= {*layout.html_keys(project), layout.json_key(project)}
    unnamed = set(folder) - explained
    return tuple(sorted(key for key in unnamed if distribution_key(key) == key or distribution_key(key) not in unnamed))


def check_records(manifest: Manifest, layout: Layout, objects: Mapping[Key, ListEntry]) -> Iterator[Finding]:
    """Report objects that must be gone, and files recorded as missing."""
    project = manifest.project
    alive = {layout.key_of(project, file) for file in manifest.files}

    def remains(key: Key) -> bool:
        return key not in alive and not objects.keys().isdisjoint(_with_sidecars(key))

    for deleted in manifest.deleted:
        if not deleted.is_shrunk and remains(key := layout.key_of(project, deleted)):
            yield _about_record("deleted-remains", key, project, deleted)
    for key in filter(remains, manifest.dead_keys):
        yield finding("deleted-remains:orphan", key, project=project)
    for missing in manifest.missing:
        key = layout.key_of(project, missing)
        yield _about_record("file-lost:back" if key in objects else "file-lost", key, project, missing)


def _about_record(kind: str, key: Key, project: ProjectName, record: PublishedFile | DeletedFile) -> Finding:
    return finding(kind, key, project=project, version=record.version, filename=record.filename)


def check_unreferenced(
    manifest: Manifest, found: Iterable[Unreferenced], layout: Layout, adopt: str
) -> Iterator[Finding]:
    """Report what each object in a project's folder is; count those of other tools in one finding.

    `adopt` is the command that takes in files of other tools.
    """
    project = manifest.project
    pages = [each.key for each in found if each.owner == "page"]
    if pages and not manifest.revision:
        # The manifest is lost: without it every file would look like an orphan.
        yield from (finding("manifest-missing", key, project=project, adopt=adopt) for key in pages)
        return
    files = {wanted.key for wanted in referenced_objects(manifest, layout)}
    dead_names = {deleted.filename for deleted in manifest.deleted if deleted.is_shrunk}
    others: list[Key] = []
    for each in found:
        kind = _kind(each, project, files)
        if distribution_key(each.key).rpartition("/")[2] in dead_names:
            kind = "deleted-remains:late"
        if kind is None:
            others.append(each.key)
        else:
            written = each.modified or "time unknown"
            yield finding(kind, each.key, project=project, adopt=adopt, written=written)
    yield from check_others(layout.folder(project), others, adopt)


def check_others(place: str, keys: Iterable[Key], adopt: str) -> Iterator[Finding]:
    """Report all that other tools left in one place, distributions or not, in one finding."""
    names = [key.removeprefix(place) or "its page" for key in keys]
    projects = [project for name in names if (project := _project_of(name)) is not None]
    if projects:
        some = _some(sorted(set(projects)))
        yield finding("file-foreign:pile", place, number=len(projects), projects=some, adopt=adopt)
    elif names:
        yield finding("leftovers", place, number=len(names), names=_some(names))


def _kind(found: Unreferenced, project: ProjectName, files: set[Key]) -> str | None:
    """Return the kind of finding; None for an object of another tool that is no distribution."""
    if found.owner == "page":
        return "page-retired"
    if distribution_key(found.key) in files:
        return "sidecar-unnamed"
    if found.owner == "file":
        return "orphan"
    if not _could_be_of(project, found.key.rpartition("/")[2]):
        return None
    return "file-unnamed" if found.owner == "unknown" else "file-foreign"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _project_of(name: str) -> ProjectName | None:
    try:
        return distribution_name(name.rpartition("/")[2]).project
    except InvalidName:
        return None


def _could_be_of(project: ProjectName, name: str) -> bool:
    """Return whether this may be a project's distribution; adopt takes in old forms too."""
    legacy = name.endswith(_LEGACY) and canonicalize_name(name).startswith(project)
    return legacy or _project_of(name) == project


def _with_sidecars(key: Key) -> list[Key]:
    return [key, *sidecar_keys(key)]
