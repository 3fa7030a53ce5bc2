"""Open a repository, create one, and prove its store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from uuid import uuid4

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import OutcomeUnknown, Problem, Refused, Unavailable
from bucketwheel.events import Report, ignore
from bucketwheel.format.layout import MANIFESTS, SETTINGS_KEY, Layout, project_of
from bucketwheel.format.listed_files import index_prefix
from bucketwheel.format.settings import (
    RepositorySettings,
    decode_settings,
    encode_settings,
    refuse_unwritable,
    unsafe_store,
)
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers, attempts
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.storage import NO_MARKS, ObjectVersion, Storage, SwapLost
from bucketwheel.storage.opening import open_storage

__all__ = [
    "Context",
    "Repository",
    "Target",
    "create",
    "first_settings",
    "list_projects",
    "open_context",
    "open_target",
    "open_to_read",
    "open_to_write",
    "read_settings",
    "refuse_inside",
    "refuse_nonempty",
    "store",
    "take_over",
]

_FIRST_OBJECTS = 1000

# A version that no object ever has: the swap that the proof expects to lose.
_NEVER = ObjectVersion('"00000000000000000000000000000000"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place with the storage that reaches it; whether it holds a repository is not known yet."""

    place: Place
    storage: Storage
    single_writer: bool = False
    """Whether the user chose to write to a store that ignores conditions."""
    read_only: bool = False
    """Whether the connection has no credentials, by choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A place that is a repository, with its own settings."""

    target: Target
    settings: RepositorySettings
    version: ObjectVersion
    """Of the settings as they were read."""

    @property
    def storage(self) -> Storage:
        """The store of its objects."""
        return self.target.storage

    @property
    def layout(self) -> Layout:
        """The keys and headers of its objects."""
        return self.settings.layout

    @property
    def index_url(self) -> str:
        """The address that clients install from: ends in a slash, and in `/simple/` unless the settings differ."""
        layout, base_url = self.layout, self.settings.base_url
        return self.storage.address(layout.simple) if base_url is None else f"{base_url}{layout.simple}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a command works with: its target, its threads, and the events that it reports."""

    target: Target
    workers: Workers
    report: Report = ignore
    dry_run: bool = False


@contextmanager
def open_context(settings: Settings, report: Report) -> Iterator[Context]:
    """Reach the place that the settings name, for one command; nothing is sent yet."""
    with Workers(settings.jobs) as workers:
        target = open_target(settings, report)
        yield Context(target=target, workers=workers, report=report, dry_run=settings.dry_run)


def open_target(settings: Settings, report: Report) -> Target:
    """Reach the place that the settings name; nothing is sent yet."""
    place = settings.require_repository()
    return Target(
        place=place,
        storage=open_storage(place, settings.connection, jobs=settings.jobs, report=report),
        single_writer=settings.single_writer,
        read_only=settings.connection.no_sign_request,
    )


def read_settings(target: Target) -> Repository | None:
    """Read the settings that make a place a repository; None where there are none."""
    stored = target.storage.read(SETTINGS_KEY)
    if stored is None:
        return None
    return Repository(target=target, settings=decode_settings(stored.body), version=stored.version)


def open_to_read(target: Target) -> Repository:
    """Open what must be a repository; raises Refused if it is none."""
    found = read_settings(target)
    if found is None:
        raise Refused(
            Problem(
                subject=str(target.place),
                what="is not a bucketwheel repository",
                remedy="check the address, or create a repository with "
                f"`bucketwheel init {shlex.quote(str(target.place))}`",
            )
        )
    return found


def open_to_write(target: Target, found: Repository | None = None) -> Repository:
    """Open what must be a repository with a proven store; makes the proof if its creator died before it (I14)."""
    if target.read_only:
        raise Refused(
            Problem(
                subject=str(target.place),
                what="needs credentials to write",
                remedy="drop no-sign-request",
            )
        )
    found = found or open_to_read(target)
    refuse_unwritable(found.settings, str(target.place), single_writer=target.single_writer)
    return found if found.settings.conditional_writes else _prove(found)


def list_projects(storage: Storage, beginning: str = "") -> list[ProjectName]:
    """List the projects that have a manifest and whose name begins so, sorted."""
    listed = (project_of(entry.key) for entry in storage.list(f"{MANIFESTS}{beginning}"))
    return sorted(project for project in listed if project is not None)


def first_settings(place: Place, put_args: Mapping[str, str]) -> RepositorySettings:
    """Return the settings of a repository that is about to be created at this place."""
    # A file system has no name that ends in a slash.
    pages = "index.html" if isinstance(place, DirectoryPlace) else "slash"
    return RepositorySettings(id=uuid4().hex, pages=pages, put_args=put_args)  # type: ignore[arg-type]  # literals


def create(target: Target, settings: RepositorySettings) -> tuple[Repository, bool]:
    """Create a repository in an empty place; of several creators one wins, and its settings count for all.

    Returns the repository and whether this call created it; raises Refused on foreign ground.
    """
    refuse_nonempty(target)
    return take_over(target, settings)


def take_over(target: Target, settings: RepositorySettings) -> tuple[Repository, bool]:
    """Create a repository whatever the place holds; that is left as it is. The rest as `create`."""
    for _ in attempts():
        created = store(target, settings, expected=None)
        found = created or read_settings(target)
        if found is not None:
            return open_to_write(target, found), created is not None
    raise Unavailable(f"the store did not keep the settings of {target.place}; run the same command again")


def refuse_nonempty(target: Target) -> None:
    """Refuse foreign ground: a place that holds objects, and no settings of ours even at a second reading."""
    if next(iter(target.storage.list("")), None) is not None and read_settings(target) is None:
        raise Refused(_foreign_ground(target))


def refuse_inside(target: Target) -> None:
    """Refuse a directory within a repository, where only `init` makes one. In S3 the keys above may be forbidden."""
    place = target.place
    if isinstance(place, DirectoryPlace):
        for above in place.path.parents:
            with suppress(OSError):  # a directory that this user may not read
                if (above / SETTINGS_KEY).is_file():
                    what = f"is inside the repository {above}"
                    remedy = f"publish there, or run `bucketwheel init {shlex.quote(str(place))}` to have one inside it"
                    raise Refused(Problem(subject=str(place), what=what, remedy=remedy))


def _foreign_ground(target: Target) -> Problem:
    """Say what a place holds that is no repository, as its first objects show it."""
    place = str(target.place)
    keys = [entry.key for entry in islice(target.storage.list(""), _FIRST_OBJECTS)]
    if inner := next((key for key in keys if key.endswith(f"/{SETTINGS_KEY}")), None):
        return Problem(
            subject=place,
            what=f"contains the repository {place}/{inner.removesuffix(f'/{SETTINGS_KEY}')}, so nothing was written",
            remedy="name that repository, or choose an empty prefix or directory",
        )
    simple = index_prefix(keys)
    options = "" if simple in {None, Layout().simple} else f" --set {shlex.quote(f'simple={simple}')}"
    return Problem(
        subject=place,
        what="is not empty and not a bucketwheel repository, so nothing was written",
        remedy="choose an empty prefix or directory, or adopt the index that is there: "
        f"`bucketwheel init {shlex.quote(place)} --adopt{options}`",
    )


def store(target: Target, settings: RepositorySettings, *, expected: ObjectVersion | None) -> Repository | None:
    """Write the settings over exactly what was read; None if they are something else by now."""
    try:
        version = _swap(target.storage, settings, expected=expected)
    except (SwapLost, OutcomeUnknown):
        # Another writer's, or our own whose answer was lost on the way.
        found = read_settings(target)
        return found if found is not None and found.settings == settings else None
    return Repository(target=target, settings=settings, version=version)


def _prove(found: Repository) -> Repository:
    """Make the store refuse what it must refuse, on the settings themselves, before any other key is touched."""
    target = found.target
    ignored = _accepts(found, None) or _accepts(found, _NEVER)
    if ignored and not target.single_writer:
        raise Refused(unsafe_store(str(target.place)))
    current = open_to_read(target) if ignored else found
    record = replace(current.settings, conditional_writes="ignored" if ignored else "proven")
    proven = store(target, record, expected=current.version)
    if proven is not None:
        return proven
    # Another run made the same proof at the same time, or changed the settings: its settings count.
    found = open_to_read(target)
    if found.settings.conditional_writes is None:
        raise Unavailable(f"another writer is creating {target.place}; run the same command again")
    refuse_unwritable(found.settings, str(target.place), single_writer=target.single_writer)
    return found


def _accepts(found: Repository, wrong: ObjectVersion | None) -> bool:
    try:
        _swap(found.storage, found.settings, expected=wrong)
    except SwapLost:
        return False
    return True


def _swap(storage: Storage, settings: RepositorySettings, *, expected: ObjectVersion | None) -> ObjectVersion:
    return storage.swap(
        SETTINGS_KEY, encode_settings(settings), expected=expected, headers=settings.layout.record(), marks=NO_MARKS
    )
