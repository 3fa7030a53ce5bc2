"""Which files of a repository may become releases of another, decided from manifests alone.

Yanked files may, and stay yanked. Hidden ones stay behind: nobody can install them. What is missing, lies elsewhere, is
quarantined, or has a name that no new file may have is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.version import Version

from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.named import is_version, named_project, named_version, not_there
from bucketwheel.names import InvalidName, ProjectName, distribution_name, shown

__all__ = ["Promotable", "promotable", "read_releases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotable:
    """What goes, each file once, with its project; and what stays behind."""

    files: tuple[tuple[ProjectName, PublishedFile], ...]
    hidden: tuple[PublishedFile, ...]


def read_releases(releases: Iterable[tuple[str, str]]) -> tuple[tuple[ProjectName, Version], ...]:
    """Judge pairs of a project and a version; raises Misconfigured with every problem."""
    read: list[tuple[ProjectName, Version]] = []
    problems: list[Problem] = []
    for project, version in releases:
        try:
            read.append((named_project(project), named_version(version)))
        except Misconfigured as error:
            problems += error.problems
    if problems:
        raise Misconfigured(*problems)
    return tuple(dict.fromkeys(read))


def promotable(
    manifests: Mapping[ProjectName, Manifest], releases: Iterable[tuple[ProjectName, Version]], place: str
) -> Promotable:
    """Choose the files of releases; raises Refused with all that stands in the way. `place` is for its words."""
    problems: list[Problem] = []
    files: list[tuple[ProjectName, PublishedFile]] = []
    hidden: list[PublishedFile] = []
    for project, version in releases:
        manifest = manifests[project]
        of_version = [file for file in manifest.files if is_version(file.version, version)]
        going = [file for file in of_version if not file.hidden]
        problems += _problems_of_release(manifest, version, of_version, place)
        problems += [problem for file in going for problem in _problems_of_file(project, file)]
        files += [(project, file) for file in going]
        hidden += [file for file in of_version if file.hidden]
    if problems:
        raise Refused(*dict.fromkeys(problems))
    return Promotable(files=tuple(files), hidden=tuple(hidden))


def _problems_of_release(
    manifest: Manifest, version: Version, files: list[PublishedFile], place: str
) -> Iterator[Problem]:
    project = manifest.project
    missing = [file for file in manifest.missing if is_version(file.version, version)]
    for file in missing:
        yield Problem(
            subject=shown(file.filename),
            what=f"is missing: somebody removed it from {place}",
            remedy=f"put its bytes back and run `bucketwheel reindex --adopt {project}`, or delete it there",
        )
    if manifest.status.status == "quarantined":
        yield Problem(
            subject=project, what=f"is quarantined in {place} (PEP 792)", remedy="take it out of quarantine first"
        )
    elif not missing and all(file.hidden for file in files):
        release, remedy = f"{project}=={version}", f"choose another that `bucketwheel show {project}` lists"
        what = f"has only hidden files in {place}, which nobody can install"
        yield Problem(subject=release, what=what, remedy=remedy) if files else not_there(release, place)


def _problems_of_file(project: ProjectName, file: PublishedFile) -> Iterator[Problem]:
    subject, remedy = shown(file.filename), "publish the file itself to the other repository"
    if file.url is not None:
        yield Problem(subject=subject, what="lies outside of its repository", remedy=remedy)
        return
    try:
        name = distribution_name(file.filename)
    except InvalidName as error:
        yield Problem(subject=subject, what=str(error), remedy="build it anew, under a name of today")
        return
    if name.project != project:
        yield Problem(subject=subject, what=f"is by its name no file of {project}", remedy=remedy)
