"""What every release reads first: the settings of a place and the manifests of some projects.

A module of its own, so that a command can send these requests before it loads what works with their answers.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Self

from bucketwheel.names import ProjectName
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.repository import Context, Repository, read_settings

__all__ = ["Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings of a place and the manifests of some projects, while they are read."""

    _settings: Future[Repository | None]
    _manifests: Future[list[VersionedManifest]]

    @classmethod
    def start(cls, context: Context, projects: Collection[ProjectName]) -> Self:
        """Read the settings and every manifest in one wave: their keys are the same in every repository."""
        target, workers = context.target, context.workers
        settings = workers.start(partial(read_settings, target))
        manifests = [partial(read_manifest, target, project) for project in sorted(projects)]
        return cls(settings, workers.start(partial(workers.map_within, manifests)))

    def result(self) -> tuple[Repository | None, list[VersionedManifest]]:
        """Wait for all of it; the manifests are sorted by project."""
        manifests = self._manifests.result()
        return self._settings.result(), manifests
