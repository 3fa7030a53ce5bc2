"""The revisions that a run has seen: they show when a manifest went back, as after a backup was restored.

Revisions only rise. So a manifest that is lower than a page or one that was read before, or lacks what this run
committed, was put there by a person, and whatever is built on it would lose releases.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bucketwheel.errors import BucketwheelError, Problem, Unfinished, WentBack
from bucketwheel.format.layout import PageMark
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName, Sha256

__all__ = ["Seen", "Sightings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a run knew about one project at one moment."""

    pages: Mapping[int, frozenset[Sha256]] = field(default_factory=dict)
    """The revisions that pages showed, with the digests of their manifests as far as the pages have them."""
    manifests: Mapping[int, Sha256] = field(default_factory=dict)
    """The revisions that the run read or committed."""
    released: Mapping[str, Sha256] = field(default_factory=dict)
    """The files that the run released: each stays in the manifest, or is deleted."""
    deleted: frozenset[str] = frozenset()
    dead_keys: frozenset[str] = frozenset()

    def contradiction(self, manifest: Manifest, sha256: Sha256 | None) -> str | None:
        """Say why a manifest, `sha256` as it is stored, cannot follow what was seen; None: it can."""
        highest = max((*self.pages, *self.manifests), default=0)
        if sha256 is None and highest:
            return "has a bucketwheel page but no manifest" if self.pages else "has no manifest any more"
        if sha256 is None:
            return None
        if manifest.revision < highest:
            return f"has a manifest that went back from revision {highest} to {manifest.revision}"
        if manifest.unknown:
            return None  # only a newer bucketwheel can judge it, and no other changes it
        known = self.manifests.get(manifest.revision, sha256)
        shown = self.pages.get(manifest.revision, frozenset())
        mixed = any(self.pages.get(number, frozenset()) - {digest} for number, digest in self.manifests.items())
        if known != sha256 or shown - {sha256} or mixed:
            return f"has two different revisions {manifest.revision}, one of them on a page or seen by this run"
        return "has a manifest that lacks what this run committed" if self._lacks_ours(manifest) else None

    def _lacks_ours(self, manifest: Manifest) -> bool:
        deleted = {file.filename for file in manifest.deleted}
        named = {file.filename: file.sha256 for file in (*manifest.files, *manifest.missing)}
        return (
            any(name not in deleted and named.get(name) != sha256 for name, sha256 in self.released.items())
            or not self.deleted <= deleted
            or not self.dead_keys <= set(manifest.dead_keys)
        )


class Sightings:
    """What one run has seen of each project; its threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[ProjectName, Seen] = defaultdict(Seen)
        self._swap_sent = False

    def of(self, project: ProjectName) -> Seen:
        """Return what was seen so far: ask before a manifest is read, since a later sight may be newer than it."""
        with self._lock:
            return self._seen[project]

    def saw_page(self, project: ProjectName, mark: PageMark) -> None:
        """Remember a page of ours."""
        with self._lock:
            seen = self._seen[project]
            digests = seen.pages.get(mark.revision, frozenset())
            if mark.manifest is not None:
                digests |= {mark.manifest}
            self._seen[project] = replace(seen, pages={**seen.pages, mark.revision: digests})

    def read_manifest(self, project: ProjectName, revision: int, sha256: Sha256) -> None:
        """Remember a manifest that nothing contradicts."""
        with self._lock:
            seen = self._seen[project]
            self._seen[project] = replace(seen, manifests={**seen.manifests, revision: sha256})

    def sends_swap(self) -> None:
        """Remember that a manifest may be changed by this run from now on."""
        self._swap_sent = True

    def committed(
        self, before: Manifest, after: Manifest, run_id: str | None, *, revision: int, sha256: Sha256
    ) -> None:
        """Remember our change of a manifest, and the revision that has it: ours, or a later one that was read back."""
        deleted = {file.filename for file in after.deleted} - {file.filename for file in before.deleted}
        released = {file.filename: file.sha256 for file in after.files if run_id is not None and file.by == run_id}
        with self._lock:
            seen = self._seen[after.project]
            self._seen[after.project] = replace(
                seen,
                manifests={**seen.manifests, revision: sha256},
                released={**seen.released, **released},
                deleted=seen.deleted | deleted,
                dead_keys=seen.dead_keys | (set(after.dead_keys) - set(before.dead_keys)),
            )

    def error(self, project: ProjectName, what: str) -> BucketwheelError:
        """Return the error for a manifest that went back; after a swap of ours it is not known what became of that."""
        problem = Problem(
            subject=project,
            what=f"{what}: a backup was restored, or something was copied over it or removed",
            remedy=f"run `bucketwheel reindex {project} --adopt`, which makes it from the pages and the files",
        )
        return Unfinished(str(problem)) if self._swap_sent else WentBack(problem)
