"""The check: compare a repository with its manifests, and report all that is not as it should be; change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TypeVar

from bucketwheel.commands.check.findings import Finding, finding, in_order
from bucketwheel.commands.check.inspection import (
    InspectedProject,
    inspect_object,
    inspect_page_headers,
    inspect_project,
    inspect_unreferenced,
    read_body,
    read_page,
    views_of,
)
from bucketwheel.commands.check.inventory import Inventory, project_at, read_inventory
from bucketwheel.commands.check.lists import inspect_list
from bucketwheel.commands.check.public import probe_as_client
from bucketwheel.commands.check.references import ReferencedObject, referenced_objects
from bucketwheel.commands.check.shared import check_shared, is_asset
from bucketwheel.commands.check.signing import (
    attestations_to_verify,
    inspect_attestations,
    inspect_signature,
    signatures_to_verify,
)
from bucketwheel.commands.check.unreferenced import check_others, check_unreferenced
from bucketwheel.commands.check.views import check_root, listed_by
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Denied, Refused
from bucketwheel.events import Report, Stage, Warned, ignore
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_root_html
from bucketwheel.format.settings import VIEWS, MadeFromList, RepositorySettings
from bucketwheel.names import ProjectName, named_project, not_there
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.catalogue import shared_keys
from bucketwheel.protocol.repository import Context, Repository, open_context, open_to_read
from bucketwheel.protocol.views import version_keys, view_keys
from bucketwheel.storage import KeepsUploads, KeepsVersions, Key, UnfinishedUpload

__all__ = ["Checked", "check", "check_projects"]

_MOST_LOOKS = 1000
"""How many unreferenced objects a check looks at; a bucket with more of them is a task for adopt."""

_DEFAULTS = Settings()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of a check."""

    repository: Place
    projects: int
    files: int
    """How many files the manifests name, or the list."""
    deep: bool
    findings: tuple[Finding, ...]
    """The gravest first; empty if all is as it should be."""


def check(settings: Settings, *, projects: Sequence[str] = (), deep: bool = False, report: Report = ignore) -> Checked:
    """Compare the objects in the repository with the manifests of these projects, or of all.

    `deep` reads every file to its end, and looks at the headers of each object and page. Raises Refused for a project
    that is not in the repository, Denied or Unavailable if something cannot be read.
    """
    with open_context(settings, report) as context:
        return check_projects(context, projects, deep=deep, settings=settings)


def check_projects(context: Context, projects: Sequence[str], *, deep: bool, settings: Settings = _DEFAULTS) -> Checked:
    """Inspect each project, then the root, the store and the public address; of an index made from a list its pages.

    The settings say how signatures and attestations are verified.
    """
    workers, report = context.workers, context.report
    wanted = tuple(dict.fromkeys(map(named_project, projects)))
    try:
        repository = open_to_read(context.target)
    except MadeFromList:
        return _check_list(context, wanted, deep=deep)
    inventory = None if wanted else read_inventory(repository)
    inspections = _inspect(repository, wanted, inventory, workers, report)
    published = [each.read for each in inspections if each.manifest.revision]
    manifests = [read.manifest for read in published]
    known = [manifest.project for manifest in manifests] if inventory is None else list(inventory.manifests)
    root = _read_root(repository, inventory)
    listed = listed_by(root[repository.layout.root_json_key])
    findings = [
        *_check_store(repository),
        *chain.from_iterable(each.findings for each in inspections),
        *_check_unreferenced(repository, inspections, workers),
        *(_check_others(repository, inventory, manifests) if inventory is not None else ()),
        *(check_shared(repository, published, known, workers) if inventory is not None and known else ()),
        *(check_root(repository.layout, root, known, complete=inventory is not None) if known else ()),
        *_check_uploads(repository, wanted, report),
        *(_check_deep(repository, inspections, workers, report, settings) if deep else ()),
        *probe_as_client(repository, published if deep or wanted else published[:1], listed, workers, report),
    ]
    return Checked(
        repository=context.target.place,
        projects=len(known),
        files=sum(len(manifest.files) for manifest in manifests),
        deep=deep,
        findings=in_order(findings),
    )


def _check_list(context: Context, wanted: Sequence[ProjectName], *, deep: bool) -> Checked:
    inspected = inspect_list(context, wanted, deep=deep)
    return Checked(
        repository=context.target.place,
        projects=inspected.projects,
        files=inspected.files,
        deep=deep,
        findings=in_order(inspected.findings),
    )


# Projects ------------------------------------------------------------------------------------------------------------


def _inspect(
    repository: Repository,
    wanted: Sequence[ProjectName],
    inventory: Inventory | None,
    workers: Workers,
    report: Report,
) -> list[InspectedProject]:
    """Inspect the projects that were named, or else all of the inventory."""
    projects = wanted if inventory is None else sorted(inventory.projects)
    report(Stage(doing="checking", count=len(projects)))
    inspections = workers.map(partial(inspect_project, repository, inventory, project, workers) for project in projects)
    absent = [each.manifest.project for each in inspections if each.clean and not each.manifest.revision]
    if absent and inventory is None:
        raise Refused(*(not_there(project, repository.target.place) for project in absent))
    return inspections


def _check_unreferenced(
    repository: Repository, inspections: Iterable[InspectedProject], workers: Workers
) -> Iterator[Finding]:
    layout, adopt = repository.layout, _adopt_command(repository)
    keys = [key for each in inspections for key in each.unreferenced][:_MOST_LOOKS]
    looks = workers.map(partial(inspect_unreferenced, repository, key) for key in keys)
    seen = dict(zip(keys, looks, strict=True))
    for each in inspections:
        project = each.manifest.project
        found = [one for key in each.unreferenced if (one := seen.get(key)) is not None]
        yield from check_unreferenced(each.manifest, found, layout, adopt)
        if unseen := sum(key not in seen for key in each.unreferenced):
            yield finding("file-unnamed:many", layout.folder(project), number=unseen, project=project, adopt=adopt)


def _adopt_command(repository: Repository) -> str:
    # A directory has no marks that tell whose a file is, so the user must agree to take it in.
    return f"bucketwheel reindex --adopt{' --yes' if isinstance(repository.target.place, DirectoryPlace) else ''}"


# The repository ------------------------------------------------------------------------------------------------------


def _check_store(repository: Repository) -> Iterator[Finding]:
    place, settings = str(repository.target.place), repository.settings
    # A store may have another address for publishers than for this check.
    if not any(settings.conditional_writes(store) for store in settings.proofs):
        yield finding("store-unproven", place, place=place)
    elif repository.conditional_writes == "ignored" and not repository.target.single_writer:
        yield finding("store-unsafe", place)


def _check_others(repository: Repository, inventory: Inventory, manifests: Iterable[Manifest]) -> Iterator[Finding]:
    """Check the objects outside of all folders that projects can have."""
    layout = repository.layout
    explained = {wanted.key for manifest in manifests for wanted in referenced_objects(manifest, layout)}
    explained |= {*layout.root_html_keys, layout.root_json_key}
    on = _view_keys(repository.settings, inventory)
    explained |= on
    for key in layout.retired_html_keys(None):
        found = inspect_unreferenced(repository, key) if key in inventory.objects else None
        if found is not None and found.owner == "page":
            explained.add(key)
            yield finding("page-retired:root", key)
    off = _view_keys(replace(repository.settings, views=VIEWS), inventory) - on
    for key in sorted(off.intersection(inventory.objects))[:_MOST_LOOKS]:
        found = inspect_unreferenced(repository, key)
        if found is not None and found.owner == "page":
            explained.add(key)
            yield finding("page-retired:view", key)
    for place, keys in inventory.others.items():
        others = (key for key in keys if key not in explained and not is_asset(key))
        yield from check_others(place, others, _adopt_command(repository))


def _view_keys(settings: RepositorySettings, inventory: Inventory) -> set[Key]:
    """Return the keys of the views of all projects, with the documents of versions that are there."""
    keys = {*shared_keys(settings.views)}
    for project in inventory.manifests:
        keys |= {*view_keys(settings, project)}
        keys |= {*version_keys(settings, project, inventory.documents.get(project, ()))}
    return keys


def _read_root(repository: Repository, inventory: Inventory | None) -> dict[Key, bytes | None]:
    """Read the root pages by key; an HTML root is not read if its listing shows that it is as it must be."""
    layout, storage = repository.layout, repository.storage
    json = read_body(storage, layout.root_json_key)
    html = render_root_html(listed_by(json))
    return {layout.root_json_key: json} | {
        key: read_body(storage, key) if inventory is None else read_page(storage, key, inventory.objects.get(key), html)
        for key in layout.root_html_keys
    }


def _check_uploads(repository: Repository, wanted: Sequence[ProjectName], report: Report) -> list[Finding]:
    storage = repository.storage
    if not isinstance(storage, KeepsUploads):
        return []
    folders = tuple(repository.layout.folder(project) for project in wanted) or ("",)
    uploads = _listed_if_allowed(storage.unfinished_uploads, "unfinished uploads", report)
    return [_about_upload(repository, one) for one in uploads if one.key.startswith(folders)]


def _about_upload(repository: Repository, upload: UnfinishedUpload) -> Finding:
    project = project_at(repository.layout, upload.key)
    if isinstance(repository.target.place, DirectoryPlace):
        kind = "upload-unfinished:file"
    elif project is None and upload.key != SETTINGS_KEY:  # at which a store proves what it does
        kind = "upload-unfinished:other"
    else:
        kind = "upload-unfinished"
    return finding(kind, upload.key, begun=upload.begun, project=project or "'*'")


def _listed_if_allowed(listing: Callable[[], Iterable[_T]], what: str, report: Report) -> list[_T]:
    """List what few roles may list; warn where we may not."""
    try:
        return list(listing())
    except Denied as error:
        report(Warned(message=f"the check does not cover {what}: {error}"))
        return []


# More than a listing shows -------------------------------------------------------------------------------------------


def _check_deep(
    repository: Repository,
    inspections: Sequence[InspectedProject],
    workers: Workers,
    report: Report,
    settings: Settings,
) -> list[Finding]:
    layout = repository.layout
    present = [one for each in inspections for one in each.present]
    report(Stage(doing="reading", count=len(present), total_bytes=sum(size for _, size in present)))
    signatures = signatures_to_verify((wanted for wanted, _ in present), settings, report)
    attestations = attestations_to_verify((wanted for wanted, _ in present), report)
    html, pages = [*layout.root_html_keys], {layout.root_json_key: layout.json()}
    for each in (each for each in inspections if each.manifest.revision):
        html += layout.html_keys(each.manifest.project)
        pages[layout.json_key(each.manifest.project)] = layout.json()
        pages |= {view.key: view.headers for view in views_of(repository, each)}
    pages |= dict.fromkeys(html, layout.html())
    found = workers.map(
        [
            *(partial(inspect_object, repository, wanted, size, report) for wanted, size in present),
            *(partial(inspect_page_headers, repository.storage, key, headers) for key, headers in pages.items()),
            *(partial(inspect_attestations, repository, wanted, settings) for wanted in attestations),
            *(partial(inspect_signature, repository, wanted, settings) for wanted in signatures),
        ]
    )
    files = [wanted for wanted, _ in present if wanted.is_file]
    return [*chain.from_iterable(found), *_check_overwritten(repository, files, report)]


def _check_overwritten(repository: Repository, files: Iterable[ReferencedObject], report: Report) -> list[Finding]:
    storage = repository.storage
    if not isinstance(storage, KeepsVersions):
        return []
    overwritten = set(_listed_if_allowed(partial(storage.overwritten, ""), "earlier versions of files", report))
    return [file.finding("file-overwritten") for file in files if file.key in overwritten]
