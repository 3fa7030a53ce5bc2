"""Make a repository, or change the settings that lie in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Refused, Unavailable
from bucketwheel.events import Created, Report, ignore
from bucketwheel.format.layout import MANIFESTS
from bucketwheel.format.listed_files import sort_listing
from bucketwheel.format.settings import RepositorySettings, change_settings
from bucketwheel.places import DirectoryPlace, Place, S3Place
from bucketwheel.protocol.repository import (
    Repository,
    Target,
    create,
    first_settings,
    open_target,
    open_to_write,
    read_settings,
    store,
    take_over,
)
from bucketwheel.storage.opening import create_bucket

__all__ = ["Initialised", "initialise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """A repository as it stands after `initialise`."""

    repository: Place
    index_url: str
    settings: RepositorySettings
    created: bool
    pages_outdated: bool
    """Whether the new settings ask for other pages than those that are there: `reindex` writes them."""
    to_adopt: bool = False
    """Whether it was made where something lay, which is not in the index before `adopt`."""


def initialise(
    settings: Settings,
    *,
    changes: Mapping[str, str],
    with_bucket: bool = False,
    adopt: bool = False,
    report: Report = ignore,
) -> Initialised:
    """Make the repository that the settings name if it is not there, else apply `changes` to its own settings.

    The proof of the store is made before anything else is written. With `adopt` a place may have contents, which stay
    as they are; its pages will be of the style of those that lie there. Raises Refused on foreign ground, on a store
    that ignores conditions, and for changes that would leave what is published behind.
    """
    place = settings.require_repository()
    if settings.dry_run:
        raise Misconfigured(
            Problem(subject="dry-run", what="is set, and no repository is made on trial", remedy="unset it for `init`")
        )
    if with_bucket and isinstance(place, S3Place):
        create_bucket(place, settings.connection, report=report)
    site = open_target(settings, report)
    found = read_settings(site)
    if found is None:
        wanted = _judged(place, change_settings(first_settings(place, settings.put_args), changes))
        if adopt and "pages" not in changes:
            wanted = _as_pages_are(site, wanted)
        found, created = (take_over if adopt else create)(site, wanted)
        if created:
            report(Created(repository=str(place)))
            return replace(_as_it_stands(found, created=True, pages_outdated=False), to_adopt=adopt)
    return _changed(site, open_to_write(site, found), changes)


def _changed(site: Target, found: Repository, changes: Mapping[str, str]) -> Initialised:
    before, after = found.settings, _judged(site.place, change_settings(found.settings, changes))
    published = next(iter(site.storage.list(MANIFESTS)), None) is not None
    if published and after.simple != before.simple:
        raise Refused(
            Problem(
                subject=str(site.place),
                what=f"has files published under {before.simple or '/'}, and files never move",
                remedy="set `simple` on an empty repository only",
            )
        )
    if after != before:
        stored = store(site, after, expected=found.version)
        if stored is None:
            raise Unavailable(
                f"the settings of {site.place} were changed by somebody else just now; run the same again"
            )
        found = stored
    visible_before = replace(before, cache_control=after.cache_control, put_args=after.put_args)
    return _as_it_stands(found, created=False, pages_outdated=published and after != visible_before)


def _as_pages_are(site: Target, settings: RepositorySettings) -> RepositorySettings:
    """Ours must take the place of the pages that lie there, or clients would be shown these for ever."""
    style = sort_listing(site.storage.list(""), settings.layout).page_style
    return settings if style is None else replace(settings, pages=style)


def _judged(place: Place, settings: RepositorySettings) -> RepositorySettings:
    if isinstance(place, DirectoryPlace) and settings.pages != "index.html":
        raise Misconfigured(
            Problem(
                subject=f"--set pages={settings.pages}",
                what="is not possible in a directory, where no name ends in a slash",
                remedy="use index.html",
            )
        )
    return settings


def _as_it_stands(repository: Repository, *, created: bool, pages_outdated: bool) -> Initialised:
    return Initialised(
        repository=repository.site.place,
        index_url=repository.index_url,
        settings=repository.settings,
        created=created,
        pages_outdated=pages_outdated,
    )
