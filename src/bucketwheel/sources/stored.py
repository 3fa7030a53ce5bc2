"""Containers that are a bucket, a prefix of one, or a directory: whatever lies below is found by listing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from packaging.version import Version

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import ProjectName, Sha256, shown
from bucketwheel.places import Place
from bucketwheel.sources.files import Readable
from bucketwheel.sources.offers import Holding, PageRead
from bucketwheel.sources.select import Artifact, select
from bucketwheel.storage import Key, Storage

__all__ = ["StoredContainer", "StoredOffer"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredContainer:
    """A place that is listed, pages or not: a flat pile and the tree of an index look alike."""

    place: Place
    storage: Storage

    def search(self, project: ProjectName, version: Version | None) -> Holding:
        """List the place; a file is what the last segment of its key says."""
        where = shown(str(self.place))
        offers = [
            StoredOffer(
                filename=entry.key.rpartition("/")[2],
                where=f"{where}/{shown(entry.key)}",
                size=entry.size,
                key=entry.key,
                storage=self.storage,
            )
            for entry in self.storage.list("")
        ]
        if not offers:
            remedy = "check its name, and whether the job that fills it has run"
            raise Refused(Problem(subject=where, what="holds nothing", remedy=remedy))
        selection = select(offers, project, version)
        return Holding(
            artifacts=tuple(Artifact(name=found.name, listed=found.listed) for found in selection.artifacts),
            pages=(PageRead(where=where, versions=selection.versions),),
            misnamed=selection.misnamed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOffer:
    """An object that a listing shows."""

    filename: str
    where: str
    size: int
    key: Key
    sha256: Sha256 | None = None
    storage: Storage = field(compare=False, repr=False)

    def vouched(self) -> StoredOffer:
        """Take the digest that the store keeps of it, where it does."""
        seen = self.storage.look(self.key)
        return self if seen is None else replace(self, sha256=seen.sha256)

    def hand_to(self, take: Callable[[Readable], _T]) -> _T:
        """Stream the object."""
        with self.storage.open(self.key) as body:
            return take(body)
