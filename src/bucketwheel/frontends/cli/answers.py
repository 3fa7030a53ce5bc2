"""What each command answers, as lines and as a JSON document: keys in kebab-case, and absent rather than null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import bucketwheel
from bucketwheel.frontends import words
from bucketwheel.frontends.cli.running import Answer
from bucketwheel.manifest import PublishedFile
from bucketwheel.names import shown
from bucketwheel.repository_settings import RepositorySettings
from bucketwheel.verbs.initialise import Initialised
from bucketwheel.verbs.publish import Publication
from bucketwheel.verbs.reindex import Reindexed
from bucketwheel.verbs.show import ProjectShown, Shown
from bucketwheel.verbs.withdraw import Withdrawal

__all__ = [
    "fetched",
    "initialised",
    "published",
    "reindexed",
    "shown_project",
    "shown_repository",
    "unyanked",
    "yanked",
]


def published(publication: Publication) -> Answer:
    """Answer `publish`."""
    document: dict[str, object] = {
        "repository": str(publication.repository),
        "index-url": publication.index_url,
        "dry-run": publication.dry_run,
        "files": [
            {
                "path": str(file.path),
                "project": file.project,
                "version": file.version,
                "sha256": file.sha256,
                "fate": file.fate,
            }
            for file in publication.files
        ],
        "created": publication.created,
        "pages": list(publication.pages),
    }
    if not publication.dry_run:
        document["install"] = " ".join(words.install_lines(publication))
    return Answer(lines=words.publication_lines(publication), document=document)


def fetched(files: Sequence[bucketwheel.Fetched]) -> Answer:
    """Answer `fetch`."""
    table = [
        {
            "path": str(file.path),
            "project": file.name.project,
            "version": str(file.name.version),
            "sha256": file.sha256,
            "fresh": file.fresh,
        }
        for file in files
    ]
    return Answer(lines=words.fetched_lines(files), document={"files": table})


def initialised(initialised: Initialised) -> Answer:
    """Answer `init`."""
    document = {
        "repository": str(initialised.repository),
        "index-url": initialised.index_url,
        "created": initialised.created,
        "pages-outdated": initialised.pages_outdated,
        "settings": _settings_table(initialised.settings),
    }
    return Answer(lines=words.initialised_lines(initialised), document=document)


def reindexed(reindexed: Reindexed) -> Answer:
    """Answer `reindex`."""
    document = {
        "projects": reindexed.projects,
        "pages-behind": reindexed.pages_behind,
        "dry-run": reindexed.dry_run,
    }
    return Answer(lines=words.reindexed_lines(reindexed), document=document)


def yanked(withdrawal: Withdrawal) -> Answer:
    """Answer `yank`."""
    return Answer(lines=words.withdrawal_lines(withdrawal, "yank"), document=_withdrawal_table(withdrawal))


def unyanked(withdrawal: Withdrawal) -> Answer:
    """Answer `unyank`."""
    return Answer(lines=words.withdrawal_lines(withdrawal, "unyank"), document=_withdrawal_table(withdrawal))


def _withdrawal_table(withdrawal: Withdrawal) -> dict[str, object]:
    return {
        "project": withdrawal.project,
        "version": withdrawal.version,
        "changed": list(withdrawal.changed),
        "dry-run": withdrawal.dry_run,
    }


# Show ----------------------------------------------------------------------------------------------------------------


def shown_repository(repository: Shown) -> Answer:
    """Answer `show`: one line a project."""
    rows = [
        (project.project, shown((project.versions or ("-",))[-1]), *_counts(project), _status(project))
        for project in repository.projects
    ]
    table = _aligned([("PROJECT", "LATEST", "VERSIONS", "FILES", "STATUS"), *rows])
    lines = table if rows else (f"{shown(str(repository.repository))} is empty",)
    return Answer(lines=lines, document=_shown_table(repository))


def shown_project(repository: Shown) -> Answer:
    """Answer `show PROJECT`: one line a file."""
    files = [file for project in repository.projects for file in project.files]
    rows = [
        (
            shown(file.version),
            shown(file.filename),
            words.size_words(file.size),
            file.upload_time[: len("2026-01-01")],
            shown(file.requires_python or "-"),
            _remark(file),
        )
        for file in files
    ]
    lines = _aligned([("VERSION", "FILE", "SIZE", "UPLOADED", "PYTHON", ""), *rows])
    return Answer(lines=lines, document=_shown_table(repository))


def _counts(project: ProjectShown) -> tuple[str, str]:
    return str(len(project.versions)), str(len(project.files))


def _status(project: ProjectShown) -> str:
    reason = f": {shown(project.status.reason)}" if project.status.reason else ""
    return f"{project.status.status}{reason}"


def _remark(file: PublishedFile) -> str:
    yanked = "" if file.yanked is None else f"yanked: {shown(file.yanked)}".rstrip(": ")
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
                "status": _present({"status": project.status.status, "reason": project.status.reason}),
                "versions": list(project.versions),
                "files": [_file_table(file) for file in project.files],
            }
            for project in repository.projects
        ],
    }


def _file_table(file: PublishedFile) -> dict[str, object]:
    """All that the manifest knows of a file, under the manifest's own keys."""
    table = {field.name.replace("_", "-"): getattr(file, field.name) for field in fields(file)}
    table["yanked"] = None if file.yanked is None else {"reason": file.yanked}
    table["seen"] = None if file.seen is None else {"etag": file.seen}
    return _present(table)


def _settings_table(settings: RepositorySettings) -> dict[str, object]:
    table = {field.name.replace("_", "-"): getattr(settings, field.name) for field in fields(settings)}
    return _present(table | {"put-args": dict(settings.put_args) or None, "unknown": list(settings.unknown)})


def _present(table: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if value is not None and value is not False and value != []}
