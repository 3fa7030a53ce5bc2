"""Remove orphans: what a killed run uploaded, whole or in part, and never released. No page or manifest names it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Denied, Unavailable, Unfinished
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.format.layout import (
    MANIFESTS,
    SETTINGS_KEY,
    aside_sha256,
    distribution_key,
    repository_of,
    sha256_of_file,
)
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import (
    InvalidName,
    ProjectName,
    Sha256,
    distribution_name,
    fixed_beginning,
    matching,
    project_name,
)
from bucketwheel.parallel import Workers
from bucketwheel.protocol.change import read_and_look
from bucketwheel.protocol.commit import VersionedManifest, read_manifest
from bucketwheel.protocol.listed_pages import list_documents
from bucketwheel.protocol.refresh import PageVersions, page_keys
from bucketwheel.protocol.removal import deletable_keys, remove
from bucketwheel.protocol.repository import (
    Context,
    Repository,
    list_projects,
    open_context,
    open_to_read,
    open_to_write,
)
from bucketwheel.storage import KeepsUploads, Key, ListEntry, ObjectInfo, UnfinishedUpload

__all__ = ["Orphan", "OrphansPruned", "find_orphans", "prune_orphans", "prune_orphans_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A distribution that was never released, with its sidecars; or these alone."""

    project: ProjectName
    key: Key
    """The distribution's, whether or not it is stored."""
    size: int
    """Of all of it, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphansPruned:
    """The result of a removal of orphans; with `dry_run`, what it would be."""

    projects: tuple[ProjectName, ...]
    """The projects that the patterns name."""
    orphans: tuple[Orphan, ...]
    removed: tuple[Key, ...]
    """The objects that were removed, with sidecars and what interrupted runs had left."""
    uploads: tuple[Key, ...]
    """The keys of unfinished uploads that were freed; in a directory, temporary files."""
    dry_run: bool


def prune_orphans(
    patterns: Sequence[str],
    settings: Settings,
    *,
    older_than: timedelta = timedelta(hours=24),
    report: Report = ignore,
) -> OrphansPruned:
    """Remove what runs uploaded and never released, in all projects that the patterns (`torch*`) name.

    Unfinished uploads in parts go too, and in a directory temporary files. Only what was written longer ago than that,
    by the store's own clock: a courtesy, because a publisher at work would have to upload it again. A directory does
    not tell who wrote a file: there all that a publisher would have stored counts. Raises Refused for a pattern that
    names nothing, Unfinished as `prune` does.
    """
    with open_context(settings, report) as context:
        return prune_orphans_of(context, patterns, before=datetime.now(UTC) - older_than)


def prune_orphans_of(context: Context, patterns: Sequence[str], *, before: datetime) -> OrphansPruned:
    """Make the orphans' keys dead in one commit, bring the pages to it, then remove what is stored at dead keys.

    Unfinished uploads need no commit: there is no object yet.
    """
    repository = open_to_read(context.target)
    uploads = _unfinished_uploads(context, repository, before)
    known = [*_projects(repository, patterns), *_projects_in(repository, (upload.key for upload in uploads))]
    projects = matching(patterns, known, context.target.place)
    read, pages = read_and_look(context, repository, projects)
    for project, versions in list_documents(repository, projects).items():
        pages.add_versions(repository, project, versions, context.workers)  # they may name what looks like an orphan
    manifests = _leave_out_foreign(context, repository, read, pages)
    if not context.dry_run:
        repository = open_to_write(context.target, repository)
    rule = _Orphans(repository=repository, before=before, workers=context.workers)
    removal = remove(context, repository, manifests, pages, rule)
    folders = tuple(repository.layout.folder(project) for project in projects)
    freed = [one for one in uploads if one.key.startswith(folders) or _is_of_all_projects(repository, one.key)]
    if not context.dry_run:
        _abort_all(context, repository, freed)
    return OrphansPruned(
        projects=projects,
        orphans=removal.selected,
        removed=removal.removed,
        uploads=tuple(upload.key for upload in freed),
        dry_run=context.dry_run,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Orphans:
    """The rule that selects the orphans of each project."""

    repository: Repository
    before: datetime
    workers: Workers

    def select(self, manifest: Manifest) -> tuple[Orphan, ...]:
        return find_orphans(self.repository, manifest, self.workers, before=self.before)

    def apply(self, manifest: Manifest, selected: tuple[Orphan, ...]) -> Manifest:
        """Return the next revision; nothing is ever stored again at its dead keys."""
        keys = (orphan.key for orphan in selected)
        return replace(manifest, revision=manifest.revision + 1, dead_keys=(*manifest.dead_keys, *keys))


# Which projects ------------------------------------------------------------------------------------------------------


def _projects(repository: Repository, patterns: Sequence[str]) -> Iterator[ProjectName]:
    """Find the projects that have a manifest, and those whose first publisher may have died before it wrote one."""
    simple, storage = repository.layout.simple, repository.storage
    for beginning in {fixed_beginning(pattern) for pattern in patterns}:
        yield from list_projects(storage, beginning)
        yield from _projects_in(repository, (entry.key for entry in storage.list(f"{simple}{beginning}")))


def _projects_in(repository: Repository, keys: Iterable[Key]) -> Iterator[ProjectName]:
    """Return the projects whose folders these keys are in."""
    simple = repository.layout.simple
    folders = {key.removeprefix(simple).partition("/")[:2] for key in keys if key.startswith(simple)}
    yield from (ProjectName(folder) for folder, slash in folders if slash and _is_project(folder))


def _is_project(folder: str) -> bool:
    try:
        return project_name(folder) == folder
    except InvalidName:
        return False


def _leave_out_foreign(
    context: Context, repository: Repository, read: Sequence[VersionedManifest], pages: PageVersions
) -> list[VersionedManifest]:
    """Leave out projects that have another tool's pages and no manifest, also when that is read after the pages."""
    kept: list[VersionedManifest] = []
    for each in read:
        is_foreign = each.version is None and any(pages[key].version for key in page_keys(repository, each.project))
        now = read_manifest(context.target, each.project) if is_foreign else each
        if is_foreign and now.version is None:
            context.report(
                Warned(message=f"{each.project} has pages but no manifest, so it was skipped; run `bucketwheel check`")
            )
        else:
            kept.append(now)
    return kept


# Unfinished uploads --------------------------------------------------------------------------------------------------


def _unfinished_uploads(context: Context, repository: Repository, before: datetime) -> list[UnfinishedUpload]:
    """List the uploads that were begun before that moment; none, with a warning, where we may not list them."""
    storage = repository.storage
    if not isinstance(storage, KeepsUploads):
        return []
    try:
        return [upload for upload in storage.unfinished_uploads() if upload.begun < before]
    except Denied as error:
        context.report(Warned(message=f"unfinished uploads are left alone: {error}"))
        return []


def _is_of_all_projects(repository: Repository, key: Key) -> bool:
    """Return whether this is a proof of the store, or a temporary file beside manifests, settings or the root."""
    folder, _, name = key.rpartition("/")
    shared = {each.rpartition("/")[0] for each in (SETTINGS_KEY, MANIFESTS, repository.layout.root_json_key)}
    return key == SETTINGS_KEY or (name.startswith(".") and folder in shared)  # no other key has such a name


def _abort_all(context: Context, repository: Repository, uploads: Sequence[UnfinishedUpload]) -> None:
    storage = repository.storage
    if not isinstance(storage, KeepsUploads):
        return
    try:
        context.workers.map(partial(storage.abort_upload, upload) for upload in uploads)
    except Unavailable as error:
        raise Unfinished(f"orphans are removed, but unfinished uploads are left: {error}; then run again") from error


# Which objects -------------------------------------------------------------------------------------------------------


def find_orphans(
    repository: Repository, manifest: Manifest, workers: Workers, *, before: datetime
) -> tuple[Orphan, ...]:
    """List a project's folder for what has our mark, was written before that moment, and is named by no entry.

    The manifest must have been read before: what is committed later is no orphan, and the swap that makes its key dead
    is lost then. The bytes of a *missing* record are none. What is stored under a name whose record is shrunk is one.
    The moment is a courtesy to publishers at work.
    """
    layout, project = repository.layout, manifest.project
    missing = {layout.key_of(project, file): file.sha256 for file in manifest.missing}
    search = _Search(
        repository=repository,
        project=project,
        before=before,
        dead_names=frozenset(file.filename for file in manifest.deleted if file.is_shrunk),
        missing=frozenset(missing.values()),
    )
    accounted_for = _accounted_for(repository, manifest)
    groups: dict[Key, list[ListEntry]] = defaultdict(list)
    for entry in repository.storage.list(layout.folder(project)):
        if (key := distribution_key(entry.key)) not in accounted_for:
            groups[key].append(entry)
    # A missing file may come back to the sidecars that are left of it.
    candidates = [(key, group) for key, group in groups.items() if group[0].key == key or key not in missing]
    looks = workers.map_within(partial(search.is_orphan, key, group[0].key) for key, group in candidates)
    return tuple(
        Orphan(project=project, key=key, size=sum(entry.size for entry in group))
        for (key, group), is_orphan in zip(candidates, looks, strict=True)
        if is_orphan
    )


def _accounted_for(repository: Repository, manifest: Manifest) -> set[Key]:
    """Return the keys of entries, of what is deletable already, and, to look at less, of pages."""
    layout, project = repository.layout, manifest.project
    return {
        *(layout.key_of(project, file) for file in manifest.files),
        *deletable_keys(layout, manifest),
        *page_keys(repository, project),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """A search for the orphans of one project."""

    repository: Repository
    project: ProjectName
    before: datetime
    dead_names: frozenset[str]
    missing: frozenset[Sha256]
    """The digests of missing files."""

    def is_orphan(self, key: Key, first: Key) -> bool:
        """Look at the first object that is stored at a distribution's key or beside it."""
        info = self.repository.storage.stat(first)
        if info is None or info.modified is None or info.modified > self.before:
            return False
        if key.rpartition("/")[2] in self.dead_names:
            return True  # nothing can ever be released under this name, no matter who wrote it
        file = info if first == key else None  # else somebody removed the file by hand
        if file is not None and (file.sha256 or sha256_of_file(file.marks)) in self.missing:
            return False
        if info.marks is None:
            return _could_be_ours(self.repository, self.project, key, file)
        return repository_of(info.marks) == self.repository.settings.id


def _could_be_ours(repository: Repository, project: ProjectName, key: Key, file: ObjectInfo | None) -> bool:
    """Return whether a publisher would have stored this there, in a store without marks."""
    aside, _, filename = key.removeprefix(repository.layout.folder(project)).rpartition("/")
    try:
        if distribution_name(filename).project != project:
            return False
    except InvalidName:
        return False
    sha256 = aside_sha256(aside)
    return not aside or (sha256 is not None and (file is None or file.sha256 == sha256))
