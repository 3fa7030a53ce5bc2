"""Show what a repository holds: projects, versions, files; reads only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import distributions

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, sys_tags
from packaging.version import InvalidVersion, Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Damaged, Refused
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile, Status
from bucketwheel.names import (
    InvalidName,
    ProjectName,
    distribution_name,
    named_project,
    not_there,
    project_name,
    same_version,
    version_order,
)
from bucketwheel.places import Place
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.repository import Context, Repository, list_projects, open_context, open_to_read

__all__ = ["Comparison", "Interpreter", "ProjectShown", "Shown", "compare", "show", "this_interpreter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python interpreter: what decides which distributions it can take, and those that it has."""

    python: str
    """The version, as `3.11.7`."""
    tags: frozenset[Tag]
    installed: Mapping[ProjectName, str] = field(default_factory=dict)
    """Versions by project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A project compared between an index and an interpreter."""

    installed: str | None
    newest: str | None
    """The newest version that an installer would take; None: nothing fits."""
    upgrade: bool
    """Whether that is newer than what is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectShown:
    """One project's releases."""

    project: ProjectName
    status: Status
    versions: tuple[str, ...]
    """Oldest first."""
    files: tuple[PublishedFile, ...]
    """Those of the version that was asked for, else all; oldest version first."""
    comparison: Comparison | None = None
    """With the interpreter that was asked about."""

    @property
    def latest(self) -> str | None:
        """Return the newest version that is not wholly yanked or hidden; None where all are."""
        offered = [file.version for file in self.files if file.yanked is None and not file.hidden]
        return offered[-1] if offered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The projects of a repository."""

    repository: Place
    index_url: str
    projects: tuple[ProjectShown, ...]
    unreadable: tuple[Damaged, ...] = ()
    """Why other projects are not shown, one error each."""


def show(
    settings: Settings,
    *,
    project: str | None = None,
    version: str | None = None,
    interpreter: Interpreter | None = None,
    report: Report = ignore,
) -> Shown:
    """Read the manifests of all projects, or of one; raises Refused for a project or version that does not exist.

    Of all projects, those whose manifests cannot be read are in `unreadable`; a named one raises Damaged. With an
    interpreter each project is compared with what is installed in it, and where none is named only installed ones are
    read.
    """
    with open_context(settings, report) as context:
        repository = open_to_read(context.target)
        names = _all_projects(repository, interpreter) if project is None else [named_project(project)]
        found = context.workers.map(partial(_read, context, name) for name in names)
    unreadable = tuple(each for each in found if isinstance(each, Damaged))
    if project is not None and unreadable:
        raise unreadable[0]
    projects = tuple(_project(each, version, interpreter) for each in found if isinstance(each, Manifest))
    emptied = version is None and any(isinstance(each, Manifest) and each.revision for each in found)
    if project is not None and not emptied and not any(each.files for each in projects):
        subject = project if version is None else f"{project}=={version}"
        raise Refused(not_there(subject, context.target.place))
    return Shown(
        repository=context.target.place, index_url=repository.index_url, projects=projects, unreadable=unreadable
    )


def _read(context: Context, project: ProjectName) -> Manifest | Damaged:
    try:
        return read_manifest(context.target, project).manifest
    except Damaged as error:
        return error


def this_interpreter() -> Interpreter:
    """Return the interpreter that runs this, with what is installed in it."""
    return Interpreter(
        python=".".join(map(str, sys.version_info[:3])),
        tags=frozenset(sys_tags()),
        installed=dict(_installed()),
    )


def _installed() -> Iterable[tuple[ProjectName, str]]:
    # Of two on sys.path the first is imported, so it must come last here.
    for distribution in reversed(list(distributions())):
        metadata = distribution.metadata
        with suppress(InvalidName):  # a broken installation
            if "Name" in metadata and "Version" in metadata:
                yield project_name(metadata["Name"]), metadata["Version"]


def _all_projects(repository: Repository, interpreter: Interpreter | None) -> list[ProjectName]:
    projects = list_projects(repository.storage)
    return [project for project in projects if interpreter is None or project in interpreter.installed]


def _project(manifest: Manifest, version: str | None, interpreter: Interpreter | None) -> ProjectShown:
    files = sorted(manifest.files, key=lambda file: (version_order(file.version), file.filename))
    return ProjectShown(
        project=manifest.project,
        status=manifest.status,
        versions=tuple(dict.fromkeys(file.version for file in files)),
        files=tuple(file for file in files if version is None or same_version(file.version, version)),
        comparison=None if interpreter is None else compare(manifest, interpreter),
    )


# Compare with an interpreter ------------------------------------------------------------------------------------------


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
    """Return the version of a file that an installer would take; None for one that it skips."""
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
