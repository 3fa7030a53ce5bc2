"""A project's status marker (PEP 792): show it, set it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import STATUSES, Manifest, Status, refuse_newer
from bucketwheel.format.views.published import known_versions
from bucketwheel.names import ProjectName, named_project, not_there, printable
from bucketwheel.protocol.change import change, open_project
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.repository import Context, open_context, open_to_read, open_to_write

__all__ = ["ProjectStatus", "change_status", "read_status", "set_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """A project's status as it is, or with `dry_run` would be."""

    project: ProjectName
    status: Status
    changed: bool
    """Whether this run changed it, or would."""
    dry_run: bool


def read_status(project: str, settings: Settings, *, report: Report = ignore) -> ProjectStatus:
    """Read a project's status; raises Refused for a project that does not exist."""
    name = named_project(project)
    with open_context(settings, report) as context:
        reading = context.workers.start(partial(read_manifest, context.target, name))
        open_to_read(context.target)
        read = reading.result()
        if read.version is None:
            raise Refused(not_there(name, context.target.place))
    return ProjectStatus(project=name, status=read.manifest.status, changed=False, dry_run=settings.dry_run)


def set_status(
    project: str, status: str, settings: Settings, *, reason: str | None = None, report: Report = ignore
) -> ProjectStatus:
    """Set a project's status; an earlier reason goes with the earlier status.

    Nothing is published to an archived or quarantined project, and a quarantined one lists no files. Raises
    Misconfigured for a status that PEP 792 does not know, Refused for a project that does not exist.
    """
    name = named_project(project)
    if status not in STATUSES:
        remedy = f"choose one of {', '.join(STATUSES)}"
        raise Misconfigured(Problem(subject=printable(status), what="is not a status (PEP 792)", remedy=remedy))
    # Every client shows a reason on one line.
    wanted = Status(status=status, reason=" ".join((reason or "").split()) or None)
    with open_context(settings, report) as context:
        return change_status(context, name, wanted)


def change_status(context: Context, project: ProjectName, status: Status) -> ProjectStatus:
    """Commit the status, then bring the pages to it."""

    def decide(manifest: Manifest) -> tuple[Manifest | None, bool]:
        refuse_newer(manifest)
        if manifest.status == status:
            return None, False
        return replace(manifest, revision=manifest.revision + 1, status=status), True

    repository, read, pages = open_project(context, project)
    if read.version is None:
        raise Refused(not_there(project, context.target.place))
    _, changed = decide(read.manifest)
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
        [committed] = change(context, repository, [(read, decide)], pages, versions=known_versions).committed
        changed = committed.decision
    return ProjectStatus(project=project, status=status, changed=changed, dry_run=context.dry_run)
