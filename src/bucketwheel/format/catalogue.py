"""The catalogue: a line a project and the newest releases, from which the pages of all projects together are made.

It is a view: `reindex` makes it again from the manifests. Its own swap orders the writers of those pages, as the swap
of a manifest orders those of a project's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import nlargest

from bucketwheel.errors import Damaged
from bucketwheel.format.documents import Document, DocumentInvalid, dump_document, load_document
from bucketwheel.format.views.feeds import Released, released
from bucketwheel.format.views.projects import ViewedProject, newest
from bucketwheel.names import InvalidName, ProjectName, printable, project_name
from bucketwheel.storage import Key

__all__ = [
    "CATALOGUE_KEY",
    "MOST_PROJECTS",
    "Catalogue",
    "CatalogueEntry",
    "CatalogueLine",
    "catalogue_entry",
    "decode_catalogue",
    "encode_catalogue",
    "merged_catalogues",
    "rebuilt",
    "with_entries",
]

CATALOGUE_KEY = Key("_bucketwheel/catalogue.json")

MOST_PROJECTS = 5000
"""Above this only `reindex` writes the catalogue: a release would have to send a megabyte and a half."""

_FORMAT = 1
_NEWEST = 200
_LINE_BYTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueLine:
    """What the pages of all projects together show of one project."""

    revision: int
    """Of the manifest that it was made from."""
    latest: str = ""
    """The newest version; empty where no file is to be seen, so that no page shows the project."""
    summary: str = ""
    """Cut so that the line takes 300 bytes at most."""
    first: str = ""
    """When the project's first file came, in PEP 700's form; it stays when that file is deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """A project's line, and its releases that may be among the newest of all."""

    project: ProjectName
    line: CatalogueLine
    releases: tuple[Released, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All projects at one revision; sorted, so that equal means byte-equal."""

    revision: int = 0
    lines: Mapping[ProjectName, CatalogueLine] = field(default_factory=dict)
    releases: tuple[Released, ...] = ()
    """The newest of all projects, the newest first; their summaries are those of the lines."""

    @property
    def shown(self) -> dict[ProjectName, CatalogueLine]:
        """The projects that pages show, by name."""
        return {project: line for project, line in self.lines.items() if line.latest}

    def at(self, revision: int) -> Catalogue:
        """Return the same at another revision."""
        return replace(self, revision=revision)


def catalogue_entry(viewed: ViewedProject) -> CatalogueEntry:
    """Return what the catalogue says of a project."""
    shown, releases = newest(viewed.releases), released(viewed)
    line = CatalogueLine(
        revision=viewed.revision,
        latest="" if shown is None else shown.version,
        summary=" ".join((viewed.facts.summary or "").split()),
        first=min((each.released for each in releases if each.released), default=""),
    )
    line = _fitting(viewed.project, line)
    return CatalogueEntry(project=viewed.project, line=line, releases=tuple(releases[:_NEWEST]))


def with_entries(catalogue: Catalogue, entries: Iterable[CatalogueEntry]) -> Catalogue:
    """Return the catalogue's next revision with these projects; itself if it shows them already.

    A line of a higher revision stays: its writer saw a later state of the project.
    """
    wanted = {entry.project: entry for entry in entries if _is_later(catalogue, entry)}
    if not wanted:
        return catalogue
    lines = {**catalogue.lines, **{project: _line(catalogue, entry) for project, entry in wanted.items()}}
    others = [each for each in catalogue.releases if each.project not in wanted]
    return _catalogue(
        catalogue.revision + 1, lines, [*others, *(one for each in wanted.values() for one in each.releases)]
    )


def _is_later(catalogue: Catalogue, entry: CatalogueEntry) -> bool:
    known = catalogue.lines.get(entry.project)
    return known is None or known.revision < entry.line.revision  # rule: a line of a higher revision stays


def _line(catalogue: Catalogue, entry: CatalogueEntry) -> CatalogueLine:
    """Return a project's line, which keeps when its first file came after that is deleted: the project is not new."""
    known = catalogue.lines.get(entry.project)
    first = min((line.first for line in (known, entry.line) if line is not None and line.first), default="")
    return replace(entry.line, first=first)


def rebuilt(found: Catalogue, entries: Iterable[CatalogueEntry], *, gone: Iterable[ProjectName] = ()) -> Catalogue:
    """Return the catalogue made again from all projects, without those that are gone; itself if nothing differs.

    A line of a higher revision stays, and so does a project of which nothing was asked: both came meanwhile.
    """
    newer = {
        entry.project: entry
        for entry in entries
        if entry.project not in found.lines or found.lines[entry.project].revision <= entry.line.revision
    }
    dropped = {*newer, *gone}
    lines = {project: line for project, line in found.lines.items() if project not in dropped}
    lines |= {project: _line(found, entry) for project, entry in newer.items()}
    others = [each for each in found.releases if each.project not in dropped]
    made = _catalogue(found.revision, lines, [*others, *(one for each in newer.values() for one in each.releases)])
    return found if made == found else _catalogue(found.revision + 1, made.lines, made.releases)


def merged_catalogues(catalogues: Iterable[Catalogue]) -> Catalogue:
    """Return one catalogue of all these, none of which has a project of another."""
    lines: dict[ProjectName, CatalogueLine] = {}
    releases: list[Released] = []
    for each in catalogues:
        lines.update(each.lines)
        releases.extend(each.releases)
    return _catalogue(0, lines, releases)


def _catalogue(revision: int, lines: Mapping[ProjectName, CatalogueLine], releases: Iterable[Released]) -> Catalogue:
    newest_first = nlargest(_NEWEST, releases, key=lambda each: each.order)
    kept = (
        Released(
            project=each.project, version=each.version, released=each.released, summary=lines[each.project].summary
        )
        for each in newest_first
    )
    return Catalogue(revision=revision, lines=dict(sorted(lines.items())), releases=tuple(kept))


# The document --------------------------------------------------------------------------------------------------------


def encode_catalogue(catalogue: Catalogue) -> bytes:
    """Write the catalogue."""
    return dump_document(
        {
            "format": _FORMAT,
            "revision": catalogue.revision,
            "projects": [_line_table(project, line) for project, line in catalogue.lines.items()],
            "releases": [
                {"project": each.project, "version": each.version, "released": each.released}
                for each in catalogue.releases
            ],
        }
    )


def _line_table(project: ProjectName, line: CatalogueLine) -> dict[str, object]:
    return {
        "name": project,
        "revision": line.revision,
        "latest": line.latest or None,
        "summary": line.summary or None,
        "first": line.first or None,
    }


def _fitting(project: ProjectName, line: CatalogueLine) -> CatalogueLine:
    """Cut a summary so that its line is small: every release of any project writes all lines."""
    while (excess := len(dump_document(_line_table(project, line))) - _LINE_BYTES) > 0 and line.summary:
        # A character may take several bytes, so this cuts too much at once, or not enough.
        cut = line.summary[: -max(2, excess // 4 + 1)].rstrip()
        line = CatalogueLine(revision=line.revision, latest=line.latest, first=line.first, summary=cut and f"{cut}…")
    return line


def decode_catalogue(body: bytes) -> Catalogue:
    """Read the catalogue; raises Damaged for anything that is not whole, or that a newer bucketwheel wrote."""
    unknown: list[str] = []
    try:
        return _read(load_document(body, unknown), unknown)
    except (DocumentInvalid, InvalidName) as error:
        raise Damaged(
            f"the catalogue {CATALOGUE_KEY} cannot be read ({error}); `bucketwheel reindex` of this or a newer version "
            "makes it again"
        ) from error


def _read(document: Document, unknown: list[str]) -> Catalogue:
    if document.number("format") != _FORMAT:
        raise DocumentInvalid("format is of a newer bucketwheel")
    revision = document.number("revision")
    lines = {
        _named(each.text("name")): CatalogueLine(
            revision=each.number("revision"),
            latest=each.optional_text("latest") or "",
            summary=each.optional_text("summary") or "",
            first=each.optional_text("first") or "",
        )
        for each in document.documents("projects")
    }
    releases = [
        Released(project=_named(each.text("project")), version=each.text("version"), released=each.text("released"))
        for each in document.documents("releases")
    ]
    document.finish()
    if unknown:
        raise DocumentInvalid(f"{unknown[0]} is of a newer bucketwheel")
    if stray := next((each.project for each in releases if each.project not in lines), None):
        raise DocumentInvalid(f"releases names {stray}, which has no line")
    return _catalogue(revision, lines, releases)


def _named(text: str) -> ProjectName:
    project = project_name(text)
    if project != text:
        raise DocumentInvalid(f"{printable(text)!r} is not the normal form of a project's name")
    return project
