"""Find orphans: what runs left behind that died before their commit. No page and no manifest names it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bucketwheel.format.layout import SIDECARS, repository_of, sha256_of_file
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import InvalidName, ProjectName, distribution_name
from bucketwheel.protocol.remains import doomed_keys
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, Listed, Seen

__all__ = ["Orphan", "find_orphans", "write_off"]

# Where a publisher steps aside to: `<sha256>/` and `<sha256>-2/`.
_ASIDE = re.compile(r"(?P<sha256>[0-9a-f]{64})(-\d+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A distribution that nobody released, with its sidecars; or these alone."""

    project: ProjectName
    key: Key
    """The distribution's, whether or not it lies there."""
    size: int
    """Of all of it, in bytes."""


def find_orphans(repository: Repository, manifest: Manifest, *, before: datetime) -> tuple[Orphan, ...]:
    """List a project's folder for what has our mark and was written before that moment, and no entry names.

    The manifest must have been read before: what is committed later is no orphan, and the swap that writes it off is
    lost then. The bytes of a *missing* record are none. The moment is a courtesy to publishers at work.
    """
    groups: dict[Key, list[Listed]] = defaultdict(list)
    for entry in repository.storage.list(repository.layout.folder(manifest.project)):
        groups[_distribution(entry.key)].append(entry)
    for key in _accounted_for(repository, manifest):
        groups.pop(key, None)
    return tuple(
        Orphan(project=manifest.project, key=key, size=sum(entry.size for entry in group))
        for key, group in groups.items()
        if _is_orphan(repository, manifest, key, group, before)
    )


def write_off(manifest: Manifest, orphans: Iterable[Orphan]) -> Manifest:
    """The next revision, at whose dead keys nothing is ever stored again."""
    keys = (orphan.key for orphan in orphans)
    return replace(manifest, revision=manifest.revision + 1, dead_keys=(*manifest.dead_keys, *keys))


def _distribution(key: Key) -> Key:
    for ending in SIDECARS:
        if key.endswith(ending):
            return Key(key.removesuffix(ending))
    return key


def _accounted_for(repository: Repository, manifest: Manifest) -> set[Key]:
    """Where entries lie, where what lies is doomed already, and, to look at less, where pages lie."""
    layout, project = repository.layout, manifest.project
    return {
        *(layout.key_of(project, file) for file in manifest.files),
        *doomed_keys(layout, manifest),
        *layout.html_keys(project),
        layout.json_key(project),
    }


def _is_orphan(repository: Repository, manifest: Manifest, key: Key, group: list[Listed], before: datetime) -> bool:
    alone = group[0].key != key  # sidecars, of a file that was removed by hand
    seen = repository.storage.look(group[0].key)
    if seen is None or seen.modified is None or seen.modified > before:
        return False
    if alone and key in {repository.layout.key_of(manifest.project, file) for file in manifest.missing}:
        return False
    sha256 = seen.sha256 or sha256_of_file(seen.marks)
    if not alone and sha256 in {file.sha256 for file in manifest.missing}:
        return False
    if seen.marks is None:
        return _could_be_ours(repository, manifest.project, key, None if alone else seen)
    return repository_of(seen.marks) == repository.settings.id


def _could_be_ours(repository: Repository, project: ProjectName, key: Key, file: Seen | None) -> bool:
    """Whether a publisher would have put this there, in a store without marks: nothing tells that it did."""
    aside, _, filename = key.removeprefix(repository.layout.folder(project)).rpartition("/")
    try:
        if distribution_name(filename).project != project:
            return False
    except InvalidName:
        return False
    match = _ASIDE.match(aside)
    return not aside or (match is not None and (file is None or file.sha256 == match["sha256"]))
