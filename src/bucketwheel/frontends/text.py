"""Results, events and errors as lines of text, the same for all doors. Pure; the doors add colours and streams."""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from packaging.version import Version

from bucketwheel.errors import BucketwheelError, Misconfigured, Refused
from bucketwheel.events import (
    BytesMoved,
    Created,
    Event,
    FileDone,
    FileStarted,
    RequestSent,
    Stage,
    Uploaded,
    Warned,
    Writing,
)
from bucketwheel.names import ProjectName, printable

if TYPE_CHECKING:  # a command that publishes need not load what adopts and checks
    from bucketwheel import (
        Adopted,
        Authorized,
        Checked,
        Deletion,
        Fetched,
        Initialised,
        ListIndex,
        OrphansPruned,
        ProjectStatus,
        Promotion,
        Pruning,
        Publication,
        PublishedFile,
        Reindexed,
        Shown,
        Status,
        UserChange,
        Users,
        Withdrawal,
    )
    from bucketwheel.commands.adopt.reconciliation import FileAdopted
    from bucketwheel.commands.promote import FilePromoted
    from bucketwheel.commands.publish import FilePublished

__all__ = [
    "client_words",
    "describe",
    "end_words",
    "error_texts",
    "fate_words",
    "install_line",
    "page_lines",
    "reading_line",
    "size_words",
    "text",
]

Lines: TypeAlias = tuple[str, ...]

_KILO = 1000
_BY_PROJECT = {"checking", "reindexing"}
_KEPT = {"signature": "already signed", "attestations": "attestations already there"}
_FATES = {
    "published": "success",
    "promoted": "success",
    "already-exists": "already exists",
    "skipped": "skipped, already exists with other bytes",
}
"""The first and the third are the words of Hatch's own publisher."""

_PAST = {"yank": "yanked", "unyank": "unyanked", "hide": "hid", "unhide": "unhid"}

# There may be a hundred thousand files with one of these fates, and they are good news.
_COUNTED = {"taken in": "would be taken in", "back": "would come back", "updated": "would be updated"}
_MOST_OUTSIDE = 10

_PROJECTS = ("PROJECT", "LATEST", "VERSIONS", "FILES", "SIZE", "UPLOADED", "STATUS")
_FILES = ("VERSION", "FILE", "SIZE", "UPLOADED", "UPLOADED BY", "PYTHON", "")
# What a narrow terminal goes without, the least important first.
_OPTIONAL = ("SIZE", "PYTHON", "UPLOADED BY", "UPLOADED", "FILES", "VERSIONS")
_INSTALLED = ("PROJECT", "INSTALLED", "NEWEST THAT FITS", "UPGRADE")
_OPTION = re.compile(r"`[^`]*`|--(?P<name>profile|region|endpoint-url|jobs)\b")
_MINUTES = len("2026-01-01T12:00")


_TEXTS: dict[str, Callable[..., Lines]] = {}


def text(result: object, **asked: Any) -> Lines:  # noqa: ANN401 - see below
    """Return the lines that tell a result; keywords say what the user asked for, where the result does not."""
    return _TEXTS[type(result).__name__](result, **asked)


def _of(name: str) -> Callable[[Callable[..., Lines]], Callable[..., Lines]]:
    """Register the text of the results of a class, by its name, so that the class need not be loaded."""

    def register(tell: Callable[..., Lines]) -> Callable[..., Lines]:
        _TEXTS[name] = tell
        return tell

    return register


def describe(event: Event, *, verbosity: int = 0) -> str | None:
    """Say what happened; None for what this verbosity leaves out (below 0: all but warnings; from 1: each request)."""
    match event:
        case Warned(message=message):
            return message
        case RequestSent(verb=verb, target=target, status=status, milliseconds=milliseconds) if verbosity > 0:
            return f"{verb} {printable(target)} {status or event.reason or 'no answer'} {milliseconds} ms"
        case Created(repository=repository) if verbosity >= 0:
            return f"created a new repository at {printable(repository)}"
        case Stage(doing=doing, count=count, total_bytes=total) if verbosity >= 0 and count:
            size = f" ({size_words(total)})" if total else ""
            return f"{doing} {_counted(count, 'project' if doing in _BY_PROJECT else 'file')}{size}"
        case Uploaded() if verbosity >= 0:
            digest = f" sha256={event.sha256}" if event.sha256 else ""
            return f"{event.at:%Y-%m-%dT%H:%M:%SZ} {event.peer} {printable(event.filename)}{digest} {event.answer}"
        case Uploaded() | RequestSent() | Writing() | Created() | Stage() | FileStarted() | BytesMoved() | FileDone():
            return None


def error_texts(error: BucketwheelError, *, option: str = "--{}") -> Lines:
    """Return a text for each remedy of an error, with all problems that it is for.

    `option` is how the user of this door writes an option: `-o {}=`.
    """
    if not isinstance(error, Refused | Misconfigured):
        return tuple(_with_options(line, option) for line in str(error).splitlines())
    remedies: dict[str, list[str]] = defaultdict(list)
    for problem in error.problems:
        remedies[problem.remedy].append(f"{problem.subject} {problem.what};")
    return tuple(
        _with_options(("\n" if len(whats) > 1 else " ").join([*whats, remedy]), option)
        for remedy, whats in remedies.items()
    )


def _with_options(text: str, option: str) -> str:
    """Write the options that are settings as this door's user does; a command in backticks stays as it is."""
    if option == "--{}":
        return text
    return _OPTION.sub(lambda match: option.format(match["name"]) if match["name"] else match[0], text)


# Publish and promote -------------------------------------------------------------------------------------------------


@_of("Publication")
def _publication(publication: Publication) -> Lines:
    return _release(publication, "publish", [printable(str(file.path)) for file in publication.files])


@_of("Promotion")
def _promotion(promotion: Promotion) -> Lines:
    names = [f"{printable(file.filename)}{'' if file.yanked is None else ' (yanked)'}" for file in promotion.files]
    return _release(promotion, "promote", names)


def _release(result: Publication | Promotion, verb: str, names: Sequence[str]) -> Lines:
    fates = [fate_words(file) for file in result.files]
    if result.dry_run:
        files = [
            f"would {verb} {name}" if fate == "success" else f"{name} ... {fate.replace('skipped', 'would be skipped')}"
            for name, fate in zip(names, fates, strict=True)
        ]
        return (*files, *page_lines(result))
    install = install_line(result)
    lines = (f"{name} ... {fate}" for name, fate in zip(names, fates, strict=True))
    return (*lines, *reading_line(result), install) if install else tuple(lines)


def reading_line(result: Publication | Promotion) -> Lines:
    """Say where the ways to read a private bucket are described; nothing for another address."""
    if not getattr(result, "at_bucket", False):
        return ()
    return ("docs/reading.md has the ways to install from a private bucket; from one that others may read:",)


def fate_words(file: FilePublished | FilePromoted) -> str:
    """Say what became of a file."""
    gained = (f"{name} added" for name in getattr(file, "gained", ()))
    kept = (_KEPT[name] for name in getattr(file, "kept", ()))
    by = (f"attested by {printable(publisher)}" for publisher in getattr(file, "attested_by", ()))
    return ", ".join((_FATES[file.fate], *gained, *kept, *by, *(("hidden",) if file.hidden else ())))


def page_lines(result: Publication | Promotion) -> Lines:
    """Say what else would change after a dry run: a new repository, and each page."""
    made = (f"would create a new repository at {printable(str(result.repository))}",) if result.created else ()
    pages = tuple(f"would change page {printable(page)}" for page in result.pages)
    return (*made, *(pages or ("would change no page",)))


def install_line(result: Publication | Promotion) -> str:
    """Say how to install what was published: of each project the newest version. Empty if all files are hidden.

    Always by --index-url: with --extra-index-url anybody could put the same name on the other index, and win.
    """
    newest: dict[ProjectName, Version] = {}
    for file in result.files:
        if file.hidden:
            continue
        version = Version(file.version)
        newest[file.project] = max(version, newest.get(file.project, version))
    releases = [f"{project}=={version}" for project, version in newest.items()]
    return shlex.join(["pip", "install", "--index-url", result.index_url, *releases]) if releases else ""


# Fetch, init, reindex, yank and status -------------------------------------------------------------------------------


@_of("tuple")
def _fetched(files: tuple[Fetched, ...]) -> Lines:
    return tuple(map(_fetched_line, files))


def _fetched_line(file: Fetched) -> str:
    fate = "fetched" if file.fresh else "already exists"
    unverified = "" if file.verified else ", unverified: no source states its digest"
    return f"{printable(str(file.path))} ... {fate}{unverified}"


@_of("Initialised")
def _initialised(initialised: Initialised) -> Lines:
    repository = printable(str(initialised.repository))
    place = shlex.quote(repository)
    lines = []
    if initialised.pages_outdated:
        lines.append(f"the pages still follow the old settings: run `bucketwheel reindex -r {place}`")
    if initialised.to_adopt:
        lines.append(f"the files there are not in the index yet: run `bucketwheel reindex --adopt -r {place}`")
    state = "is a new repository" if initialised.created else "is a repository"
    return (*lines, f"{repository} {state}; its index is {initialised.index_url}")


@_of("ListIndex")
def _list_index(index: ListIndex) -> Lines:
    lines = []
    if index.passed_over:
        lines.append(
            f"passed over {_counted(index.passed_over, 'file')} that no installer takes (.egg, .exe, .msi, .rpm)"
        )
    listed = f"listed {_counted(index.files, 'file')} of {_counted(index.projects, 'project')}"
    changed = f"wrote {_counted(index.pages_written, 'page')} and removed {index.pages_removed}"
    address = printable(index.index_url)
    if address.startswith("file:"):
        address += "; for feeds and for install lines that others can use, pass its public address by --base-url"
    return (*lines, f"{listed}: {changed}; the index is {address}")


@_of("Reindexed")
def _reindexed(reindexed: Reindexed) -> Lines:
    looked = f"looked at {_counted(reindexed.projects, 'project')}"
    return (f"{looked}, {_written(reindexed)}",)


@_of("Withdrawal")
def _yanked(yanked: Withdrawal, *, verb: Literal["yank", "unyank", "hide", "unhide"]) -> Lines:
    if not yanked.changed:
        return (f"nothing to {verb} in {yanked.project}=={yanked.version}",)
    words = f"would {verb}" if yanked.dry_run else _PAST[verb]
    return tuple(f"{words} {printable(filename)}" for filename in yanked.changed)


@_of("ProjectStatus")
def _status(status: ProjectStatus) -> Lines:
    words = "would be" if status.changed and status.dry_run else "is"
    return (f"{status.project} {words} {_marker(status.status)}",)


# Users ---------------------------------------------------------------------------------------------------------------

_CLIENTS = {
    "netrc": "~/.netrc, which pip, uv and poetry read",
    "uv": 'uv, for the index "company"',
    "poetry": 'poetry, for the source "company"',
    "keyring": "keyring, which pip and uv ask with --keyring-provider",
}


@_of("Users")
def _users(users: Users) -> Lines:
    return tuple(f"{printable(user.name)}  {_tokens_of(user.tokens)}" for user in users.users) or (
        "there are no users",
    )


@_of("UserChange")
def _user_change(change: UserChange, *, file: str = "") -> Lines:
    if change.change == "finished":
        return (f"{change.user} has {_tokens_of(change.tokens)}",)
    if change.change == "removed":
        return (f"removed {change.user}, who may get in for some more seconds, until every edge knows",)
    done = f"added {change.user}" if change.change == "added" else f"{change.user} has a new token"
    if change.tokens > 1:
        done += f"; the one before works until `bucketwheel user rotate {change.user} --finish`"
    if file:
        return (f"{done}; the token is in {printable(file)}",)
    return (f"{done}; the token is shown only now, for {printable(change.index_url)}", *client_words(change))


def client_words(change: UserChange) -> Lines:
    """Return the lines with which clients send a token, and for which client each is."""
    return tuple(line for client, words in _CLIENTS.items() for line in ("", f"# {words}", change.clients[client]))


def _tokens_of(count: int) -> str:
    return "no token that can be used" if count == 0 else _counted(count, "token")


# Delete and prune ----------------------------------------------------------------------------------------------------


@_of("Deletion")
def _deletion(deletion: Deletion) -> Lines:
    words = "would delete" if deletion.dry_run else "deleted"
    lines = (
        *(f"{words} {printable(filename)}" for filename in deletion.deleted),
        *_removed(deletion),
        *_waiting(deletion, remedy=", or --now"),
    )
    release = deletion.project if deletion.version is None else f"{deletion.project}=={deletion.version}"
    return lines or (f"nothing left to delete in {printable(release)}",)


@_of("Pruning")
def _pruning(pruning: Pruning, *, confirmed: bool = True) -> Lines:
    infinitive, past = ("hide", "hid") if pruning.hidden else ("delete", "deleted")
    words = f"would {infinitive}" if pruning.dry_run else past
    size = size_words(sum(file.size for file in pruning.files))
    total = f"{words} {_counted(len(pruning.files), 'file')} ({size})" if pruning.files else f"nothing to {infinitive}"
    return (
        *(f"{words} {printable(file.filename)}" for file in pruning.files),
        f"{total} of {_counted(len(pruning.projects), 'project')}",
        *_removed(pruning),
        *_waiting(pruning),
        *_hint(pruning.files or pruning.removed, confirmed=confirmed),
    )


@_of("OrphansPruned")
def _orphans_pruned(pruned: OrphansPruned, *, confirmed: bool = True) -> Lines:
    words = "would remove" if pruned.dry_run else "removed"
    found = pruned.orphans or pruned.uploads
    none = () if found else (f"no orphans of {_counted(len(pruned.projects), 'project')}",)
    return (
        *(f"{words} orphan {printable(orphan.key)} ({size_words(orphan.size)})" for orphan in pruned.orphans),
        *(f"{words} unfinished upload {printable(key)}" for key in pruned.uploads),
        *none,
        *_removed(pruned),
        *_hint(found or pruned.removed, confirmed=confirmed),
    )


def _removed(result: Deletion | Pruning | OrphansPruned) -> Lines:
    words = "would remove" if result.dry_run else "removed"
    return (f"{words} {_counted(len(result.removed), 'object')}",) if result.removed else ()


def _waiting(result: Deletion | Pruning, *, remedy: str = "") -> Lines:
    if not result.waiting:
        return ()
    stay = "would stay" if result.dry_run else "stays" if len(result.waiting) == 1 else "stay"
    until = f"until the next delete or prune{remedy}"
    return (f"{_counted(len(result.waiting), 'file')} {stay} in the store {until}: caches may still show old pages",)


def _hint(found: Sequence[object], *, confirmed: bool) -> Lines:
    return () if confirmed or not found else ("nothing was changed; add --yes to do it",)


# Show ----------------------------------------------------------------------------------------------------------------


@_of("Shown")
def _shown(shown: Shown, *, table: Literal["projects", "files", "installed"], width: int | None = None) -> Lines:
    repository = printable(str(shown.repository))
    match table:
        case "projects":
            nothing = f"nothing in {repository} can be shown" if shown.unreadable else f"{repository} is empty"
            return _aligned(_PROJECTS, _project_rows(shown), width) or (nothing,)
        case "files":
            [project] = shown.projects
            page = printable(f"{shown.index_url}{project.project}/")
            files = _aligned(_FILES, map(_file_row, project.files), width) or (f"{project.project} has no files",)
            return (f"{project.project} is {_marker(project.status)}; its page is {page}", *files)
        case "installed":
            nothing = f"nothing in {repository} is installed here"
            return _aligned(_INSTALLED, _installed_rows(shown), width) or (nothing,)


def _project_rows(shown: Shown) -> Iterator[Lines]:
    for project in shown.projects:
        yield (
            project.project,
            printable(project.latest or "-"),
            str(len(project.versions)),
            str(len(project.files)),
            size_words(sum(file.size for file in project.files)),
            _moment(max((file.upload_time for file in project.files), default="-")),
            _marker(project.status),
        )


def _file_row(file: PublishedFile) -> Lines:
    yanked = "" if file.yanked is None else f"yanked: {printable(file.yanked)}".rstrip(": ")
    return (
        printable(file.version),
        printable(file.filename),
        size_words(file.size),
        _moment(file.upload_time),
        printable(file.by.rpartition(" ")[0]) or "-",
        printable(file.requires_python or "-"),
        ", ".join(filter(None, [yanked, "hidden" if file.hidden else ""])),
    )


def _installed_rows(shown: Shown) -> Iterator[Lines]:
    for project in shown.projects:
        if (found := project.comparison) is not None:
            upgrade = "yes" if found.upgrade else "no"
            yield project.project, printable(found.installed or "-"), found.newest or "-", upgrade


def _aligned(header: Lines, rows: Iterable[Lines], width: int | None) -> Lines:
    """Set rows in columns, as many as fit the width; nothing without rows. An uploader is shown where one is known."""
    columns = list(zip(header, *rows, strict=True))
    if len(columns[0]) == 1:
        return ()
    columns = [column for column in columns if column[0] != "UPLOADED BY" or set(column[1:]) != {"-"}]
    for title in _OPTIONAL:
        if width is not None and sum(_width(column) + 2 for column in columns) - 2 > width:
            columns = [column for column in columns if column[0] != title]
    widths = list(map(_width, columns))
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in zip(*columns, strict=True))
    return tuple(line if width is None or len(line) <= width else f"{line[: width - 1]}…" for line in lines)


def _width(column: Lines) -> int:
    return max(map(len, column))


# Authorize -----------------------------------------------------------------------------------------------------------


@_of("Authorized")
def _authorized(authorized: Authorized) -> Lines:
    if authorized.directory is None:
        return authorized.urls
    file = printable(shlex.quote(str(authorized.directory / "requirements.txt")))
    found = _counted(len(authorized.files), "file")
    return (f"{found} can be read by everyone with the links; {end_words(authorized)}", f"pip install -r {file}")


def end_words(authorized: Authorized) -> str:
    """Say when links end."""
    moment = _moment(authorized.ends.isoformat())
    latest = "" if authorized.certain else " at the latest: the session of these credentials may end sooner"
    return f"the links end at {moment} UTC{latest}"


# Check and adopt -----------------------------------------------------------------------------------------------------


@_of("Checked")
def _checked(checked: Checked) -> Lines:
    lines: list[str] = []
    for finding in checked.findings:
        lines += [f"{finding.gravity}: {finding.subject} {finding.what}", f"    {finding.remedy}"]
    numbers = Counter(finding.gravity for finding in checked.findings)
    found = ", ".join(_counted(number, gravity) for gravity, number in numbers.items()) or "all is as it should be"
    looked = f"checked {_counted(checked.projects, 'project')} with {_counted(checked.files, 'file')}"
    return (*lines, f"{looked}: {found}")


@_of("Adopted")
def _adopted(adopted: Adopted) -> Lines:
    fates = Counter(file.fate for file in adopted.files)
    would = _COUNTED if adopted.dry_run else {}
    found = ", ".join(
        f"{number} {'with ' if fate == 'other bytes' else ''}{would.get(fate, fate)}" for fate, number in fates.items()
    )
    looked = f"looked at {_counted(adopted.projects, 'project')}: {found or 'nothing has changed'}"
    return (
        *_lines_of_files(adopted.files, would),
        *_advice(adopted),
        f"{looked}; {_written(adopted)}",
    )


def _lines_of_files(files: Sequence[FileAdopted], would: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each file that needs one, and one for the other files of its project."""
    outside = [file for file in files if file.project is None]
    yield from (_adopted_line(file, would) for file in outside[:_MOST_OUTSIDE])
    if (more := len(outside) - _MOST_OUTSIDE) > 0:
        yield f"left out: {_counted(more, 'more distribution')} outside of the index; --json lists them"
    counted: Counter[tuple[str, str]] = Counter()
    for file in files:
        if file.project is None:
            continue
        if file.fate in _COUNTED and not file.note and not file.legacy:
            counted[file.project, file.fate] += 1
        else:
            yield _adopted_line(file, would)
    for (project, fate), number in counted.items():
        yield f"{would.get(fate, fate)}: {_counted(number, 'file')} of {project}"


def _adopted_line(file: FileAdopted, would: Mapping[str, str]) -> str:
    legacy = f"(legacy: {printable(file.legacy)})" if file.legacy else ""
    return " ".join(
        filter(None, [f"{would.get(file.fate, file.fate)}:", printable(file.key), printable(file.note), legacy])
    )


def _advice(adopted: Adopted) -> Iterator[str]:
    fates = Counter(file.fate for file in adopted.files)
    if fates["waiting"]:
        files = _counted(fates["waiting"], "file")
        yield f"{files} may belong to a publish that still runs; if none runs, run this again with --yes"
    if fates["other bytes"]:
        yield "files with other bytes stay off the pages until their own bytes are back; find out who overwrote them"
    if unverified := sum(file.unverified for file in adopted.files):
        digests = "the digest of 1 file is" if unverified == 1 else f"the digests of {unverified} files are"
        yield f"{digests} unverified, as noted by the uploader; to read the bytes instead, run this again with --reread"
    if fates["contested"]:
        yield "contested files were left as they are; remove the wrong ones, and run this again"
    if not adopted.projects and adopted.files:
        place = shlex.quote(printable(str(adopted.repository)))
        yield f"no project was found at the path of this index; set it: `bucketwheel init {place} --set simple=PATH`"
    if adopted.leftovers:
        objects = _counted(len(adopted.leftovers), "object")
        yield f"also found {objects} outside of any index, such as another tool's pages and records; --json lists them"


# Words ---------------------------------------------------------------------------------------------------------------


def size_words(size: int) -> str:
    """Write a number of bytes as a person would say it, in powers of a thousand: `1.2 MB`."""
    if size < _KILO:
        return f"{size} bytes"
    amount, units = size / _KILO, ["kB", "MB", "GB", "TB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    return f"{amount:.1f} {units[0]}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _written(result: Reindexed | Adopted) -> str:
    if result.dry_run:
        return f"would write the pages of {_counted(result.pages_behind, 'project')}"
    return f"wrote {_counted(result.pages_behind, 'page')}"


def _moment(upload_time: str) -> str:
    return upload_time[:_MINUTES].replace("T", " ")


def _marker(status: Status) -> str:
    return f"{status.status}: {printable(status.reason)}" if status.reason else status.status
