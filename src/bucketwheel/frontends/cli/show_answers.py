"""What `show` answers: tables for people, and all that the manifests know for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bucketwheel.commands.show import Comparison, ProjectShown, Shown
from bucketwheel.format.manifest import PublishedFile
from bucketwheel.frontends import text
from bucketwheel.frontends.cli.json import present
from bucketwheel.frontends.cli.run import Answer
from bucketwheel.names import printable

__all__ = ["compared", "shown_project", "shown_repository"]

_MINUTES = len("2026-01-01T12:00")


def shown_repository(repository: Shown) -> Answer:
    """Answer `show`: one line a project."""
    rows = [
        (
            project.project,
            printable(project.latest or "-"),
            str(len(project.versions)),
            str(len(project.files)),
            text.size_words(sum(file.size for file in project.files)),
            _moment(max((file.upload_time for file in project.files), default="-")),
            _status(project),
        )
        for project in repository.projects
    ]
    table = _aligned([("PROJECT", "LATEST", "VERSIONS", "FILES", "SIZE", "UPLOADED", "STATUS"), *rows])
    lines = table if rows else (f"{printable(str(repository.repository))} is empty",)
    return Answer(lines=lines, document=_shown_table(repository))


def shown_project(repository: Shown) -> Answer:
    """Answer `show PROJECT`: one line a file."""
    files = [file for project in repository.projects for file in project.files]
    rows = [
        (
            printable(file.version),
            printable(file.filename),
            text.size_words(file.size),
            _moment(file.upload_time),
            printable(file.requires_python or "-"),
            _remark(file),
        )
        for file in files
    ]
    lines = _aligned([("VERSION", "FILE", "SIZE", "UPLOADED", "PYTHON", ""), *rows])
    return Answer(lines=lines, document=_shown_table(repository))


def compared(repository: Shown) -> Answer:
    """Answer `show --installed`: one line a project."""
    rows = [
        (project.project, *_comparison(project.comparison))
        for project in repository.projects
        if project.comparison is not None
    ]
    table = _aligned([("PROJECT", "INSTALLED", "NEWEST THAT FITS", "UPGRADE"), *rows])
    lines = table if rows else (f"nothing in {printable(str(repository.repository))} is installed here",)
    return Answer(lines=lines, document=_shown_table(repository))


def _comparison(comparison: Comparison) -> tuple[str, str, str]:
    upgrade = "yes" if comparison.upgrade else "no"
    return printable(comparison.installed or "-"), comparison.newest or "-", upgrade


def _moment(upload_time: str) -> str:
    return upload_time[:_MINUTES].replace("T", " ")


def _status(project: ProjectShown) -> str:
    reason = f": {printable(project.status.reason)}" if project.status.reason else ""
    return f"{project.status.status}{reason}"


def _remark(file: PublishedFile) -> str:
    yanked = "" if file.yanked is None else f"yanked: {printable(file.yanked)}".rstrip(": ")
    return ", ".join(filter(None, [yanked, "hidden" if file.hidden else ""]))


def _aligned(rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Set rows in columns, the same on a terminal and in a file."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return tuple("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _shown_table(repository: Shown) -> dict[str, object]:
    return {
        "repository": str(repository.repository),
        "index-url": repository.index_url,
        "projects": [
            {
                "project": project.project,
                "status": present({"status": project.status.status, "reason": project.status.reason}),
                "versions": list(project.versions),
                "files": [_file_table(file) for file in project.files],
                **_comparison_table(project.comparison),
            }
            for project in repository.projects
        ],
    }


def _comparison_table(comparison: Comparison | None) -> dict[str, object]:
    if comparison is None:
        return {}
    told = present({"installed": comparison.installed, "newest": comparison.newest})
    return {**told, "upgrade": comparison.upgrade}


def _file_table(file: PublishedFile) -> dict[str, object]:
    """All that the manifest knows of a file, under the manifest's own keys."""
    table = {field.name.replace("_", "-"): getattr(file, field.name) for field in fields(file)}
    table["yanked"] = None if file.yanked is None else {"reason": file.yanked}
    table["seen"] = None if file.seen is None else {"etag": file.seen}
    return present(table)
