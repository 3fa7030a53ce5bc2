"""Bring the catalogue, and the pages of all projects together, to what a change made of some projects.

As with a project's pages: look at the pages, then read the catalogue; swap it, then the pages. Nothing here names a
file, and nothing is lost for good: `reindex` makes it again. So a run that loses its swap again and again leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from bucketwheel.errors import Damaged, OutcomeUnknown, Unavailable, Unfinished
from bucketwheel.events import Report, Warned
from bucketwheel.format.catalogue import (
    CATALOGUE_KEY,
    MOST_PROJECTS,
    Catalogue,
    CatalogueEntry,
    CatalogueLine,
    catalogue_entry,
    decode_catalogue,
    encode_catalogue,
    rebuilt,
    with_entries,
)
from bucketwheel.format.layout import FEED_KEYS, FRONT_KEY, NEW_PROJECTS_KEY, PEOPLE_KEYS, PageMark, page_marks
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.mark import marked
from bucketwheel.format.settings import View
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.format.views.published import viewed_project
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.parallel import Patience, Workers, attempts
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.pages import PageVersion, stat_page
from bucketwheel.protocol.repository import Repository, refuses_current
from bucketwheel.protocol.sidecars import Sidecars
from bucketwheel.protocol.views import feed_links, site_of
from bucketwheel.storage import NO_MARKS, Key, ObjectVersion, SwapLost

__all__ = [
    "FoundCatalogue",
    "Rebuild",
    "Seen",
    "add_assets",
    "is_shown",
    "look_at_catalogue",
    "missing_assets",
    "record",
    "refers_to_ours",
    "restore_assets",
    "see_nothing",
    "shared_keys",
]

_MOST_LOST = 5
_KEYS: Mapping[View, tuple[Key, ...]] = {"people": PEOPLE_KEYS, "feeds": FEED_KEYS}

Seen: TypeAlias = Callable[[VersionedManifest, Sidecars], None]
"""Is shown each manifest that a command reads, with its sidecars; may be called by any thread."""


def see_nothing(read: VersionedManifest, sidecars: Sidecars) -> None:
    """Look at nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCatalogue:
    """The catalogue, and the pages made from it, as they were looked at."""

    pages: Mapping[Key, PageVersion]
    catalogue: Catalogue | None
    """None: absent, or damaged: only `reindex` makes it."""
    version: ObjectVersion | None

    @property
    def front(self) -> Iterable[PageVersion]:
        """The front page, where there are pages for people."""
        return [page for key, page in self.pages.items() if key == FRONT_KEY]

    def line(self, project: ProjectName) -> CatalogueLine | None:
        """Return what the catalogue says of a project, if anything."""
        return None if self.catalogue is None else self.catalogue.lines.get(project)

    def is_behind(self, read: VersionedManifest) -> bool:
        """Return whether a project's line is older than a manifest."""
        line = self.line(read.project)
        return line is None or line.revision < read.manifest.revision


def shared_keys(views: Collection[View]) -> tuple[Key, ...]:
    """Return the keys of the pages of all projects together that these views have."""
    return tuple(key for view, keys in _KEYS.items() if view in views for key in keys)


def look_at_catalogue(repository: Repository, workers: Workers) -> FoundCatalogue:
    """Look at the pages, then read the catalogue; may run on one of the threads of a wave."""
    keys = shared_keys(repository.settings.views)
    looks = workers.map_within(partial(stat_page, repository.storage, key) for key in keys)
    pages = dict(zip(keys, looks, strict=True))
    stored = repository.storage.read(CATALOGUE_KEY)
    if stored is None:
        return FoundCatalogue(pages=pages, catalogue=None, version=None)
    try:
        catalogue = decode_catalogue(stored.body)
    except Damaged:
        return FoundCatalogue(pages=pages, catalogue=None, version=stored.version)
    return FoundCatalogue(pages=pages, catalogue=catalogue, version=stored.version)


def add_assets(repository: Repository, found: Iterable[PageVersion], workers: Workers) -> None:
    """Add style sheet, script and icon before a page refers to them, unless a page that was found shows that they are.

    `found` are pages for people; one of our renderer refers to what ours does.
    """
    if "people" in repository.settings.views and not any(map(refers_to_ours, found)):
        known = repository.target.assets
        _add_assets(repository, {key: body for key, body in _assets().items() if key not in known}, workers)


def refers_to_ours(page: PageVersion) -> bool:
    """Return whether a page for people is one of our renderer, and so refers to our style, script and icon."""
    from bucketwheel.format.views import people  # noqa: PLC0415 - loads the templates' library

    return page.mark is not None and page.mark.renderer in {people.PEOPLE_RENDERER, people.PEOPLE_RENDERER + 1}


def restore_assets(repository: Repository, workers: Workers) -> None:
    """Add style sheet, script and icon where they are missing, whatever the pages show: somebody removed them."""
    _add_assets(repository, missing_assets(repository, workers), workers)


def missing_assets(repository: Repository, workers: Workers) -> Mapping[Key, bytes]:
    """Look for the style sheet, the script and the icon of our pages for people; return those that are not there."""
    if "people" not in repository.settings.views:
        return {}
    assets = _assets()
    found = workers.map(partial(repository.storage.stat, key) for key in assets)
    return {key: body for (key, body), info in zip(assets.items(), found, strict=True) if info is None}


def _assets() -> Mapping[Key, bytes]:
    from bucketwheel.format.views import people  # noqa: PLC0415 - loads the templates' library

    return {Key(path): body for path, body in people.assets().items()}


def _add_assets(repository: Repository, missing: Mapping[Key, bytes], workers: Workers) -> None:
    workers.map(partial(_add_asset, repository, key, body) for key, body in missing.items())
    repository.target.assets.update(missing)


def _add_asset(repository: Repository, key: Key, body: bytes) -> None:
    storage, headers = repository.storage, repository.layout.view(key)
    for _ in attempts():
        with suppress(OutcomeUnknown):
            if storage.add(key, body, sha256=sha256_of(body), headers=headers, marks=NO_MARKS):
                return
        if storage.stat(key) is not None:  # rule: a conflict is not proof that an asset is there
            return
    raise Unavailable(f"the store did not keep {key}; run the same command again")


def record(
    repository: Repository,
    manifests: Collection[VersionedManifest],
    found: FoundCatalogue,
    sidecars: Sidecars,
    workers: Workers,
    report: Report,
) -> None:
    """Write what these manifests say into the catalogue, and bring its pages to it; may run on a thread of a wave.

    Where there is no catalogue, above 5,000 projects, and after five lost swaps, it is left to `reindex`.
    """
    # rule: a catalogue that was made meanwhile is seen
    if found.catalogue is None and repository.storage.stat(CATALOGUE_KEY) is not None:
        found = look_at_catalogue(repository, workers)
    behind = [read.manifest for read in manifests if found.catalogue and found.is_behind(read)]
    entries = [_entry(repository, manifest, sidecars.of_project(manifest)) for manifest in behind]
    patience = Patience()
    for _ in range(_MOST_LOST):
        if found.catalogue is None or len(found.catalogue.lines) > MOST_PROJECTS:
            break
        if _commit(repository, found, with_entries(found.catalogue, entries), workers) is not None:
            return
        patience.give_way()
        found = look_at_catalogue(repository, workers)
    if manifests:
        report(Warned(message=_LEFT))


_LEFT = "the front page, the search and the feeds do not show this yet; `bucketwheel reindex` brings them up to date"


def _entry(repository: Repository, manifest: Manifest, facts: CoreFacts) -> CatalogueEntry:
    return catalogue_entry(viewed_project(manifest, repository.layout, facts=facts))


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The catalogue made again from all manifests, while a command reads them."""

    repository: Repository
    found: FoundCatalogue
    """As it was looked at before the projects were listed."""
    entries: dict[ProjectName, CatalogueEntry] = field(default_factory=dict)

    def see(self, read: VersionedManifest, sidecars: Sidecars) -> None:
        """Take what the catalogue says of a project; its sidecar is read only if the line is not of this revision."""
        line, manifest = self.found.line(read.project), read.manifest
        is_current = line is not None and line.revision == manifest.revision
        facts = CoreFacts(summary=line.summary) if line and is_current else sidecars.of_project(manifest)
        self.entries[read.project] = _entry(self.repository, manifest, facts)

    def write(self, workers: Workers, *, gone: Collection[ProjectName]) -> int:
        """Swap the catalogue, if it differs, and bring its pages to it; return how many had to be written.

        `gone` were in it and have no manifest.
        """
        found, patience = self.found, Patience()
        for _ in patience:
            made = rebuilt(_ahead(found), self.entries.values(), gone=gone)
            written = _commit(self.repository, found, made, workers)
            if written is not None:
                return written
            patience.give_way()
            found = look_at_catalogue(self.repository, workers)
        raise _out_of_date(self.repository, CATALOGUE_KEY)


def _ahead(found: FoundCatalogue) -> Catalogue:
    """Return the catalogue at no lower revision than its pages show: it may have been lost, or restored."""
    catalogue = found.catalogue or Catalogue()
    shown = max((page.mark.revision for page in found.pages.values() if page.mark is not None), default=0)
    return catalogue if shown <= catalogue.revision else catalogue.at(shown)


def _commit(repository: Repository, found: FoundCatalogue, after: Catalogue, workers: Workers) -> int | None:
    """Swap the catalogue, if it has changed, then bring the pages to it; return how many had to be written.

    None: another run's swap came first.
    """
    since = 0
    if after != found.catalogue:
        body, headers = encode_catalogue(after), repository.layout.record()
        try:
            repository.storage.swap(CATALOGUE_KEY, body, expected=found.version, headers=headers, marks=NO_MARKS)
        except (SwapLost, OutcomeUnknown):
            return None  # if it was ours, the next look shows it
        since = after.revision
    return sum(
        workers.map_within(partial(_write, repository, key, after, page, since) for key, page in found.pages.items())
    )


def _write(repository: Repository, key: Key, catalogue: Catalogue, found: PageVersion, since: int) -> bool:
    """Bring one page to this revision of the catalogue, or leave it at a later one; return whether it was written."""
    patience = Patience()
    for _ in patience:
        body, mark = _rendered(repository, key, catalogue)
        if _is_right(found, mark, 0 if key == NEW_PROJECTS_KEY else since):
            return False
        repository.target.changed_pages.add(key, repository.settings)
        try:
            repository.storage.swap(
                key,
                marked(body, mark),
                expected=found.version,
                headers=repository.layout.view(key),
                marks=page_marks(mark),
            )
        except (SwapLost, OutcomeUnknown) as error:
            if patience.ends_at(error.refused if isinstance(error, SwapLost) else ""):
                raise refuses_current(repository.target, key) from error
            patience.give_way()
            found = stat_page(repository.storage, key)  # a later revision stays, an earlier one is replaced
            continue
        return True
    raise _out_of_date(repository, key)


def _rendered(repository: Repository, key: Key, catalogue: Catalogue) -> tuple[bytes, PageMark]:
    from bucketwheel.format.views.shared import SHARED_RENDERER, render_shared  # noqa: PLC0415 - loads templates

    body = render_shared(key, site_of(repository), feed_links(repository), catalogue)
    mark = PageMark(
        revision=catalogue.revision,
        renderer=SHARED_RENDERER,
        manifest=sha256_of(body),
        repository=repository.settings.id,
    )
    return body, mark


def is_shown(repository: Repository, key: Key, catalogue: Catalogue, found: PageVersion) -> bool:
    """Return whether a page shows this revision of the catalogue, or a later one."""
    return _is_right(found, _rendered(repository, key, catalogue)[1], since=0)


def _is_right(found: PageVersion, ours: PageMark, since: int) -> bool:
    """Return whether a page needs no write.

    `since` is the revision that this run made: an older page that is equal may still be replaced by a run that saw it
    before, with what came between. Of the feed of new projects that would be one project too many for a while.
    """
    if found.mark is None or found.mark.revision < since:
        return False
    if found.mark.revision > ours.revision:  # rule: a shared page never goes back
        return True
    return found.mark.renderer > ours.renderer or (found.mark.renderer, found.mark.manifest) == (
        ours.renderer,
        ours.manifest,
    )


def _out_of_date(repository: Repository, key: Key) -> Unfinished:
    return Unfinished(
        f"everything is committed, but {key} of {repository.target.place} is out of date; run the same command again"
    )
