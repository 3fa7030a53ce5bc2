"""The protocol of verbs that are not written yet, as short as the design has it: adopt's drop.

When a verb is there, its command takes the place of the one here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bucketwheel.commit import commit, read_truth
from bucketwheel.errors import Unavailable, Unfinished
from bucketwheel.manifest import Manifest, PublishedFile
from bucketwheel.parallel import Workers
from bucketwheel.refresh import refresh
from bucketwheel.repository import Repository, Site, open_to_read, open_to_write
from bucketwheel.storage import Key
from support.simulation.history import key_of
from support.simulation.upkeep_commands import Upkeep

__all__ = ["Adopt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt(Upkeep):
    """`bucketwheel reindex --adopt`, as far as it calls missing what a person removed."""

    def run(self, site: Site, call: str, workers: Workers) -> object:
        """Read the manifest, *then* list, *then* look at each difference; swap what was read, or start again."""
        del call
        repository = open_to_write(site, open_to_read(site))

        def decide(manifest: Manifest) -> Manifest | None:
            gone = _gone(repository, manifest)
            if not gone:
                return None
            return replace(
                manifest,
                revision=manifest.revision + 1,
                files=tuple(file for file in manifest.files if file not in gone),
                missing=(*manifest.missing, *gone),
            )

        commit(repository, read_truth(site, self.project), call=None, decide=decide)
        try:
            return refresh(repository, [self.project], workers)
        except Unavailable as error:
            raise Unfinished(f"it is committed, and pages are behind ({error}); run the same command again") from error


def _gone(repository: Repository, manifest: Manifest) -> list[PublishedFile]:
    """Entries whose objects are absent in the listing and in the look after it."""
    listed = {entry.key for entry in repository.storage.list(f"simple/{manifest.project}/")}
    return [
        file
        for file in manifest.files
        if key_of(manifest, file) not in listed and repository.storage.look(Key(key_of(manifest, file))) is None
    ]
