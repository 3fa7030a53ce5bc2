"""Remove what killed runs left behind: objects that were uploaded and never released."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.layout import MANIFESTS, SIDECARS, project_of, repository_of, sha256_of_file
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import InvalidName, ProjectName, distribution_name, fixed_beginning, matching, project_name
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.refresh import project_pages, stat_pages
from bucketwheel.protocol.removal import clear, doomed_keys, rehearse
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key, ListEntry, ObjectInfo

__all__ = ["Orphan", "OrphansPruned", "find_orphans", "prune_orphans", "prune_orphans_at", "write_off"]

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
    groups: dict[Key, list[ListEntry]] = defaultdict(list)
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


def _is_orphan(repository: Repository, manifest: Manifest, key: Key, group: list[ListEntry], before: datetime) -> bool:
    alone = group[0].key != key  # sidecars, of a file that was removed by hand
    seen = repository.storage.stat(group[0].key)
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


def _could_be_ours(repository: Repository, project: ProjectName, key: Key, file: ObjectInfo | None) -> bool:
    """Whether a publisher would have put this there, in a store without marks: nothing tells that it did."""
    aside, _, filename = key.removeprefix(repository.layout.folder(project)).rpartition("/")
    try:
        if distribution_name(filename).project != project:
            return False
    except InvalidName:
        return False
    match = _ASIDE.match(aside)
    return not aside or (match is not None and (file is None or file.sha256 == match["sha256"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphansPruned:
    """What a removal of orphans did, or with `dry_run` would do."""

    projects: tuple[ProjectName, ...]
    """Those that the patterns name."""
    orphans: tuple[Orphan, ...]
    removed: tuple[Key, ...]
    """The objects that went, sidecars and what interrupted runs had left included."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orphaned:
    repository: Repository
    before: datetime

    def chosen(self, manifest: Manifest) -> tuple[Orphan, ...]:
        return find_orphans(self.repository, manifest, before=self.before)

    def carried_out(self, manifest: Manifest, chosen: tuple[Orphan, ...]) -> Manifest:
        return write_off(manifest, chosen)


def prune_orphans(
    patterns: Sequence[str],
    settings: Settings,
    *,
    older_than: timedelta = timedelta(hours=24),
    report: Report = ignore,
) -> OrphansPruned:
    """Remove what runs uploaded and never released, in all projects that the patterns (`torch*`) name.

    Only what was written longer ago than that, by the store's own clock: a courtesy, for a publisher at work would
    have to upload it again. In a directory nothing tells whose a file is: there whatever a publisher would have put
    there counts. Raises Refused for a pattern that names nothing, Unfinished as `prune` does.
    """
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        before = datetime.now(UTC) - older_than
        return prune_orphans_at(site, patterns, before=before, dry_run=settings.dry_run, workers=workers, report=report)


def prune_orphans_at(
    site: Target, patterns: Sequence[str], *, before: datetime, dry_run: bool, workers: Workers, report: Report = ignore
) -> OrphansPruned:
    """Make the orphans' keys dead in one swap, then refresh the pages, then remove what lies at dead keys."""
    found = open_to_read(site)
    projects = matching(patterns, _projects(found, patterns), site.place)
    truths = _own(found, workers.map(partial(read_manifest, site, project) for project in projects), workers, report)
    if dry_run:
        rule = _Orphaned(repository=found, before=before)
        cleared = rehearse(found, truths, rule, at_once=False, workers=workers)
    else:
        repository = open_to_write(site, found)
        rule = _Orphaned(repository=repository, before=before)
        cleared = clear(repository, truths, rule, at_once=False, workers=workers, report=report)
    return OrphansPruned(projects=projects, orphans=cleared.chosen, removed=cleared.removed, dry_run=dry_run)


def _projects(repository: Repository, patterns: Sequence[str]) -> Iterator[ProjectName]:
    """The projects that have a manifest, and those whose first publisher may have died before it wrote one."""
    simple, storage = repository.layout.simple, repository.storage
    for beginning in {fixed_beginning(pattern) for pattern in patterns}:
        listed = {project_of(entry.key) for entry in storage.list(f"{MANIFESTS}{beginning}")}
        listed |= {_project_around(entry.key.removeprefix(simple)) for entry in storage.list(f"{simple}{beginning}")}
        yield from (project for project in listed if project is not None)


def _project_around(path: str) -> ProjectName | None:
    folder, slash, _ = path.partition("/")
    try:
        project = project_name(folder)
    except InvalidName:
        return None
    return project if slash and project == folder else None


def _own(
    repository: Repository, truths: Sequence[VersionedManifest], workers: Workers, report: Report
) -> list[VersionedManifest]:
    """Leave out projects that have pages and no manifest: another tool's, or ours after a loss.

    The manifest is read once more before that verdict: a first publisher may be at work.
    """
    new = [truth.project for truth in truths if truth.version is None]
    looks = stat_pages(repository, new, workers)
    paged = [project for project in new if any(looks[key].version for key in project_pages(repository, project))]
    again = workers.map(partial(read_manifest, repository.site, project) for project in paged)
    for truth in again:
        if truth.version is None:
            report(Warned(message=f"{truth.project} has pages and no manifest, so nothing of it is touched"))
    return [*(truth for truth in truths if truth.project not in paged), *(truth for truth in again if truth.version)]
