"""The promotion of releases to another repository: the same bytes and all that goes with them, as a new release there.

The source's entries tell what the bytes are. Archives are not validated again, and nothing changes at the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, TypeAlias

from packaging.version import Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused, merged
from bucketwheel.events import BytesMoved, Event, Report, Warned, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.format.settings import RepositorySettings
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
from bucketwheel.protocol.plan import Upload, upload_order
from bucketwheel.protocol.release import Outcome, ReleaseRequest, new_run_id, release
from bucketwheel.protocol.repository import (
    Context,
    Repository,
    Target,
    first_settings,
    open_context,
    open_target,
    open_to_read,
)
from bucketwheel.storage import Key
from bucketwheel.storage.transfer import Origin

__all__ = ["FilePromoted", "PromotedAs", "Promotion", "promote", "promote_releases"]

PromotedAs: TypeAlias = Literal["promoted", "already-exists"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePromoted:
    """One file, and what became of it; after a dry run, what would become of it."""

    filename: str
    project: ProjectName
    version: str
    sha256: Sha256
    yanked: str | None
    """Why it is yanked, at the source and now at the target; None if it is not."""
    fate: PromotedAs
    hidden: bool = False
    """Whether it exists at the target and is on no page there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The result of a promotion; after a dry run, what it would be."""

    source: Place
    repository: Place
    index_url: str
    """The address to install from now; ends in a slash."""
    created: bool
    """True if the repository was new, or would be."""
    files: tuple[FilePromoted, ...]
    pages: tuple[Key, ...]
    """The pages that would change, after a dry run."""
    dry_run: bool


def promote(
    releases: Sequence[tuple[str, str]],
    settings: Settings,
    target: Settings,
    *,
    report: Report = ignore,
) -> Promotion:
    """Promote releases, each a project and a version, from the settings' repository to the target's.

    The upload time is that of the promotion. Raises Refused, Misconfigured, Unavailable or Damaged with nothing
    committed; Unfinished where something is or may be, and the same call again finishes it.
    """
    here = (settings.require_repository(), settings.connection.endpoint_url)
    if here == (target.require_repository(), target.connection.endpoint_url):
        problem = "is both the source and the target"
        raise Misconfigured(Problem(subject=str(target.repository), what=problem, remedy="choose another with --to"))
    report = _halves(report)
    with open_context(target, report) as context:
        first = None if target.no_create else first_settings(context.target.place, target.put_args)
        return promote_releases(
            open_target(settings, report),
            replace(context, dry_run=settings.dry_run),
            releases,
            first=first,
            run_id=new_run_id(settings.uploaded_by),
        )


def _halves(report: Report) -> Report:
    """Count a moved byte half: where the store cannot copy, each is received and then sent."""

    def halve(event: Event) -> None:
        report(replace(event, count=event.count // 2) if isinstance(event, BytesMoved) else event)

    return halve


def promote_releases(
    source: Target,
    context: Context,
    releases: Sequence[tuple[str, str]],
    *,
    first: RepositorySettings | None,
    run_id: str,
) -> Promotion:
    """Read the source, then release into the context's target; `first` are the settings of one that is created."""
    wanted, workers = _parse(releases), context.workers
    projects = sorted({project for project, _ in wanted})
    reading = [workers.start(partial(read_manifest, source, project)) for project in projects]
    repository = open_to_read(source)
    manifests = {read.project: read.manifest for read in (future.result() for future in reading)}
    files, hidden = _choose(manifests, wanted, str(source.place))
    for file in hidden:
        context.report(Warned(message=f"{printable(file.filename)} is hidden and is not promoted"))
    uploads = _read_all(repository, files, workers)
    request = ReleaseRequest(uploads=tuple(uploads), existing="same", run_id=run_id, now=datetime.now(UTC), first=first)
    outcome = release(context, request)
    for message in outcome.hidden_warnings:
        context.report(Warned(message=f"{context.target.place}: {message}"))
    return Promotion(
        source=source.place,
        repository=context.target.place,
        index_url=outcome.repository.index_url,
        created=outcome.created,
        files=tuple(_file_promoted(upload, outcome) for upload in sorted(uploads, key=upload_order)),
        pages=outcome.pages,
        dry_run=context.dry_run,
    )


def _file_promoted(upload: Upload, outcome: Outcome) -> FilePromoted:
    project = upload.name.project
    return FilePromoted(
        filename=upload.filename,
        project=project,
        version=str(upload.name.version),
        sha256=upload.sha256,
        yanked=upload.yanked,
        fate="promoted" if upload in outcome.plans[project].to_upload else "already-exists",
        hidden=outcome.hidden(upload),
    )


# Choose the files ----------------------------------------------------------------------------------------------------


def _parse(releases: Iterable[tuple[str, str]]) -> tuple[tuple[ProjectName, Version], ...]:
    """Read pairs of a project and a version; raises Misconfigured with every problem."""
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


def _choose(
    manifests: Mapping[ProjectName, Manifest], releases: Iterable[tuple[ProjectName, Version]], place: str
) -> tuple[list[tuple[ProjectName, PublishedFile]], list[PublishedFile]]:
    """Return the files of releases with their projects, and the hidden ones; raises Refused with every problem."""
    problems: list[Problem] = []
    files: list[tuple[ProjectName, PublishedFile]] = []
    hidden: list[PublishedFile] = []
    for project, version in releases:
        of_version = [file for file in manifests[project].files if is_version(file.version, version)]
        problems += _problems_of_release(manifests[project], version, of_version, place)
        for file in of_version:
            if file.hidden:
                hidden.append(file)
            else:
                files.append((project, file))
                problems += _problems_of_file(project, file)
    if problems:
        raise Refused(*dict.fromkeys(problems))
    return files, hidden


def _problems_of_release(
    manifest: Manifest, version: Version, files: Sequence[PublishedFile], place: str
) -> Iterator[Problem]:
    project, name = manifest.project, f"{manifest.project}=={version}"
    missing = [file for file in manifest.missing if is_version(file.version, version)]
    for file in missing:
        yield Problem(
            subject=printable(file.filename),
            what=f"is missing: somebody removed it from {place}",
            remedy=f"put its bytes back and run `bucketwheel reindex --adopt {project}`, or delete it there",
        )
    if manifest.status.status == "quarantined":
        yield Problem(subject=project, what=f"is quarantined in {place} (PEP 792)", remedy="end its quarantine first")
    elif not files and not missing:
        yield not_there(name, place)
    elif not missing and all(file.hidden for file in files):
        remedy = f"choose another that `bucketwheel show {project}` lists"
        yield Problem(subject=name, what=f"has only hidden files in {place}", remedy=remedy)


def _problems_of_file(project: ProjectName, file: PublishedFile) -> Iterator[Problem]:
    subject, remedy = printable(file.filename), "publish the file itself to the other repository"
    if file.url is not None:
        yield Problem(subject=subject, what="is outside its repository", remedy=remedy)
        return
    try:
        name = distribution_name(file.filename)
    except InvalidName as error:
        yield Problem(subject=subject, what=str(error), remedy="build it again, under a valid name")
        return
    if name.project != project:
        what = f"has the name of a file of {name.project}, not of {project}"
        yield Problem(subject=subject, what=what, remedy=remedy)


# Read the source -----------------------------------------------------------------------------------------------------


def _read_all(
    repository: Repository, files: Iterable[tuple[ProjectName, PublishedFile]], workers: Workers
) -> list[Upload]:
    """Look at every file and read its sidecars; raises Refused with every problem."""
    outcomes = workers.map_settled(partial(_read, repository, project, file) for project, file in files)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    for error in errors:
        if not isinstance(error, Refused):
            raise error
    if errors:
        raise merged(errors)
    return [outcome for outcome in outcomes if isinstance(outcome, Upload)]


def _read(repository: Repository, project: ProjectName, file: PublishedFile) -> Upload:
    key = repository.layout.key_of(project, file)
    seen = repository.storage.stat(key)
    if seen is None or seen.size != file.size:
        raise _broken(project, key, "is not there" if seen is None else f"has {seen.size} bytes and not {file.size}")
    sidecar = partial(_read_sidecar, repository, project)
    return Upload(
        name=distribution_name(file.filename),
        size=file.size,
        sha256=file.sha256,
        requires_python=file.requires_python,
        yanked=file.yanked,
        content=Origin(storage=repository.storage, key=key, seen=seen),
        metadata=sidecar(Key(f"{key}.metadata"), file.metadata_sha256) if file.metadata_sha256 else None,
        signature=sidecar(Key(f"{key}.asc")) if file.gpg_sig else None,
        provenance=sidecar(Key(f"{key}.provenance"), file.provenance_sha256) if file.provenance_sha256 else None,
    )


def _read_sidecar(repository: Repository, project: ProjectName, key: Key, sha256: Sha256 | None = None) -> bytes:
    stored = repository.storage.read(key)
    if stored is None:
        raise _broken(project, key, "is not there")
    if sha256 not in {None, sha256_of(stored.body)}:
        raise _broken(project, key, "has other bytes than its repository says")
    return stored.body


def _broken(project: ProjectName, key: Key, what: str) -> Refused:
    remedy = f"run `bucketwheel check {project}` on the repository that you promote from"
    return Refused(Problem(subject=printable(key), what=what, remedy=remedy))
