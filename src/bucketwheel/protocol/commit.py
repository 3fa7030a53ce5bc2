"""The commit: swap a project's manifest for its next revision, and know for certain what became of it.

The manifest's swap is the commit. What stops before it leaves files that nobody links to; what stops after it leaves
pages that the next run repairs. Only this module, `refresh` and the proof of the store call `Storage.swap`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bucketwheel.errors import Damaged, OutcomeUnknown, Refused, Unavailable, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest, empty_manifest, encode_manifest
from bucketwheel.names import ProjectName
from bucketwheel.parallel import attempts
from bucketwheel.protocol.repository import Repository, Target
from bucketwheel.storage import NO_MARKS, ObjectVersion, SwapLost

__all__ = ["VersionedManifest", "commit", "read_manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedManifest:
    """A manifest as it was read, or as it was just committed."""

    manifest: Manifest
    version: ObjectVersion | None
    """None: there is no manifest yet."""

    @property
    def project(self) -> ProjectName:
        """Whose manifest it is."""
        return self.manifest.project


def read_manifest(site: Target, project: ProjectName) -> VersionedManifest:
    """Read a project's manifest."""
    stored = site.storage.read(manifest_key(project))
    if stored is None:
        return VersionedManifest(manifest=empty_manifest(project), version=None)
    return VersionedManifest(manifest=decode_manifest(stored.body, project), version=stored.version)


def commit(
    repository: Repository,
    truth: VersionedManifest,
    *,
    run_id: str | None,
    decide: Callable[[Manifest], Manifest | None],
) -> VersionedManifest:
    """Swap the manifest for what `decide` makes of it, anew for each state that it is found in.

    `decide` returns None where nothing is left to do, and raises Refused where it must not be done; `call` is None
    where the change leaves no trace of who made it. Returns the truth that holds our change. Raises Unfinished if a
    swap was sent and nobody can say what became of it.
    """
    doubtful = False
    try:
        for _ in attempts():
            after = decide(truth.manifest)
            if after is None:
                return truth
            version = _swap(repository, truth, after)
            if version is not None:
                return VersionedManifest(manifest=after, version=version)
            # Somebody else's commit, or our own whose answer was lost on the way: only the manifest itself can tell.
            before, truth = truth, _read_back(repository, truth)
            if truth.manifest == after or (run_id is not None and truth.manifest.names_run(run_id)):
                return truth
            # The swap may still arrive while the manifest is what it asks for. After that it has failed for good if
            # nothing names our run, or if its revision is somebody else's.
            hidden = run_id is None and (doubtful or truth.manifest.revision > after.revision)
            doubtful = hidden or truth.version == before.version
    except (Refused, Unavailable) as error:
        if not doubtful:
            raise
        raise _unknown(truth, error) from error
    raise Unfinished(f"{truth.project}: the store gives no clear answer to the commit; run the same command again")


def _swap(repository: Repository, truth: VersionedManifest, after: Manifest) -> ObjectVersion | None:
    kind = repository.layout.record()
    try:
        return repository.storage.swap(
            manifest_key(truth.project), encode_manifest(after), expected=truth.version, headers=kind, marks=NO_MARKS
        )
    except (SwapLost, OutcomeUnknown):
        return None


def _unknown(truth: VersionedManifest, error: Exception) -> Unfinished:
    return Unfinished(
        f"{truth.project}: the commit was sent, and whether it happened is not known ({error}); "
        "run the same command again, which finishes it or finds it done"
    )


def _read_back(repository: Repository, before: VersionedManifest) -> VersionedManifest:
    try:
        truth = read_manifest(repository.site, before.project)
    except Unavailable as error:
        raise _unknown(before, error) from error
    if truth.version is None and before.version is not None:
        raise Damaged(
            f"the manifest of {before.project} vanished while it was being changed, so nothing was written; "
            f"put back {manifest_key(before.project)} from a backup"
        )
    return truth
