"""The selection of what to fetch: one project's distributions by their names, several offers of one file reconciled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from packaging.utils import canonicalize_name
from packaging.version import Version

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import (
    DISTRIBUTION_ENDINGS,
    DistributionName,
    InvalidName,
    ProjectName,
    Sha256,
    distribution_name,
)

__all__ = ["Offer", "Read", "Selection", "Wanted", "contradiction", "is_archive_name", "reconcile", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The file names of a page or listing that are a project's distributions."""

    names: Mapping[str, DistributionName]
    """By file name, of the version asked for, or of all."""
    versions: frozenset[Version]
    """All versions of the project that were seen."""
    misnamed: Mapping[str, str]
    """Names that mention the project and that no distribution can have, and why; they are never cleaned to fit."""


def is_archive_name(filename: str) -> bool:
    """Return whether a file's name ends like a distribution's."""
    return filename.lower().endswith(DISTRIBUTION_ENDINGS)


def select(filenames: Iterable[str], project: ProjectName, version: Version | None) -> Selection:
    """Find a project's distributions among file names, as `packaging` reads them."""
    names: dict[str, DistributionName] = {}
    versions = set()
    misnamed: dict[str, str] = {}
    for filename in filenames:
        # Reading a name by all rules is slow; one that does not contain the project's cannot be its.
        if not is_archive_name(filename) or project not in canonicalize_name(filename):
            continue
        try:
            name = distribution_name(filename)
        except InvalidName as error:
            misnamed[filename] = str(error)
            continue
        if name.project == project:
            versions.add(name.version)
            if version in {None, name.version}:
                names[filename] = name
    return Selection(names=names, versions=frozenset(versions), misnamed=misnamed)


Read: TypeAlias = Callable[[int], bytes]
"""Returns up to so many bytes, none at the end; raises a BucketwheelError where they stop arriving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A distribution that a source lists, and how to read it."""

    name: DistributionName
    size: int | None
    """The length in bytes, if the source states it."""
    sha256: Sha256 | None
    """The digest, if the source states one, or else of the bytes in a directory."""
    verified: bool
    """Whether the source states the digest: one of its own bytes alone proves nothing."""
    where: str
    """Its address, fit to be shown."""
    address: str = field(repr=False)
    """Its whole address, which may hold a secret: it tells two offers apart that are shown alike."""
    open: Callable[[Callable[[Read], Sha256]], Sha256] = field(compare=False, repr=False)
    """Calls the receiver with what reads the file from its beginning; after a fault that may pass, once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One distribution to fetch."""

    name: DistributionName
    offers: tuple[Offer, ...]
    """One that states a digest, then all that state none: only their bytes can tell whether they are the same file."""

    @property
    def sha256(self) -> Sha256 | None:
        """Return the digest, if any offer states one."""
        return self.offers[0].sha256

    @property
    def verified(self) -> bool:
        """Return whether any offer states a digest that was not made of its bytes here."""
        return self.offers[0].verified

    @property
    def size(self) -> int | None:
        """Return the length in bytes, if any offer states it."""
        return next((offer.size for offer in self.offers if offer.size is not None), None)


def reconcile(offers: Iterable[Offer]) -> list[Wanted]:
    """Group the offers of each distribution; raises Refused for one that is listed with two digests or lengths.

    Two spellings of one distribution are one, in the spelling of the first.
    """
    groups: dict[object, list[Offer]] = {}
    for offer in dict.fromkeys(offers):
        # Old releases have an sdist as .zip beside one as .tar.gz: two files, not two spellings.
        groups.setdefault((offer.name.identity, offer.name.filename.endswith(".zip")), []).append(offer)
    problems = [
        contradiction(group[0].name, ((offer.where, offer.sha256) for offer in group))
        for group in groups.values()
        if len({offer.sha256 for offer in group} - {None}) > 1 or len({offer.size for offer in group} - {None}) > 1
    ]
    if problems:
        raise Refused(*problems)
    return [_wanted(group) for group in groups.values()]


def _wanted(group: list[Offer]) -> Wanted:
    stated = sorted((offer for offer in group if offer.sha256 is not None), key=lambda offer: not offer.verified)
    unstated = [offer for offer in group if offer.sha256 is None]
    return Wanted(name=group[0].name, offers=(*stated[:1], *unstated))


def contradiction(name: DistributionName, found: Iterable[tuple[str, Sha256 | None]]) -> Problem:
    """Describe a distribution that is not the same file at each of these addresses."""
    places = ", ".join(f"{where} ({f'sha256 {digest}' if digest else 'of another length'})" for where, digest in found)
    return Problem(
        subject=name.filename,
        what=f"is not the same file everywhere: {places}",
        remedy="remove all but the right one, or name only the places that have it",
    )
