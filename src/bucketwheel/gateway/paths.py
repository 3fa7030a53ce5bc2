"""What the path of a request asks for: a page, a file, another spelling, or nothing that is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from bucketwheel.format.layout import Layout
from bucketwheel.names import InvalidName, ProjectName, project_name
from bucketwheel.storage import Key

__all__ = ["File", "Moved", "Page", "Target", "read_path"]

_LONGEST = 2048
# An escaped slash would be a segment of its own to some readers and not to others.
_HIDDEN_SLASH = re.compile(rb"%2f|%5c", re.IGNORECASE)
_NEVER_IN_A_KEY = frozenset('\\:*?"<>|')
_RECORDS = "_bucketwheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the index, in the form that the client prefers."""

    project: ProjectName | None
    """None: the root, which lists all projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An object that is passed on as it is: a distribution, a sidecar, a page by the name of its file."""

    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Another spelling of a page."""

    location: str
    """Relative to the path that was asked for."""


Target: TypeAlias = Page | File | Moved


def read_path(raw: bytes, layout: Layout) -> Target | None:
    """Return what a path asks for, as it came and still escaped; None: nothing that is shown."""
    segments = _segments(raw)
    if segments is None or _is_record(segments[0]):
        return None
    *folders, last = segments
    folder = "".join(f"{segment}/" for segment in folders)
    if not last and folder == layout.simple:
        return Page(project=None)
    if f"{folder}{last}/" == layout.simple:
        return Moved(location=f"{last}/")
    if not last and not folder.startswith(layout.simple):
        return File(key=Key(f"{folder}index.html"))  # a page for people
    parent, name = (folder, last) if last else ("".join(f"{segment}/" for segment in folders[:-1]), folders[-1])
    if parent == layout.simple and name not in {"index.html", "index.json"}:
        return _project(name, slash=not last)
    return File(key=Key(f"{folder}{last}")) if last else None


def _segments(raw: bytes) -> list[str] | None:
    """Split a path and decode its segments once; None for one that could mean two things, or that no key has."""
    if not raw.startswith(b"/") or len(raw) > _LONGEST or _HIDDEN_SLASH.search(raw):
        return None
    try:
        segments = [unquote_to_bytes(part).decode("utf-8") for part in raw[1:].split(b"/")]
    except UnicodeDecodeError:
        return None
    *folders, last = segments
    if not all(map(_is_shown, folders)) or not (_is_shown(last) or not last):
        return None
    return segments


def _is_shown(segment: str) -> bool:
    # With a dot begin `..`, and in a directory the lock and the files that are being written.
    return (
        bool(segment) and not segment.startswith(".") and segment.isprintable() and not _NEVER_IN_A_KEY & set(segment)
    )


def _is_record(first: str) -> bool:
    """Return whether a segment is the folder of our records, as any file system spells it (`_BUCKET~1` on Windows)."""
    return first.casefold().rstrip(". ") == _RECORDS or ("~" in first and first.startswith("_"))


def _project(name: str, *, slash: bool) -> Target | None:
    try:
        project = project_name(name)
    except InvalidName:
        return None
    if slash and project == name:
        return Page(project=project)
    return Moved(location=f"../{project}/" if slash else f"{project}/")
