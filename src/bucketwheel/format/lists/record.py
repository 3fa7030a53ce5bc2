"""What an index made from a list remembers of its last run: its settings, and the projects with their pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bucketwheel.errors import Damaged
from bucketwheel.format.documents import Document, DocumentInvalid, dump_document, load_document
from bucketwheel.format.layout import PAGE_STYLES, SETTINGS_KEY
from bucketwheel.format.lists.pages import Style
from bucketwheel.format.settings import FORMAT, LIST_KIND
from bucketwheel.names import Sha256
from bucketwheel.storage import Key

__all__ = [
    "PROJECTS_KEY",
    "SHARED",
    "ListSettings",
    "ProjectRecord",
    "decode_projects",
    "decode_settings",
    "encode",
    "encode_projects",
]

PROJECTS_KEY = Key("_bucketwheel/list.json")
SHARED = ""
"""The name of the record of the pages of all projects together."""

COUNTED = ("projects", "files", "passed-over", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """The settings of an index made from a list."""

    run: str
    """The id of the run that wrote them."""
    shown: Sha256 | None
    """The digest of list and options that all pages show; None while that run writes them."""
    counts: tuple[int, ...] = ()
    """How many projects, files, files passed over and lines skipped that list has."""
    style: Style | None = None
    generation: str | None = None
    """Of the program that wrote the pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRecord:
    """The pages of a project, and what they show."""

    shown: str
    """The digest of its lines and of the options; empty where its pages are being written."""
    keys: tuple[Key, ...]


def encode(settings: ListSettings) -> bytes:
    """Write the settings; other commands, and older ones, refuse their kind."""
    return dump_document(
        {
            "format": FORMAT,
            "kind": LIST_KIND,
            "run": settings.run,
            "shown": settings.shown,
            "counts": dict(zip(COUNTED, settings.counts, strict=False)) or None,
            "generation": settings.generation,
            "style": None if settings.style is None else _style_table(settings.style),
        }
    )


def _style_table(style: Style) -> dict[str, object]:
    return {
        "pages": style.pages,
        "packages-url": style.packages_url,
        "index-url": style.index_url,
        "base-url": style.base_url,
        "title": style.title,
        "logo": style.logo,
        "logo-width": style.logo_width,
        "versions": style.versions,
    }


def decode_settings(body: bytes) -> ListSettings | None:
    """Read the settings; None for those of a repository that is published to."""
    try:
        document = load_document(body, [])
        if document.text("kind") != LIST_KIND:
            return None
        form, run, shown = document.number("format"), document.text("run"), document.optional_text("shown")
        table = document.optional_document("counts")
        counts = () if table is None else tuple(table.number(name) for name in COUNTED)
        generation, looks = document.optional_text("generation"), document.optional_document("style")
        style = None if looks is None else _read_style(looks)
    except DocumentInvalid as error:
        raise _damaged(SETTINGS_KEY, error) from error
    if form != FORMAT:
        raise Damaged(f"{SETTINGS_KEY} is of a newer bucketwheel; upgrade bucketwheel")
    return ListSettings(
        run=run, shown=None if shown is None else Sha256(shown), counts=counts, style=style, generation=generation
    )


def _read_style(table: Document) -> Style:
    named = table.text("pages")
    pages = next((each for each in PAGE_STYLES if each == named), None)
    if pages is None:
        raise DocumentInvalid("style.pages is not a page style")
    return Style(
        pages=pages,
        packages_url=table.text("packages-url"),
        index_url=table.text("index-url"),
        base_url=table.optional_text("base-url"),
        title=table.text("title"),
        logo=table.optional_text("logo"),
        logo_width=table.number("logo-width"),
        versions=table.flag("versions"),
    )


def encode_projects(projects: Mapping[str, ProjectRecord]) -> bytes:
    """Write the records of projects, and that of all projects together."""
    tables = {name: {"shown": record.shown, "keys": list(record.keys)} for name, record in projects.items()}
    return dump_document({"format": FORMAT, "projects": tables})


def decode_projects(body: bytes) -> dict[str, ProjectRecord]:
    """Read the records of projects."""
    try:
        return dict(_read_records(load_document(body, [])))
    except DocumentInvalid as error:
        raise _damaged(PROJECTS_KEY, error) from error


def _read_records(document: Document) -> Iterator[tuple[str, ProjectRecord]]:
    projects = document.optional_document("projects")
    if projects is None:
        raise DocumentInvalid("projects is missing")
    for name in projects.names():
        table = projects.optional_document(name)
        if table is not None:
            keys = tuple(_page_key(key) for key in table.texts("keys"))
            yield name, ProjectRecord(shown=table.text("shown"), keys=keys)


def _page_key(key: str) -> Key:
    """Refuse a key that no page has: a run removes what the record names."""
    if key.startswith(("_bucketwheel/", "/")) or {".", ".."} & set(key.split("/")) or "\\" in key:
        raise DocumentInvalid("a key is not one of a page")
    return Key(key)


def _damaged(key: Key, error: Exception) -> Damaged:
    remedy = "remove it, and run the same command again" if key == PROJECTS_KEY else "write the index to an empty place"
    return Damaged(f"{key} cannot be read ({error}), so nothing was written; {remedy}")
