"""Publish distributions from disk: collect → validate → release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from bucketwheel.config.resolution import Settings
from bucketwheel.distributions.find import collect
from bucketwheel.events import Report, Stage, Warned, ignore
from bucketwheel.names import ProjectName, Sha256, distribution_name
from bucketwheel.parallel import Workers
from bucketwheel.places import Place, S3Place
from bucketwheel.protocol.plan import Upload, upload_order
from bucketwheel.protocol.prepare import Preparation
from bucketwheel.protocol.reading import Reading
from bucketwheel.protocol.repository import Context, finishing, first_settings, open_target
from bucketwheel.storage import Key

if TYPE_CHECKING:
    from bucketwheel.protocol.release import Outcome

__all__ = ["Fate", "FilePublished", "Publication", "Sidecar", "publish"]

Fate: TypeAlias = Literal["published", "already-exists", "skipped"]
"""`skipped`: published with other bytes, which stay as they are."""

Sidecar: TypeAlias = Literal["signature", "attestations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePublished:
    """A file that was published, or with a dry run would be."""

    path: Path
    project: ProjectName
    version: str
    sha256: Sha256
    fate: Fate
    hidden: bool = False
    """Whether it exists and is on no page, so that installers do not find it."""
    gained: tuple[Sidecar, ...] = ()
    """What was added to a file that exists."""
    attested_by: tuple[str, ...] = ()
    """The publishers that its attestations name, such as `github:owner/repository`."""
    kept: tuple[Sidecar, ...] = ()
    """What was brought for a file that has it already; the published one stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The result of a publish; with `dry_run`, what it would be."""

    repository: Place
    index_url: str
    """The address to install from; ends in a slash."""
    created: bool
    """Whether the repository was new, or would be."""
    files: tuple[FilePublished, ...]
    pages: tuple[Key, ...]
    """The pages that a dry run says would change."""
    dry_run: bool
    at_bucket: bool = False
    """Whether the address is the bucket's own, which is private unless somebody opened it."""

    @property
    def nothing_new(self) -> bool:
        """Return whether every file was published already."""
        return all(file.fate != "published" for file in self.files)


def publish(paths: str | Path | Iterable[str | Path], settings: Settings, *, report: Report = ignore) -> Publication:
    """Publish the wheels and sdists among files, directories and patterns to the settings' repository.

    `paths` is one of them or several: `publish("dist", settings)`, `publish([wheel, sdist], settings)`.
    Raises Refused, Misconfigured, Unavailable or Damaged with nothing committed; Unfinished where something is or may
    be, and the same call again finishes it.
    """
    place = settings.require_repository()
    found = collect([Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)])
    with Workers(settings.jobs) as workers, Workers(settings.jobs) as validators:
        preparation = Preparation(found, settings, validators, report)
        preparation.refuse_early()
        report(Stage(doing="validating", count=len(found)))
        # Meanwhile large archives are read on.
        context = Context(
            target=open_target(settings, report), workers=workers, report=report, dry_run=settings.dry_run
        )
        reading = Reading.start(context, {distribution_name(file.path.name).project for file in found})
        # This takes about as long as the first answers, so it is loaded meanwhile.
        from bucketwheel.protocol.release import ReleaseRequest, new_run_id, release  # noqa: PLC0415

        uploads = preparation.uploads()
        request = ReleaseRequest(
            uploads=uploads,
            existing=settings.existing,
            run_id=new_run_id(settings.uploaded_by),
            now=datetime.now(UTC),
            first=None if settings.no_create else first_settings(place, settings.put_args),
        )
        with finishing(context.target, settings.connection, report):
            outcome = release(context, request, reading)
    _warn(outcome, report)
    return Publication(
        repository=place,
        index_url=outcome.repository.index_url,
        created=outcome.created,
        files=tuple(_file_published(upload, outcome) for upload in sorted(uploads, key=upload_order)),
        pages=outcome.pages,
        dry_run=settings.dry_run,
        at_bucket=isinstance(place, S3Place) and outcome.repository.settings.base_url is None,
    )


_NO_LINK = (
    "attestations are published, but pages cannot name them: PEP 740 wants a whole https address there; "
    "set it with `bucketwheel init --set base-url=https://...`"
)


def _warn(outcome: Outcome, report: Report) -> None:
    for plan in outcome.plans.values():
        for upload in plan.skipped:
            message = f"{upload.filename} already exists with other bytes; the published file was kept"
            report(Warned(message=message))
        named = (outcome.repository.settings.base_url or "").startswith("https://")
        if not named and any(upload.provenance for upload in (*plan.to_store, *plan.unchanged)):
            report(Warned(message=_NO_LINK))
    for message in outcome.hidden_warnings:
        report(Warned(message=message))


def _file_published(upload: Upload, outcome: Outcome) -> FilePublished:
    plan, gained = outcome.plans[upload.name.project], outcome.gained(upload)
    fate: Fate = "skipped" if upload in plan.skipped else "published" if upload in plan.to_upload else "already-exists"
    new: dict[Sidecar, bytes | None] = {}
    old: dict[Sidecar, bytes | None] = {}
    if gained is not None:
        new = {"signature": gained.signature, "attestations": gained.provenance}
    if fate == "already-exists":
        old = {"signature": upload.signature, "attestations": upload.provenance}
    return FilePublished(
        path=upload.content if isinstance(upload.content, Path) else Path(upload.filename),
        project=upload.name.project,
        version=str(upload.name.version),
        sha256=upload.sha256,
        fate=fate,
        hidden=outcome.hidden(upload),
        attested_by=upload.attested_by,
        gained=tuple(name for name, content in new.items() if content is not None),
        kept=tuple(name for name, content in old.items() if content is not None and new.get(name) is None),
    )
