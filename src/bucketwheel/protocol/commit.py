"""The commit: swap a project's manifest for its next revision, and know for certain what became of it.

The swap of the manifest is the commit. A run that stops before it leaves files that no page links to; one that stops
after it leaves pages that the next run brings up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from bucketwheel.errors import Damaged, OutcomeUnknown, Refused, Unavailable, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest, empty_manifest, encode_manifest
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Patience
from bucketwheel.protocol.repository import Repository, Target, refuses_current
from bucketwheel.storage import NO_MARKS, ObjectVersion, SwapLost

__all__ = ["Committed", "Decide", "SwapOutcome", "VersionedManifest", "commit", "read_manifest", "swap_outcome"]

T = TypeVar("T")

Decide: TypeAlias = Callable[[Manifest], tuple[Manifest | None, T]]
"""Returns the next revision of a manifest, or None if nothing is left to do, and what was decided; raises Refused."""

SwapOutcome: TypeAlias = Literal["applied", "lost", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedManifest:
    """A manifest as it was read, or as it was just committed."""

    manifest: Manifest
    version: ObjectVersion | None
    """None: there is no manifest yet."""

    @property
    def project(self) -> ProjectName:
        """The project that it belongs to."""
        return self.manifest.project


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Generic[T]):
    """A manifest after a commit, with the decision that counted."""

    before: Manifest
    """As the command first read it."""
    now: VersionedManifest
    decision: T
    changed: bool
    """Whether our own swap made this revision; else nothing was left to do."""

    @property
    def project(self) -> ProjectName:
        """The project that it belongs to."""
        return self.now.project


def read_manifest(target: Target, project: ProjectName) -> VersionedManifest:
    """Read a project's manifest."""
    stored = target.storage.read(manifest_key(project))  # rule: only absent is absent
    if stored is None:
        return VersionedManifest(manifest=empty_manifest(project), version=None)
    return VersionedManifest(manifest=decode_manifest(stored.body, project), version=stored.version)


def commit(
    repository: Repository, read: VersionedManifest, decide: Decide[T], *, run_id: str | None = None
) -> Committed[T]:
    """Swap the manifest for what `decide` makes of it, and decide again for each state that it is found in.

    `run_id` is None where the change leaves no trace of who made it. Raises Unfinished if a swap was sent and its
    outcome cannot be known.
    """
    first, may_have_applied, patience = read.manifest, False, Patience()
    try:
        for _ in patience:
            with patience.thinking():
                after, decision = decide(read.manifest)
            if after is None:
                return Committed(before=first, now=read, decision=decision, changed=False)
            version = _swap(repository, read, after)
            if not isinstance(version, _NotConfirmed):
                now = VersionedManifest(manifest=after, version=version)
                return Committed(before=first, now=now, decision=decision, changed=True)
            if patience.ends_at(version.refused):
                raise refuses_current(repository.target, manifest_key(read.project))
            before, read = read, _read_back(repository, read)
            outcome = swap_outcome(before, after, read, run_id)  # rule: a lost answer is read back
            if outcome == "applied":
                return Committed(before=first, now=read, decision=decision, changed=True)
            # A refusal is an answer: nothing is on its way that could still be applied.
            unknown = outcome == "unknown" and not version.refused
            may_have_applied = unknown or (may_have_applied and (outcome == "unknown" or run_id is None))
    except (Refused, Unavailable) as error:
        if not may_have_applied:  # rule: a swap that may have applied is no refusal
            raise
        raise _unknown(read, error) from error
    if may_have_applied:
        raise Unfinished(
            f"{read.project}: the store did not confirm the commit; run the same command again to find out"
        )
    raise Unavailable(f"{read.project}: other runs committed first, again and again; run the same command again")


def swap_outcome(
    before: VersionedManifest, after: Manifest, found: VersionedManifest, run_id: str | None
) -> SwapOutcome:
    """Say what became of a swap from `before` to `after` whose answer was lost or a conflict, by what is found now.

    A conflict can be our own: the SDK sends a PUT again whose first answer was lost. A write that timed out can still
    land while the manifest has the version it expects. Once that changed, ours failed unless the manifest contains our
    run id. Without a run id a later revision hides whether ours came before it.
    """
    if found.manifest == after or (run_id is not None and found.manifest.names_run(run_id)):
        return "applied"
    if found.version == before.version or (run_id is None and found.manifest.revision > after.revision):
        return "unknown"
    return "lost"


@dataclass(frozen=True, slots=True)
class _NotConfirmed:
    refused: str


def _swap(repository: Repository, read: VersionedManifest, after: Manifest) -> ObjectVersion | _NotConfirmed:
    key, headers = manifest_key(read.project), repository.layout.record()
    try:
        return repository.storage.swap(
            key, encode_manifest(after), expected=read.version, headers=headers, marks=NO_MARKS
        )
    except SwapLost as lost:
        return _NotConfirmed(lost.refused)
    except OutcomeUnknown:
        return _NotConfirmed("")


def _read_back(repository: Repository, before: VersionedManifest) -> VersionedManifest:
    try:
        found = read_manifest(repository.target, before.project)  # rule: a conflict may be our own
    except Unavailable as error:
        raise _unknown(before, error) from error
    if found.version is None and before.version is not None:
        raise Damaged(
            f"the manifest of {before.project} was removed during the commit, so nothing was written; "
            f"restore {manifest_key(before.project)} from a backup"
        )
    return found


def _unknown(read: VersionedManifest, error: Exception) -> Unfinished:
    return Unfinished(
        f"{read.project}: bucketwheel cannot tell whether the commit happened: {error}; then run the same command again"
    )
