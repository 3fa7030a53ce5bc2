"""Fetch one project's distributions from where CI jobs left them: search → reconcile → receive → verify."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeVar

from packaging.version import InvalidVersion, Version

from bucketwheel.distributions import validate_archive
from bucketwheel.errors import Misconfigured, Problem, Refused, Unavailable, merged
from bucketwheel.events import FileDone, FileStarted, Report, Stage, Warned, ignore
from bucketwheel.names import DistributionName, InvalidName, ProjectName, Sha256, printable, project_name
from bucketwheel.parallel import Workers
from bucketwheel.places import Connection
from bucketwheel.sources.connections import Credentials, Limits, read_netrc
from bucketwheel.sources.files import holds, part_beside, save
from bucketwheel.sources.http import Client
from bucketwheel.sources.locations import Source, WebSource, read_sources, values_to_hide
from bucketwheel.sources.offers import Container, Holding, Offer, StoredContainer, WebContainer
from bucketwheel.sources.select import Artifact, Contradiction, Wanted, reconcile
from bucketwheel.sources.urls import UserInfo
from bucketwheel.storage.opening import open_storage

__all__ = ["Fetched", "fetch"]

_MOST_VERSIONS = 10
_MOST_WARNINGS = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A distribution that lies in the directory now."""

    path: Path
    name: DistributionName
    sha256: Sha256
    fresh: bool
    """False: it was there already with the right digest."""


def fetch(
    project: str,
    *,
    version: str | None = None,
    sources: Sequence[str],
    into: Path,
    connection: Connection = Connection(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    jobs: int = 16,
    report: Report = ignore,
    environ: Mapping[str, str] | None = None,
) -> tuple[Fetched, ...]:
    """Bring a project's wheels and sdists, of one version or of all, from all sources into a directory.

    Sources are pages, indexes, `s3://bucket/prefix` or directories; `${VAR}` in them, proxies, certificates and netrc
    come from `environ` (the process's own). What is there with the right digest is not fetched again. A file gets its
    name only when it is whole and right, so every file in the directory is. Raises Misconfigured, Refused, Denied or
    Unavailable, with the problems of all sources or files at once; those that were right stay.
    """
    environ = os.environ if environ is None else environ
    name, release = _judged(project, version)
    places = read_sources(sources, environ, Path.cwd())
    stopped = Event()
    with Workers(jobs) as workers, ExitStack() as ending:
        hidden = values_to_hide(sources, environ)
        client = Client(environ=environ, hidden=hidden, limits=limits, stopped=stopped, jobs=jobs, report=report)
        ending.callback(client.close)
        # Also after Ctrl-C: whatever still runs sees it and gives up, before the workers are waited for.
        ending.callback(stopped.set)
        machines = read_netrc(environ, report) if any(isinstance(place, WebSource) for place in places) else {}
        containers = [_container(place, client, machines, connection, jobs, report) for place in places]
        holdings = _all(workers.map_settled(partial(container.search, name, release) for container in containers))
        offered = _all(workers.map_settled(partial(_vouched, artifact) for artifact in _artifacts(holdings, report)))
        if not offered:
            raise _nothing(name, release, holdings)
        wanted = _agreed(offered)
        errand = _Errand(into=into, limits=limits, stopped=stopped, report=report)
        report(Stage(doing="fetching", count=len(wanted), total_bytes=sum(each.size or 0 for each in wanted)))
        fetched = _all(workers.map_settled(partial(errand.bring, each) for each in wanted))
    return tuple(sorted(fetched, key=lambda each: each.name.filename))


def _judged(project: str, version: str | None) -> tuple[ProjectName, Version | None]:
    try:
        name = project_name(project)
    except InvalidName as error:
        raise Misconfigured(
            Problem(subject=printable(project), what=str(error), remedy="check its spelling")
        ) from error
    try:
        return name, None if version is None else Version(version)
    except InvalidVersion as error:
        what, remedy = "is not a version (PEP 440)", "write it as in the file names: 1.2.0"
        raise Misconfigured(Problem(subject=printable(version or ""), what=what, remedy=remedy)) from error


def _container(
    source: Source,
    client: Client,
    machines: Mapping[str, UserInfo],
    connection: Connection,
    jobs: int,
    report: Report,
) -> Container:
    if isinstance(source, WebSource):
        credentials = Credentials(source=source.url, given=source.user, machines=machines)
        return WebContainer(url=source.url, credentials=credentials, client=client)
    return StoredContainer(place=source, storage=open_storage(source, connection, jobs=jobs, report=report))


def _all(outcomes: Iterable[_T | Exception]) -> list[_T]:
    """Every result, or all that went wrong in one error."""
    results: list[_T] = []
    errors: list[Exception] = []
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            errors.append(outcome)
        else:
            results.append(outcome)
    if errors:
        raise merged(errors)
    return results


def _artifacts(holdings: Iterable[Holding], report: Report) -> Iterator[Artifact[Offer]]:
    for holding in holdings:
        where = holding.pages[0].where
        for misnamed in holding.misnamed[:_MOST_WARNINGS]:
            report(Warned(message=f"{printable(misnamed.filename)} at {where} {misnamed.reason}; it is left out"))
        if (more := len(holding.misnamed) - _MOST_WARNINGS) > 0:
            report(Warned(message=f"{more} more files at {where} have names that no wheel or sdist can have"))
        yield from holding.artifacts


def _vouched(artifact: Artifact[Offer]) -> Artifact[Offer]:
    return replace(artifact, listed=artifact.listed.vouched())


def _nothing(project: ProjectName, version: Version | None, holdings: Iterable[Holding]) -> Refused:
    seen = (
        f"{page.where} has {_versions(page.versions) or 'no version of it'}"
        for holding in holdings
        for page in holding.pages
    )
    return Refused(
        Problem(
            subject=f"{project} {version}" if version is not None else project,
            what=f"is in none of the places searched: {', '.join(seen)}",
            remedy="wait for the job that builds it, or check artifact-indexes and --from",
        )
    )


def _versions(versions: Iterable[Version]) -> str:
    newest = sorted(versions, reverse=True)
    more = [f"{len(newest) - _MOST_VERSIONS} older ones"] if len(newest) > _MOST_VERSIONS else []
    return " and ".join([*map(str, newest[:_MOST_VERSIONS]), *more])


def _agreed(offered: Sequence[Artifact[Offer]]) -> list[Wanted[Offer]]:
    wanted: list[Wanted[Offer]] = []
    problems: list[Problem] = []
    for each in reconcile(offered):
        if isinstance(each, Contradiction):
            problems.append(_contradiction(each.name, [(offer.where, offer.sha256) for offer in each.candidates]))
        else:
            wanted.append(each)
    if problems:
        raise Refused(*problems)
    return wanted


def _contradiction(name: DistributionName, found: Iterable[tuple[str, Sha256 | None]]) -> Problem:
    places = ", ".join(f"{where} ({f'sha256 {digest}' if digest else 'of another length'})" for where, digest in found)
    return Problem(
        subject=name.filename,
        what=f"is not the same file everywhere: {places}",
        remedy="remove all but the right one, or name only the places that have it",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    """What all files of one fetch have in common."""

    into: Path
    limits: Limits
    stopped: Event
    report: Report

    def bring(self, wanted: Wanted[Offer]) -> Fetched:
        """Make sure that one distribution lies in the directory, whole and right."""
        target = self.into / wanted.name.filename
        self.report(FileStarted(name=wanted.name.filename, size=wanted.size or 0))
        with _disk_in_words(target):
            self.into.mkdir(parents=True, exist_ok=True)
            known = wanted.sha256 if wanted.sha256 and holds(target, wanted.sha256, wanted.size) else None
            sha256 = known or self._receive(wanted, target)
            self.report(FileDone(name=wanted.name.filename, size=target.stat().st_size))
        return Fetched(path=target, name=wanted.name, sha256=sha256, fresh=known is None)

    def _receive(self, wanted: Wanted[Offer], target: Path) -> Sha256:
        with ExitStack() as parts:
            received = [
                parts.enter_context(part_beside(target, partial(self._save, wanted, offer)))
                for offer in wanted.candidates
            ]
            if len({part.sha256 for part in received}) > 1:
                found = zip(wanted.candidates, received, strict=True)
                raise Refused(_contradiction(wanted.name, [(offer.where, part.sha256) for offer, part in found]))
            # A link of that name is replaced, not followed.
            received[0].path.replace(target)
            return received[0].sha256

    def _save(self, wanted: Wanted[Offer], offer: Offer, file: BinaryIO) -> tuple[Sha256, int]:
        subject = f"{wanted.name.filename} from {offer.where}"
        take = partial(
            save,
            file=file,
            subject=subject,
            size=offer.size,
            limits=self.limits,
            directory=self.into,
            stopped=self.stopped,
        )
        sha256, size = offer.hand_to(take)
        if offer.sha256 is None:
            _validate(wanted.name, file, size, subject)
        elif offer.sha256 != sha256:
            what = f"has the sha256 {sha256}, where its listing says {offer.sha256}"
            raise Refused(Problem(subject=subject, what=what, remedy="have the job that made it upload it again"))
        return sha256, size


def _validate(name: DistributionName, file: BinaryIO, size: int, subject: str) -> None:
    # Nobody vouches for these bytes, so they must at least be what their name says.
    try:
        validate_archive(name, file, size)
    except Refused as error:
        raise Refused(*(replace(problem, subject=subject) for problem in error.problems)) from error


@contextmanager
def _disk_in_words(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{printable(str(target))} cannot be written ({error.strerror}); check its directory and the disk"
        ) from error
