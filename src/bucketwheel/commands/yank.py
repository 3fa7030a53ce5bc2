"""Yank a version or some of its files, and take that back (PEP 592): manifest and pages change, no file does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Damaged, Misconfigured, Problem, Refused, Unavailable, Unfinished
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile, refuse_newer
from bucketwheel.names import InvalidName, ProjectName, printable, project_name
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import commit, read_manifest
from bucketwheel.protocol.refresh import refresh
from bucketwheel.protocol.repository import Target, open_target, open_to_read, open_to_write

__all__ = ["Change", "Withdrawal", "unyank", "withdraw_at", "yank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What a yank or unyank did, or with `dry_run` would do."""

    project: ProjectName
    version: str
    changed: tuple[str, ...]
    """The file names whose state changed; empty where all were so already."""
    dry_run: bool


def yank(
    project: str,
    version: str,
    settings: Settings,
    *,
    reason: str,
    filenames: Sequence[str] = (),
    report: Report = ignore,
) -> Withdrawal:
    """Mark a version, or only the named files of it: installers pass it by unless it is pinned, and show the reason.

    Raises Refused for a project, version or file that is not there.
    """
    # A reason is shown on one line by every client; PEP 592 lets it be any text.
    change = Change(yanked=" ".join(reason.split()), version=_version(version), filenames=tuple(filenames))
    return _withdraw(project, change, settings, report)


def unyank(
    project: str, version: str, settings: Settings, *, filenames: Sequence[str] = (), report: Report = ignore
) -> Withdrawal:
    """Take a yank back; raises Refused for a project, version or file that is not there."""
    change = Change(yanked=None, version=_version(version), filenames=tuple(filenames))
    return _withdraw(project, change, settings, report)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The yank state that some files shall have."""

    yanked: str | None
    """The reason; None: not yanked."""
    version: Version
    filenames: tuple[str, ...] = ()
    """None named: all of the version."""

    def chosen(self, manifest: Manifest) -> tuple[PublishedFile, ...]:
        """The files that this is about; raises Refused where one of them is not there."""
        return _chosen(manifest, self.version, self.filenames)

    def made(self, manifest: Manifest) -> Manifest | None:
        """The next revision; None where everything is so already."""
        chosen = self.chosen(manifest)
        if all(file.yanked == self.yanked for file in chosen):
            return None
        files = (replace(file, yanked=self.yanked) if file in chosen else file for file in manifest.files)
        return replace(manifest, revision=manifest.revision + 1, files=tuple(files))


def _withdraw(project: str, change: Change, settings: Settings, report: Report) -> Withdrawal:
    name = _project(project)
    site = open_target(settings, report)
    with Workers(settings.jobs) as workers:
        return withdraw_at(site, name, change, dry_run=settings.dry_run, workers=workers)


def withdraw_at(site: Target, project: ProjectName, change: Change, *, dry_run: bool, workers: Workers) -> Withdrawal:
    """Swap the manifest, then refresh the pages."""
    reading = workers.start(lambda: read_manifest(site, project))
    found, truth = open_to_read(site), reading.result()
    refuse_newer(truth.manifest)
    changed = tuple(file.filename for file in change.chosen(truth.manifest) if file.yanked != change.yanked)
    if not dry_run:
        repository = open_to_write(site, found)
        commit(repository, truth, run_id=None, decide=change.made)
        try:
            refresh(repository, [project], workers)
        except (Damaged, Refused, Unavailable) as error:
            raise Unfinished(
                f"{project} is changed, but its pages are not yet ({error}); run the same again"
            ) from error
    return Withdrawal(project=project, version=str(change.version), changed=changed, dry_run=dry_run)


def _project(project: str) -> ProjectName:
    try:
        return project_name(project)
    except InvalidName as error:
        raise Misconfigured(
            Problem(subject=printable(project), what=str(error), remedy="name it as pip would")
        ) from error


def _version(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion as error:
        raise Misconfigured(
            Problem(subject=printable(version), what="is not a version (PEP 440)", remedy="write PROJECT==VERSION")
        ) from error


def _chosen(manifest: Manifest, version: Version, filenames: Sequence[str]) -> tuple[PublishedFile, ...]:
    """The files of a version, all or those that were named; raises Refused where one is not there."""
    files = tuple(file for file in manifest.files if _equal(file.version, version))
    if not files:
        known = sorted({file.version for file in manifest.files})
        raise Refused(
            Problem(
                subject=f"{manifest.project}=={version}",
                what="is not published here",
                remedy=f"choose one of {printable(', '.join(known))}" if known else "check the name and the repository",
            )
        )
    absent = [filename for filename in filenames if filename not in {file.filename for file in files}]
    if absent:
        raise Refused(
            *(
                Problem(
                    subject=printable(filename),
                    what=f"is not a file of {manifest.project}=={version}",
                    remedy=f"choose among {', '.join(file.filename for file in files)}",
                )
                for filename in absent
            )
        )
    return tuple(file for file in files if not filenames or file.filename in filenames)


def _equal(written: str, version: Version) -> bool:
    try:
        return Version(written) == version
    except InvalidVersion:
        return False  # an adopted file whose version is none of PEP 440's
