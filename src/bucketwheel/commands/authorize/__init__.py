"""Authorise a machine without credentials to install some releases: presigned links, until they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from bucketwheel.commands.authorize.dependencies import resolve_dependencies
from bucketwheel.commands.authorize.links import Line, write_links
from bucketwheel.commands.authorize.requirements import (
    Listed,
    Wanted,
    choose,
    listed_files,
    read_requirements,
    requirement_lines,
)
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Damaged, Misconfigured, Problem, Refused, merged
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.gateway.addresses import read_fallback
from bucketwheel.gateway.local import local_gateway, open_to_pass_on
from bucketwheel.gateway.paths import File, read_path
from bucketwheel.gateway.web import require_web_server
from bucketwheel.names import ProjectName, Sha256, not_there, printable
from bucketwheel.parallel import Workers
from bucketwheel.places import Place
from bucketwheel.protocol.repository import Repository
from bucketwheel.sources.pages import UnreadablePage, read_index
from bucketwheel.storage import CredentialsInfo, Key, Presigns

__all__ = ["Authorized", "AuthorizedFile", "authorize"]

_LONGEST = timedelta(days=7)
"""The longest that S3 honours (User Guide, "Sharing objects with presigned URLs"); the SDK signs more."""
_ORIGIN = "https://repository.invalid"
"""A base for the relative links of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedFile:
    """A file that the links lead to."""

    project: ProjectName
    version: str
    filename: str
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """Links that anybody can install from until they end."""

    files: tuple[AuthorizedFile, ...]
    ends: datetime
    certain: bool
    """False: the session of the credentials may end sooner, and the links with it."""
    directory: Path | None = None
    """Where requirements.txt and links.html are; None: the links are in `urls`."""
    urls: tuple[str, ...] = field(default=(), repr=False)
    """Secrets."""
    not_authorized: tuple[str, ...] = ()
    """What pip would take from another index."""


def authorize(
    requirements: Sequence[str],
    settings: Settings,
    *,
    requirement_files: Sequence[Path] = (),
    expires: timedelta = timedelta(hours=1),
    into: Path | None = None,
    with_dependencies: bool = False,
    fallback: str | None = None,
    now: datetime | None = None,
    report: Report = ignore,
) -> Authorized:
    """Make links for the newest versions that fit the requirements, with all their files.

    They are written to the directory `into`, as requirements.txt and links.html, or returned. Of dependencies only
    those that the repository has are authorised; `fallback` is where pip looks for the rest. Raises Misconfigured,
    Refused or Unavailable.
    """
    if not timedelta(0) < expires <= _LONGEST:
        what, remedy = "is more than 7 days, which S3 refuses, or nothing", "write 30m, 12h or 7d"
        raise Misconfigured(Problem(subject="--expires", what=what, remedy=remedy))
    wanted = read_requirements([*requirements, *(line for path in requirement_files for line in _lines_of(path))])
    if not wanted:
        remedy = "name a requirement, or a file of them by --requirements"
        raise Misconfigured(Problem(subject="REQUIREMENT", what="is missing", remedy=remedy))
    other = None if fallback is None else read_fallback(fallback)
    if with_dependencies:
        require_web_server(needed_for="--with-dependencies")
    if settings.connection.no_sign_request:
        raise Misconfigured(_no_links(settings.require_repository()))
    repository = open_to_pass_on(settings, report)
    storage = repository.storage
    if not isinstance(storage, Presigns):
        raise Misconfigured(_no_links(repository.target.place))
    others: tuple[str, ...] = ()
    if with_dependencies:
        with local_gateway(repository, port=0, fallback=other, report=report) as gateway:
            resolved = resolve_dependencies(map(str, wanted), gateway)
        wanted, others = read_requirements(resolved.ours), resolved.others
    lines = _lines(repository, wanted, settings.jobs)
    begin = datetime.now(UTC) if now is None else now
    presign = storage.presigner(seconds=int(expires.total_seconds()))
    links = {file.filename: _link(file, repository, presign) for line in lines for file in line.files}
    for each in others:
        report(Warned(message=f"{printable(each)} is not in the repository, so it is not authorised"))
    if into is not None:
        write_links(into, lines, links)
    ends, certain = _end(begin + expires, storage.credentials_info())
    return Authorized(
        files=tuple(_authorized(line.project, file) for line in lines for file in line.files),
        ends=ends,
        certain=certain,
        directory=into,
        urls=() if into is not None else tuple(links.values()),
        not_authorized=others,
    )


def _no_links(place: Place) -> Problem:
    what, remedy = "makes no links: only S3 does, with credentials", "name one in S3, without no-sign-request"
    return Problem(subject=str(place), what=what, remedy=remedy)


def _lines_of(path: Path) -> Iterable[str]:
    try:
        return tuple(requirement_lines(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        raise Misconfigured(Problem(subject=printable(str(path)), what=what, remedy="correct its name")) from error


def _lines(repository: Repository, wanted: Sequence[Wanted], jobs: int) -> list[Line]:
    """Choose the version for each requirement; those of one project and marker count together."""
    groups: dict[tuple[ProjectName, str], list[Wanted]] = {}
    for each in wanted:
        groups.setdefault((each.project, each.marker), []).append(each)
    projects = sorted({project for project, _ in groups})
    with Workers(jobs) as workers:
        pages = dict(zip(projects, workers.map(partial(_files, repository, each) for each in projects), strict=True))
    lines: list[Line] = []
    errors: list[Exception] = []
    for (project, marker), group in sorted(groups.items()):
        listed = pages[project]
        if listed is None:
            errors.append(Refused(not_there(project, repository.target.place)))
            continue
        try:
            files = choose(group, listed)
        except Refused as error:
            errors.append(error)
            continue
        extras = tuple(sorted({extra for each in group for extra in each.extras}))
        lines.append(Line(project=project, extras=extras, marker=marker, files=files))
    if errors:
        raise merged(errors)
    return lines


def _files(repository: Repository, project: ProjectName) -> tuple[Listed, ...] | None:
    """Return the files on a project's page; None without a page. The manifests are not for readers."""
    layout = repository.layout
    forms = [(layout.json_key(project), layout.json()), *((key, layout.html()) for key in layout.html_keys(project))]
    for key, headers in forms:
        if (page := repository.storage.read(key)) is not None:
            try:
                return listed_files(read_index(page.body, headers.content_type, f"{_ORIGIN}/{quote(key)}"))
            except UnreadablePage as error:
                raise Damaged(f"{key} {error}; run `bucketwheel reindex {project}`") from error
    return None


def _link(file: Listed, repository: Repository, presign: Callable[[Key], str]) -> str:
    if not file.url.startswith(f"{_ORIGIN}/"):
        return file.url  # it is elsewhere, and was never ours to authorise
    target = read_path(urlsplit(file.url).path.encode(), repository.layout)
    if not isinstance(target, File):
        raise Damaged(f"the page names {printable(file.filename)} at a key that no file has; run `bucketwheel reindex`")
    return presign(target.key)


def _authorized(project: ProjectName, file: Listed) -> AuthorizedFile:
    return AuthorizedFile(project=project, version=str(file.version), filename=file.filename, sha256=file.sha256)


def _end(wanted: datetime, credentials: CredentialsInfo) -> tuple[datetime, bool]:
    """Return when the links end, and whether that is certain: they end with the session that signed them."""
    if credentials.ends is not None:
        return min(wanted, credentials.ends.astimezone(UTC)), True
    return wanted, not credentials.temporary
