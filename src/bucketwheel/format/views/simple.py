"""The simple index of an index made from a list: PEP 503 and PEP 691, with any hash and without what nobody stated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape

from bucketwheel.format.views.projects import ViewedFile, ViewedProject, from_folder
from bucketwheel.names import ProjectName

__all__ = ["render_find_links", "render_html", "render_json", "render_root_html", "render_root_json"]

_API_VERSION, _WITHOUT_SIZES = "1.4", "1.0"


def render_html(viewed: ViewedProject) -> bytes:
    """Write a project's HTML page."""
    anchors = (_anchor(file, file.url) for release in viewed.releases for file in release.files)
    return _html(f"Links for {viewed.project}", anchors)


def render_json(viewed: ViewedProject) -> bytes:
    """Write a project's JSON page; of API 1.0 where a size is unknown, because from 1.1 on each file has one."""
    files = [file for release in viewed.releases for file in release.files]
    sized = all(file.size is not None for file in files)
    page: dict[str, object] = {"meta": {"api-version": _API_VERSION if sized else _WITHOUT_SIZES}}
    page["name"] = viewed.project
    if sized:
        page["versions"] = [release.version for release in viewed.releases]
    page["files"] = [_file(file, sized=sized) for file in files]
    return _json(page)


def render_root_html(projects: Iterable[ProjectName]) -> bytes:
    """Write the HTML page that lists all projects."""
    return _html("Simple index", (f'<a href="{name}/">{name}</a><br>\n' for name in sorted(projects)))


def render_root_json(projects: Iterable[ProjectName]) -> bytes:
    """Write the JSON page that lists all projects."""
    names = [{"name": name} for name in sorted(projects)]
    return _json({"meta": {"api-version": _API_VERSION}, "projects": names})


def render_find_links(projects: Iterable[ViewedProject]) -> bytes:
    """Write one page with all files, at the root: for `pip --find-links` and uv's flat format."""
    anchors = (
        _anchor(file, from_folder(file.url, viewed.project, 0))
        for viewed in projects
        for release in viewed.releases
        for file in release.files
    )
    return _html("All files", anchors)


def _html(title: str, anchors: Iterable[str]) -> bytes:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{_API_VERSION}">\n<title>{title}</title>\n'
        f"</head>\n<body>\n<h1>{title}</h1>\n{''.join(anchors)}</body>\n</html>\n"
    ).encode("utf-8", "replace")


def _anchor(file: ViewedFile, url: str) -> str:
    # One hash only: that is all that a fragment can carry.
    digest = next((f"#{name}={value}" for name, value in file.hashes.items()), "")
    return f'<a href="{escape(url)}{digest}"{_attributes(file)}>{escape(file.filename)}</a><br>\n'


def _attributes(file: ViewedFile) -> str:
    text = f' data-requires-python="{_escaped(file.requires_python)}"' if file.requires_python else ""
    if file.core_metadata:
        value = "true"
        if isinstance(file.core_metadata, Mapping):
            value = next(f"{name}={digest}" for name, digest in file.core_metadata.items())
        text += f' data-core-metadata="{value}" data-dist-info-metadata="{value}"'
    if file.yanked is not None:
        text += f' data-yanked="{_escaped(file.yanked)}"'
    if file.size is not None:
        text += f' data-size="{file.size}"'
    return text if file.upload_time is None else f'{text} data-upload-time="{file.upload_time}"'


_escaped = lru_cache(maxsize=1 << 10)(escape)
"""Files of one project mostly say the same."""


def _file(file: ViewedFile, *, sized: bool) -> dict[str, object]:
    table: dict[str, object] = {"filename": file.filename, "url": file.url, "hashes": dict(file.hashes)}
    if sized:
        table["size"] = file.size
    if file.upload_time is not None:
        table["upload-time"] = file.upload_time
    table["yanked"] = False if file.yanked is None else file.yanked or True
    if file.requires_python:
        table["requires-python"] = file.requires_python
    if file.core_metadata:
        known = dict(file.core_metadata) if isinstance(file.core_metadata, Mapping) else True
        table["core-metadata"] = table["dist-info-metadata"] = known
    return table


def _json(page: dict[str, object]) -> bytes:
    return (json.dumps(page, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")
