"""Warehouse's JSON API: one document a project and one a version, with every key that PyPI's has.

What is not known is null as at PyPI, except where its readers break on null: `home_page` is then empty, `project_urls`
an empty object, and a file's `size` and upload times are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields

from bucketwheel.format.views.projects import (
    FOLDERS,
    NO_FACTS,
    CoreFacts,
    ReleaseView,
    ViewedFile,
    ViewedProject,
    from_folder,
    newest,
)
from bucketwheel.names import ProjectName

__all__ = ["WAREHOUSE_RENDERER", "render_project", "render_version"]

WAREHOUSE_RENDERER = 1
"""Increase this whenever the bytes of these documents change for the same project."""

_DOWNLOADS = {"last_day": -1, "last_month": -1, "last_week": -1}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_FACTS = tuple(field.name for field in fields(CoreFacts))


def render_project(viewed: ViewedProject, *, page: str | None = None) -> bytes:
    """Write `pypi/<project>/json`: the newest version and all releases. `page` is the URL of the page for people."""
    shown = newest(viewed.releases)
    files = {
        release.version: [_file(file, from_folder(file.url, viewed.project, FOLDERS)) for file in release.files]
        for release in viewed.releases
    }
    return _written(
        info=_info(viewed.project, shown, viewed.facts, page),
        last_serial=viewed.revision,
        ownership=_ownership(),
        releases=files,
        urls=[] if shown is None else files[shown.version],
        vulnerabilities=[],
    )


def render_version(
    project: ProjectName, release: ReleaseView, *, facts: CoreFacts = NO_FACTS, serial: int = 0, page: str | None = None
) -> bytes:
    """Write `pypi/<project>/<version>/json`, which names nothing outside of its version."""
    return _written(
        info=_info(project, release, facts, page),
        last_serial=serial,
        ownership=_ownership(),
        urls=[_file(file, from_folder(file.url, project, FOLDERS + 1)) for file in release.files],
        vulnerabilities=[],
    )


def _written(**document: object) -> bytes:
    return _ENCODER.encode(document).encode("utf-8", "replace")


def _ownership() -> dict[str, object]:
    return {"organization": None, "roles": []}


def _info(project: ProjectName, release: ReleaseView | None, facts: CoreFacts, page: str | None) -> dict[str, object]:
    known: dict[str, object] = {name: getattr(facts, name) for name in _FACTS}
    return dict(
        sorted(
            (
                known
                | {
                    "bugtrack_url": None,
                    "docs_url": None,
                    "downloads": _DOWNLOADS,
                    "name": project,
                    "package_url": page,
                    "project_url": page,
                    "project_urls": dict(facts.project_urls),
                    "release_url": page,
                    "requires_python": None if release is None else release.requires_python,
                    "version": None if release is None else release.version,
                    "yanked": release is not None and release.is_yanked,
                    "yanked_reason": None if release is None else release.yanked_reason,
                }
            ).items()
        )
    )


def _file(file: ViewedFile, url: str) -> dict[str, object]:
    table: dict[str, object] = {
        "comment_text": None,
        "core-metadata": dict(file.core_metadata) if isinstance(file.core_metadata, Mapping) else file.core_metadata,
        "digests": dict(file.hashes),
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": file.hashes.get("md5"),
        "packagetype": "bdist_wheel" if file.is_wheel else "sdist",
        "python_version": file.python_version,
        "requires_python": file.requires_python,
    }
    if file.size is not None:
        table["size"] = file.size
    if file.upload_time is not None:
        table["upload_time"] = file.upload_time[:19]
        second, _, fraction = file.upload_time.removesuffix("Z").partition(".")
        table["upload_time_iso_8601"] = f"{second}.{fraction:0<6}Z"
    table |= {"url": url, "yanked": file.yanked is not None, "yanked_reason": file.yanked or None}
    return table
