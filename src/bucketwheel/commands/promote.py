"""Promote releases from one repository to another: the same bytes and all that goes with them, as a new release there.

The source's entries say what the bytes are; nothing is judged anew, and nothing is changed at the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeAlias
from uuid import uuid4

from packaging.version import Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import (
    InvalidName,
    ProjectName,
    Sha256,
    distribution_name,
    is_version,
    named_project,
    named_version,
    not_there,
    printable,
    sha256_of,
)
from bucketwheel.parallel import Workers
from bucketwheel.places import Place
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.plan import Candidate, ReleasePlan
from bucketwheel.protocol.release import ReleaseRequest, rehearse, release
from bucketwheel.protocol.repository import Repository, Target, first_settings, open_target, open_to_read
from bucketwheel.protocol.upload import Upload
from bucketwheel.storage import Key
from bucketwheel.storage.transfer import Origin

__all__ = ["FilePromoted", "Promotable", "Promotion", "Terms", "promotable", "promote", "promote_at", "read_releases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotable:
    """What goes, each file once, with its project; and what stays behind."""

    files: tuple[tuple[ProjectName, PublishedFile], ...]
    hidden: tuple[PublishedFile, ...]


def read_releases(releases: Iterable[tuple[str, str]]) -> tuple[tuple[ProjectName, Version], ...]:
    """Judge pairs of a project and a version; raises Misconfigured with every problem."""
    read: list[tuple[ProjectName, Version]] = []
    problems: list[Problem] = []
    for project, version in releases:
        try:
            read.append((named_project(project), named_version(version)))
        except Misconfigured as error:
            problems += error.problems
    if problems:
        raise Misconfigured(*problems)
    return tuple(dict.fromkeys(read))


def promotable(
    manifests: Mapping[ProjectName, Manifest], releases: Iterable[tuple[ProjectName, Version]], place: str
) -> Promotable:
    """Choose the files of releases; raises Refused with all that stands in the way. `place` is for its words."""
    problems: list[Problem] = []
    files: list[tuple[ProjectName, PublishedFile]] = []
    hidden: list[PublishedFile] = []
    for project, version in releases:
        manifest = manifests[project]
        of_version = [file for file in manifest.files if is_version(file.version, version)]
        going = [file for file in of_version if not file.hidden]
        problems += _problems_of_release(manifest, version, of_version, place)
        problems += [problem for file in going for problem in _problems_of_file(project, file)]
        files += [(project, file) for file in going]
        hidden += [file for file in of_version if file.hidden]
    if problems:
        raise Refused(*dict.fromkeys(problems))
    return Promotable(files=tuple(files), hidden=tuple(hidden))


def _problems_of_release(
    manifest: Manifest, version: Version, files: list[PublishedFile], place: str
) -> Iterator[Problem]:
    project = manifest.project
    missing = [file for file in manifest.missing if is_version(file.version, version)]
    for file in missing:
        yield Problem(
            subject=printable(file.filename),
            what=f"is missing: somebody removed it from {place}",
            remedy=f"put its bytes back and run `bucketwheel reindex --adopt {project}`, or delete it there",
        )
    if manifest.status.status == "quarantined":
        yield Problem(
            subject=project, what=f"is quarantined in {place} (PEP 792)", remedy="take it out of quarantine first"
        )
    elif not missing and all(file.hidden for file in files):
        release, remedy = f"{project}=={version}", f"choose another that `bucketwheel show {project}` lists"
        what = f"has only hidden files in {place}, which nobody can install"
        yield Problem(subject=release, what=what, remedy=remedy) if files else not_there(release, place)


def _problems_of_file(project: ProjectName, file: PublishedFile) -> Iterator[Problem]:
    subject, remedy = printable(file.filename), "publish the file itself to the other repository"
    if file.url is not None:
        yield Problem(subject=subject, what="lies outside of its repository", remedy=remedy)
        return
    try:
        name = distribution_name(file.filename)
    except InvalidName as error:
        yield Problem(subject=subject, what=str(error), remedy="build it anew, under a name of today")
        return
    if name.project != project:
        yield Problem(subject=subject, what=f"is by its name no file of {project}", remedy=remedy)


Fate: TypeAlias = Literal["promoted", "already-exists"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePromoted:
    """What became of one file; after a dry run, what would."""

    filename: str
    project: ProjectName
    version: str
    sha256: Sha256
    yanked: str | None
    """Why it is yanked, at the source as now at the target; None: it is not."""
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a promotion did, or with `dry_run` would do."""

    source: Place
    repository: Place
    index_url: str
    """Where to install from now; ends in a slash."""
    created: bool
    """Whether the repository was new, or would be."""
    files: tuple[FilePromoted, ...]
    pages: tuple[Key, ...]
    """The pages that a dry run says would change."""
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms releases are promoted."""

    dry_run: bool = False
    create_repository: bool = True
    uploaded_by: str | None = None
    put_args: Mapping[str, str] = field(default_factory=dict)
    """For a repository that is made."""


def promote(
    releases: Sequence[tuple[str, str]],
    settings: Settings,
    target: Settings,
    *,
    create_repository: bool = True,
    report: Report = ignore,
) -> Promotion:
    """Promote releases, each a project and a version, from the settings' repository to the target's.

    The upload time is that of the arrival. Raises Refused, Misconfigured, Unavailable or Damaged with nothing
    committed; Unfinished where something is or may be, and the same call again finishes it.
    """
    if (settings.require_repository(), settings.connection.endpoint_url) == (
        target.require_repository(),
        target.connection.endpoint_url,
    ):
        raise Misconfigured(
            Problem(
                subject=str(target.repository),
                what="is the repository that is promoted from",
                remedy="name another by --to",
            )
        )
    terms = Terms(
        dry_run=settings.dry_run,
        create_repository=create_repository,
        uploaded_by=settings.uploaded_by,
        put_args=target.put_args,
    )
    with Workers(settings.jobs) as workers:
        source, into = open_target(settings, report), open_target(target, report)
        return promote_at(source, into, releases, terms, workers=workers, report=report)


def promote_at(
    source: Target,
    target: Target,
    releases: Sequence[tuple[str, str]],
    terms: Terms,
    *,
    workers: Workers,
    report: Report = ignore,
) -> Promotion:
    """Read the source, then release into the target."""
    wanted = read_releases(releases)
    projects = sorted({project for project, _ in wanted})
    reading = [workers.start(partial(read_manifest, source, project)) for project in projects]
    repository = open_to_read(source)
    manifests = {truth.project: truth.manifest for truth in (future.result() for future in reading)}
    chosen = promotable(manifests, wanted, str(source.place))
    for hidden in chosen.hidden:
        report(Warned(message=f"{printable(hidden.filename)} is hidden, and stays behind"))
    parcels = _agreed(
        workers.map_settled(partial(_parcel, repository, project, file) for project, file in chosen.files)
    )
    order = ReleaseRequest(
        parcels=tuple(parcels),
        existing="same",
        run_id=" ".join(filter(None, (terms.uploaded_by, uuid4().hex))),
        now=datetime.now(UTC),
        first=first_settings(target.place, terms.put_args) if terms.create_repository else None,
        report=report,
    )
    outcome = (rehearse if terms.dry_run else release)(target, order, workers)
    return Promotion(
        source=source.place,
        repository=target.place,
        index_url=outcome.repository.index_url,
        created=outcome.created,
        files=tuple(_file_promoted(parcel.candidate, outcome.plans) for parcel in parcels),
        pages=outcome.pages,
        dry_run=terms.dry_run,
    )


def _parcel(repository: Repository, project: ProjectName, file: PublishedFile) -> Upload:
    """Look at a file and read what lies beside it; raises Refused where that is not what the entry says."""
    key = repository.layout.key_of(project, file)
    seen = repository.storage.stat(key)
    if seen is None or seen.size != file.size:
        raise _broken(project, key, "is not there" if seen is None else f"has {seen.size} bytes and not {file.size}")
    return Upload(
        candidate=Candidate(
            name=distribution_name(file.filename),
            size=file.size,
            sha256=file.sha256,
            requires_python=file.requires_python,
            metadata_sha256=file.metadata_sha256,
            yanked=file.yanked,
        ),
        content=Origin(storage=repository.storage, key=key, seen=seen),
        metadata=_verified(repository, project, Key(f"{key}.metadata"), file.metadata_sha256),
        signature=_beside(repository, project, Key(f"{key}.asc")) if file.gpg_sig else None,
        provenance=_verified(repository, project, Key(f"{key}.provenance"), file.provenance_sha256),
    )


def _verified(repository: Repository, project: ProjectName, key: Key, sha256: Sha256 | None) -> bytes | None:
    """Read a sidecar that has a digest; None where the entry names none."""
    if sha256 is None:
        return None
    body = _beside(repository, project, key)
    if sha256_of(body) != sha256:
        raise _broken(project, key, "has other bytes than its repository says")
    return body


def _beside(repository: Repository, project: ProjectName, key: Key) -> bytes:
    stored = repository.storage.read(key)
    if stored is None:
        raise _broken(project, key, "is not there")
    return stored.body


def _broken(project: ProjectName, key: Key, what: str) -> Refused:
    remedy = f"see what `bucketwheel check {project}` says of the repository that is promoted from"
    return Refused(Problem(subject=printable(key), what=what, remedy=remedy))


def _agreed(outcomes: Iterable[Upload | Exception]) -> list[Upload]:
    parcels: list[Upload] = []
    problems: list[Problem] = []
    for outcome in outcomes:
        if isinstance(outcome, Upload):
            parcels.append(outcome)
        elif isinstance(outcome, Refused):
            problems += outcome.problems
        else:
            raise outcome
    if problems:
        raise Refused(*problems)
    return parcels


def _file_promoted(candidate: Candidate, plans: Mapping[ProjectName, ReleasePlan]) -> FilePromoted:
    plan = plans[candidate.name.project]
    return FilePromoted(
        filename=candidate.filename,
        project=candidate.name.project,
        version=str(candidate.name.version),
        sha256=candidate.sha256,
        yanked=candidate.yanked,
        fate="already-exists" if candidate in plan.unchanged else "promoted",
    )
