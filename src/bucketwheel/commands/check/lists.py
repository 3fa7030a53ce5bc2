"""An index made from a list, compared with what its last run recorded: pages only, for its files are elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.commands.check.inspection import inspect_page_headers, read_body, read_page
from bucketwheel.errors import Damaged, Refused
from bucketwheel.events import Stage
from bucketwheel.format.catalogue import Catalogue, catalogue_entry, rebuilt
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.lists.entries import Entry, ListReader, grouped, numbered
from bucketwheel.format.lists.pages import (
    PACKAGES_KEY,
    Page,
    Style,
    batches,
    generation,
    lines_digest,
    render_project,
    shared_pages,
    viewed_project,
)
from bucketwheel.format.lists.record import (
    PROJECTS_KEY,
    SHARED,
    ListSettings,
    ProjectRecord,
    decode_projects,
    decode_settings,
)
from bucketwheel.format.views.logo import InvalidLogo, read_logo
from bucketwheel.names import ProjectName, not_there
from bucketwheel.protocol.repository import Context
from bucketwheel.storage import Key, ListEntry, Storage

__all__ = ["InspectedList", "inspect_list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedList:
    """An index made from a list, with its findings."""

    projects: int
    files: int
    findings: tuple[Finding, ...]


def inspect_list(context: Context, wanted: Sequence[ProjectName], *, deep: bool) -> InspectedList:
    """Compare the pages of these projects, or all pages, with what the list says; raises Refused for one it lacks.

    `deep` looks at the headers of these pages, too.
    """
    settings = _settings(context)
    records, findings = _records(context.target.storage)
    known = [ProjectName(name) for name in records if name != SHARED]
    if records and (absent := set(wanted) - set(known)):
        raise Refused(*(not_there(project, context.target.place) for project in sorted(absent)))
    context.report(Stage(doing="checking", count=len(wanted or known)))
    inspected = InspectedList(projects=len(wanted or known), files=0, findings=tuple(findings))
    if records and settings.shown is not None:
        inspected = _inspect(context, settings, records, wanted, deep=deep)
    after = _settings(context)
    if after.shown is None or after.run != settings.run:  # what a run has not finished is no finding of its own
        return InspectedList(projects=inspected.projects, files=0, findings=(_unfinished(context),))
    return inspected


def _settings(context: Context) -> ListSettings:
    body = read_body(context.target.storage, SETTINGS_KEY)
    settings = None if body is None else decode_settings(body)
    if settings is None:
        raise Damaged(f"{context.target.place} changed while it was read; run the same command again")
    return settings


def _unfinished(context: Context) -> Finding:
    return finding("list-unfinished", str(context.target.place))


def _records(storage: Storage) -> tuple[dict[str, ProjectRecord], list[Finding]]:
    body = read_body(storage, PROJECTS_KEY)
    if body is None:
        return {}, [finding("list-damaged", PROJECTS_KEY)]
    try:
        return decode_projects(body), []
    except Damaged as error:
        return {}, [finding("list-damaged:unreadable", PROJECTS_KEY, error=error.__cause__ or error)]


def _inspect(
    context: Context,
    settings: ListSettings,
    records: Mapping[str, ProjectRecord],
    wanted: Sequence[ProjectName],
    *,
    deep: bool,
) -> InspectedList:
    storage = context.target.storage
    listed = None if wanted else {entry.key: entry for entry in storage.list("")}
    names: Collection[str] = wanted or records
    style = settings.style if settings.generation == generation() else None
    packages = read_body(storage, PACKAGES_KEY)
    projects = None if style is None or packages is None else _listed_projects(packages, style, records)
    if style is not None and projects is not None:
        pages = _pages(style, projects, wanted)
        findings = [*_check_pages(context, listed, pages, deep=deep), *_check_logo(storage, style)]
        files = sum(len(projects[ProjectName(name)]) for name in names if name != SHARED)
    else:  # it is not known what each page shows, but which pages there are
        keys = [key for name in names for key in records[name].keys]
        findings, files = _check_keys(context, listed, keys), 0
        if style is None:
            findings.append(finding("page-behind:list", str(context.target.place)))
        else:
            findings.append(finding("page-missing:list" if packages is None else "page-edited:list", PACKAGES_KEY))
    return InspectedList(projects=len(names) - (SHARED in names), files=files, findings=tuple(findings))


def _listed_projects(
    packages: bytes, style: Style, records: Mapping[str, ProjectRecord]
) -> dict[ProjectName, list[Entry]] | None:
    """Read the list as the last run kept it; None unless it is the one that the pages were made from."""
    reader = ListReader(packages_url=style.packages_url, of_json=True)
    reader.read(numbered(packages.decode("utf-8", "replace")))
    projects = grouped(reader.entries)
    shown = {str(name): lines_digest(style, entries) for name, entries in projects.items()}
    return projects if shown == {name: each.shown for name, each in records.items() if name != SHARED} else None


def _pages(
    style: Style, projects: Mapping[ProjectName, Sequence[Entry]], wanted: Sequence[ProjectName]
) -> Iterator[Page]:
    rendered, shown = [], []
    for name in wanted or projects:
        viewed = viewed_project(name, projects[name])
        one = render_project(style, viewed, projects[name])
        yield from one.pages
        rendered.append(one._replace(pages=()))
        shown.append(catalogue_entry(viewed))
    if not wanted:
        yield from shared_pages(style, rendered, rebuilt(Catalogue(), shown))


def _check_pages(
    context: Context, listed: Mapping[Key, ListEntry] | None, pages: Iterable[Page], *, deep: bool
) -> Iterator[Finding]:
    check = partial(_check_page, context.target.storage, listed, deep=deep)
    for batch in batches(pages):
        yield from chain.from_iterable(context.workers.map(partial(check, page) for page in batch))


def _check_page(
    storage: Storage, listed: Mapping[Key, ListEntry] | None, page: Page, *, deep: bool
) -> Sequence[Finding]:
    if listed is None:
        body = read_body(storage, page.key)
    else:
        body = read_page(storage, page.key, listed.get(page.key), page.body)
    if body != page.body:
        return [finding("page-missing:list" if body is None else "page-edited:list", page.key)]
    return inspect_page_headers(storage, page.key, page.headers, kind="headers-wrong:list") if deep else []


def _check_keys(context: Context, listed: Mapping[Key, ListEntry] | None, keys: Sequence[Key]) -> list[Finding]:
    storage = context.target.storage
    if listed is None:
        found = context.workers.map(partial(storage.stat, key) for key in keys)
        keys = [key for key, info in zip(keys, found, strict=True) if info is None]
    return [finding("page-missing:list", key) for key in keys if listed is None or key not in listed]


def _check_logo(storage: Storage, style: Style) -> list[Finding]:
    if style.logo is None or "://" in style.logo:
        return []
    body = read_body(storage, Key(style.logo))
    try:
        whole = body is not None and read_logo(body).path == style.logo
    except InvalidLogo:
        whole = False
    return [] if whole else [finding("page-missing:list" if body is None else "page-edited:list", style.logo)]
