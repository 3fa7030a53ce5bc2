"""What an actor can be told to do, with what its success must show and what may keep it from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from packaging.version import Version

from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.commands.yank import YankChange, change_yank
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.settings import RepositorySettings
from bucketwheel.names import ProjectName
from bucketwheel.protocol.plan import Existing, Upload
from bucketwheel.protocol.release import ReleaseRequest, release
from bucketwheel.protocol.repository import Context

__all__ = ["SETTINGS", "Command", "Publish", "Reindex", "Yank"]

_NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SETTINGS = RepositorySettings(id="5e77" * 8)


class Command(Protocol):
    """Something that a person would type."""

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Which projects it is about."""

    def run(self, context: Context, run_id: str) -> object:
        """Do it, as the named call; raises what the real command raises."""

    def shown_by(self, manifest: Manifest) -> bool:
        """Whether a manifest shows it done: what exit 0 promises."""

    def stopped_by(self, manifest: Manifest) -> bool:
        """Whether a manifest is a reason to refuse it: what a refusal must be able to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """`bucketwheel publish`."""

    uploads: tuple[Upload, ...]
    existing: Existing = "same"
    first: RepositorySettings = SETTINGS

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Those of its files."""
        return tuple(sorted({upload.name.project for upload in self.uploads}))

    @property
    def filenames(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(upload.filename for upload in self.uploads)

    def __str__(self) -> str:
        names = (f"{upload.filename} ({upload.sha256[:4]})" for upload in self.uploads)
        return f"publish {' '.join(names)} existing={self.existing} pages={self.first.pages}"

    def run(self, context: Context, run_id: str) -> object:
        """Release."""
        request = ReleaseRequest(
            uploads=self.uploads, existing=self.existing, run_id=run_id, now=_NOW, first=self.first
        )
        return release(context, request)

    def shown_by(self, manifest: Manifest) -> bool:
        """Every file is released with these bytes, or may have others by choice."""
        released = {file.filename: file.sha256 for file in manifest.files}
        return all(
            name in released and (self.existing == "skip" or released[name] == sha256)
            for name, sha256 in self._names(manifest.project)
        )

    def stopped_by(self, manifest: Manifest) -> bool:
        """A name is dead, or has other bytes; or is there at all, where that was to be refused."""
        released = {file.filename: file.sha256 for file in manifest.files}
        missing = {file.filename: file.sha256 for file in manifest.missing}
        dead = {file.filename for file in manifest.deleted}
        return any(
            name in dead
            or missing.get(name, sha256) != sha256
            or (self.existing == "same" and released.get(name, sha256) != sha256)
            or (self.existing == "refuse" and name in released)
            for name, sha256 in self._names(manifest.project)
        )

    def _names(self, project: str) -> list[tuple[str, str]]:
        return [(each.filename, each.sha256) for each in self.uploads if each.name.project == project]


@dataclass(frozen=True, slots=True, kw_only=True)
class Yank:
    """`bucketwheel yank`; without a reason `unyank`."""

    project: ProjectName
    version: str
    reason: str | None = "broken"

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def run(self, context: Context, run_id: str) -> object:
        """Yank; the real command names its call itself."""
        del run_id
        return change_yank(context, self.project, YankChange(yanked=self.reason, version=Version(self.version)))

    def shown_by(self, manifest: Manifest) -> bool:
        """Each file of the version is as it shall be."""
        return all(file.yanked == self.reason for file in manifest.files if file.version == self.version)

    def stopped_by(self, manifest: Manifest) -> bool:
        """There is no such version."""
        return all(file.version != self.version for file in manifest.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindex:
    """`bucketwheel reindex`."""

    projects: tuple[ProjectName, ...] = ()

    def run(self, context: Context, run_id: str) -> object:
        """Rebuild what is behind."""
        del run_id
        return reindex_projects(context, self.projects)

    def shown_by(self, manifest: Manifest) -> bool:
        """Whatever the manifest says is right."""
        del manifest
        return True

    def stopped_by(self, manifest: Manifest) -> bool:
        """A project that is named must be there."""
        return manifest.revision == 0
