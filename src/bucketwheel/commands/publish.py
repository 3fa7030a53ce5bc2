"""Publish distributions from disk: collect → validate → release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions import Distribution, validate
from bucketwheel.distributions.find import DistributionFile, collect
from bucketwheel.errors import Problem, Refused
from bucketwheel.events import Report, Stage, Warned, ignore
from bucketwheel.names import ProjectName, Sha256, distribution_name, printable
from bucketwheel.parallel import Workers
from bucketwheel.places import Place, S3Place
from bucketwheel.protocol.plan import Upload, spelled_twice, upload_order
from bucketwheel.protocol.release import Outcome, Reading, ReleaseRequest, new_run_id, release
from bucketwheel.protocol.repository import Context, first_settings, invalidating, open_target
from bucketwheel.storage import Key

__all__ = ["Fate", "FilePublished", "Publication", "publish"]

Fate: TypeAlias = Literal["published", "already-exists", "skipped"]
"""`skipped`: published with other bytes, which stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePublished:
    """A file that was published, or with a dry run would be."""

    path: Path
    project: ProjectName
    version: str
    sha256: Sha256
    fate: Fate
    hidden: bool = False
    """Whether it exists and is on no page, so that installers do not find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The result of a publish; with `dry_run`, what it would be."""

    repository: Place
    index_url: str
    """The address to install from; ends in a slash."""
    created: bool
    """Whether the repository was new, or would be."""
    files: tuple[FilePublished, ...]
    pages: tuple[Key, ...]
    """The pages that a dry run says would change."""
    dry_run: bool
    at_bucket: bool = False
    """Whether the address is the bucket's own, which is private unless somebody opened it."""

    @property
    def nothing_new(self) -> bool:
        """Return whether every file was published already."""
        return all(file.fate != "published" for file in self.files)


def publish(paths: str | Path | Iterable[str | Path], settings: Settings, *, report: Report = ignore) -> Publication:
    """Publish the wheels and sdists among files, directories and patterns to the settings' repository.

    `paths` is one of them or several: `publish("dist", settings)`, `publish([wheel, sdist], settings)`.
    Raises Refused, Misconfigured, Unavailable or Damaged with nothing committed; Unfinished where something is or may
    be, and the same call again finishes it.
    """
    place = settings.require_repository()
    found = collect([Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)])
    with Workers(settings.jobs) as workers, Workers(settings.jobs) as validators:
        validating = [validators.start(partial(validate, file.path)) for file in found]
        _refuse_early(validating)
        report(Stage(doing="validating", count=len(found)))
        # Meanwhile large archives are read on.
        context = Context(
            target=open_target(settings, report), workers=workers, report=report, dry_run=settings.dry_run
        )
        reading = Reading.start(context, {distribution_name(file.path.name).project for file in found})
        distributions = _all_valid(validating)
        uploads = _uploads(found, distributions, report)
        request = ReleaseRequest(
            uploads=tuple(uploads.values()),
            existing=settings.existing,
            run_id=new_run_id(settings.uploaded_by),
            now=datetime.now(UTC),
            first=None if settings.no_create else first_settings(place, settings.put_args),
        )
        with invalidating(context.target, settings.connection, report):
            outcome = release(context, request, reading)
    _warn(outcome, report)
    return Publication(
        repository=place,
        index_url=outcome.repository.index_url,
        created=outcome.created,
        files=tuple(
            _file_published(path, upload, outcome)
            for path, upload in sorted(uploads.items(), key=lambda item: upload_order(item[1]))
        ),
        pages=outcome.pages,
        dry_run=settings.dry_run,
        at_bucket=isinstance(place, S3Place) and outcome.repository.settings.base_url is None,
    )


_HEAD_START = 0.05
"""Seconds in which small files are validated, so that a bad one is refused before boto3 is imported, which takes four
times as long. A large file is read beside that, and beside the first requests."""


def _refuse_early(validating: Sequence[Future[Distribution]]) -> None:
    """Raise Refused, with what is wrong with any of the files, if one proves bad within the head start."""
    early, _ = wait(validating, timeout=_HEAD_START, return_when=FIRST_EXCEPTION)
    if any(future.exception() for future in early):
        _all_valid(validating)


def _all_valid(validating: Sequence[Future[Distribution]]) -> list[Distribution]:
    """Return the distributions, if all are valid and no two of them contradict each other."""
    verdicts = [future.exception() or future.result() for future in validating]
    distributions = [verdict for verdict in verdicts if isinstance(verdict, Distribution)]
    problems: list[Problem] = []
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            problems += verdict.problems
        elif isinstance(verdict, BaseException):
            raise verdict
    problems += spelled_twice(file.name for file in distributions)
    first: dict[str, Distribution] = {}
    for file in distributions:
        other = first.setdefault(file.name.filename, file)
        if other.sha256 != file.sha256:
            what = f"and {printable(str(other.path))} have the same name but different bytes"
            problems.append(Problem(subject=printable(str(file.path)), what=what, remedy="remove one of the two"))
    if problems:
        raise Refused(*problems)
    return distributions


def _uploads(
    found: Sequence[DistributionFile], distributions: Sequence[Distribution], report: Report
) -> dict[Path, Upload]:
    """Make an upload of each distribution, by its path; a file that is named twice counts once."""
    uploads: dict[str, tuple[Path, Upload]] = {}
    for file, distribution in zip(found, distributions, strict=True):
        for warning in distribution.warnings:
            report(Warned(message=warning))
        if file.attested:
            message = f"{file.path.name}: its attestations are not published; bucketwheel does not serve them yet"
            report(Warned(message=message))
        upload = Upload(
            name=distribution.name,
            size=distribution.size,
            sha256=distribution.sha256,
            content=distribution.path,
            requires_python=distribution.requires_python,
            metadata=distribution.metadata,
            signature=file.signature,
        )
        uploads.setdefault(upload.filename, (distribution.path, upload))
    return dict(uploads.values())


def _warn(outcome: Outcome, report: Report) -> None:
    for plan in outcome.plans.values():
        for upload in plan.skipped:
            message = f"{upload.filename} already exists with other bytes; the published file was kept"
            report(Warned(message=message))
        for upload in plan.unchanged:
            if upload.signature is not None:
                message = f"{upload.filename} already exists, so its signature was not added"
                report(Warned(message=message))
    for message in outcome.hidden_warnings:
        report(Warned(message=message))


def _file_published(path: Path, upload: Upload, outcome: Outcome) -> FilePublished:
    plan = outcome.plans[upload.name.project]
    fate: Fate = "already-exists" if upload in plan.unchanged else "skipped" if upload in plan.skipped else "published"
    return FilePublished(
        path=path,
        project=upload.name.project,
        version=str(upload.name.version),
        sha256=upload.sha256,
        fate=fate,
        hidden=outcome.hidden(upload),
    )
