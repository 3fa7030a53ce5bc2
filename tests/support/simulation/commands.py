"""The commands that can run in a simulation, what the success of each promises and what may refuse it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from packaging.version import Version

from bucketwheel.commands.adopt import adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.commands.delete import FilesToDelete, delete_files
from bucketwheel.commands.prune import Expiry, KeepNewest, prune_projects
from bucketwheel.commands.prune_orphans import prune_orphans_of
from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.commands.status import change_status
from bucketwheel.commands.yank import YankChange, change_yank
from bucketwheel.errors import Problem, Refused
from bucketwheel.format.layout import SETTINGS_KEY, Layout
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.format.settings import RepositorySettings, decode_settings, encode_settings
from bucketwheel.names import ProjectName, distribution_name, sha256_of
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.plan import Existing, Upload
from bucketwheel.protocol.release import ReleaseRequest, release
from bucketwheel.protocol.repository import Context
from bucketwheel.storage import NO_MARKS, Key

__all__ = [
    "DEMO",
    "SETTINGS",
    "Adopt",
    "Command",
    "CopyFile",
    "Delete",
    "Deprecate",
    "MoveToAnotherStore",
    "Prune",
    "Publish",
    "Reindex",
    "RemoveOrphans",
    "Yank",
    "is_respelled",
]

DEMO = ProjectName("demo")
"""The project of every command that is about one project."""
SETTINGS = RepositorySettings(id="5e77" * 8)
_NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
_LATER = datetime(2126, 11, 21, tzinfo=UTC)


def is_respelled(filename: str, other: str) -> bool:
    """Say whether two different names are one distribution: `demo-1.0.tar.gz` and `demo-1.0.0.tar.gz`."""
    return filename != other and distribution_name(filename).identity == distribution_name(other).identity


class Command(ABC):
    """A command line; by default it is about one project, and refused where that does not exist."""

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Return the projects it is about; none means all."""
        return (DEMO,)

    def versions(self, project: ProjectName) -> frozenset[str]:
        """Return the versions that it names, whose documents are right after exit 0."""
        del project
        return frozenset()

    @abstractmethod
    def run(self, context: Context, run_id: str) -> object:
        """Run the real command; only a publish can be told its run id."""

    def shown_by(self, manifest: Manifest) -> bool:
        """Say whether a manifest shows what exit 0 promises."""
        del manifest
        return True

    def stopped_by(self, manifest: Manifest) -> bool:
        """Say whether a manifest is a reason to refuse the command."""
        return manifest.revision == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish(Command):
    """`bucketwheel publish`."""

    uploads: tuple[Upload, ...]
    existing: Existing = "same"
    first: RepositorySettings = SETTINGS

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Return the projects of its files."""
        return tuple(sorted({upload.name.project for upload in self.uploads}))

    @property
    def filenames(self) -> tuple[str, ...]:
        """Return the names of its files."""
        return tuple(upload.filename for upload in self.uploads)

    def versions(self, project: ProjectName) -> frozenset[str]:
        """Return the versions of its files."""
        return frozenset(str(upload.name.version) for upload in self.uploads if upload.name.project == project)

    def __str__(self) -> str:
        names = (f"{upload.filename} ({upload.sha256[:4]})" for upload in self.uploads)
        return f"publish {' '.join(names)} existing={self.existing} pages={self.first.pages}"

    def run(self, context: Context, run_id: str) -> object:
        """Release the files."""
        request = ReleaseRequest(
            uploads=self.uploads, existing=self.existing, run_id=run_id, now=_NOW, first=self.first
        )
        return release(context, request)

    def shown_by(self, manifest: Manifest) -> bool:
        """Look for every file with its bytes; with `--skip-existing` for its name."""
        released = {file.filename: file.sha256 for file in manifest.files}
        return all(
            name in released and (self.existing == "skip" or released[name] == sha256)
            for name, sha256 in self._files(manifest.project)
        )

    def stopped_by(self, manifest: Manifest) -> bool:
        """Look for a name that is deleted or has other bytes; with `--strict` for any that is released."""
        released = {file.filename: file.sha256 for file in manifest.files}
        missing = {file.filename: file.sha256 for file in manifest.missing}
        deleted = {file.filename for file in manifest.deleted}
        return any(
            name in deleted
            or missing.get(name, sha256) != sha256
            or (self.existing == "same" and released.get(name, sha256) != sha256)
            or (self.existing == "refuse" and name in released)
            for name, sha256 in self._files(manifest.project)
        ) or any(is_respelled(upload.filename, name) for upload in self.uploads for name in manifest.names)

    def _files(self, project: str) -> list[tuple[str, str]]:
        return [(upload.filename, upload.sha256) for upload in self.uploads if upload.name.project == project]


@dataclass(frozen=True, slots=True, kw_only=True)
class Yank(Command):
    """`bucketwheel yank`; without a reason `unyank`."""

    version: str
    reason: str | None = "broken"

    def versions(self, project: ProjectName) -> frozenset[str]:
        """Return the version."""
        del project
        return frozenset({self.version})

    def run(self, context: Context, run_id: str) -> object:
        """Yank."""
        del run_id
        return change_yank(context, DEMO, YankChange(yanked=self.reason, version=Version(self.version)))

    def shown_by(self, manifest: Manifest) -> bool:
        """Compare the yank of each file of the version."""
        return all(file.yanked == self.reason for file in manifest.files if file.version == self.version)

    def stopped_by(self, manifest: Manifest) -> bool:
        """Look whether the version is absent."""
        return all(file.version != self.version for file in manifest.files)


@dataclass(frozen=True, slots=True)
class Reindex(Command):
    """`bucketwheel reindex`."""

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Return none: it is about all projects."""
        return ()

    def run(self, context: Context, run_id: str) -> object:
        """Write the pages that are behind."""
        del run_id
        return reindex_projects(context, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Command):
    """`bucketwheel delete --now`."""

    filenames: tuple[str, ...]

    def run(self, context: Context, run_id: str) -> object:
        """Delete the files."""
        del run_id
        return delete_files(context, DEMO, FilesToDelete(filenames=self.filenames), at_once=True)

    def shown_by(self, manifest: Manifest) -> bool:
        """Look for each name among the deleted."""
        return set(self.filenames) <= {file.filename for file in manifest.deleted}

    def stopped_by(self, manifest: Manifest) -> bool:
        """Look for a name that was never used."""
        return not set(self.filenames) <= set(manifest.names)


@dataclass(frozen=True, slots=True)
class RemoveOrphans(Command):
    """`bucketwheel prune --orphans`, but it does not spare publishers at work: the protocol has to bear it."""

    def run(self, context: Context, run_id: str) -> object:
        """Remove the orphans."""
        del run_id
        return prune_orphans_of(context, [DEMO], before=_LATER)


@dataclass(frozen=True, slots=True)
class Prune(Command):
    """`bucketwheel prune --keep 1 --all-releases --yes`."""

    def run(self, context: Context, run_id: str) -> object:
        """Delete all but the newest release."""
        del run_id
        expiry = Expiry(retention=KeepNewest(count=1), now=_LATER, all_releases=True)
        return prune_projects(context, [DEMO], expiry)


@dataclass(frozen=True, slots=True)
class Deprecate(Command):
    """`bucketwheel status PROJECT deprecated`."""

    def run(self, context: Context, run_id: str) -> object:
        """Set the status."""
        del run_id
        return change_status(context, DEMO, Status(status="deprecated"))

    def shown_by(self, manifest: Manifest) -> bool:
        """Compare the status."""
        return manifest.status.status == "deprecated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt(Command):
    """`bucketwheel reindex --adopt` of all projects."""

    reread: bool = False

    def run(self, context: Context, run_id: str) -> object:
        """Adopt."""
        del run_id
        rules = AdoptRules(reread=self.reread, unmarked=not isinstance(context.target.place, DirectoryPlace))
        return adopt_projects(context, (), rules)

    def stopped_by(self, manifest: Manifest) -> bool:
        """Accept any manifest."""
        del manifest
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveToAnotherStore(Command):
    """A copy of all objects to another store, about which the settings say nothing."""

    def __str__(self) -> str:
        return "move to another store"

    def run(self, context: Context, run_id: str) -> object:
        """Let the settings tell of the store that the objects come from."""
        del run_id
        storage, stored = context.target.storage, context.target.storage.read(SETTINGS_KEY)
        assert stored is not None
        settings = decode_settings(stored.body)
        elsewhere = replace(settings, proofs={"aws": dict(*settings.proofs.values())})
        headers = settings.layout.record()
        storage.swap(SETTINGS_KEY, encode_settings(elsewhere), expected=stored.version, headers=headers, marks=NO_MARKS)
        raise Refused(Problem(subject="the objects", what="are in another store", remedy="use it"))

    def stopped_by(self, manifest: Manifest) -> bool:
        """Accept any reason: it always ends as a refusal."""
        del manifest
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFile(Command):
    """`aws s3 cp`: another tool puts a file at a free key; it promises nothing."""

    key: str
    body: bytes
    marks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"copy a file to {self.key}"

    def run(self, context: Context, run_id: str) -> object:
        """Add the file, with no marks but those that came with it from elsewhere."""
        del run_id
        headers = Layout().distribution()
        sha256 = sha256_of(self.body)
        context.target.storage.add(Key(self.key), self.body, sha256=sha256, headers=headers, marks=self.marks)
        raise Refused(Problem(subject=self.key, what="is not on any page", remedy="adopt it"))

    def stopped_by(self, manifest: Manifest) -> bool:
        """Accept any reason: it always ends as a refusal."""
        del manifest
        return True
