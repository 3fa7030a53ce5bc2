"""Names of distributions in every form that an index has carried, with the project and version that each stands for."""

from __future__ import annotations

import re
from contextlib import suppress
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

__all__ = ["ParsedName", "is_distribution", "parse_name"]

_ENDINGS = (*DISTRIBUTION_ENDINGS, *LEGACY_ENDINGS)
# These names continue after the version: with tags, a Python version or a platform.
_TAGGED = (".whl", ".egg", ".exe", ".msi", ".rpm", ".deb")
_VERSION = re.compile(r"v?[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedName:
    """The project and the version in a distribution's file name."""

    project: ProjectName
    version: str
    """In its normal spelling where PEP 440 can read it, else as written."""


def is_distribution(filename: str) -> bool:
    """Return whether a name ends as distributions do or did; the rest of the name is not checked."""
    return filename.endswith(_ENDINGS)


def parse_name(filename: str, folder: ProjectName | None) -> ParsedName | None:
    """Read a name as an installer does that finds it in this project's folder, or in no project's folder.

    Returns None for a name that cannot be a distribution of that project: no installer takes it for one.
    """
    if not is_distribution(filename) or not filename.isprintable() or "\\" in filename:
        return None
    with suppress(InvalidName):
        name = distribution_name(filename)
        if folder in {None, name.project}:
            return ParsedName(project=name.project, version=str(name.version))
    # Also `demo-1.0-1.tar.gz` in the folder of demo: without the folder it is version 1 of demo-1-0.
    return _parse_legacy_name(filename, folder)


def _parse_legacy_name(filename: str, folder: ProjectName | None) -> ParsedName | None:
    """Read a name that no new file may have; a file that has it already may stay."""
    ending = next(ending for ending in _ENDINGS if filename.endswith(ending))
    stem, tagged = filename.removesuffix(ending), ending in _TAGGED
    hyphens = [position for position, character in enumerate(stem) if character == "-"]
    for hyphen in hyphens if tagged else reversed(hyphens):
        version = stem[hyphen + 1 :].partition("-")[0] if tagged else stem[hyphen + 1 :]
        try:
            project = project_name(stem[:hyphen])
        except InvalidName:
            continue
        if folder in {None, project} and _VERSION.match(version):
            return ParsedName(project=project, version=_normal(version))
    return None


def _normal(version: str) -> str:
    try:
        return str(Version(version))
    except ValueError:  # not only InvalidVersion: Python refuses to read a number of thousands of digits
        return version
