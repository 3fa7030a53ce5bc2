"""What a file's name and place say: whose distribution it is, of which version."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import Version

from bucketwheel.names import (
    DISTRIBUTION_ENDINGS,
    LEGACY_ENDINGS,
    InvalidName,
    ProjectName,
    distribution_name,
    project_name,
)

__all__ = ["Claim", "claim", "is_distribution"]

_ENDINGS = (*DISTRIBUTION_ENDINGS, *LEGACY_ENDINGS)
# The names of these go on after the version.
_TAGGED = (".whl", ".egg", ".exe", ".msi", ".rpm", ".deb")
_VERSION = re.compile(r"v?[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a distribution says it is, by its name."""

    project: ProjectName
    version: str
    """In its normal spelling where PEP 440 can read it, else as written."""


def is_distribution(filename: str) -> bool:
    """Whether a file ends as distributions do or did, whatever else it is called."""
    return filename.endswith(_ENDINGS)


def claim(filename: str, folder: ProjectName | None) -> Claim | None:
    """Read a name as an installer would that found it in this project's folder, or in no project's.

    None for what cannot be a distribution of that project: no installer takes it for one.
    """
    if not is_distribution(filename) or not filename.isprintable() or "\\" in filename:
        return None
    try:
        name = distribution_name(filename)
    except InvalidName:
        return _legacy_claim(filename, folder)
    if folder in {None, name.project}:
        return Claim(project=name.project, version=str(name.version))
    return _legacy_claim(
        filename, folder
    )  # `demo-1.0-1.tar.gz` is demo's in its folder, and its name alone cannot tell


def _legacy_claim(filename: str, folder: ProjectName | None) -> Claim | None:
    """Read a name that no new file could have; a file that has it may stay all the same."""
    ending = next(ending for ending in _ENDINGS if filename.endswith(ending))
    tagged = ending in _TAGGED
    for written, rest in _splits(filename.removesuffix(ending), last_first=not tagged):
        version = rest.partition("-")[0] if tagged else rest
        try:
            project = project_name(written)
        except InvalidName:
            continue
        if folder in {None, project} and _VERSION.match(version):
            return Claim(project=project, version=_normal(version))
    return None


def _normal(version: str) -> str:
    try:
        return str(Version(version))
    except ValueError:  # not only InvalidVersion: Python refuses to read a number of thousands of digits
        return version


def _splits(stem: str, *, last_first: bool) -> list[tuple[str, str]]:
    """Every way to take a name apart at a hyphen."""
    places = [position for position, character in enumerate(stem) if character == "-"]
    return [(stem[:at], stem[at + 1 :]) for at in (reversed(places) if last_first else places)]
