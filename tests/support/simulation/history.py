"""Everything that the manifests ever said, and who said it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bucketwheel.format.manifest import Manifest, PublishedFile, empty_manifest
from bucketwheel.names import ProjectName
from support.simulation.pages import Link

__all__ = ["PERSON", "History", "Revision", "key_of"]

PERSON = "a person"
"""The run that restored a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A manifest as a run committed it."""

    run_id: str
    """The run of the command; a late request counts as its sender's."""
    manifest: Manifest
    entries: tuple[Link, ...]
    """The objects that it names."""
    visible: tuple[Link, ...]
    """The links of a page of this revision, no more and no less."""

    @property
    def number(self) -> int:
        """Return the manifest's revision."""
        return self.manifest.revision


@dataclass(slots=True)
class History:
    """The revisions of every project, in the order in which they were committed."""

    _revisions: dict[ProjectName, list[Revision]] = field(default_factory=lambda: defaultdict(list))

    def record(self, run_id: str, manifest: Manifest) -> None:
        """Add a commit."""
        self._revisions[manifest.project].append(_revision(run_id, manifest))

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Return the projects that have a manifest."""
        return tuple(project for project, revisions in self._revisions.items() if revisions)

    def commits(self, project: ProjectName) -> int:
        """Count the commits so far: a moment in the project's life."""
        return len(self._revisions[project])

    def now(self, project: ProjectName) -> Revision:
        """Return the present revision."""
        return self.since(project, self.commits(project))[0]

    def at(self, project: ProjectName, number: int) -> list[Revision]:
        """Return the revisions with a number: after a restore there may be several."""
        return [revision for revision in self._revisions[project] if revision.number == number]

    def since(self, project: ProjectName, moment: int) -> list[Revision]:
        """Return the revision that was current at a moment and all later ones, in order."""
        if moment == 0:
            return [_revision("", empty_manifest(project)), *self._revisions[project]]
        return self._revisions[project][moment - 1 :]


def key_of(manifest: Manifest, file: PublishedFile) -> str:
    """Return the key of an entry's object."""
    return file.key or f"simple/{manifest.project}/{file.filename}"


def _revision(run_id: str, manifest: Manifest) -> Revision:
    return Revision(
        run_id=run_id,
        manifest=manifest,
        entries=tuple(_link(manifest, file) for file in manifest.files),
        visible=tuple(sorted(_link(manifest, file) for file in manifest.visible)),
    )


def _link(manifest: Manifest, file: PublishedFile) -> Link:
    return Link(
        key=key_of(manifest, file),
        sha256=file.sha256,
        size=file.size,
        metadata_sha256=file.metadata_sha256 or "",
        yanked=file.yanked or "",
        signed=file.gpg_sig,
    )
