"""Our own pages, read back: what they remember of a project whose manifest went back or is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from bucketwheel.format.layout import Layout, PageMark
from bucketwheel.format.listed_files import can_be_linked
from bucketwheel.format.manifest import Manifest, PublishedFile, Status
from bucketwheel.format.pages.mark import mark_of
from bucketwheel.format.parsed_names import parse_name
from bucketwheel.names import ProjectName, Sha256, is_sha256
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key

__all__ = ["OwnPage", "Remembered", "read_own_pages", "remember"]

_SITE: Final = "http://bucket.invalid/"
_STRICTEST: Final = ("quarantined", "archived", "deprecated", "active")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """A page of ours: the files that it lists, by name, as entries that a manifest can have."""

    mark: PageMark
    status: Status
    files: Mapping[str, PublishedFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A manifest as the newest pages have it, before anybody looked whether the objects are there."""

    manifest: Manifest
    """With the highest revision of pages and manifest."""
    before: Manifest
    """The manifest that went back; empty if it is lost."""
    doubtful: frozenset[str]
    """Files that the newest pages do not list: the present manifest has them, or an older page."""


def read_own_pages(
    repository: Repository, project: ProjectName, keys: Iterable[Key], *, run_id: str
) -> tuple[OwnPage, ...]:
    """Read the pages of ours at these keys; a file that only a damaged page could list is left out."""
    pages = []
    for key in keys:
        stored = repository.storage.read(key)
        mark = None if stored is None else mark_of(stored)
        if stored is not None and mark is not None:
            status, files = (_read_json if key.endswith(".json") else _read_html)(stored.body)
            entries = (_entry(file, key, project, repository.layout, run_id) for file in files)
            listed = {entry.filename: entry for entry in entries if entry is not None}
            pages.append(OwnPage(mark=mark, status=status, files=listed))
    return tuple(pages)


def remember(before: Manifest, pages: Sequence[OwnPage], *, highest: int) -> Remembered:
    """Return what the newest pages say; of two that disagree, only what both list. A deleted name stays deleted.

    `highest` is the highest revision that any page or view shows; without a page the manifest stays as it is.
    """
    if not pages:
        raised = replace(before, revision=max(before.revision, highest))
        return Remembered(manifest=raised, before=before, doubtful=frozenset())
    top = max(page.mark.revision for page in pages)
    newest = [page for page in pages if page.mark.revision == top]
    deleted = {file.filename for file in before.deleted}
    known = {file.filename: file for file in (*before.missing, *before.files)}
    entries = {
        name: _as_listed(file, known.get(name))
        for name, file in newest[0].files.items()
        if name not in deleted and all(_same(file, page.files.get(name)) for page in newest)
    }
    older = {name: file for page in pages for name, file in page.files.items() if name not in deleted}
    doubtful = {
        name: replace(file, hidden=True)
        for name, file in (older | {file.filename: file for file in before.files}).items()
        if name not in entries
    }
    entries |= doubtful
    return Remembered(
        manifest=replace(
            before,
            revision=max(before.revision, highest),
            status=min((page.status for page in newest), key=_strictness),
            files=tuple(entries.values()),
            missing=tuple(file for file in before.missing if file.filename not in entries),
        ),
        before=before,
        doubtful=frozenset(doubtful),
    )


def _as_listed(file: PublishedFile, known: PublishedFile | None) -> PublishedFile:
    """Return the entry for a listed file: what the manifest knows of the same bytes stays."""
    if known is None or known.sha256 != file.sha256:
        return file
    return replace(known, key=file.key, url=file.url, yanked=file.yanked, hidden=False)


def _same(file: PublishedFile, other: PublishedFile | None) -> bool:
    return other is not None and (file.sha256, file.key, file.url) == (other.sha256, other.key, other.url)


def _strictness(status: Status) -> int:
    return _STRICTEST.index(status.status)


# Read ----------------------------------------------------------------------------------------------------------------


def _entry(
    file: Mapping[str, Any], page: Key, project: ProjectName, layout: Layout, run_id: str
) -> PublishedFile | None:
    """Make an entry of what a page says about a file; None for what no page of ours says."""
    href = urlsplit(urljoin(_SITE + quote(page), str(file.get("href", ""))))
    key = Key(unquote(href.path).removeprefix("/"))
    inside, sha256 = href.netloc == urlsplit(_SITE).netloc, str(file.get("sha256", ""))
    filename = str(file.get("filename") or key.rpartition("/")[2])
    name, size = parse_name(filename, project), str(file.get("size", ""))
    wrong_key = inside and (not can_be_linked(key) or key.startswith("_bucketwheel/"))
    if name is None or wrong_key or not is_sha256(sha256) or not size.isdecimal() or "/" in filename:
        return None
    metadata = str(file.get("metadata") or "")
    return PublishedFile(
        filename=filename,
        version=name.version,
        sha256=Sha256(sha256),
        size=int(size),
        upload_time=str(file.get("upload-time", "")),
        by=run_id,
        key=key if inside and key != layout.usual_key(project, filename) else None,
        url=None if inside else href.geturl(),
        requires_python=file.get("requires-python"),
        metadata_sha256=Sha256(metadata) if is_sha256(metadata) else None,
        yanked=file.get("yanked"),
        gpg_sig=file.get("gpg-sig") in {True, "true"},
    )


_Files = tuple[Status, list[dict[str, Any]]]


def _read_json(body: bytes) -> _Files:
    try:
        page = json.loads(body)
        status = page["project-status"]
        return _status(status.get("status"), status.get("reason")), [
            {
                "filename": file["filename"],
                "href": file["url"],
                "sha256": file["hashes"]["sha256"],
                "size": file["size"],
                "upload-time": file["upload-time"],
                "requires-python": file.get("requires-python"),
                "metadata": file.get("core-metadata", {}).get("sha256"),
                "yanked": _yanked(file["yanked"]),
                "gpg-sig": file.get("gpg-sig"),
            }
            for file in page["files"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Status(), []  # somebody damaged it: it remembers nothing


def _yanked(value: object) -> str | None:
    return None if value is False else value if isinstance(value, str) else ""


def _read_html(body: bytes) -> _Files:
    reader = _Reader()
    reader.feed(body.decode("utf-8", "replace"))
    files = [
        {
            "filename": None,
            "href": anchor.get("href", "").partition("#")[0],
            "sha256": anchor.get("href", "").partition("#sha256=")[2],
            "size": anchor.get("data-size", ""),
            "upload-time": anchor.get("data-upload-time", ""),
            "requires-python": anchor.get("data-requires-python"),
            "metadata": anchor.get("data-core-metadata", "").removeprefix("sha256="),
            "yanked": anchor.get("data-yanked"),
            "gpg-sig": anchor.get("data-gpg-sig"),
        }
        for anchor in reader.anchors
    ]
    return _status(reader.meta.get("pypi:project-status"), reader.meta.get("pypi:project-status-reason")), files


def _status(status: object, reason: object) -> Status:
    if status not in _STRICTEST:
        return Status()
    return Status(status=str(status), reason=reason if isinstance(reason, str) else None)


class _Reader(HTMLParser):
    """The anchors of a page, and what its head says."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str]] = []
        self.meta: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.anchors.append(values)
        elif tag == "meta":
            self.meta.setdefault(values.get("name", ""), values.get("content", ""))
