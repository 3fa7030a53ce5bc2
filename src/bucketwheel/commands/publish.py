"""Publish distributions that lie on disk: collect → judge → release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions import Distribution, validate
from bucketwheel.distributions.find import Offered, collect
from bucketwheel.errors import Problem, Refused
from bucketwheel.events import Report, Stage, Warned, ignore
from bucketwheel.names import ProjectName, Sha256, printable, sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.places import Place
from bucketwheel.protocol.plan import Candidate, ReleasePlan, spelled_twice
from bucketwheel.protocol.release import Outcome, ReleaseRequest, rehearse, release
from bucketwheel.protocol.repository import first_settings, open_target
from bucketwheel.protocol.upload import Upload
from bucketwheel.storage import Key

__all__ = ["Fate", "FilePublished", "Publication", "publish"]

Fate: TypeAlias = Literal["published", "already-exists", "skipped"]
"""`skipped`: there with other bytes, which stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePublished:
    """What became of one file; after a dry run, what would."""

    path: Path
    project: ProjectName
    version: str
    sha256: Sha256
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a publish did, or with `dry_run` would do."""

    repository: Place
    index_url: str
    """Where to install from; ends in a slash."""
    created: bool
    """Whether the repository was new, or would be."""
    files: tuple[FilePublished, ...]
    pages: tuple[Key, ...]
    """The pages that a dry run says would change."""
    dry_run: bool

    @property
    def nothing_new(self) -> bool:
        """Whether every file was there already."""
        return all(file.fate != "published" for file in self.files)


def publish(
    paths: Sequence[Path], settings: Settings, *, create_repository: bool = True, report: Report = ignore
) -> Publication:
    """Publish the wheels and sdists among files, directories and patterns to the settings' repository.

    Raises Refused, Misconfigured, Unavailable or Damaged with nothing committed; Unfinished where something is or may
    be, and the same call again finishes it.
    """
    place = settings.require_repository()
    offered = collect(paths)
    report(Stage(doing="judging", count=len(offered)))
    with Workers(settings.jobs) as workers:
        # The archives are read while boto3 is imported and the store is reached.
        judging = [workers.start(partial(validate, file.path)) for file in offered]
        site = open_target(settings, report)
        judged = _agreeing([future.exception() or future.result() for future in judging])
        parcels = _parcels(offered, judged, report)
        order = ReleaseRequest(
            parcels=tuple(parcels.values()),
            existing=settings.existing,
            run_id=" ".join(filter(None, (settings.uploaded_by, uuid4().hex))),
            now=datetime.now(UTC),
            first=first_settings(place, settings.put_args) if create_repository else None,
            report=report,
        )
        outcome = (rehearse if settings.dry_run else release)(site, order, workers)
    _warn(outcome, order, report)
    return Publication(
        repository=place,
        index_url=outcome.repository.index_url,
        created=outcome.created,
        files=tuple(_file_published(path, parcel.candidate, outcome.plans) for path, parcel in parcels.items()),
        pages=outcome.pages,
        dry_run=settings.dry_run,
    )


def _agreeing(verdicts: Sequence[Distribution | BaseException]) -> list[Distribution]:
    """All the judged files, if all are good and no two of them contradict each other."""
    judged = [verdict for verdict in verdicts if isinstance(verdict, Distribution)]
    problems: list[Problem] = []
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            problems += verdict.problems
        elif isinstance(verdict, BaseException):
            raise verdict
    problems += spelled_twice(file.name for file in judged)
    first: dict[str, Distribution] = {}
    for file in judged:
        other = first.setdefault(file.name.filename, file)
        if other.sha256 != file.sha256:
            problems.append(
                Problem(
                    subject=printable(str(file.path)),
                    what=f"and {printable(str(other.path))} have one name and different bytes",
                    remedy="remove one of the two",
                )
            )
    if problems:
        raise Refused(*problems)
    return judged


def _parcels(offered: Sequence[Offered], judged: Sequence[Distribution], report: Report) -> dict[Path, Upload]:
    parcels: dict[str, tuple[Path, Upload]] = {}
    for file, verdict in zip(offered, judged, strict=True):
        for warning in verdict.warnings:
            report(Warned(message=warning))
        if file.attested:
            report(Warned(message=f"{file.path.name}: its attestations are not published, for they are not served yet"))
        parcels.setdefault(verdict.name.filename, (verdict.path, _parcel(file, verdict)))
    return dict(parcels.values())


def _parcel(file: Offered, judged: Distribution) -> Upload:
    metadata = judged.metadata
    return Upload(
        candidate=Candidate(
            name=judged.name,
            size=judged.size,
            sha256=judged.sha256,
            requires_python=judged.requires_python,
            metadata_sha256=None if metadata is None else sha256_of(metadata),
        ),
        content=judged.path,
        metadata=metadata,
        signature=file.signature,
    )


def _warn(outcome: Outcome, order: ReleaseRequest, report: Report) -> None:
    for plan in outcome.plans.values():
        for candidate in plan.skipped:
            report(
                Warned(
                    message=f"{candidate.filename} is already published with other bytes, which were left as they are"
                )
            )
    there = {candidate for plan in outcome.plans.values() for candidate in plan.unchanged}
    for parcel in order.parcels:
        if parcel.signature is not None and parcel.candidate in there:
            report(Warned(message=f"{parcel.candidate.filename} is published already, so its signature was not added"))


def _file_published(path: Path, candidate: Candidate, plans: Mapping[ProjectName, ReleasePlan]) -> FilePublished:
    plan = plans[candidate.name.project]
    fate: Fate = (
        "already-exists" if candidate in plan.unchanged else "skipped" if candidate in plan.skipped else "published"
    )
    return FilePublished(
        path=path,
        project=candidate.name.project,
        version=str(candidate.name.version),
        sha256=candidate.sha256,
        fate=fate,
    )
