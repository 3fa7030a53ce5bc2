"""The views of a project that are on: which pages they are, how each is rendered, and when it is right.

They are made from sidecars too, whose bytes another version of a library may render differently: so only a page's mark
says whether it is right. Each kind has a renderer of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bucketwheel.format.layout import PageMark, feed_key, people_key, project_json_key, version_json_key
from bucketwheel.format.pages.mark import marked
from bucketwheel.format.settings import RepositorySettings
from bucketwheel.format.views import feeds, warehouse
from bucketwheel.format.views.published import shown_sha256, viewed_project, viewed_version
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.pages import Page, PageVersion, Rendered, Shown
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key

if TYPE_CHECKING:
    from bucketwheel.format.views.people import Site

__all__ = [
    "DEFAULT_TITLE",
    "feed_links",
    "project_views",
    "retired_view_keys",
    "site_of",
    "version_keys",
    "version_views",
    "view_keys",
]

DEFAULT_TITLE = "Python packages"


def view_keys(settings: RepositorySettings, project: ProjectName) -> tuple[Key, ...]:
    """Return the keys of a project's views that are on, but for those of its versions."""
    return tuple(key for view, key in _keys(project).items() if view in settings.views)


def _keys(project: ProjectName) -> dict[str, Key]:
    return {"json": project_json_key(project), "people": people_key(project), "feeds": feed_key(project)}


def retired_view_keys(
    settings: RepositorySettings, projects: Iterable[ProjectName], documents: Mapping[ProjectName, Collection[str]]
) -> list[Key]:
    """Return the keys that pages of views may have that were on before; `documents` are the versions that have one."""
    retired, keys = settings.retired_views, list[Key]()
    for project in projects:
        keys += (key for view, key in _keys(project).items() if view in retired)
        if "json-versions" in retired:
            found = (version_json_key(project, version) for version in documents.get(project, ()))
            keys += (key for key in found if key is not None)
    return keys


def version_keys(settings: RepositorySettings, project: ProjectName, versions: Collection[str]) -> tuple[Key, ...]:
    """Return the keys of the documents of these versions, if that view is on."""
    if "json-versions" not in settings.views:
        return ()
    return tuple(key for version in sorted(versions) if (key := version_json_key(project, version)) is not None)


def project_views(repository: Repository, project: ProjectName) -> list[Page]:
    """Return the pages of a project's views that are on, but for those of its versions."""
    kinds = {project_json_key(project): _json_kind, people_key(project): _people_kind, feed_key(project): _feed_kind}
    return [_project_view(repository, key, kinds[key]()) for key in view_keys(repository.settings, project)]


class _Kind(NamedTuple):
    renderer: int
    render: Callable[[Shown, PageMark], Rendered]


def _json_kind() -> _Kind:
    return _Kind(warehouse.WAREHOUSE_RENDERER, partial(_marked, _project_json))


def _people_kind() -> _Kind:
    from bucketwheel.descriptions import can_render  # noqa: PLC0415 - only these pages need it
    from bucketwheel.format.views import people  # noqa: PLC0415 - loads the templates' library

    # rule: a description that was rendered elsewhere stays, and one that was not is rendered here
    return _Kind(people.PEOPLE_RENDERER + can_render(), _people)


def _feed_kind() -> _Kind:
    return _Kind(feeds.FEED_RENDERER, partial(_marked, _feed))


def _project_view(repository: Repository, key: Key, kind: _Kind) -> Page:
    return Page(
        key=key,
        headers=repository.layout.view(key),
        mark=partial(_project_mark, repository, kind.renderer),
        render=kind.render,
        is_right=_is_marked_right,
    )


def version_views(
    repository: Repository, project: ProjectName, versions: Collection[str], *, since: int = 0
) -> list[Page]:
    """Return the documents of these versions, if that view is on.

    `since` is the revision that changed them: an equal page that is older may still be replaced by a run that saw it
    before, with what came between.
    """
    known = {version_json_key(project, version): version for version in versions}
    return [
        Page(
            key=key,
            headers=repository.layout.view(key),
            mark=partial(_version_mark, repository, known[key]),
            render=partial(_marked, partial(_version_json, known[key])),
            is_right=partial(_shows, since),
        )
        for key in version_keys(repository.settings, project, versions)
    ]


# Marks ---------------------------------------------------------------------------------------------------------------


def _project_mark(repository: Repository, renderer: int, read: VersionedManifest) -> PageMark:
    settings = repository.settings
    return PageMark(
        revision=read.manifest.revision,
        renderer=renderer,
        manifest=read.sha256,
        repository=settings.id,
        settings=_digest(repository),
    )


def _version_mark(repository: Repository, version: str, read: VersionedManifest) -> PageMark:
    settings = repository.settings
    return PageMark(
        revision=read.manifest.revision,
        renderer=warehouse.WAREHOUSE_RENDERER,
        manifest=shown_sha256(read.manifest, version),
        repository=settings.id,
        settings=_digest(repository),
    )


def _digest(repository: Repository) -> str:
    """Return a digest of the settings that views show, and of the bucket if they show its address.

    After a change of these all of them are written again, in a copy of the repository too.
    """
    settings, place = repository.settings, repository.target.place
    # Not the address itself: writers may reach one bucket by several endpoints.
    bucket = None if isinstance(place, DirectoryPlace) else str(place)
    address = settings.base_url or bucket
    shown = [settings.title, settings.logo, address, settings.simple, settings.pages, *settings.views]
    return sha256_of(json.dumps(shown).encode())[:16]


def _is_marked_right(found: PageVersion, ours: PageMark, body: Callable[[], bytes]) -> bool:
    """Return whether a page shows this revision, by our renderer or a newer one, or a later one."""
    del body  # rule: a view is judged by its mark
    if found.mark is None or found.mark.revision < ours.revision:
        return False
    if found.mark.revision > ours.revision:  # rule: a view never goes back
        return True
    if found.mark.renderer > ours.renderer:
        return True
    return (found.mark.renderer, found.mark.manifest, found.mark.settings) == (
        ours.renderer,
        ours.manifest,
        ours.settings,
    )


def _shows(since: int, found: PageVersion, ours: PageMark, body: Callable[[], bytes]) -> bool:
    """Return whether a version's page shows these entries, whatever its revision."""
    del body
    if found.mark is None or found.mark.revision < since:
        return False
    if found.mark.manifest != ours.manifest:
        return found.mark.revision > ours.revision
    return found.mark.renderer > ours.renderer or (found.mark.renderer, found.mark.settings) == (
        ours.renderer,
        ours.settings,
    )


# Render --------------------------------------------------------------------------------------------------------------


def _marked(render: Callable[[Shown], bytes], shown: Shown, mark: PageMark) -> Rendered:
    return Rendered(marked(render(shown), mark), mark)


def _project_json(shown: Shown) -> bytes:
    viewed = viewed_project(
        shown.read.manifest,
        shown.repository.layout,
        address=shown.repository.address,
        facts=shown.sidecars.of_project(shown.read.manifest),
    )
    return warehouse.render_project(viewed, page=_page_url(shown.repository, shown.project))


def _version_json(version: str, shown: Shown) -> bytes:
    manifest, repository = shown.read.manifest, shown.repository
    return warehouse.render_version(
        shown.project,
        viewed_version(manifest, repository.layout, version, address=repository.address),
        facts=shown.sidecars.of_version(manifest, version),
        serial=manifest.revision,
        page=_page_url(repository, shown.project),
    )


def _people(shown: Shown, mark: PageMark) -> Rendered:
    from bucketwheel.format.views import people  # noqa: PLC0415 - loads the templates' library

    repository, manifest = shown.repository, shown.read.manifest
    facts = shown.sidecars.of_project(manifest)
    description = repository.target.descriptions.rendered(facts)
    viewed = viewed_project(manifest, repository.layout, facts=facts)
    mark = replace(mark, renderer=people.people_renderer(description))
    return Rendered(marked(people.render_project(site_of(repository), viewed, description), mark), mark)


def site_of(repository: Repository) -> Site:
    """Return what all pages for people have in common."""
    from bucketwheel.format.views.people import Site  # noqa: PLC0415 - loads the templates' library

    settings = repository.settings
    return Site(
        title=settings.title or DEFAULT_TITLE,
        index_url=_public_index(repository),
        logo=settings.logo,
        feeds="feeds" in settings.views,
        simple=settings.simple,
        page=_page_ending(settings),
    )


def _feed(shown: Shown) -> bytes:
    repository, manifest = shown.repository, shown.read.manifest
    viewed = viewed_project(manifest, repository.layout, facts=shown.sidecars.of_project(manifest))
    return feeds.render_project_releases(repository.settings.title or DEFAULT_TITLE, feed_links(repository), viewed)


def feed_links(repository: Repository) -> feeds.FeedLinks:
    """Return where the links of all feeds lead."""
    settings = repository.settings
    return feeds.FeedLinks(
        address=repository.address,
        people="people" in settings.views,
        simple=settings.simple,
        page=_page_ending(settings),
    )


def _page_ending(settings: RepositorySettings) -> str:
    return "index.html" if settings.pages == "index.html" else ""


def _public_index(repository: Repository) -> str | None:
    """Return the address that install lines show; a directory has none, and its path is nobody else's business."""
    has_address = repository.settings.base_url or not isinstance(repository.target.place, DirectoryPlace)
    return repository.index_url if has_address else None


def _page_url(repository: Repository, project: ProjectName) -> str | None:
    if "people" not in repository.settings.views:
        return None
    return f"{repository.address}{people_key(project)}"
