"""What became of a swap whose answer was lost or a conflict."""

from __future__ import annotations

import pytest

from bucketwheel.format.manifest import DeletedFile, Manifest
from bucketwheel.names import ProjectName
from bucketwheel.protocol.commit import SwapOutcome, VersionedManifest, swap_outcome
from bucketwheel.storage import ObjectVersion


def manifest(revision: int, *runs: str) -> Manifest:
    """Return a manifest in which each of these runs left a name."""
    names = tuple(DeletedFile(filename=f"{run}.whl", version=None, sha256=None, by=run) for run in runs)
    return Manifest(project=ProjectName("demo"), revision=revision, deleted=names)


OLD, OURS, THEIRS = manifest(1), manifest(2, "ours"), manifest(2, "theirs")


@pytest.mark.parametrize(
    ("found", "version", "run_id", "outcome"),
    [
        (OLD, "as before", "ours", "unknown"),
        (OURS, "new", "ours", "applied"),
        (manifest(3, "ours", "theirs"), "new", "ours", "applied"),
        (THEIRS, "new", "ours", "lost"),
        (manifest(3, "theirs"), "new", "ours", "lost"),
        # Changes that leave no run id: the same state counts, and a later revision hides what came before it.
        (OLD, "as before", None, "unknown"),
        (OURS, "new", None, "applied"),
        (THEIRS, "new", None, "lost"),
        (manifest(3, "theirs"), "new", None, "unknown"),
        # Somebody wrote the old state again, under another version: what was conditional on the first one failed.
        (OLD, "new", "ours", "lost"),
        (OLD, "new", None, "lost"),
    ],
)
def test_the_outcome_is_read_off_what_is_found(
    found: Manifest, version: str, run_id: str | None, outcome: SwapOutcome
) -> None:
    """Ours is applied if it is there, lost if its condition can hold no more, and else unknown."""
    before = VersionedManifest(manifest=OLD, version=ObjectVersion("as before"))
    now = VersionedManifest(manifest=found, version=ObjectVersion(version))
    assert swap_outcome(before, OURS, now, run_id) == outcome
