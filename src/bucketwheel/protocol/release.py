"""Release judged distributions into a repository: plan → upload → commit → pages, as the write protocol has it.

Everything that can be refused is refused before a byte is sent. All files of one project become visible at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

from bucketwheel.errors import Damaged, Problem, Refused, Unavailable, Unfinished, merged
from bucketwheel.events import Created, FileDone, FileStarted, Report, Stage, ignore
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, refuse_newer
from bucketwheel.format.settings import RepositorySettings, refuse_unwritable
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest, commit, read_manifest
from bucketwheel.protocol.plan import Candidate, Existing, ReleasePlan, StoredFile, plan_release, released
from bucketwheel.protocol.refresh import (
    PageVersions,
    is_current,
    page_stats,
    project_pages,
    refresh,
    stat_pages,
    write_pages,
)
from bucketwheel.protocol.repository import Repository, Target, create, open_to_write, read_settings, refuse_nonempty
from bucketwheel.protocol.upload import Upload, place
from bucketwheel.storage import Key, ObjectVersion

__all__ = ["Outcome", "ReleaseRequest", "rehearse", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What is to be released, and on which terms."""

    parcels: tuple[Upload, ...]
    existing: Existing
    run_id: str
    """Identifies this run, so that it recognises its own work later."""
    now: datetime
    first: RepositorySettings | None
    """What a repository is made with where there is none; None: it must be there."""
    report: Report = ignore

    @property
    def projects(self) -> tuple[ProjectName, ...]:
        """Whose files these are."""
        return tuple(sorted({parcel.candidate.name.project for parcel in self.parcels}))

    def of(self, project: ProjectName) -> tuple[Upload, ...]:
        """The parcels of one project."""
        return tuple(parcel for parcel in self.parcels if parcel.candidate.name.project == project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an order, or would."""

    repository: Repository
    plans: Mapping[ProjectName, ReleasePlan]
    created: bool
    """Whether the repository was made by this order, or would be."""
    pages: tuple[Key, ...] = ()
    """The pages that a rehearsal found would change; empty after a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    truth: VersionedManifest
    plan: ReleasePlan


def release(site: Target, order: ReleaseRequest, workers: Workers) -> Outcome:
    """Do it. Raises Refused while nothing of ours is committed, Unfinished once something is or may be."""
    found, truths = _read(site, order.projects, workers)
    plans = _plan(order, truths)
    repository, created = _open(site, found, order)
    plans, looks = _validate_ground(repository, order, plans, workers)
    placements, looks = _upload(repository, order, plans, looks, workers)
    changing = [planned for planned in plans if planned.plan.to_upload]
    results = workers.map_settled(_commit(repository, order, planned, placements) for planned in changing)
    committed = [result for result in results if isinstance(result, _Planned)]
    failed = [result for result in results if isinstance(result, Exception)]
    if failed and not committed:
        raise merged(failed)
    unchanged = [planned for planned in plans if not planned.plan.to_upload]
    _bring_pages(repository, committed, unchanged, looks, workers)
    if failed:
        raise Unfinished(
            f"released: {', '.join(planned.truth.project for planned in committed)}; not released: {merged(failed)}"
        )
    final = {planned.truth.project: planned.plan for planned in (*unchanged, *committed)}
    return Outcome(repository=repository, plans=final, created=created)


def rehearse(site: Target, order: ReleaseRequest, workers: Workers) -> Outcome:
    """Read and judge everything as `release` does, and write nothing: what would be added, and which pages change."""
    found, truths = _read(site, order.projects, workers)
    plans = _plan(order, truths)
    created = found is None
    if found is None:
        refuse_nonempty(site)
        found = Repository(site=site, settings=_first(site, order), version=ObjectVersion(""))
    refuse_unwritable(found.settings, str(site.place), single_writer=site.single_writer)
    looks = stat_pages(found, order.projects, workers)
    for planned in plans:
        _validate_pages(found, planned.truth, looks)
    changing = [
        planned.truth.project
        for planned in plans
        if planned.plan.to_upload or not is_current(found, planned.truth, looks)
    ]
    pages = [key for project in changing for key in project_pages(found, project)]
    if any(looks[found.layout.json_key(project)].version is None for project in changing):
        pages += [found.layout.root_json_key, *found.layout.root_html_keys]
    final = {planned.truth.project: planned.plan for planned in plans}
    return Outcome(repository=found, plans=final, created=created, pages=tuple(pages))


def _read(
    site: Target, projects: Sequence[ProjectName], workers: Workers
) -> tuple[Repository | None, list[VersionedManifest]]:
    """The first wave: the settings and every manifest, at keys that are the same in every repository."""
    settings = workers.start(lambda: read_settings(site))
    truths = workers.map(partial(read_manifest, site, project) for project in projects)
    return settings.result(), truths


def _plan(order: ReleaseRequest, truths: Iterable[VersionedManifest]) -> list[_Planned]:
    plans: list[_Planned] = []
    problems: list[Problem] = []
    for truth in truths:
        try:
            plans.append(_Planned(truth=truth, plan=_plan_one(order, truth.manifest)))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(*problems)
    return plans


def _plan_one(order: ReleaseRequest, manifest: Manifest) -> ReleasePlan:
    refuse_newer(manifest)
    candidates = [parcel.candidate for parcel in order.of(manifest.project)]
    return plan_release(manifest, candidates, order.existing)


def _open(site: Target, found: Repository | None, order: ReleaseRequest) -> tuple[Repository, bool]:
    if found is not None:
        return open_to_write(site, found), False
    repository, created = create(site, _first(site, order))
    if created:
        order.report(Created(repository=str(site.place)))
    return repository, created


def _first(site: Target, order: ReleaseRequest) -> RepositorySettings:
    if order.first is None:
        raise Refused(
            Problem(
                subject=str(site.place),
                what="is not a bucketwheel repository, and --no-create forbids making one",
                remedy=f"check the address, or make it with `bucketwheel init {site.place}`",
            )
        )
    return order.first


def _validate_ground(
    repository: Repository, order: ReleaseRequest, plans: list[_Planned], workers: Workers
) -> tuple[list[_Planned], PageVersions]:
    """Look at the pages of projects without a manifest, before a byte is sent: they may be somebody else's."""
    unknown = [planned.truth.project for planned in plans if planned.truth.version is None]
    looks = stat_pages(repository, unknown, workers)
    truths = [_validate_pages(repository, planned.truth, looks) for planned in plans]
    return _plan(order, truths), looks


def _validate_pages(repository: Repository, truth: VersionedManifest, looks: PageVersions) -> VersionedManifest:
    """Refuse a project whose pages are there without a manifest: another tool's, or ours after a loss.

    Files alone never decide. The manifest is read once more before the verdict: its first publisher may be at work.
    """
    pages = [looks[key] for key in project_pages(repository, truth.project) if key in looks]
    if truth.version is not None or all(page.version is None for page in pages):
        return truth
    truth = read_manifest(repository.site, truth.project)
    if truth.version is not None:
        return truth
    adopt = f"`bucketwheel reindex {truth.project} --adopt"
    if any(page.mark is not None for page in pages):
        what = "has our page but no manifest"
        remedy = f"put back {manifest_key(truth.project)} from a backup, or run {adopt} --ours`"
    else:
        what = "has a page that another tool made"
        remedy = f"take the project over with {adopt}`, or publish to a new prefix or directory"
    raise Refused(Problem(subject=f"{repository.site.place}: {truth.project}", what=what, remedy=remedy))


# Upload --------------------------------------------------------------------------------------------------------------


def _upload(
    repository: Repository, order: ReleaseRequest, plans: Sequence[_Planned], looks: PageVersions, workers: Workers
) -> tuple[dict[str, StoredFile], PageVersions]:
    """Add every file that the commits will name, and look at the pages that are not seen yet, in one wave."""
    parcels = {parcel.candidate.filename: parcel for parcel in order.parcels}
    jobs = [
        (planned.truth.manifest, parcels[candidate.filename])
        for planned in plans
        for candidate in planned.plan.to_upload
    ]
    if jobs:
        size = sum(parcel.candidate.size for _, parcel in jobs)
        order.report(Stage(doing="uploading", count=len(jobs), total_bytes=size))
    looking = [
        workers.start(look)
        for planned in plans
        if not all(key in looks for key in project_pages(repository, planned.truth.project))
        for look in page_stats(repository, planned.truth.project)
    ]
    placed = workers.map(partial(_place, repository, order, manifest, parcel) for manifest, parcel in jobs)
    placements = {parcel.candidate.filename: placement for (_, parcel), placement in zip(jobs, placed, strict=True)}
    return placements, {**looks, **dict(look.result() for look in looking)}


def _place(repository: Repository, order: ReleaseRequest, manifest: Manifest, parcel: Upload) -> StoredFile:
    candidate = parcel.candidate
    order.report(FileStarted(name=candidate.filename, size=candidate.size))
    placement = place(repository, parcel, keys=_keys(repository, manifest, candidate), run_id=order.run_id)
    order.report(FileDone(name=candidate.filename, size=candidate.size))
    return placement


def _keys(repository: Repository, manifest: Manifest, candidate: Candidate) -> Iterator[Key]:
    """Where the candidate may lie: a missing file first where it lay, and nothing ever at a dead key."""
    lay = (file.key for file in manifest.missing if file.filename == candidate.filename and file.key is not None)
    usual = repository.layout.file_keys(manifest.project, candidate.filename, candidate.sha256)
    return (key for key in chain(lay, usual) if key not in manifest.dead_keys)


# Commit --------------------------------------------------------------------------------------------------------------


def _commit(
    repository: Repository, order: ReleaseRequest, planned: _Planned, placements: Mapping[str, StoredFile]
) -> Callable[[], _Planned]:
    placed = dict(placements)
    before, plan = planned.truth.manifest, planned.plan

    def decide(manifest: Manifest) -> Manifest | None:
        nonlocal plan
        plan = _plan_one(order, manifest)
        for parcel in order.of(manifest.project):
            if parcel.candidate in plan.to_upload and _must_be_placed(parcel.candidate, manifest):
                placed[parcel.candidate.filename] = _place(repository, order, manifest, parcel)
        if plan.to_upload:
            return released(manifest, plan, placed, run_id=order.run_id, now=order.now, layout=repository.layout)
        # Somebody else released them, and perhaps the very objects that we put there. Whoever lists the bucket now and
        # is about to call them missing must lose its swap.
        overtaken = any(placed[name].added for name in (file.filename for file in plan.unchanged) if name in placed)
        return replace(manifest, revision=manifest.revision + 1) if overtaken else None

    def _must_be_placed(candidate: Candidate, manifest: Manifest) -> bool:
        placement = placed.get(candidate.filename)
        if placement is None or placement.key in manifest.dead_keys:
            return True
        # Missing at a later reading than the one before the upload: its object has gone since.
        return candidate in plan.restored and manifest.revision != before.revision

    def run() -> _Planned:
        truth = commit(repository, planned.truth, run_id=order.run_id, decide=decide)
        return _Planned(truth=truth, plan=plan)

    return run


def _bring_pages(
    repository: Repository,
    committed: Sequence[_Planned],
    unchanged: Sequence[_Planned],
    looks: PageVersions,
    workers: Workers,
) -> None:
    try:
        write_pages(repository, [planned.truth for planned in committed], looks, workers)
        behind = [p.truth.project for p in unchanged if not is_current(repository, p.truth, looks)]
        if behind:
            refresh(repository, behind, workers)
    except (Damaged, Refused, Unavailable) as error:
        raise Unfinished(
            f"everything is released, but pages could not be brought up to date ({error}); "
            "run the same command again, or `bucketwheel reindex`"
        ) from error
