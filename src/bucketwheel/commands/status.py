"""A project's status marker (PEP 792): see it, set it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Refused, Unfinished
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import STATUSES, Manifest, Status, refuse_newer
from bucketwheel.names import ProjectName, named_project, not_there, printable
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest, commit, read_manifest
from bucketwheel.protocol.refresh import refresh
from bucketwheel.protocol.repository import Target, open_target, open_to_read, open_to_write

__all__ = ["ProjectStatus", "read_status", "set_status", "set_status_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """A project's status as it is, or with `dry_run` would be."""

    project: ProjectName
    status: Status
    changed: bool
    """Whether this call changed it, or would."""
    dry_run: bool


def read_status(project: str, settings: Settings, *, report: Report = ignore) -> ProjectStatus:
    """Read a project's status; raises Refused for a project that is not there."""
    name = named_project(project)
    site = open_target(settings, report)
    open_to_read(site)
    manifest = _published(site, read_manifest(site, name)).manifest
    return ProjectStatus(project=name, status=manifest.status, changed=False, dry_run=settings.dry_run)


def set_status(
    project: str, status: str, settings: Settings, *, reason: str | None = None, report: Report = ignore
) -> ProjectStatus:
    """Set a project's status; a reason that it had before goes with it.

    Nothing is published to an archived or quarantined project, and a quarantined one lists no files. Raises
    Misconfigured for a status that PEP 792 does not know, Refused for a project that is not there.
    """
    name = named_project(project)
    if status not in STATUSES:
        raise Misconfigured(
            Problem(
                subject=printable(status),
                what="is not a status (PEP 792)",
                remedy=f"choose one of {', '.join(STATUSES)}",
            )
        )
    # A reason is shown on one line by every client.
    wanted = Status(status=status, reason=" ".join((reason or "").split()) or None)
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return set_status_at(site, name, wanted, dry_run=settings.dry_run, workers=workers)


def set_status_at(
    site: Target, project: ProjectName, status: Status, *, dry_run: bool, workers: Workers
) -> ProjectStatus:
    """Swap the manifest, then refresh the pages."""

    def decide(manifest: Manifest) -> Manifest | None:
        if manifest.status == status:
            return None
        return replace(manifest, revision=manifest.revision + 1, status=status)

    reading = workers.start(lambda: read_manifest(site, project))
    found, truth = open_to_read(site), _published(site, reading.result())
    refuse_newer(truth.manifest)
    if not dry_run:
        repository = open_to_write(site, found)
        commit(repository, truth, run_id=None, decide=decide)
        try:
            refresh(repository, [project], workers)
        except BucketwheelError as error:
            raise Unfinished(
                f"{project} is {status.status}, but its pages are behind ({error}); run the same again"
            ) from error
    return ProjectStatus(project=project, status=status, changed=truth.manifest.status != status, dry_run=dry_run)


def _published(site: Target, truth: VersionedManifest) -> VersionedManifest:
    if truth.version is None:
        raise Refused(not_there(truth.project, site.place))
    return truth
