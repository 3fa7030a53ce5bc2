"""What an actor can be told to do who looks after an index: delete, remove what others left behind, adopt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bucketwheel.commands.adopt import adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.commands.delete import FilesToDelete, delete_files
from bucketwheel.commands.prune import Expiry, KeepNewest, prune_projects
from bucketwheel.commands.prune_orphans import prune_orphans_of
from bucketwheel.commands.status import change_status
from bucketwheel.errors import Problem, Refused
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.places import DirectoryPlace
from bucketwheel.protocol.repository import Context
from bucketwheel.storage import NO_MARKS, Key

__all__ = ["Adopt", "Delete", "Deprecate", "Prune", "PutThere", "RemoveOrphans", "Upkeep"]

_LATER = datetime(2126, 11, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """A command for one project that no manifest can keep from its work, and whose success shows elsewhere."""

    project: ProjectName

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """One."""
        return (self.project,)

    def shown_by(self, manifest: Manifest) -> bool:
        """By any."""
        return manifest.project == self.project

    def stopped_by(self, manifest: Manifest) -> bool:
        """By none."""
        return manifest.project != self.project


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Upkeep):
    """`bucketwheel delete --now`: some files, for ever."""

    filenames: tuple[str, ...]

    def run(self, context: Context, run_id: str) -> object:
        """Delete."""
        del run_id
        return delete_files(context, self.project, FilesToDelete(filenames=self.filenames), at_once=True)

    def shown_by(self, manifest: Manifest) -> bool:
        """Each of the names is dead."""
        return set(self.filenames) <= {file.filename for file in manifest.deleted}

    def stopped_by(self, manifest: Manifest) -> bool:
        """One of the names was never there."""
        return not set(self.filenames) <= set(manifest.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans(Upkeep):
    """`bucketwheel prune --orphans`, without the courtesy to publishers at work: they have to bear it."""

    def run(self, context: Context, run_id: str) -> object:
        """Remove them."""
        del run_id
        return prune_orphans_of(context, [self.project], before=_LATER)

    def stopped_by(self, manifest: Manifest) -> bool:
        """The project was not there, and nobody's uploads either."""
        return manifest.revision == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Upkeep):
    """`bucketwheel prune --keep 1 --all-releases --yes`: all but the newest go, for ever."""

    def run(self, context: Context, run_id: str) -> object:
        """Prune."""
        del run_id
        expiry = Expiry(retention=KeepNewest(count=1), now=_LATER, all_releases=True)
        return prune_projects(context, [self.project], expiry)

    def stopped_by(self, manifest: Manifest) -> bool:
        """There is no such project yet."""
        return manifest.revision == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecate(Upkeep):
    """`bucketwheel status PROJECT deprecated`."""

    def run(self, context: Context, run_id: str) -> object:
        """Set the status."""
        del run_id
        return change_status(context, self.project, Status(status="deprecated"))

    def shown_by(self, manifest: Manifest) -> bool:
        """Its status says so."""
        return manifest.status.status == "deprecated"

    def stopped_by(self, manifest: Manifest) -> bool:
        """There is no such project yet."""
        return manifest.revision == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt(Upkeep):
    """`bucketwheel reindex --adopt` of everything."""

    reread: bool = False

    def run(self, context: Context, run_id: str) -> object:
        """Adopt."""
        del run_id
        rules = AdoptRules(reread=self.reread, unmarked=not isinstance(context.target.place, DirectoryPlace))
        return adopt_projects(context, (), rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutThere(Upkeep):
    """`aws s3 cp`: another tool puts a file there, unless one lies there; it promises nothing."""

    key: str
    body: bytes

    def __str__(self) -> str:
        return f"put {self.key}"

    def run(self, context: Context, run_id: str) -> object:
        """Add the file, without any mark."""
        del run_id
        kind = Layout().distribution()
        context.target.storage.add(Key(self.key), self.body, sha256=sha256_of(self.body), headers=kind, marks=NO_MARKS)
        raise Refused(Problem(subject=self.key, what="is not on any page", remedy="adopt it"))

    def stopped_by(self, manifest: Manifest) -> bool:
        """Always."""
        return manifest.project == self.project
