"""What each command answers, as lines and as a JSON document: keys in kebab-case, and absent rather than null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import bucketwheel
from bucketwheel.commands.init import Initialised
from bucketwheel.commands.publish import Publication
from bucketwheel.commands.reindex import Reindexed
from bucketwheel.commands.yank import Withdrawal
from bucketwheel.format.settings import RepositorySettings
from bucketwheel.frontends import text
from bucketwheel.frontends.cli.run import Answer

__all__ = [
    "fetched",
    "initialised",
    "present",
    "published",
    "reindexed",
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
        document["install"] = " ".join(text.install_lines(publication))
    return Answer(lines=text.publication_lines(publication), document=document)


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
    return Answer(lines=text.fetched_lines(files), document={"files": table})


def initialised(initialised: Initialised) -> Answer:
    """Answer `init`."""
    document: dict[str, object] = {
        "repository": str(initialised.repository),
        "index-url": initialised.index_url,
        "created": initialised.created,
        "pages-outdated": initialised.pages_outdated,
        "settings": _settings_table(initialised.settings),
    }
    if initialised.to_adopt:
        document["to-adopt"] = True
    return Answer(lines=text.initialised_lines(initialised), document=document)


def reindexed(reindexed: Reindexed) -> Answer:
    """Answer `reindex`."""
    document = {
        "projects": reindexed.projects,
        "pages-behind": reindexed.pages_behind,
        "dry-run": reindexed.dry_run,
    }
    return Answer(lines=text.reindexed_lines(reindexed), document=document)


def yanked(withdrawal: Withdrawal) -> Answer:
    """Answer `yank`."""
    return Answer(lines=text.withdrawal_lines(withdrawal, "yank"), document=_withdrawal_table(withdrawal))


def unyanked(withdrawal: Withdrawal) -> Answer:
    """Answer `unyank`."""
    return Answer(lines=text.withdrawal_lines(withdrawal, "unyank"), document=_withdrawal_table(withdrawal))


def _withdrawal_table(withdrawal: Withdrawal) -> dict[str, object]:
    return {
        "project": withdrawal.project,
        "version": withdrawal.version,
        "changed": list(withdrawal.changed),
        "dry-run": withdrawal.dry_run,
    }


def _settings_table(settings: RepositorySettings) -> dict[str, object]:
    table = {field.name.replace("_", "-"): getattr(settings, field.name) for field in fields(settings)}
    return present(table | {"put-args": dict(settings.put_args) or None, "unknown": list(settings.unknown)})


def present(table: dict[str, object]) -> dict[str, object]:
    """Leave out what is None, false or empty: a reader asks for what it knows."""
    return {key: value for key, value in table.items() if value is not None and value is not False and value != []}
