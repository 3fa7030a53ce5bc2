"""Open a repository, create one, and record what its store was proven to honour."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from uuid import uuid4

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Denied, OutcomeUnknown, Problem, Refused, Unavailable, Unfinished
from bucketwheel.events import Created, Report, Warned, ignore
from bucketwheel.format.layout import MANIFESTS, SETTINGS_KEY, Layout, project_of
from bucketwheel.format.listed_files import index_prefix
from bucketwheel.format.settings import (
    Capability,
    RepositorySettings,
    Verdict,
    decode_settings,
    encode_settings,
    refuse_unwritable,
    unsafe_store,
)
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers, attempts
from bucketwheel.places import Connection, DirectoryPlace, Place, S3Place
from bucketwheel.protocol.descriptions import Descriptions
from bucketwheel.protocol.invalidation import ChangedPages, invalidate
from bucketwheel.protocol.proof import (
    no_slash_keys,
    refuses_right_version,
    store_name,
    try_conditional_writes,
    try_parts,
    try_removal,
    try_slash_keys,
    unsafe_parts,
    unsafe_removal,
)
from bucketwheel.protocol.sightings import Sightings
from bucketwheel.storage import NO_MARKS, AddsInParts, Key, LiesWithinOthers, ObjectVersion, Storage, SwapLost
from bucketwheel.storage.opening import open_storage

__all__ = [
    "Context",
    "Repository",
    "Target",
    "create",
    "finishing",
    "first_settings",
    "list_projects",
    "open_context",
    "open_target",
    "open_to_add_in_parts",
    "open_to_read",
    "open_to_remove",
    "open_to_write",
    "read_settings",
    "refuse_if_unwritable",
    "refuse_inside",
    "refuse_nonempty",
    "refuse_read_only",
    "refuses_current",
    "report_created",
    "repository_above",
    "store",
    "take_over",
]

_UNMOVED = 5
"""After so many refusals of the version that was read just before, no other writer is the reason."""
_FIRST_OBJECTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place with the storage that reaches it; whether it holds a repository is not known yet."""

    place: Place
    storage: Storage
    single_writer: bool = False
    """Whether the user chose to write to a store that ignores conditions."""
    read_only: bool = False
    """Whether the connection has no credentials, by choice."""
    sightings: Sightings = field(default_factory=Sightings, compare=False)
    """What the run has seen of its projects."""
    changed_pages: ChangedPages = field(default_factory=ChangedPages, compare=False)
    """The pages that the run has written or removed."""
    assets: set[Key] = field(default_factory=set, compare=False)
    """What pages for people refer to, as far as the run has added it: it is only ever added."""
    descriptions: Descriptions = field(default_factory=Descriptions, compare=False)
    """What the run renders for pages for people."""

    @property
    def store(self) -> str:
        """The name under which the settings record what this store honours."""
        return store_name(self.storage)


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
    def conditional_writes(self) -> Verdict | None:
        """Whether its store honours the conditions of writes; None: that was not tried there yet."""
        return self.settings.conditional_writes(self.target.store)

    @property
    def address(self) -> str:
        """The address of the repository, ending in a slash."""
        return self.settings.base_url or self.storage.address("")

    @property
    def index_url(self) -> str:
        """The address that clients install from: ends in a slash, and in `/simple/` unless the settings differ."""
        layout, base_url = self.layout, self.settings.base_url
        return self.storage.address(layout.simple) if base_url is None else f"{base_url}{layout.simple}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of a command: its target, its threads, and the events that it reports."""

    target: Target
    workers: Workers
    report: Report = ignore
    dry_run: bool = False


@contextmanager
def open_context(settings: Settings, report: Report) -> Iterator[Context]:
    """Reach the place that the settings name, for one command; nothing is sent yet."""
    with Workers(settings.jobs) as workers:
        target = open_target(settings, report)
        with finishing(target, settings.connection, report):
            yield Context(target=target, workers=workers, report=report, dry_run=settings.dry_run)


@contextmanager
def finishing(target: Target, connection: Connection, report: Report) -> Iterator[None]:
    """Invalidate the pages that are changed meanwhile, at the end; after an error too, for some may be written."""
    try:
        yield
    finally:
        target.descriptions.end()
        if isinstance(target.place, S3Place):
            invalidate(target.changed_pages, target.place, connection, report)


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


def open_to_write(target: Target, found: Repository | None = None, *, pages: str | None = None) -> Repository:
    """Open what must be a repository with a proven store (I14).

    Makes the proof if its creator died before it, or if its objects were copied here from another store. `pages` is the
    page style that the user asks for; without one a new repository gets a style that its store can keep.
    """
    refuse_read_only(target)
    found = found or open_to_read(target)
    found = _record(found, wanted=_lacks_conditional_writes, attempt=_try_conditional_writes)
    return _with_possible_pages(found, pages)


def refuse_read_only(target: Target) -> None:
    """Refuse to write by a connection that is without credentials by choice."""
    if target.read_only:
        what, remedy = "needs credentials to write", "drop no-sign-request"
        raise Refused(Problem(subject=str(target.place), what=what, remedy=remedy))


def open_to_add_in_parts(found: Repository) -> Repository:
    """Open a repository to which large files or copies are to be added, if it gets these in parts.

    Raises Refused for a store that would replace with them what is there, unless only one writer runs.
    """
    target, storage = found.target, found.storage
    if not isinstance(storage, AddsInParts):
        return found

    def attempt(found: Repository) -> dict[Capability, Verdict]:
        return {"parts": try_parts(storage, found.settings)}

    found = _record(found, wanted=lambda now: now.settings.verdict(target.store, "parts") is None, attempt=attempt)
    if found.settings.verdict(target.store, "parts") == "ignored" and not target.single_writer:
        raise Refused(unsafe_parts(target.place))
    return found


def open_to_remove(found: Repository, keys: Collection[Key]) -> Repository:
    """Open a repository in which these objects, whose keys may be used again, are to be removed.

    Objects at dead keys need no condition: nothing is added there again. Raises Refused for a store that would remove
    also what somebody wrote meanwhile, unless only one writer runs.
    """

    def attempt(found: Repository) -> dict[Capability, Verdict]:
        return {"remove": try_removal(found.storage, found.settings)}

    target = found.target
    found = _record(found, wanted=lambda now: now.settings.verdict(target.store, "remove") is None, attempt=attempt)
    if found.settings.verdict(target.store, "remove") == "ignored" and not target.single_writer:
        raise Refused(unsafe_removal(target.place, keys))
    return found


def list_projects(storage: Storage, beginning: str = "") -> list[ProjectName]:
    """List the projects that have a manifest and whose name begins so, sorted."""
    listed = (project_of(entry.key) for entry in storage.list(f"{MANIFESTS}{beginning}"))
    return sorted(project for project in listed if project is not None)


def first_settings(place: Place, put_args: Mapping[str, str]) -> RepositorySettings:
    """Return the settings of a repository that is about to be created at this place."""
    # A file system has no name that ends in a slash.
    pages = "index.html" if isinstance(place, DirectoryPlace) else "slash"
    return RepositorySettings(id=uuid4().hex, pages=pages, put_args=put_args)  # type: ignore[arg-type]  # literals


def create(target: Target, settings: RepositorySettings, *, pages: str | None = None) -> tuple[Repository, bool]:
    """Create a repository in an empty place; of several creators one wins, and its settings count for all.

    `pages` is as in `open_to_write`. Returns the repository and whether this call created it; raises Refused on foreign
    ground.
    """
    refuse_nonempty(target)
    return take_over(target, settings, pages=pages)


def take_over(target: Target, settings: RepositorySettings, *, pages: str | None = None) -> tuple[Repository, bool]:
    """Create a repository whatever the place holds; that is left as it is. The rest as `create`."""
    refuse_read_only(target)
    for _ in attempts():
        created = store(target, settings, expected=None)
        found = created or read_settings(target)
        if found is not None:
            return open_to_write(target, found, pages=pages), created is not None
    raise Unavailable(f"the store did not keep the settings of {target.place}; run the same command again")


def report_created(repository: Repository, wanted: RepositorySettings, report: Report) -> None:
    """Report a new repository, and a page style that its store made necessary."""
    place = str(repository.target.place)
    report(Created(repository=place))
    if repository.settings.pages != wanted.pages:
        message = (
            f"the store of {place} cannot keep keys that end in a slash, so the pages are named index.html; clients "
            "need a web server before it that serves these for addresses that end in a slash"
        )
        report(Warned(message=message))


def refuse_nonempty(target: Target) -> None:
    """Refuse foreign ground: a place that holds objects, and no settings of ours even at a second reading."""
    # A console makes an empty object for each folder that a person creates.
    objects = (entry for entry in target.storage.list("") if entry.size or entry.key.rpartition("/")[2])
    if next(objects, None) is not None and read_settings(target) is None:
        raise Refused(_foreign_ground(target))


def refuse_inside(target: Target, workers: Workers) -> None:
    """Refuse a place within a repository, where only `init` makes one."""
    if above := repository_above(target, workers):
        place = str(target.place)
        what = f"is inside the repository {above}"
        remedy = f"publish there, or run `bucketwheel init {shlex.quote(place)}` to have one inside it"
        raise Refused(Problem(subject=place, what=what, remedy=remedy))


def repository_above(target: Target, workers: Workers) -> Place | None:
    """Return the nearest repository that a place is inside of, as far as this user may look above it."""
    above = target.storage.above() if isinstance(target.storage, LiesWithinOthers) else []
    found = workers.map(partial(_has_settings, storage) for _, storage in above)
    return next((place for (place, _), is_repository in zip(above, found, strict=True) if is_repository), None)


def _has_settings(storage: Storage) -> bool:
    try:
        return storage.read(SETTINGS_KEY) is not None
    except Denied:
        return False


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


def refuses_current(target: Target, key: Key) -> Denied:
    """Return the error for a store that refuses to replace the very version that it shows."""
    return Denied(
        f"the store refuses to replace the version of {target.storage.address(key)} that it shows (412 three times); "
        "if the versioning of the bucket was suspended, turn it on again, else use another store"
    )


def store(target: Target, settings: RepositorySettings, *, expected: ObjectVersion | None) -> Repository | None:
    """Write the settings over exactly what was read; None if they are something else by now.

    Raises Unfinished if a change of settings may have been made, or may still be made, without an answer; Refused if
    the store refuses the version that it shows.
    """
    for _ in islice(attempts(), _UNMOVED):
        try:
            version = _swap(target.storage, settings, expected=expected)
        except (SwapLost, OutcomeUnknown) as lost:
            # Another writer's, or our own whose answer was lost on the way.
            found = read_settings(target)
            if found is not None and found.settings == settings:
                return found
            if isinstance(lost, OutcomeUnknown) and expected is not None:
                raise Unfinished(f"the settings of {target.place} may still change: {lost}") from lost
            if expected is None or found is None or found.version != expected:
                return None
        else:
            return Repository(target=target, settings=settings, version=version)
    raise Refused(refuses_right_version(str(target.place)))


def refuse_if_unwritable(target: Target, settings: RepositorySettings) -> None:
    """Refuse to write where a newer bucketwheel set things, or to a store that was found to ignore conditions."""
    refuse_unwritable(settings, str(target.place), store=target.store, single_writer=target.single_writer)


def _lacks_conditional_writes(found: Repository) -> bool:
    refuse_if_unwritable(found.target, found.settings)
    return found.conditional_writes is None


def _try_conditional_writes(found: Repository) -> dict[Capability, Verdict]:
    verdicts = try_conditional_writes(found.storage, found.settings)
    if "ignored" in verdicts.values() and not found.target.single_writer:
        raise Refused(unsafe_store(str(found.target.place)))
    return verdicts


def _with_possible_pages(found: Repository, asked: str | None) -> Repository:
    """Return the repository with a page style that its store can keep."""
    target = found.target
    for _ in attempts():
        style = asked or found.settings.pages
        if style == "index.html" or found.settings.verdict(target.store, "slash-keys") == "proven":
            return found
        found = _record(found, wanted=_lacks_slash_keys, attempt=_try_slash_keys)
        if found.settings.verdict(target.store, "slash-keys") == "ignored":
            published = next(iter(target.storage.list(MANIFESTS)), None) is not None
            if published or asked:
                raise Refused(no_slash_keys(target.place, asked=asked is not None))
            possible = replace(found.settings, pages="index.html")
            found = store(target, possible, expected=found.version) or open_to_read(target)
    raise Unavailable(f"other writers keep changing the settings of {target.place}; run the same command again")


def _lacks_slash_keys(found: Repository) -> bool:
    return found.settings.verdict(found.target.store, "slash-keys") is None


def _try_slash_keys(found: Repository) -> dict[Capability, Verdict]:
    return {"slash-keys": try_slash_keys(found.storage, found.layout)}


def _record(
    found: Repository,
    *,
    wanted: Callable[[Repository], bool],
    attempt: Callable[[Repository], Mapping[Capability, Verdict]],
) -> Repository:
    """Try what the store does, before any other key is touched, and record it, unless another run has recorded it."""
    target, unmoved = found.target, 0
    for _ in attempts():
        if not wanted(found):
            return found
        verdicts = attempt(found)
        if "ignored" in verdicts.values():  # then what had to be refused may have replaced the settings
            found = open_to_read(target)
        settings = found.settings.having(target.store, verdicts)
        try:
            version = _swap(target.storage, settings, expected=found.version)
        except (SwapLost, OutcomeUnknown) as lost:
            # Another run recorded the same at the same time, or changed the settings: its settings count.
            now = open_to_read(target)
            unmoved = unmoved + 1 if isinstance(lost, SwapLost) and now.version == found.version else 0
            if unmoved == _UNMOVED:
                raise Refused(refuses_right_version(str(target.place))) from None
            found = now
        else:
            return Repository(target=target, settings=settings, version=version)
    raise Unavailable(f"other writers keep changing the settings of {target.place}; run the same command again")


def _swap(storage: Storage, settings: RepositorySettings, *, expected: ObjectVersion | None) -> ObjectVersion:
    return storage.swap(
        SETTINGS_KEY, encode_settings(settings), expected=expected, headers=settings.layout.record(), marks=NO_MARKS
    )
