"""Which of a project's files fit an interpreter, as installers choose: tags, Requires-Python, yanks, pre-releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.version import InvalidVersion, Version

from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import InvalidName, ProjectName, distribution_name

__all__ = ["Comparison", "Interpreter", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What decides which distributions an interpreter can take, and those that it has."""

    python: str
    """Its version, as `3.11.7`."""
    tags: frozenset[Tag]
    installed: Mapping[ProjectName, str] = field(default_factory=dict)
    """Versions by project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A project here and in an interpreter."""

    installed: str | None
    newest: str | None
    """The newest version that an installer would take; None: nothing fits."""
    upgrade: bool
    """Whether that is newer than what is installed."""


def compare(manifest: Manifest, interpreter: Interpreter) -> Comparison:
    """Compare what is installed with the newest version that fits.

    Pre-releases count if one is installed, or where nothing else fits (PEP 440).
    """
    installed = interpreter.installed.get(manifest.project)
    has = _version(installed or "")
    fitting = {version for file in manifest.visible if (version := _fitting(file, interpreter)) is not None}
    final = {version for version in fitting if not version.is_prerelease}
    chosen = fitting if has is not None and has.is_prerelease else final or fitting
    newest = max(chosen, default=None)
    return Comparison(
        installed=installed,
        newest=None if newest is None else str(newest),
        upgrade=newest is not None and has is not None and newest > has,
    )


def _fitting(file: PublishedFile, interpreter: Interpreter) -> Version | None:
    """The version of a file that an installer would take; None for one that it passes by."""
    if file.yanked is not None or not _takes(file.requires_python, interpreter.python):
        return None
    try:
        name = distribution_name(file.filename)
    except InvalidName:
        return None
    # An sdist fits whatever it says it needs: it is built there.
    return name.version if name.kind == "sdist" or _any(name.tags, interpreter.tags) else None


def _any(tags: Iterable[Tag], supported: frozenset[Tag]) -> bool:
    return not supported.isdisjoint(tags)


def _takes(requires_python: str | None, python: str) -> bool:
    try:
        return SpecifierSet(requires_python or "").contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # as pip has it


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
