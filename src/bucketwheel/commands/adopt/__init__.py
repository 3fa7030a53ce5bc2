"""The adoption of what others put into the bucket: list, find differences, inspect, reconcile, commit, write pages.

No file is moved and none is removed. Where a listing and a manifest agree, no request is sent; only differences are
inspected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice

from bucketwheel.commands.adopt.differences import AdoptRules, Difference, Inspection, ProjectDiff, find_differences
from bucketwheel.commands.adopt.inspector import Inspector
from bucketwheel.commands.adopt.old_pages import OldPages, read_old_pages, refuse_flat_root
from bucketwheel.commands.adopt.own_pages import Remembered, read_own_pages, remember
from bucketwheel.commands.adopt.reconciliation import FileAdopted, Reconciled, reconcile
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Refused, Unfinished, merged
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.listed_files import (
    FoundFile,
    ListedFiles,
    can_be_linked,
    linked_file,
    prefixes,
    sort_listing,
)
from bucketwheel.format.manifest import Manifest, empty_manifest, encode_manifest, refuse_newer
from bucketwheel.format.views.published import known_versions
from bucketwheel.names import ProjectName, named_project, not_there, sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.catalogue import shared_keys
from bucketwheel.protocol.change import change
from bucketwheel.protocol.commit import Committed, VersionedManifest, fetch_manifest
from bucketwheel.protocol.listed_pages import list_documents
from bucketwheel.protocol.refresh import PageVersions, batches, is_current, list_in_root, page_keys
from bucketwheel.protocol.release import new_run_id
from bucketwheel.protocol.repository import (
    Context,
    Repository,
    list_projects,
    open_context,
    open_to_read,
    open_to_write,
)
from bucketwheel.storage import Key

__all__ = ["Adopted", "adopt", "adopt_projects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The result of an adoption; after a dry run, what it would be."""

    repository: Place
    projects: int
    """The number of projects that were looked at."""
    files: tuple[FileAdopted, ...]
    """Every difference, by project and key."""
    leftovers: tuple[Key, ...]
    """Objects among the projects' files that are no part of an index: another tool's pages and records, mostly."""
    pages_behind: int
    """The number of project pages that were written; after a dry run, of projects that have pages to write."""
    dry_run: bool

    @property
    def needs_a_person(self) -> bool:
        """Return whether some bytes cannot be trusted without a person's decision."""
        return any(file.fate in {"other bytes", "contested"} for file in self.files)


def adopt(
    settings: Settings,
    *,
    projects: Sequence[str] = (),
    reread: bool = False,
    ours: bool = False,
    trust_uploader_digests: bool = False,
    yes: bool = False,
    report: Report = ignore,
) -> Adopted:
    """Reconcile these projects, or all, with the bucket's contents, and bring their pages up to date.

    A project whose manifest went back or is lost is made again from our pages. `reread` believes only upload times,
    yank states and deleted names, and reads the rest again. `ours`, with `yes` and for named projects only, also takes
    in files with our mark that no page lists, unfinished uploads too. `trust_uploader_digests` believes a wheel's
    digest in the object's metadata (`checksum-sha256`), which S3 does not verify, and does not read the wheel. A
    directory has no marks: there nothing new is taken in without `yes`. Raises Misconfigured, Refused, Unavailable or
    Damaged with nothing committed; Unfinished
    where something is.
    """
    if ours and not (projects and yes):
        what = "takes in unfinished uploads too, so it needs the names of projects, and your agreement"
        remedy = "name the projects and add --yes, while nobody publishes to them"
        raise Misconfigured(Problem(subject="--ours", what=what, remedy=remedy))
    with open_context(settings, report) as context:
        unmarked = yes or not isinstance(context.target.place, DirectoryPlace)
        rules = AdoptRules(reread=reread, ours=ours, trust_uploader_digests=trust_uploader_digests, unmarked=unmarked)
        return adopt_projects(context, projects, rules)


def adopt_projects(context: Context, projects: Sequence[str], rules: AdoptRules) -> Adopted:
    """List, find differences, inspect, reconcile, commit, write pages."""
    target, workers, dry_run = context.target, context.workers, context.dry_run
    repository = open_to_read(target)
    if not dry_run:
        repository = open_to_write(target, repository)
    inspector = Inspector(
        repository=repository,
        rules=rules,
        run_id=new_run_id(None),
        now=datetime.now(UTC),
        report=context.report,
        dry_run=dry_run,
    )
    named = {named_project(project): project for project in projects}
    plans, listed, pages, failed = _plan(inspector, named, workers)
    if dry_run:
        done, written = [plan.unchanged() for plan in plans], _count_outdated(repository, plans, pages)
    else:
        done, failures, written = _commit_all(context, inspector, plans, pages, failed)
        failed += failures
    if failed:
        raise _failure(done, failed)
    return Adopted(
        repository=target.place,
        projects=sum(each.now.version is not None or bool(each.decision.files) for each in done),
        files=_files(repository, listed, done, with_ignored=not projects),
        leftovers=_leftovers(repository, listed, done),
        pages_behind=written,
        dry_run=dry_run,
    )


def _plan(
    inspector: Inspector, named: Mapping[ProjectName, str], workers: Workers
) -> tuple[list[_ProjectPlan], ListedFiles, PageVersions, list[Exception]]:
    """List, then find differences, inspect and reconcile: some projects after others, to hold few files in memory."""
    manifests, listed, pages, failed = _list(inspector.repository, named, workers)
    plans: list[_ProjectPlan] = []
    refused_flat_root = False
    for some in batches(manifests):
        diffs = workers.map(
            partial(_find_differences, inspector, each, listed, pages, named=each.project in named) for each in some
        )
        if not refused_flat_root and any(diff.differences and not diff.manifest.revision for diff in diffs):
            refuse_flat_root(inspector.repository)
            refused_flat_root = True
        more_plans, more_failed = _inspect_all(inspector, some, diffs, workers)
        plans += more_plans
        failed += more_failed
    # Of each file that was listed the rest is no longer needed.
    return plans, replace(listed, objects={}, files={}), pages, failed


# List ----------------------------------------------------------------------------------------------------------------


def _list(
    repository: Repository, named: Mapping[ProjectName, str], workers: Workers
) -> tuple[list[VersionedManifest], ListedFiles, PageVersions, list[Exception]]:
    """Look at the pages of the named projects, or of all; read their manifests; then list what belongs to them.

    A named project is also looked for in the spelling that the user typed. An error stops its own project only.
    """
    storage, layout = repository.storage, repository.layout
    projects = list(named) or list_projects(storage)
    pages = PageVersions.start(repository, projects, workers)
    documents = list_documents(repository, projects if named else None)
    for project in projects:
        pages.add_versions(repository, project, documents.get(project, ()), workers)
    pages.wait()
    reads = [partial(_read_manifest, repository, project) for project in projects]
    read = workers.map_settled(reads)  # rule: read the manifests
    manifests = [each for each in read if isinstance(each, VersionedManifest)]
    failed = [each for each in read if isinstance(each, Exception)]
    wanted = {""}
    if named:
        typed = {project: f"{layout.simple}{name}/" for project, name in named.items()}
        wanted = {key for each in manifests for key in prefixes(layout, each.manifest, [typed[each.project]])}
    # rule: then list
    listings = workers.map(partial(lambda prefix: list(storage.list(prefix)), prefix) for prefix in sorted(wanted))
    listed = sort_listing(chain.from_iterable(listings), layout)
    known = {*listed.files, *listed.pages}
    if not named:
        # The first listing showed no manifest of these. If there is one now, their swap loses.
        new = sorted(known.difference(projects))
        for project in new:  # a lost manifest leaves documents behind
            pages.add_versions(repository, project, documents.get(project, ()), workers)
        manifests += [VersionedManifest(manifest=empty_manifest(project), version=None) for project in new]
    elif absent := [each for each in manifests if each.version is None and each.project not in known]:
        raise Refused(*(not_there(each.project, repository.target.place) for each in absent))
    return manifests, listed, pages, failed


def _read_manifest(repository: Repository, project: ProjectName) -> VersionedManifest:
    read = fetch_manifest(repository.target, project)
    refuse_newer(read.manifest)
    return read


# Find differences, inspect, reconcile --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProjectPlan:
    """A project's manifest, and what becomes of it."""

    read: VersionedManifest
    folders: frozenset[str]
    """Those in which its differences were found."""
    named: bool
    """True if the user named the project."""
    reconciled: Reconciled

    def decide(
        self, inspector: Inspector, workers: Workers, pages: PageVersions, manifest: Manifest
    ) -> tuple[Manifest | None, Reconciled]:
        """Return the next revision; reconcile again if somebody else has changed the manifest."""
        reconciled = self.reconciled
        if manifest is not self.read.manifest:  # rule: a lost swap adopts again
            sha256 = sha256_of(encode_manifest(manifest)) if manifest.revision else None
            read = VersionedManifest(manifest=manifest, version=None, sha256=sha256)
            reconciled = self._reconcile_again(inspector, workers, pages, read)
        return reconciled.manifest, reconciled

    def _reconcile_again(
        self, inspector: Inspector, workers: Workers, pages: PageVersions, read: VersionedManifest
    ) -> Reconciled:
        """List, find differences, inspect and reconcile again, for a manifest that somebody else has changed."""
        listed = _list_again(inspector.repository, read.manifest, self.folders)
        diff = _find_differences(inspector, read, listed, pages, named=self.named)
        inspections = workers.map_within(partial(inspector.inspect, difference) for difference in diff.differences)
        return _reconcile(inspector, diff, inspections)

    def unchanged(self) -> Committed[Reconciled]:
        """Return the outcome of a dry run."""
        return Committed(
            before=self.read.manifest,
            now=self.read,
            decision=self.reconciled,
            changed=False,
            replaced=self.read.manifest,
        )


def _find_differences(
    inspector: Inspector, read: VersionedManifest, listed: ListedFiles, pages: PageVersions, *, named: bool
) -> ProjectDiff:
    """Find what differs from a manifest that was read before the listing was made.

    The pages of a project that only the listing shows are looked at here, by reading them once.
    If our own pages show that it went back or is lost, they decide, and every file is inspected. Else, without a
    manifest, another tool's pages are read, and the files that they link to are differences too.
    """
    repository, manifest, project = inspector.repository, read.manifest, read.project
    rules, old, found = inspector.rules, OldPages(), [*listed.files.get(project, ())]
    looked_at = repository.layout.json_key(project) in pages
    read_pages = {} if looked_at else pages.read_listed(repository, project, listed.objects.keys())
    remembered = _remember(inspector, read)
    if remembered is not None:
        manifest, rules = remembered.manifest, replace(rules, reread=True)
        listed = _list_again(repository, manifest, _folders(found))  # pages may name other places than the manifest
        found = [*listed.files.get(project, ())]
    elif not manifest.revision:
        old = read_old_pages(repository, listed.pages.get(project, ()), read_pages)
        links = (link.key for links in old.links.values() for link in links)
        found += _linked_files(repository, project, links, {file.key for file in found})
    differences = find_differences(manifest, found, listed, repository.layout, rules)
    return ProjectDiff(manifest=manifest, old=old, differences=differences, remembered=remembered, named=named)


def _remember(inspector: Inspector, read: VersionedManifest) -> Remembered | None:
    """Read our own pages, if the looks at them show that the manifest went back or is lost."""
    repository, project = inspector.repository, read.project
    seen = repository.target.sightings.of(project)
    if not seen.contradiction(read.manifest, read.sha256):
        return None
    pages = read_own_pages(repository, project, page_keys(repository, project), run_id=inspector.run_id)
    # A view may show a later revision than any page of the simple index does.
    return remember(read.manifest, pages, highest=max(seen.pages, default=0))


def _linked_files(
    repository: Repository, project: ProjectName, links: Iterable[Key | None], known: Collection[Key]
) -> Iterator[FoundFile]:
    """Look for the other files that the old pages link to."""
    keys = {key for key in links if key is not None}
    for key in sorted(filter(can_be_linked, keys.difference(known))):
        entry = next((listed for listed in repository.storage.list(key) if listed.key == key), None)
        if entry is not None and (found := linked_file(entry, project)) is not None:
            yield found


def _inspect_all(
    inspector: Inspector, manifests: Sequence[VersionedManifest], diffs: Sequence[ProjectDiff], workers: Workers
) -> tuple[list[_ProjectPlan], list[Exception]]:
    """Inspect all differences, and reconcile each project that was inspected without an error."""
    differences = [difference for diff in diffs for difference in diff.differences]
    size = sum(difference.found.size for difference in differences)
    inspector.report(Stage(doing="looking at", count=len(differences), total_bytes=size))
    remaining = iter(workers.map_settled(partial(inspector.inspect, difference) for difference in differences))
    plans: list[_ProjectPlan] = []
    failed: list[Exception] = []
    for read, diff in zip(manifests, diffs, strict=True):
        found = list(islice(remaining, len(diff.differences)))
        inspections = [each for each in found if not isinstance(each, Exception)]
        failed += [each for each in found if isinstance(each, Exception)]
        if len(inspections) == len(found):
            reconciled, folders = _reconcile(inspector, diff, inspections), _folders(diff.differences)
            plans.append(_ProjectPlan(read=read, folders=folders, named=diff.named, reconciled=reconciled))
    return plans, failed


def _reconcile(inspector: Inspector, diff: ProjectDiff, inspections: Sequence[Inspection]) -> Reconciled:
    layout = inspector.repository.layout
    return reconcile(diff, inspections, layout=layout, run_id=inspector.run_id)


def _folders(found: Iterable[FoundFile | Difference]) -> frozenset[str]:
    return frozenset(file.key[: file.key.rfind("/") + 1] for file in found)


def _list_again(repository: Repository, manifest: Manifest, folders: Collection[str]) -> ListedFiles:
    """List all of one project, and these folders."""
    storage, layout = repository.storage, repository.layout
    listing = chain.from_iterable(storage.list(prefix) for prefix in prefixes(layout, manifest, folders))
    return sort_listing(listing, layout)


# Commit, write pages -------------------------------------------------------------------------------------------------


def _commit_all(
    context: Context,
    inspector: Inspector,
    plans: Sequence[_ProjectPlan],
    pages: PageVersions,
    failed: Sequence[Exception],
) -> tuple[list[Committed[Reconciled]], list[Exception], int]:
    """Commit each plan and write the pages; return the outcomes, what failed, and how many pages were written."""
    repository, workers = inspector.repository, context.workers
    decisions = [(plan.read, partial(plan.decide, inspector, workers, pages)) for plan in plans]
    try:
        versions = partial(_versions, pages)
        changed = change(context, repository, decisions, pages, repairs=True, versions=versions)
    except BucketwheelError as error:
        raise merged([*failed, error]) from error
    published = [each.project for each in changed.committed if each.now.version is not None]
    try:
        if published:  # the JSON page of another tool does not prove that the root lists its project
            list_in_root(repository, published, workers)
    except BucketwheelError as error:
        raise Unfinished(
            f"everything is committed, but the root page is out of date: {error}; then run the same command again"
        ) from error
    return list(changed.committed), list(changed.failed), changed.pages_written


def _versions(pages: PageVersions, manifest: Manifest) -> frozenset[str]:
    """Select the versions that a manifest names, and those that have a document: it may have forgotten them."""
    return known_versions(manifest) | pages.documents(manifest.project)


def _count_outdated(repository: Repository, plans: Sequence[_ProjectPlan], pages: PageVersions) -> int:
    """Count the projects whose pages would be written."""
    unchanged = [plan.read for plan in plans if plan.reconciled.manifest is None]
    published = [read for read in unchanged if read.version is not None]
    outdated = sum(not is_current(repository, read, pages) for read in published)
    return len(plans) - len(unchanged) + outdated


# Report --------------------------------------------------------------------------------------------------------------


def _failure(done: Sequence[Committed[Reconciled]], failed: Sequence[Exception]) -> Exception:
    error = merged(failed)
    changed = [each.project for each in done if each.changed]
    if not changed or not isinstance(error, BucketwheelError):
        return error
    return Unfinished(f"adopted: {', '.join(changed)}; the rest failed: {error}")


def _files(
    repository: Repository, listed: ListedFiles, done: Sequence[Committed[Reconciled]], *, with_ignored: bool
) -> tuple[FileAdopted, ...]:
    """Report every difference, and the distributions that no project can have, unless an entry or a page names them."""
    files = [file for each in done for file in each.decision.files]
    if with_ignored:
        named = {file.key for file in files}
        for each in done:
            entries = each.now.manifest.files
            named |= {repository.layout.key_of(each.project, entry) for entry in entries}
        files += [
            FileAdopted(project=ignored.project, key=key, fate="left out", note=ignored.reason)
            for key, ignored in listed.ignored.items()
            if key not in named
        ]
    return tuple(sorted(files, key=lambda file: (file.project or "", file.key)))


def _leftovers(repository: Repository, listed: ListedFiles, done: Sequence[Committed[Reconciled]]) -> tuple[Key, ...]:
    layout, ours = repository.layout, shared_keys(repository.settings.views)
    keys = [key for key in listed.others.get(None, ()) if key not in ours]
    for each in done:
        project = each.project
        if each.now.version is not None or each.decision.manifest is not None:
            pages = {*layout.html_keys(project), layout.json_key(project)}
            keys += [
                *listed.others.get(project, ()),
                *(key for key in listed.pages.get(project, ()) if key not in pages),
            ]
    return tuple(sorted(keys))
