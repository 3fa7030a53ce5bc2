"""Pages that one listing shows to be up to date: equal bytes have equal versions, so these cost no request each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from bucketwheel.errors import BucketwheelError
from bucketwheel.format.layout import version_of_json_key
from bucketwheel.format.pages.html import render_project_html
from bucketwheel.format.pages.json import render_project_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.catalogue import Seen, see_nothing
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.pages import project_mark
from bucketwheel.protocol.refresh import Versions, batches, page_keys, read_known, views_are_current
from bucketwheel.protocol.repository import Repository
from bucketwheel.protocol.sidecars import Sidecars
from bucketwheel.storage import Inspectable, Key, ObjectVersion

__all__ = ["current_projects", "expected_pages", "list_documents", "list_pages", "sort_documents"]

_ENTRIES_A_LOOK = 100
"""A page of a listing has 1,000 entries, and costs ten times as much as a look, in time and in money."""
_SAMPLE = 16


def expected_pages(repository: Repository, read: VersionedManifest) -> Mapping[Key, bytes]:
    """Return all pages of a project with the bytes that they must have."""
    project, layout, mark = read.project, repository.layout, project_mark(repository, read)
    listing = project_listing(read.manifest, layout, repository.settings.base_url)
    html = dict.fromkeys(layout.html_keys(project), render_project_html(listing, mark))
    return html | {layout.json_key(project): render_project_json(listing, mark)}


def list_pages(repository: Repository, projects: Collection[ProjectName]) -> Mapping[Key, ObjectVersion] | None:
    """List the pages of all projects and of the root, in every style, with their versions.

    None where a listing shows no versions (a directory), and where looks at these pages cost less than the listing,
    because the projects have so many files.
    """
    storage, layout = repository.storage, repository.layout
    if not isinstance(storage, Inspectable) or isinstance(repository.target.place, DirectoryPlace):
        return None
    wanted = {key for project in projects for key in page_keys(repository, project)}
    wanted |= {key for project in (*projects, None) for key in layout.retired_html_keys(project)}
    listed: dict[Key, ObjectVersion] = {}
    for number, entry in enumerate(storage.list(layout.simple)):
        if number == _ENTRIES_A_LOOK * len(wanted):
            return None
        if entry.key in wanted and entry.version is not None:
            listed[entry.key] = entry.version
    return listed


def list_documents(
    repository: Repository, projects: Collection[ProjectName] | None
) -> Mapping[ProjectName, frozenset[str]]:
    """List which versions of these projects (None: of all) have a document of their own, on or not any more."""
    settings = repository.settings
    if "json-versions" not in (*settings.views, *settings.retired_views):
        return {}
    wanted = frozenset(projects or ())
    prefix = f"pypi/{next(iter(wanted))}/" if len(wanted) == 1 else "pypi/"
    documents = sort_documents(entry.key for entry in repository.storage.list(prefix))
    return {project: versions for project, versions in documents.items() if projects is None or project in wanted}


def sort_documents(keys: Iterable[Key]) -> Mapping[ProjectName, frozenset[str]]:
    """Return the versions whose documents have these keys, by project."""
    found: dict[ProjectName, set[str]] = defaultdict(set)
    for key in keys:
        project = ProjectName(key.removeprefix("pypi/").partition("/")[0])
        if (version := version_of_json_key(project, key)) is not None:
            found[project].add(version)
    return {project: frozenset(versions) for project, versions in found.items()}


def current_projects(
    repository: Repository,
    listed: Mapping[Key, ObjectVersion] | None,
    projects: Sequence[ProjectName],
    workers: Workers,
    versions: Versions,
    seen: Seen = see_nothing,
) -> frozenset[ProjectName]:
    """Return the projects all of whose pages were up to date when they were listed, before their manifests are read.

    Of the first projects none may be: the store's versions are no digests (a KMS key encrypts it), or all pages are of
    an older renderer. Then no further manifest is read for this.
    """
    storage = repository.storage
    if listed is None or not isinstance(storage, Inspectable):
        return frozenset()
    current: set[ProjectName] = set()
    for some in (projects[:_SAMPLE], *batches(projects[_SAMPLE:])):
        compared = workers.map(
            partial(_is_current, repository, storage, listed, project, workers, versions, seen) for project in some
        )
        current |= {project for project, is_current in zip(some, compared, strict=True) if is_current}
        if not current:
            break
    return frozenset(current)


def _is_current(
    repository: Repository,
    storage: Inspectable,
    listed: Mapping[Key, ObjectVersion],
    project: ProjectName,
    workers: Workers,
    versions: Versions,
    seen: Seen,
) -> bool:
    if any(key not in listed for key in page_keys(repository, project)):
        return False
    try:
        read = read_known(repository, project)
    except BucketwheelError:
        return False  # a refresh will say what is wrong with it
    pages = expected_pages(repository, read)
    # rule: only equal bytes are current
    if any(listed[key] != storage.version_of(body) for key, body in pages.items()):
        return False
    # A view has its manifest in its mark, which no listing shows.
    if not views_are_current(repository, read, workers, versions):
        return False
    seen(read, Sidecars(storage=repository.storage, layout=repository.layout))
    return True
