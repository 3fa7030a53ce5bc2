"""Release distributions into a repository: plan → upload → commit → pages, in the order of the write protocol.

Everything that can be refused is refused before a byte is sent. All files of one project become visible at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from uuid import uuid4

from bucketwheel.errors import BucketwheelError, Problem, Refused
from bucketwheel.events import FileDone, FileStarted, Stage, Warned
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.settings import RepositorySettings
from bucketwheel.format.views.core_metadata import core_facts
from bucketwheel.format.views.published import known_versions, newest_version
from bucketwheel.names import ProjectName, Sha256, sha256_of
from bucketwheel.protocol.change import change
from bucketwheel.protocol.commit import VersionedManifest, confirm, read_manifest
from bucketwheel.protocol.plan import Existing, ReleasePlan, StoredFile, Upload, plan_release, released
from bucketwheel.protocol.reading import Reading
from bucketwheel.protocol.refresh import PageVersions, Versions, is_current, page_keys, refresh
from bucketwheel.protocol.repository import (
    Context,
    Repository,
    Target,
    create,
    open_to_add_in_parts,
    open_to_write,
    refuse_if_unwritable,
    refuse_inside,
    refuse_nonempty,
    report_created,
)
from bucketwheel.protocol.upload import complete_upload, in_parts, store_upload
from bucketwheel.protocol.views import version_keys, view_keys
from bucketwheel.storage import Key, ObjectVersion

__all__ = ["Outcome", "ReleaseRequest", "new_run_id", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """The files to release, and how."""

    uploads: tuple[Upload, ...]
    existing: Existing
    run_id: str
    """Identifies this run, so that it recognises its own work later."""
    now: datetime
    first: RepositorySettings | None
    """The settings of a repository that has to be created; None: it must exist."""

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """The projects of these files, sorted."""
        return tuple(sorted({upload.name.project for upload in self.uploads}))

    @property
    def sidecars(self) -> dict[Sha256, bytes]:
        """The metadata of these files, by digest."""
        return {sha256_of(each.metadata): each.metadata for each in self.uploads if each.metadata is not None}

    def versions(self, manifest: Manifest) -> frozenset[str]:
        """Return the versions of one project that these files are of."""
        project = manifest.project
        return frozenset(str(upload.name.version) for upload in self.uploads if upload.name.project == project)

    def plan(self, manifest: Manifest) -> ReleasePlan:
        """Plan the uploads of one project; raises Refused."""
        uploads = [upload for upload in self.uploads if upload.name.project == manifest.project]
        return plan_release(manifest, uploads, self.existing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a request; with a dry run, what it would be."""

    repository: Repository
    plans: Mapping[ProjectName, ReleasePlan]
    created: bool
    """Whether this run created the repository, or would."""
    pages: tuple[Key, ...] = ()
    """The pages that a dry run would change."""

    def gained(self, upload: Upload) -> Upload | None:
        """Return what a file that exists has gained: an upload with these sidecars only; None: nothing."""
        completed = self.plans[upload.name.project].completed
        return next((each for each in completed if each.filename == upload.filename), None)

    def hidden(self, upload: Upload) -> bool:
        """Return whether a file exists and is on no page."""
        return upload in self.plans[upload.name.project].hidden

    @property
    def hidden_warnings(self) -> Iterator[str]:
        """Say of each version which files are hidden, and how to bring them back."""
        releases: dict[str, list[str]] = defaultdict(list)
        for plan in self.plans.values():
            for upload in plan.hidden:
                releases[f"{upload.name.project}=={upload.name.version}"].append(upload.filename)
        for name, filenames in releases.items():
            be, them = ("is", "it") if len(filenames) == 1 else ("are", "them")
            remedy = f"bring {them} back with `bucketwheel unhide {name} {' '.join(filenames)}`"
            yield f"{', '.join(filenames)} {be} hidden, so installers do not find {them}; {remedy}"


def new_run_id(uploaded_by: str | None) -> str:
    """Make an id that no other run has; it begins with who uploads, if that is set."""
    return " ".join(filter(None, (uploaded_by, uuid4().hex)))


_Plans = Mapping[ProjectName, ReleasePlan]


def release(context: Context, request: ReleaseRequest, reading: Reading | None = None) -> Outcome:
    """Release the files; raises Refused while nothing of ours is committed, Unfinished once something is or may be.

    `reading` is of the projects of these files, where it began before all was known about them.
    """
    found, manifests = (reading or Reading.start(context, request.projects)).result()
    with _pages_written_if_refused(context, found, manifests, request):
        plans = _plan_all(request, manifests)
    repository, created = _open(context, found, request)
    unknown = [read.project for read in manifests if read.version is None]
    pages = PageVersions.start(repository, unknown, context.workers)
    checked = _refuse_foreign_pages(repository, manifests, pages)
    if checked != manifests:
        manifests, plans = checked, _plan_all(request, checked)
    look = partial(_look_at_pages, context, repository, request, manifests, plans, pages)
    if context.dry_run:
        look()
        pages.wait()
        for read in manifests:
            confirm(context.target, read)
        changed_pages = _pages_to_change(repository, manifests, plans, pages, request.versions)
        return Outcome(repository=repository, plans=plans, created=created, pages=changed_pages)
    uploads = _Uploads(context, repository, request)
    uploads.store_all(manifests, plans, beside=look)  # rule: files before the commit
    decisions = [(read, partial(uploads.decide, read.manifest, plans[read.project])) for read in manifests]
    with _pages_written_if_refused(context, repository, manifests, request):
        named = request.versions  # rule: the documents of the versions that are named are written again
        changed = change(context, repository, decisions, pages, run_id=request.run_id, versions=named)
    changed.raise_failed()
    return Outcome(
        repository=repository, plans={each.project: each.decision for each in changed.committed}, created=created
    )


# Read, plan, open ----------------------------------------------------------------------------------------------------


def _plan_all(request: ReleaseRequest, manifests: Iterable[VersionedManifest]) -> dict[ProjectName, ReleasePlan]:
    """Plan each project; raises Refused with the problems of all."""
    plans: dict[ProjectName, ReleasePlan] = {}
    problems: list[Problem] = []
    for read in manifests:
        try:
            plans[read.project] = request.plan(read.manifest)
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(*problems)
    return plans


@contextmanager
def _pages_written_if_refused(
    context: Context, found: Repository | None, manifests: Iterable[VersionedManifest], request: ReleaseRequest
) -> Iterator[None]:
    """Bring pages that are behind up to date where existing names stop the release.

    The run that committed these names may have died before its pages, and the same command again, with --strict or
    with rebuilt files, ends here.
    """
    try:
        yield
    except Refused:
        if found is not None and not context.dry_run:
            projects = [read.project for read in manifests if read.version is not None and not read.manifest.unknown]
            _write_pages(context, found, projects, request)
        raise


def _write_pages(context: Context, found: Repository, projects: Sequence[ProjectName], request: ReleaseRequest) -> None:
    try:
        # rule: a refusal leaves no page behind
        written = refresh(open_to_write(context.target, found), projects, context.workers, request.versions)
    except Refused:
        return  # nothing may be written here, or a newer bucketwheel has to
    except BucketwheelError as error:
        context.report(Warned(message=f"some pages are out of date: {error}"))
    else:
        if written:
            context.report(Warned(message="pages that an earlier run left out of date are up to date now"))


def _open(context: Context, found: Repository | None, request: ReleaseRequest) -> tuple[Repository, bool]:
    """Open the repository, or create it; a dry run only checks that this would be possible."""
    target = context.target
    if found is None:
        if request.first is None:
            raise Refused(_must_exist(target))
        refuse_inside(target, context.workers)
        if not context.dry_run:
            repository, created = create(target, request.first)
            if created:  # rule: stored settings count
                report_created(repository, request.first, context.report)
            return repository, created
        refuse_nonempty(target)
        return Repository(target=target, settings=request.first, version=ObjectVersion("")), True
    if not context.dry_run:
        return open_to_write(target, found), False
    refuse_if_unwritable(target, found.settings)
    return found, False


def _look_at_pages(
    context: Context,
    repository: Repository,
    request: ReleaseRequest,
    manifests: Iterable[VersionedManifest],
    plans: _Plans,
    pages: PageVersions,
) -> None:
    """Begin to look at all pages that the release will change: beside the uploads, so it costs no wave.

    The uploads begin first: they take longest, and use the connections that are open.
    """
    workers = context.workers
    pages.add(repository, request.projects, workers)
    if not context.dry_run:
        pages.look_at_catalogue(repository, workers)
        if any(read.version is None for read in manifests):
            pages.look_at_root(repository, workers)
    if not repository.settings.views:
        return
    for read in manifests:
        versions, known = request.versions(read.manifest), known_versions(read.manifest)
        pages.add_versions(repository, read.project, versions & known, workers)
        pages.expect_none(repository, read.project, versions - known)
    pages.uploaded.update(request.sidecars)  # views need not read them back
    if context.dry_run:
        return
    for read in manifests:
        versions, shows = request.versions(read.manifest), view_keys(repository.settings, read.project)
        if shows and plans[read.project].to_store and newest_version(read.manifest, versions) not in versions:
            # The project's pages go on to show another version, and that one's sidecar.
            workers.start(partial(pages.sidecars(repository).of_project, read.manifest))
    if "people" in repository.settings.views:
        workers.start(partial(_render_description, context.target, request))


def _render_description(target: Target, request: ReleaseRequest) -> None:
    """Render the description that the page for people will mostly show: that of the highest version."""
    uploads = (upload for upload in request.uploads if upload.metadata is not None)
    newest = max(uploads, key=lambda upload: upload.name.version, default=None)
    if newest is not None and newest.metadata is not None:
        target.descriptions.rendered(core_facts(newest.metadata))


def _must_exist(target: Target) -> Problem:
    return Problem(
        subject=str(target.place),
        what="is not a bucketwheel repository, and no-create is set",
        remedy="check the address, or drop no-create",
    )


def _refuse_foreign_pages(
    repository: Repository, manifests: Iterable[VersionedManifest], pages: PageVersions
) -> list[VersionedManifest]:
    """Refuse projects that have another tool's pages and no manifest. Files alone never decide.

    Waits for the pages of unknown projects only. The manifest is read once more before the verdict, because its first
    publisher may be at work; returns what was read last. Our own page without a manifest raises WentBack there.
    """
    return [_refuse_foreign_page(repository, read, pages) for read in manifests]


def _refuse_foreign_page(repository: Repository, read: VersionedManifest, pages: PageVersions) -> VersionedManifest:
    if read.version is not None:
        return read
    found = [pages[key] for key in page_keys(repository, read.project)]
    if all(page.version is None or page.is_empty for page in found):
        return read
    read = read_manifest(repository.target, read.project)
    if read.version is not None:
        return read
    what = "has a page from another tool"
    remedy = f"adopt the project with `bucketwheel reindex {read.project} --adopt`, or publish to a new prefix"
    raise Refused(Problem(subject=f"{repository.target.place}: {read.project}", what=what, remedy=remedy))


def _pages_to_change(
    repository: Repository,
    manifests: Iterable[VersionedManifest],
    plans: _Plans,
    pages: PageVersions,
    versions: Versions,
) -> tuple[Key, ...]:
    changing = [
        read for read in manifests if plans[read.project].to_store or not is_current(repository, read, pages, versions)
    ]
    layout, settings = repository.layout, repository.settings
    keys: list[Key] = []
    for read in changing:
        keys += page_keys(repository, read.project)
        keys += view_keys(settings, read.project)
        keys += version_keys(settings, read.project, versions(read.manifest))
    if any(pages[layout.json_key(read.project)].version is None for read in changing):
        keys += [layout.root_json_key, *layout.root_html_keys]
    return tuple(keys)


# Upload and decide ---------------------------------------------------------------------------------------------------


class _Uploads:
    """The files of a request, as far as they are stored."""

    def __init__(self, context: Context, repository: Repository, request: ReleaseRequest) -> None:
        self._context = context
        self._repository = repository
        self._request = request
        self._stored: dict[str, StoredFile] = {}

    def store_all(self, manifests: Iterable[VersionedManifest], plans: _Plans, *, beside: Callable[[], None]) -> None:
        """Add every file, and every sidecar of a completed one, that the commits will name, in one wave.

        `beside` starts what is to happen meanwhile.
        """
        jobs = [(read.manifest, upload) for read in manifests for upload in plans[read.project].to_upload]
        if jobs:
            size = sum(upload.size for _, upload in jobs)
            self._context.report(Stage(doing="uploading", count=len(jobs), total_bytes=size))
        self._prove_parts(upload for _, upload in jobs)
        completing = [(read.manifest, upload) for read in manifests for upload in plans[read.project].completed]
        calls: list[Callable[[], None]] = [partial(self._store, manifest, upload) for manifest, upload in jobs]
        calls += [partial(self._complete, manifest, upload) for manifest, upload in completing]
        self._context.workers.map(calls, beside)

    def decide(self, before: Manifest, plan: ReleasePlan, manifest: Manifest) -> tuple[Manifest | None, ReleasePlan]:
        """Plan again for the manifest as it is now, store what that needs, and return the next revision."""
        if manifest is not before:
            plan = self._request.plan(manifest)  # rule: a lost swap plans every name again
        for upload in plan.to_upload:
            if self._must_be_stored(upload, plan, before, manifest):
                self._prove_parts((upload,))
                self._store(manifest, upload)
        for upload in plan.completed:
            self._complete(manifest, upload)
        if plan.to_store:  # rule: all files of a project at once
            request, layout = self._request, self._repository.layout
            after = released(manifest, plan, self._stored, run_id=request.run_id, now=request.now, layout=layout)
            return after, plan
        # Other runs released them, perhaps with the very objects that we added. Bump the revision, so that a concurrent
        # adopt whose listing is older than our upload loses its swap.
        stored = (self._stored.get(upload.filename) for upload in plan.unchanged)
        overtaken = any(file is not None and file.added for file in stored)
        return (replace(manifest, revision=manifest.revision + 1) if overtaken else None), plan  # rule: adopt must lose

    def _must_be_stored(self, upload: Upload, plan: ReleasePlan, before: Manifest, manifest: Manifest) -> bool:
        stored = self._stored.get(upload.filename)
        if stored is None or stored.key in manifest.dead_keys:  # rule: a dead key is never used
            return True
        # Missing at a later reading than the one before the upload: its object is gone since.
        return upload in plan.restored and manifest.revision != before.revision  # rule: gone since the upload

    def _prove_parts(self, uploads: Iterable[Upload]) -> None:
        """Prove that the store replaces nothing with what it gets in parts, if it will get any of these so."""
        storage = self._repository.storage
        if any(in_parts(storage, upload) for upload in uploads):
            self._repository = open_to_add_in_parts(self._repository)

    def _store(self, manifest: Manifest, upload: Upload) -> None:
        report, size = self._context.report, upload.size
        report(FileStarted(name=upload.filename, size=size))
        keys = _keys(self._repository, manifest, upload)
        missing = next((file for file in manifest.missing if file.filename == upload.filename), None)
        self._stored[upload.filename] = store_upload(
            self._repository, upload, self._context.workers, keys=keys, run_id=self._request.run_id, missing=missing
        )
        report(FileDone(name=upload.filename, size=size))

    def _complete(self, manifest: Manifest, upload: Upload) -> None:
        """Add the sidecars that a published file lacks, once at each key that its entry has had."""
        [entry] = (file for file in manifest.files if file.filename == upload.filename)
        key = self._repository.layout.key_of(manifest.project, entry)
        if (stored := self._stored.get(upload.filename)) is None or stored.key != key:
            # rule: a signature before its entry
            self._stored[upload.filename] = complete_upload(
                self._repository, upload, self._context.workers, key=key, run_id=self._request.run_id
            )


def _keys(repository: Repository, manifest: Manifest, upload: Upload) -> Iterator[Key]:
    """Yield where the file may be stored: a missing file first where it was, and nothing ever at a dead key."""
    was = (file.key for file in manifest.missing if file.filename == upload.filename and file.key is not None)
    usual = repository.layout.file_keys(manifest.project, upload.filename, upload.sha256)
    return (key for key in chain(was, usual) if key not in manifest.dead_keys)
