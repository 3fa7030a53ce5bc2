"""What one container holds of one project, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from packaging.version import Version

from bucketwheel.names import ProjectName, Sha256
from bucketwheel.sources.files import Readable
from bucketwheel.sources.select import Artifact, Misnamed

__all__ = ["Container", "Holding", "Offer", "PageRead"]

_T = TypeVar("_T")


class Offer(Protocol):
    """A file that a container lists, and how to have its bytes."""

    @property
    def filename(self) -> str:
        """The name as the container gives it."""

    @property
    def sha256(self) -> Sha256 | None:
        """The digest, where the container vouches for one."""

    @property
    def size(self) -> int | None:
        """The length in bytes, where the container says it."""

    @property
    def where(self) -> str:
        """The file's address, fit to be shown."""

    def vouched(self) -> Self:
        """The same offer with what a look at the file itself can add to it."""

    def hand_to(self, take: Callable[[Readable], _T]) -> _T:
        """Give the bytes to `take`, from their beginning, and again from their beginning where they broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """A page or listing that was read, and which versions of the project it has."""

    where: str
    versions: frozenset[Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What was found in one container."""

    artifacts: tuple[Artifact[Offer], ...]
    pages: tuple[PageRead, ...]
    misnamed: tuple[Misnamed, ...]


class Container(Protocol):
    """A place that CI jobs leave their artifacts in."""

    def search(self, project: ProjectName, version: Version | None) -> Holding:
        """Find a project's files; raises Refused, Denied or Unavailable, also where nothing at all is listed."""
