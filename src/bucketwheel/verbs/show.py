"""Show what a repository holds: projects, versions, files; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from packaging.version import InvalidVersion, Version

from bucketwheel.commit import read_truth
from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.events import Report, ignore
from bucketwheel.layout import MANIFESTS, project_of
from bucketwheel.manifest import Manifest, PublishedFile, Status
from bucketwheel.names import InvalidName, ProjectName, project_name, shown
from bucketwheel.parallel import Workers
from bucketwheel.places import Place
from bucketwheel.repository import Repository, open_site, open_to_read
from bucketwheel.settings import Settings

__all__ = ["ProjectShown", "Shown", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectShown:
    """One project's releases."""

    project: ProjectName
    status: Status
    versions: tuple[str, ...]
    """Oldest first."""
    files: tuple[PublishedFile, ...]
    """Those of the version that was asked for, else all; oldest version first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a repository holds."""

    repository: Place
    index_url: str
    projects: tuple[ProjectShown, ...]


def show(
    settings: Settings, *, project: str | None = None, version: str | None = None, report: Report = ignore
) -> Shown:
    """Read the manifests of all projects, or of one; raises Refused for a project or version that is not there."""
    repository = open_to_read(open_site(settings, report))
    with Workers(settings.jobs) as workers:
        names = _all_projects(repository) if project is None else [_judged(project)]
        truths = workers.run(partial(read_truth, repository.site, name) for name in names)
    shown_projects = tuple(_project(truth.manifest, version) for truth in truths)
    if project is not None and not any(shown_project.files for shown_project in shown_projects):
        raise Refused(
            Problem(
                subject=project if version is None else f"{project}=={version}",
                what=f"is not in {repository.site.place}",
                remedy="check the name; `bucketwheel show` lists what is there",
            )
        )
    return Shown(repository=repository.site.place, index_url=repository.index_url, projects=shown_projects)


def _all_projects(repository: Repository) -> list[ProjectName]:
    listed = (project_of(entry.key) for entry in repository.storage.list(MANIFESTS))
    return sorted(project for project in listed if project is not None)


def _judged(project: str) -> ProjectName:
    try:
        return project_name(project)
    except InvalidName as error:
        raise Misconfigured(Problem(subject=shown(project), what=str(error), remedy="name it as pip would")) from error


def _project(manifest: Manifest, version: str | None) -> ProjectShown:
    files = sorted(manifest.files, key=lambda file: (_order(file.version), file.filename))
    versions = tuple(dict.fromkeys(file.version for file in files))
    chosen = tuple(file for file in files if version is None or _order(file.version) == _order(version))
    return ProjectShown(project=manifest.project, status=manifest.status, versions=versions, files=chosen)


def _order(version: str) -> tuple[bool, Version, str]:
    """A sort key for any version: those that are none of PEP 440's first, by their text."""
    try:
        return True, Version(version), ""
    except InvalidVersion:
        return False, Version("0"), version
