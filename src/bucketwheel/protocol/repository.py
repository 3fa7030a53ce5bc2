"""Open a repository, create one, and prove its store: nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import OutcomeUnknown, Problem, Refused, Unavailable
from bucketwheel.events import Report
from bucketwheel.format.layout import MANIFESTS, SETTINGS_KEY, Layout, project_of
from bucketwheel.format.settings import (
    RepositorySettings,
    decode_settings,
    encode_settings,
    refuse_unwritable,
    unsafe_store,
)
from bucketwheel.names import ProjectName
from bucketwheel.parallel import attempts
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.storage import NO_MARKS, ObjectVersion, Storage, SwapLost
from bucketwheel.storage.opening import open_storage

__all__ = [
    "Repository",
    "Target",
    "create",
    "first_settings",
    "list_projects",
    "open_target",
    "open_to_read",
    "open_to_write",
    "read_settings",
    "refuse_nonempty",
    "store",
    "take_over",
]

# A version that no object ever has: the swap that the proof expects to lose.
_NEVER = ObjectVersion('"00000000000000000000000000000000"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place with the storage that reaches it; whether a repository lies there is not known yet."""

    place: Place
    storage: Storage
    single_writer: bool = False
    """Whether the user chose to write to a store that ignores conditions."""
    read_only: bool = False
    """Whether the connection has no credentials, by choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A place that is a repository, as its own settings have it."""

    site: Target
    settings: RepositorySettings
    version: ObjectVersion
    """Of the settings as they were read."""

    @property
    def storage(self) -> Storage:
        """Where its objects lie."""
        return self.site.storage

    @property
    def layout(self) -> Layout:
        """How they are laid out."""
        return self.settings.layout

    @property
    def index_url(self) -> str:
        """Where clients install from: ends in a slash, and in `/simple/` unless the settings say otherwise."""
        layout, base_url = self.layout, self.settings.base_url
        return self.storage.address(layout.simple) if base_url is None else f"{base_url}{layout.simple}"


def open_target(settings: Settings, report: Report) -> Target:
    """Reach the place that the settings name; nothing is sent yet."""
    place = settings.require_repository()
    return Target(
        place=place,
        storage=open_storage(place, settings.connection, jobs=settings.jobs, report=report),
        single_writer=settings.single_writer,
        read_only=settings.connection.no_sign_request,
    )


def read_settings(site: Target) -> Repository | None:
    """Read the settings that make a place a repository; None where there are none."""
    stored = site.storage.read(SETTINGS_KEY)
    if stored is None:
        return None
    return Repository(site=site, settings=decode_settings(stored.body), version=stored.version)


def open_to_read(site: Target) -> Repository:
    """Open what must be a repository; raises Refused if it is none."""
    found = read_settings(site)
    if found is None:
        raise Refused(
            Problem(
                subject=str(site.place),
                what="is not a bucketwheel repository",
                remedy=f"check the address; a new one is made by `bucketwheel init {site.place}` or the first publish",
            )
        )
    return found


def open_to_write(site: Target, found: Repository | None = None) -> Repository:
    """Open what must be a repository with a proven store; makes the proof if its creator died before it (I14)."""
    if site.read_only:
        raise Refused(
            Problem(
                subject=str(site.place),
                what="is to be written to without credentials",
                remedy="leave no-sign-request away; it is for reading only",
            )
        )
    found = found or open_to_read(site)
    refuse_unwritable(found.settings, str(site.place), single_writer=site.single_writer)
    return found if found.settings.conditional_writes else _prove(found)


def list_projects(storage: Storage, beginning: str = "") -> list[ProjectName]:
    """Return the projects that have a manifest and whose names begin so, sorted."""
    listed = (project_of(entry.key) for entry in storage.list(f"{MANIFESTS}{beginning}"))
    return sorted(project for project in listed if project is not None)


def first_settings(place: Place, put_args: Mapping[str, str]) -> RepositorySettings:
    """The settings of a repository that is about to be made at this place."""
    # A file system has no name that ends in a slash.
    pages = "index.html" if isinstance(place, DirectoryPlace) else "slash"
    return RepositorySettings(id=uuid4().hex, pages=pages, put_args=put_args)  # type: ignore[arg-type]  # literals


def create(site: Target, settings: RepositorySettings) -> tuple[Repository, bool]:
    """Make a repository where nothing is; of several creators one wins, and its settings count for all.

    Returns the repository and whether it was made by this call; raises Refused on foreign ground.
    """
    refuse_nonempty(site)
    return take_over(site, settings)


def take_over(site: Target, settings: RepositorySettings) -> tuple[Repository, bool]:
    """Make a repository whatever lies there; nothing is done to that. The rest as `create`."""
    for _ in attempts():
        created = store(site, settings, expected=None)
        found = created or read_settings(site)
        if found is not None:
            return open_to_write(site, found), created is not None
    raise Unavailable(f"{site.place} could not be made a repository: the store keeps losing it; try again later")


def refuse_nonempty(site: Target) -> None:
    """Refuse foreign ground: a place that holds objects, and no settings of ours even at a second reading."""
    if next(iter(site.storage.list("")), None) is not None and read_settings(site) is None:
        raise Refused(
            Problem(
                subject=str(site.place),
                what="is not empty and not a bucketwheel repository, so nothing was written",
                remedy="name an empty place, such as a new prefix or directory under it; if an index lies there, "
                f"adopt it, beginning with `bucketwheel init {shlex.quote(str(site.place))} --adopt`",
            )
        )


def store(site: Target, settings: RepositorySettings, *, expected: ObjectVersion | None) -> Repository | None:
    """Write the settings over exactly what was seen; None if they are something else by now."""
    try:
        version = _swap(site.storage, settings, expected=expected)
    except (SwapLost, OutcomeUnknown):
        # Somebody else's, or our own whose answer was lost on the way.
        found = read_settings(site)
        return found if found is not None and found.settings == settings else None
    return Repository(site=site, settings=settings, version=version)


def _prove(found: Repository) -> Repository:
    """Make the store refuse what it must refuse, on the settings themselves, before any other key is touched."""
    site = found.site
    ignored = _accepts(found, None) or _accepts(found, _NEVER)
    if ignored and not site.single_writer:
        raise Refused(unsafe_store(str(site.place)))
    current = open_to_read(site) if ignored else found
    record = replace(current.settings, conditional_writes="ignored" if ignored else "proven")
    proven = store(site, record, expected=current.version)
    if proven is not None:
        return proven
    # Somebody made the same proof at the same time, or changed the settings: theirs count.
    found = open_to_read(site)
    if found.settings.conditional_writes is None:
        raise Unavailable(f"{site.place} is being set up by somebody else; try again")
    refuse_unwritable(found.settings, str(site.place), single_writer=site.single_writer)
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
