"""Everything that the manifests ever said, and who said it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bucketwheel.format.manifest import Manifest, PublishedFile, empty_manifest
from bucketwheel.names import ProjectName
from support.simulation.evidence import Link

__all__ = ["History", "Revision", "key_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A manifest as somebody wrote it."""

    author: str
    """The actor's call; a late request counts as its sender's."""
    manifest: Manifest
    entries: tuple[Link, ...]
    """What it says lies in the store."""
    visible: tuple[Link, ...]
    """What pages of this revision must link to, no more and no less."""

    @property
    def number(self) -> int:
        """The manifest's own."""
        return self.manifest.revision


@dataclass(slots=True)
class History:
    """The revisions of every project, in the order in which they took effect."""

    _revisions: dict[ProjectName, list[Revision]] = field(default_factory=lambda: defaultdict(list))

    def record(self, author: str, manifest: Manifest) -> None:
        """Take note of a commit."""
        self._revisions[manifest.project].append(_revision(author, manifest))

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Those that have a manifest."""
        return tuple(project for project, revisions in self._revisions.items() if revisions)

    def length(self, project: ProjectName) -> int:
        """How many commits there were so far: a moment in the project's life."""
        return len(self._revisions[project])

    def now(self, project: ProjectName) -> Revision:
        """What holds."""
        return self.since(project, self.length(project))[0]

    def at(self, project: ProjectName, number: int) -> Revision | None:
        """What held at a revision, if there was one."""
        return next((revision for revision in self._revisions[project] if revision.number == number), None)

    def since(self, project: ProjectName, moment: int) -> list[Revision]:
        """What held at a moment and all that came after, in order."""
        if moment == 0:
            return [_revision("", empty_manifest(project)), *self._revisions[project]]
        return self._revisions[project][moment - 1 :]


def key_of(manifest: Manifest, file: PublishedFile) -> str:
    """Where an entry's object lies."""
    return file.key or f"simple/{manifest.project}/{file.filename}"


def _revision(author: str, manifest: Manifest) -> Revision:
    return Revision(
        author=author,
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
