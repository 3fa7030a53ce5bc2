"""What each command answers, as lines and as a JSON document: keys in kebab-case, and absent rather than null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import bucketwheel
from bucketwheel.frontends import words
from bucketwheel.frontends.cli.running import Answer
from bucketwheel.repository_settings import RepositorySettings
from bucketwheel.verbs.initialise import Initialised
from bucketwheel.verbs.publish import Publication
from bucketwheel.verbs.reindex import Reindexed
from bucketwheel.verbs.withdraw import Withdrawal

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
    document: dict[str, object] = {
        "repository": str(initialised.repository),
        "index-url": initialised.index_url,
        "created": initialised.created,
        "pages-outdated": initialised.pages_outdated,
        "settings": _settings_table(initialised.settings),
    }
    if initialised.to_adopt:
        document["to-adopt"] = True
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


def _settings_table(settings: RepositorySettings) -> dict[str, object]:
    table = {field.name.replace("_", "-"): getattr(settings, field.name) for field in fields(settings)}
    return present(table | {"put-args": dict(settings.put_args) or None, "unknown": list(settings.unknown)})


def present(table: dict[str, object]) -> dict[str, object]:
    """Leave out what is None, false or empty: a reader asks for what it knows."""
    return {key: value for key, value in table.items() if value is not None and value is not False and value != []}
