"""Yank or hide a version or some of its files, and undo that: manifest and pages change, no file does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Refused
from bucketwheel.events import Report, ignore
from bucketwheel.format.manifest import Manifest, PublishedFile, not_a_file, not_published, refuse_newer
from bucketwheel.names import ProjectName, is_version, named_project, named_version
from bucketwheel.protocol.change import change, open_project
from bucketwheel.protocol.repository import Context, open_context, open_to_write

__all__ = ["HideChange", "Withdrawal", "YankChange", "change_yank", "hide", "unhide", "unyank", "yank"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """The result of a yank or hide, or of its undoing; with `dry_run`, what it would be."""

    project: ProjectName
    version: str
    changed: tuple[str, ...]
    """The file names whose state this run changed; empty where all were so already."""
    dry_run: bool


def yank(
    project: str,
    version: str,
    settings: Settings,
    *,
    reason: str,
    filenames: Sequence[str] = (),
    report: Report = ignore,
) -> Withdrawal:
    """Mark a version, or only the named files of it: installers skip it unless it is pinned, and show the reason.

    Raises Refused for a project, version or file that does not exist.
    """
    # Every client shows a reason on one line; PEP 592 lets it be any text.
    wanted = YankChange(yanked=" ".join(reason.split()), version=named_version(version), filenames=tuple(filenames))
    return _withdraw(project, wanted, settings, report)


def unyank(
    project: str, version: str, settings: Settings, *, filenames: Sequence[str] = (), report: Report = ignore
) -> Withdrawal:
    """Undo a yank; raises Refused for a project, version or file that does not exist."""
    wanted = YankChange(yanked=None, version=named_version(version), filenames=tuple(filenames))
    return _withdraw(project, wanted, settings, report)


def hide(
    project: str, version: str, settings: Settings, *, filenames: Sequence[str] = (), report: Report = ignore
) -> Withdrawal:
    """Take a version, or only the named files of it, off the pages; the objects stay where they are.

    Raises Refused for a project, version or file that does not exist.
    """
    wanted = HideChange(hidden=True, version=named_version(version), filenames=tuple(filenames))
    return _withdraw(project, wanted, settings, report)


def unhide(
    project: str, version: str, settings: Settings, *, filenames: Sequence[str] = (), report: Report = ignore
) -> Withdrawal:
    """List hidden files on the pages again; raises Refused for a project, version or file that does not exist."""
    wanted = HideChange(hidden=False, version=named_version(version), filenames=tuple(filenames))
    return _withdraw(project, wanted, settings, report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FilesChange(ABC):
    """A change to the files of a version."""

    version: Version
    filenames: tuple[str, ...] = ()
    """Empty: all of the version."""

    @abstractmethod
    def applied(self, file: PublishedFile) -> PublishedFile:
        """Return a file as it is to be."""

    def decide(self, manifest: Manifest) -> tuple[Manifest | None, tuple[str, ...]]:
        """Return the next revision, or None, and the names of the files that it changes; raises Refused."""
        refuse_newer(manifest)
        changing = {file.filename for file in self._select(manifest) if self.applied(file) != file}
        if not changing:
            return None, ()
        files = (self.applied(file) if file.filename in changing else file for file in manifest.files)
        return replace(manifest, revision=manifest.revision + 1, files=tuple(files)), tuple(sorted(changing))

    def versions(self, manifest: Manifest) -> frozenset[str]:
        """Return the version as the manifest writes it; of old files in several ways."""
        return frozenset(file.version for file in manifest.files if is_version(file.version, self.version))

    def _select(self, manifest: Manifest) -> list[PublishedFile]:
        files = [file for file in manifest.files if is_version(file.version, self.version)]
        if not files:
            raise Refused(not_published(manifest, self.version))
        names = [file.filename for file in files]
        if absent := [filename for filename in self.filenames if filename not in names]:
            raise Refused(*(not_a_file(name, manifest, self.version, names) for name in absent))
        return [file for file in files if not self.filenames or file.filename in self.filenames]


@dataclass(frozen=True, slots=True, kw_only=True)
class YankChange(_FilesChange):
    """The yank state that some files are to have."""

    yanked: str | None
    """The reason; None: not yanked."""

    def applied(self, file: PublishedFile) -> PublishedFile:
        """Return the file with this reason."""
        return replace(file, yanked=self.yanked)


@dataclass(frozen=True, slots=True, kw_only=True)
class HideChange(_FilesChange):
    """Whether some files are to be hidden."""

    hidden: bool

    def applied(self, file: PublishedFile) -> PublishedFile:
        """Return the file, hidden or not."""
        return replace(file, hidden=self.hidden)


def _withdraw(project: str, wanted: YankChange | HideChange, settings: Settings, report: Report) -> Withdrawal:
    with open_context(settings, report) as context:
        return change_yank(context, named_project(project), wanted)


def change_yank(context: Context, project: ProjectName, wanted: YankChange | HideChange) -> Withdrawal:
    """Commit the change, then bring the pages to it."""
    repository, read, pages = open_project(context, project)
    _, changed = wanted.decide(read.manifest)
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
        [committed] = change(context, repository, [(read, wanted.decide)], pages, versions=wanted.versions).committed
        changed = committed.decision
    return Withdrawal(project=project, version=str(wanted.version), changed=changed, dry_run=context.dry_run)
