"""Create a repository, or change the settings that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused, Unavailable
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.layout import MANIFESTS, VIEW_FOLDERS
from bucketwheel.format.listed_files import sort_listing
from bucketwheel.format.settings import RepositorySettings, change_settings
from bucketwheel.format.views.logo import Logo
from bucketwheel.names import sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.pages import stat_page
from bucketwheel.protocol.repository import (
    Repository,
    Target,
    create,
    first_settings,
    list_projects,
    open_target,
    open_to_write,
    read_settings,
    report_created,
    repository_above,
    store,
    take_over,
)
from bucketwheel.sources.logo import logo_file
from bucketwheel.storage import NO_MARKS, Key
from bucketwheel.storage.opening import create_bucket

__all__ = ["Initialised", "initialise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """A repository after `initialise`."""

    repository: Place
    index_url: str
    settings: RepositorySettings
    created: bool
    pages_outdated: bool
    """Whether the new settings need other pages than those that exist: `reindex` writes them."""
    to_adopt: bool = False
    """Whether the place had contents, which are not in the index before `adopt`."""


def initialise(
    settings: Settings,
    *,
    changes: Mapping[str, str],
    with_bucket: bool = False,
    adopt: bool = False,
    report: Report = ignore,
) -> Initialised:
    """Create the repository that the settings name if there is none, else apply `changes` to its own settings.

    The proof of the store is made before anything else is written. With `adopt` a place may have contents, which stay
    as they are; the pages get the style of those that exist. Raises Refused on foreign ground, on a store that ignores
    conditions, and for changes that would leave published files behind.
    """
    place = settings.require_repository()
    if settings.dry_run:
        raise Misconfigured(Problem(subject="dry-run", what="cannot be used with init", remedy="drop it"))
    if with_bucket and isinstance(place, S3Place):
        create_bucket(place, settings.connection, report=report)
    logo = _logo(changes)
    if logo is not None:
        changes = {**changes, "logo": logo.path}
    target, pages = open_target(settings, report), changes.get("pages")
    with Workers(settings.jobs) as workers:
        found = read_settings(target)
        if found is None:
            wanted = change_settings(first_settings(place, settings.put_args), changes)
            _refuse_impossible(place, wanted)
            if adopt:
                wanted = _with_what_pages_tell(target, wanted, style=pages is None)
            above = repository_above(target, workers)
            found, created = (take_over if adopt else create)(target, wanted, pages=pages)
            if created:
                _add_logo(found, logo)
                report_created(found, wanted, report)
                if above is not None:
                    report(Warned(message=f"{place} is inside the repository {above}"))
                return replace(_initialised(found, created=True, pages_outdated=False), to_adopt=adopt)
        found = open_to_write(target, found, pages=pages)
        _add_logo(found, logo)
        return _change(target, found, changes, workers)


def _logo(changes: Mapping[str, str]) -> Logo | None:
    """Read the picture that is to be the logo; the settings name it by its digest."""
    if not changes.get("logo"):
        return None
    return logo_file(Path(changes["logo"]), "--set logo=", "give another file; nothing after = to remove it")


def _add_logo(repository: Repository, logo: Logo | None) -> None:
    """Add the picture, before a page can show it."""
    if logo is not None:
        key, digest = Key(logo.path), sha256_of(logo.body)
        repository.storage.add(key, logo.body, sha256=digest, headers=repository.layout.view(key), marks=NO_MARKS)


def _change(target: Target, found: Repository, changes: Mapping[str, str], workers: Workers) -> Initialised:
    before, after = found.settings, change_settings(found.settings, changes)
    _refuse_impossible(target.place, after)
    published = next(iter(target.storage.list(MANIFESTS)), None) is not None
    if published and after.simple != before.simple:
        what = f"already has files under {before.simple or '/'}, so `simple` cannot change"
        raise Refused(Problem(subject=str(target.place), what=what, remedy="drop --set simple"))
    if after != before:
        stored = store(target, after, expected=found.version)
        if stored is None:
            raise Unavailable(
                f"another writer changed the settings of {target.place} at the same time; run the same command again"
            )
        found = stored
    outdated = published and (
        after.pages != before.pages
        or _views_change(before, after)
        or (after.base_url != before.base_url and _pages_have_base_url(target, workers))
    )
    return _initialised(found, created=False, pages_outdated=outdated)


def _views_change(before: RepositorySettings, after: RepositorySettings) -> bool:
    """Return whether other views are on, or show other things."""
    shown = [(each.views, each.views and (each.title, each.logo, each.base_url)) for each in (before, after)]
    return shown[0] != shown[1]


def _pages_have_base_url(target: Target, workers: Workers) -> bool:
    """Return whether some page has a URL that begins with base-url: only those of attestations do (PEP 740)."""
    projects = list_projects(target.storage)
    manifests = workers.map(partial(read_manifest, target, project) for project in projects)
    return any(file.provenance_sha256 is not None for read in manifests for file in read.manifest.visible)


def _with_what_pages_tell(target: Target, settings: RepositorySettings, *, style: bool) -> RepositorySettings:
    """Choose the style of the pages that exist, which ours must replace, and the id that a page of ours remembers.

    With another id our own files, released or not, would look like another repository's after a loss of the settings.
    """
    listed = sort_listing(target.storage.list(""), settings.layout)
    if style and listed.page_style is not None:
        settings = replace(settings, pages=listed.page_style)
    # Only PEP 691 pages: hardly any other tool writes them, so few objects are looked at.
    for key in (key for keys in listed.pages.values() for key in keys if key.endswith("/index.json")):
        mark = stat_page(target.storage, key).mark
        if mark is not None and mark.repository:  # rule: the id of a lost repository is in its pages
            return replace(settings, id=mark.repository)
    return settings


def _refuse_impossible(place: Place, settings: RepositorySettings) -> None:
    if isinstance(place, DirectoryPlace) and settings.pages != "index.html":
        what = "does not work in a directory, because no file name ends in a slash"
        raise Misconfigured(Problem(subject=f"--set pages={settings.pages}", what=what, remedy="use index.html"))
    absolute = [view for view in settings.views if view != "people"]
    if absolute and isinstance(place, DirectoryPlace) and settings.base_url is None:
        what = "has absolute links, and a directory has no public address"
        remedy = "set it too: --set base-url=https://…/"
        raise Misconfigured(Problem(subject=f"--set views={','.join(absolute)}", what=what, remedy=remedy))
    if settings.views and settings.simple.partition("/")[0] in {"", *VIEW_FOLDERS}:
        what = f"cannot be where the index has its pages in {settings.simple or '/'}"
        remedy = "use a place whose `simple` is simple/, or --set views="
        raise Misconfigured(Problem(subject=f"--set views={','.join(settings.views)}", what=what, remedy=remedy))


def _initialised(repository: Repository, *, created: bool, pages_outdated: bool) -> Initialised:
    return Initialised(
        repository=repository.target.place,
        index_url=repository.index_url,
        settings=repository.settings,
        created=created,
        pages_outdated=pages_outdated,
    )
