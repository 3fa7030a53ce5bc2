"""The commit: swap a project's manifest for its next revision, and know for certain what became of it.

The swap of the manifest is the commit. A run that stops before it leaves files that no page links to; one that stops
after it leaves pages that the next run brings up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from bucketwheel.errors import OutcomeUnknown, Refused, Unavailable, Unfinished
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest, empty_manifest, encode_manifest
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.parallel import Patience
from bucketwheel.protocol.repository import Repository, Target, refuses_current
from bucketwheel.storage import NO_MARKS, ObjectVersion, SwapLost

__all__ = [
    "Committed",
    "Decide",
    "SwapOutcome",
    "VersionedManifest",
    "commit",
    "confirm",
    "fetch_manifest",
    "read_manifest",
    "swap_outcome",
]

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
    sha256: Sha256 | None = None
    """The digest of its bytes as they are stored; None likewise."""

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
    replaced: Manifest
    """The manifest that our swap replaced; without one the same as now."""

    @property
    def project(self) -> ProjectName:
        """The project that it belongs to."""
        return self.now.project


def read_manifest(target: Target, project: ProjectName) -> VersionedManifest:
    """Read a project's manifest; raises WentBack, or Unfinished after a swap of ours, if it is older than was seen."""
    seen = target.sightings.of(project)  # rule: what was seen before the manifest is read counts
    read = fetch_manifest(target, project)
    if what := seen.contradiction(read.manifest, read.sha256):  # rule: a manifest that went back is noticed
        raise target.sightings.error(project, what)
    if read.sha256 is not None:  # rule: a manifest that was read is remembered
        target.sightings.read_manifest(project, read.manifest.revision, read.sha256)
    return read


def confirm(target: Target, read: VersionedManifest) -> VersionedManifest:
    """Return a manifest that was read before or beside the looks at its pages; read it again where a page is newer."""
    if target.sightings.of(read.project).contradiction(read.manifest, read.sha256):  # rule: a newer page, a second read
        return read_manifest(target, read.project)
    return read


def fetch_manifest(target: Target, project: ProjectName) -> VersionedManifest:
    """Read a project's manifest, even one that went back."""
    stored = target.storage.read(manifest_key(project))  # rule: only absent is absent
    if stored is None:
        return VersionedManifest(manifest=empty_manifest(project), version=None)
    manifest = decode_manifest(stored.body, project)
    return VersionedManifest(manifest=manifest, version=stored.version, sha256=sha256_of(stored.body))


def commit(
    repository: Repository,
    read: VersionedManifest,
    decide: Decide[T],
    *,
    look: Callable[[ProjectName], None],
    run_id: str | None = None,
    read_again: Callable[[Target, ProjectName], VersionedManifest] = read_manifest,
) -> Committed[T]:
    """Swap the manifest for what `decide` makes of it, and decide again for each state that it is found in.

    After a lost swap `look` looks at the project's pages, *then* the manifest is read again. `run_id` is None where the
    change leaves no trace of who made it. Raises Unfinished if a swap was sent and its outcome cannot be known.
    """
    first, may_have_applied, patience = read.manifest, False, Patience()
    try:
        for _ in patience:
            with patience.thinking():
                after, decision = decide(read.manifest)
            if after is None:
                return Committed(before=first, now=read, decision=decision, changed=False, replaced=read.manifest)
            now = _swap(repository, read, after)
            if isinstance(now, VersionedManifest):
                _remember(repository, read, after, now, run_id)
                return Committed(before=first, now=now, decision=decision, changed=True, replaced=read.manifest)
            if patience.ends_at(now.refused):  # rule: a store that refuses the right version is given up
                raise refuses_current(repository.target, manifest_key(read.project))
            patience.give_way()
            before, read = read, _read_back(repository, read, look, read_again)
            # The entry of a file that gained a signature names the run that released it, not ours.
            traced = run_id if run_id is not None and after.names_run(run_id) else None
            outcome = swap_outcome(before, after, read, traced)  # rule: a lost answer is read back
            if outcome == "applied":
                _remember(repository, before, after, read, run_id)
                return Committed(before=first, now=read, decision=decision, changed=True, replaced=before.manifest)
            # A refusal is an answer: nothing is on its way that could still be applied.
            unknown = outcome == "unknown" and not now.refused
            may_have_applied = unknown or (may_have_applied and (outcome == "unknown" or traced is None))
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


def _swap(repository: Repository, read: VersionedManifest, after: Manifest) -> VersionedManifest | _NotConfirmed:
    key, headers, body = manifest_key(read.project), repository.layout.record(), encode_manifest(after)
    repository.target.sightings.sends_swap()
    try:
        version = repository.storage.swap(key, body, expected=read.version, headers=headers, marks=NO_MARKS)
    except SwapLost as lost:
        return _NotConfirmed(lost.refused)
    except OutcomeUnknown:
        return _NotConfirmed("")
    return VersionedManifest(manifest=after, version=version, sha256=sha256_of(body))


def _remember(
    repository: Repository, before: VersionedManifest, after: Manifest, now: VersionedManifest, run_id: str | None
) -> None:
    """Remember our commit, found in `now`: a manifest that is read later must have it."""
    if now.sha256 is not None:
        revision, sightings = now.manifest.revision, repository.target.sightings
        # rule: a commit is remembered
        sightings.committed(before.manifest, after, run_id, revision=revision, sha256=now.sha256)


def _read_back(
    repository: Repository,
    before: VersionedManifest,
    look: Callable[[ProjectName], None],
    read_again: Callable[[Target, ProjectName], VersionedManifest],
) -> VersionedManifest:
    target, project = repository.target, before.project
    try:
        look(project)  # rule: after a lost swap look at the pages first
        found = read_again(target, project)  # rule: a conflict may be our own
    except Unavailable as error:
        raise _unknown(before, error) from error
    if found.version is None and before.version is not None:
        raise target.sightings.error(project, "has no manifest any more")
    return found


def _unknown(read: VersionedManifest, error: Exception) -> Unfinished:
    return Unfinished(
        f"{read.project}: bucketwheel cannot tell whether the commit happened: {error}; then run the same command again"
    )
