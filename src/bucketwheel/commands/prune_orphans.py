"""Remove what killed runs left behind: objects that were uploaded and never released."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from bucketwheel.commands.orphans import Orphan, find_orphans, write_off
from bucketwheel.config.resolution import Settings
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.manifest import Manifest
from bucketwheel.named import fixed_beginning, matching
from bucketwheel.names import InvalidName, ProjectName, project_name
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import Truth, read_truth
from bucketwheel.protocol.refresh import look_at_pages, project_pages
from bucketwheel.protocol.removal import clear, rehearse
from bucketwheel.protocol.repository import Repository, Site, open_site, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["OrphansPruned", "prune_orphans", "prune_orphans_at"]


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
    site = open_site(settings, report)
    with Workers(settings.jobs) as workers:
        before = datetime.now(UTC) - older_than
        return prune_orphans_at(site, patterns, before=before, dry_run=settings.dry_run, workers=workers, report=report)


def prune_orphans_at(
    site: Site, patterns: Sequence[str], *, before: datetime, dry_run: bool, workers: Workers, report: Report = ignore
) -> OrphansPruned:
    """Make the orphans' keys dead in one swap, then refresh the pages, then remove what lies at dead keys."""
    found = open_to_read(site)
    projects = matching(patterns, _projects(found, patterns), site.place)
    truths = _own(found, workers.run(partial(read_truth, site, project) for project in projects), workers, report)
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


def _own(repository: Repository, truths: Sequence[Truth], workers: Workers, report: Report) -> list[Truth]:
    """Leave out projects that have pages and no manifest: another tool's, or ours after a loss.

    The manifest is read once more before that verdict: a first publisher may be at work.
    """
    new = [truth.project for truth in truths if truth.version is None]
    looks = look_at_pages(repository, new, workers)
    paged = [project for project in new if any(looks[key].version for key in project_pages(repository, project))]
    again = workers.run(partial(read_truth, repository.site, project) for project in paged)
    for truth in again:
        if truth.version is None:
            report(Warned(message=f"{truth.project} has pages and no manifest, so nothing of it is touched"))
    return [*(truth for truth in truths if truth.project not in paged), *(truth for truth in again if truth.version)]
