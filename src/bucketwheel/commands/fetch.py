"""Fetch one project's distributions from where CI jobs left them: search → reconcile → download → verify."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeVar

from packaging.version import Version

from bucketwheel.distributions import validate_archive
from bucketwheel.errors import Problem, Refused, Unavailable, merged
from bucketwheel.events import FileDone, FileStarted, Report, Stage, Warned, ignore
from bucketwheel.names import DistributionName, ProjectName, Sha256, named_project, named_version, printable
from bucketwheel.parallel import Workers
from bucketwheel.places import Connection
from bucketwheel.sources.credentials import Credentials, read_netrc
from bucketwheel.sources.files import AS_UPLOADED, holds, part_beside, remove_abandoned_parts, save
from bucketwheel.sources.http import Client
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.locations import WebSource, read_sources, values_to_hide
from bucketwheel.sources.offers import Found, search_page, search_storage
from bucketwheel.sources.select import Offer, Wanted, contradiction, reconcile
from bucketwheel.storage.opening import open_storage

__all__ = ["Fetched", "fetch"]

_MOST_VERSIONS = 10
_MOST_WARNINGS = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A distribution that is in the directory now."""

    path: Path
    name: DistributionName
    sha256: Sha256
    fresh: bool
    """False: it was there already with the right digest."""
    verified: bool = True
    """False: no source states its digest, so nothing proves that these are the bytes that were built."""


def fetch(
    project: str,
    *,
    version: str | None = None,
    sources: Sequence[str],
    into: Path,
    connection: Connection = Connection(),  # noqa: B008 - frozen
    limits: Limits = Limits(),  # noqa: B008 - frozen
    jobs: int = 32,
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
    name = named_project(project)
    release = None if version is None else named_version(version)
    places = read_sources(sources, environ, Path.cwd())
    hidden = values_to_hide(sources, environ)
    machines = read_netrc(environ, report) if any(isinstance(place, WebSource) for place in places) else {}
    stopped = Event()
    with Workers(jobs) as workers, ExitStack() as ending:
        client = Client(environ=environ, hidden=hidden, limits=limits, stopped=stopped, jobs=jobs, report=report)
        ending.callback(client.close)
        # Also after Ctrl-C: every call that still runs sees it and gives up, before the workers are waited for.
        ending.callback(stopped.set)
        searches: list[Callable[[], list[Found]]] = []
        for place in places:
            if isinstance(place, WebSource):
                credentials = Credentials(source=place.url, given=place.user, machines=machines)
                searches.append(partial(search_page, client, credentials, name, release))
            else:
                storage = open_storage(place, connection, jobs=jobs, report=report)
                searches.append(partial(search_storage, place, storage, name, release))
        found = [each for pages in _all(workers, searches) for each in pages]
        _warn_of_misnamed(found, report)
        wanted = reconcile(_all(workers, (offer for each in found for offer in each.offers)))
        if not wanted:
            raise _nothing(name, release, found)
        report(Stage(doing="fetching", count=len(wanted), total_bytes=sum(each.size or 0 for each in wanted)))
        remove_abandoned_parts(into)
        downloads = (_Download(each, into / each.name.filename, limits, stopped, report) for each in wanted)
        fetched = _all(workers, (download.run for download in downloads))
    return tuple(sorted(fetched, key=lambda each: (each.name.version, each.name.filename)))


def _all(workers: Workers, calls: Iterable[Callable[[], _T]]) -> list[_T]:
    """Return every result, or raise all that went wrong as one error."""
    outcomes = workers.map_settled(calls)
    if errors := [outcome for outcome in outcomes if isinstance(outcome, Exception)]:
        raise merged(errors)
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def _warn_of_misnamed(found: Iterable[Found], report: Report) -> None:
    for each in found:
        misnamed = list(each.selection.misnamed.items())
        for filename, reason in misnamed[:_MOST_WARNINGS]:
            report(Warned(message=f"{printable(filename)} at {each.where} {reason}; it is left out"))
        if (more := len(misnamed) - _MOST_WARNINGS) > 0:
            report(Warned(message=f"{more} more files at {each.where} have names that no wheel or sdist can have"))


def _nothing(project: ProjectName, version: Version | None, found: Iterable[Found]) -> Refused:
    seen = [f"{each.where} has {_versions(each.selection.versions) or 'no version of it'}" for each in found]
    return Refused(
        Problem(
            subject=project if version is None else f"{project} {version}",
            what=f"is in none of the places searched: {', '.join(seen)}",
            remedy="wait for the job that builds it, or check artifact-indexes and --from",
        )
    )


def _versions(versions: Iterable[Version]) -> str:
    newest = sorted(versions, reverse=True)
    more = [f"{len(newest) - _MOST_VERSIONS} older ones"] if len(newest) > _MOST_VERSIONS else []
    return " and ".join([*map(str, newest[:_MOST_VERSIONS]), *more])


@dataclass(frozen=True, slots=True)
class _Download:
    """A distribution on its way into the directory."""

    wanted: Wanted
    target: Path
    limits: Limits
    stopped: Event
    report: Report

    def run(self) -> Fetched:
        """Make sure that the distribution is in the directory, whole and right."""
        wanted, target = self.wanted, self.target
        self.report(FileStarted(name=target.name, size=wanted.size or 0))
        with _disk_in_words(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            known = wanted.sha256 if wanted.sha256 and holds(target, wanted.sha256, wanted.size) else None
            sha256 = known or self._receive()
            self.report(FileDone(name=target.name, size=target.stat().st_size))
        return Fetched(path=target, name=wanted.name, sha256=sha256, fresh=known is None, verified=wanted.verified)

    def _receive(self) -> Sha256:
        with ExitStack() as parts:
            files = [parts.enter_context(part_beside(self.target)) for _ in self.wanted.offers]
            received = [self._save(offer, file) for offer, file in zip(self.wanted.offers, files, strict=True)]
            if len(set(received)) > 1:
                places = (offer.where for offer in self.wanted.offers)
                raise Refused(contradiction(self.wanted.name, zip(places, received, strict=True)))
            # A link of that name is replaced, not followed.
            Path(files[0].name).replace(self.target)
            return received[0]

    def _save(self, offer: Offer, file: BinaryIO) -> Sha256:
        subject = f"{self.target.name} from {offer.where}"
        with file:
            sha256 = offer.open(
                partial(save, file=file, subject=subject, size=offer.size, limits=self.limits, stopped=self.stopped)
            )
            if not offer.verified:
                _validate(self.wanted.name, file, subject)
            if offer.sha256 not in {None, sha256}:
                what = f"has the sha256 {sha256}, where its listing says {offer.sha256}"
                raise Refused(Problem(subject=subject, what=what, remedy=AS_UPLOADED))
            file.flush()
            os.fsync(file.fileno())
        return sha256


def _validate(name: DistributionName, file: BinaryIO, subject: str) -> None:
    # No digest vouches for these bytes, so they must at least be what their name says.
    try:
        validate_archive(name, file, file.tell())
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
