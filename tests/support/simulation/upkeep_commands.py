"""What an actor can be told to do who looks after an index: delete, and remove what others left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bucketwheel.manifest import Manifest
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.repository import Site
from bucketwheel.verbs.delete import Choice, delete_at
from bucketwheel.verbs.prune_orphans import prune_orphans_at

__all__ = ["Delete", "RemoveOrphans", "Upkeep"]

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

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Delete."""
        del call
        choice = Choice(filenames=self.filenames)
        return delete_at(site, self.project, choice, at_once=True, dry_run=False, workers=workers)

    def shown_by(self, manifest: Manifest) -> bool:
        """Each of the names is dead."""
        return set(self.filenames) <= {file.filename for file in manifest.deleted}

    def stopped_by(self, manifest: Manifest) -> bool:
        """One of the names was never there."""
        return not set(self.filenames) <= set(manifest.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOrphans(Upkeep):
    """`bucketwheel prune --orphans`, without the courtesy to publishers at work: they have to bear it."""

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Remove them."""
        del call
        return prune_orphans_at(site, [self.project], before=_LATER, dry_run=False, workers=workers)

    def stopped_by(self, manifest: Manifest) -> bool:
        """The project was not there, and nobody's uploads either."""
        return manifest.revision == 0
