"""From all that containers list to the artifacts of one project: names judged, several listings reconciled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from bucketwheel.names import (
    DISTRIBUTION_ENDINGS,
    DistributionName,
    InvalidName,
    ProjectName,
    Sha256,
    distribution_name,
)

__all__ = ["Artifact", "Contradiction", "Misnamed", "Selection", "Wanted", "is_archive_name", "reconcile", "select"]


class Named(Protocol):
    """Anything listed under a file name."""

    @property
    def filename(self) -> str:
        """The name as the container gives it, not judged yet."""


class Listed(Named, Protocol):
    """A file as a container lists it."""

    @property
    def sha256(self) -> Sha256 | None:
        """The digest, where the container vouches for one."""

    @property
    def size(self) -> int | None:
        """The length in bytes, where the container says it."""


_Named = TypeVar("_Named", bound=Named)
_Listed = TypeVar("_Listed", bound=Listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact(Generic[_Named]):
    """A listed file whose name is a distribution's of our project."""

    name: DistributionName
    listed: _Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Misnamed:
    """A listed file that mentions our project and that no distribution can be called; it is never renamed to fit."""

    filename: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection(Generic[_Named]):
    """What a container holds of one project."""

    artifacts: tuple[Artifact[_Named], ...]
    """Of the version asked for, or of all."""
    versions: frozenset[Version]
    """All versions of the project that were seen."""
    misnamed: tuple[Misnamed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Generic[_Listed]):
    """One distribution to fetch, wherever it is listed."""

    name: DistributionName
    sha256: Sha256 | None
    candidates: tuple[_Listed, ...]
    """Where to fetch it from: more than one only where a digest is missing, and only the bytes can tell them apart."""

    @property
    def size(self) -> int | None:
        """The length in bytes, where a container says it."""
        return next((candidate.size for candidate in self.candidates if candidate.size is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction(Generic[_Listed]):
    """One distribution that is listed with different digests or lengths."""

    name: DistributionName
    candidates: tuple[_Listed, ...]


def is_archive_name(filename: str) -> bool:
    """Whether a file ends as distributions do, whatever else it is called."""
    return filename.lower().endswith(DISTRIBUTION_ENDINGS)


def select(listed: Iterable[_Named], project: ProjectName, version: Version | None) -> Selection[_Named]:
    """Find a project's distributions among listed files, by `packaging`'s reading of their names."""
    artifacts, versions, misnamed = [], set(), []
    for entry in listed:
        # Reading a name by all rules is slow; one that does not contain the project's cannot be its.
        if not is_archive_name(entry.filename) or project not in canonicalize_name(entry.filename):
            continue
        try:
            name = distribution_name(entry.filename)
        except InvalidName as error:
            misnamed.append(Misnamed(filename=entry.filename, reason=str(error)))
            continue
        if name.project == project:
            versions.add(name.version)
            if version in {None, name.version}:
                artifacts.append(Artifact(name=name, listed=entry))
    return Selection(artifacts=tuple(artifacts), versions=frozenset(versions), misnamed=tuple(misnamed))


def reconcile(artifacts: Sequence[Artifact[_Listed]]) -> tuple[Wanted[_Listed] | Contradiction[_Listed], ...]:
    """Make one of what several containers list: two spellings of one distribution are one, in the first's spelling."""
    groups: dict[object, list[Artifact[_Listed]]] = {}
    for artifact in artifacts:
        # Old releases have an sdist as .zip beside one as .tar.gz: two files, not two spellings.
        groups.setdefault((artifact.name.identity, artifact.name.filename.endswith(".zip")), []).append(artifact)
    return tuple(_reconciled(group) for group in groups.values())


def _reconciled(group: Sequence[Artifact[_Listed]]) -> Wanted[_Listed] | Contradiction[_Listed]:
    name = group[0].name
    listed = tuple(dict.fromkeys(artifact.listed for artifact in group))
    digests = {entry.sha256 for entry in listed if entry.sha256 is not None}
    if len(digests) > 1 or len({entry.size for entry in listed if entry.size is not None}) > 1:
        return Contradiction(name=name, candidates=listed)
    vouched = tuple(entry for entry in listed if entry.sha256 is not None)
    return Wanted(
        name=name,
        sha256=next(iter(digests), None),
        candidates=vouched[:1] + tuple(entry for entry in listed if entry.sha256 is None),
    )
