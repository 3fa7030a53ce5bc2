"""Taking in what others put into the bucket: what lies there → differences → examined → the manifest's next revision.

Nothing is moved and nothing is removed. What a listing and a manifest settle between them costs no request; only what
differs is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from uuid import uuid4

from bucketwheel.commands.adopt.differences import Answer, Question, Terms, ask, ask_about
from bucketwheel.commands.adopt.inspection import Examiner
from bucketwheel.commands.adopt.inventory import Ground, Lying, can_be_kept, linked, prefixes, read_ground
from bucketwheel.commands.adopt.old_pages import NO_PAGES, OldPages, read_old_pages, refuse_flat_root
from bucketwheel.commands.adopt.reconciliation import Case, FileAdopted, Reconciled, reconcile
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import BucketwheelError, Refused, Unfinished, merged
from bucketwheel.events import Report, Stage, ignore
from bucketwheel.format.layout import MANIFESTS, Layout, project_of
from bucketwheel.format.manifest import Manifest, empty_manifest, refuse_newer
from bucketwheel.names import ProjectName, named_project, not_there
from bucketwheel.parallel import Workers
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.commit import VersionedManifest, commit, read_manifest
from bucketwheel.protocol.refresh import is_current, list_in_root, refresh, stat_pages
from bucketwheel.protocol.repository import Repository, Target, open_target, open_to_read, open_to_write
from bucketwheel.storage import Key

__all__ = ["Adopted", "Adopter", "Round", "adopt", "adopt_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All that one reading of a manifest, and a listing after it, leave open."""

    manifest: Manifest
    old: OldPages
    questions: tuple[Question, ...]

    @property
    def folders(self) -> frozenset[str]:
        """Where the objects lie that it is about; empty for the repository's own folder."""
        return frozenset(question.key[: question.key.rfind("/") + 1] for question in self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopter:
    """What all rounds of one call have in common."""

    repository: Repository
    examiner: Examiner
    terms: Terms
    run_id: str
    now: datetime
    named: Collection[ProjectName]
    """Those that the user named; empty: all that there are."""

    @property
    def layout(self) -> Layout:
        """The repository's."""
        return self.repository.layout

    def open_round(self, manifest: Manifest, ground: Ground) -> Round:
        """Find what is open; the manifest must have been read before the ground was listed.

        Where there is no manifest, the project's pages are read: whatever they link to is looked at too.
        """
        questions, pages = ask(manifest, ground, self.layout, self.terms), ground.pages.get(manifest.project)
        if manifest.revision or not pages:
            return Round(manifest=manifest, old=NO_PAGES, questions=questions)
        old = read_old_pages(self.repository.site, pages)
        known = {question.key for question in questions}
        further = ask_about(self._linked(manifest, old, known), manifest, ground, self.terms)
        return Round(manifest=manifest, old=old, questions=(*questions, *further))

    def answer(self, question: Question) -> Answer:
        """Look at what must be looked at; what may not be taken in without more ado is not even read."""
        if not self.terms.unmarked and question.entry is None:
            return "waiting"
        return self.examiner.examine(question)

    def close(self, round_: Round, answers: Collection[Answer]) -> Reconciled:
        """Decide, with the answers in the order of the questions."""
        case = Case(
            manifest=round_.manifest,
            old=round_.old,
            layout=self.layout,
            terms=self.terms,
            named=round_.manifest.project in self.named,
            run_id=self.run_id,
            now=self.now,
        )
        return reconcile(case, list(zip(round_.questions, answers, strict=True)))

    def again(self, manifest: Manifest, before: Round) -> Reconciled:
        """A whole round for a manifest that is another by now: list, look and decide anew."""
        entries = (
            entry
            for prefix in prefixes(self.layout, manifest, before.folders)
            for entry in self.repository.storage.list(prefix)
        )
        round_ = self.open_round(manifest, read_ground(entries, self.layout))
        return self.close(round_, [self.answer(question) for question in round_.questions])

    def _linked(self, manifest: Manifest, old: OldPages, known: Collection[Key]) -> Iterator[Lying]:
        """The files that old pages link to beyond where files are looked for."""
        keys = {link.key for links in old.links.values() for link in links if link.key is not None}
        for key in sorted(filter(can_be_kept, keys.difference(known))):
            entry = next((listed for listed in self.repository.storage.list(key) if listed.key == key), None)
            if entry is not None and (found := linked(entry, manifest.project)) is not None:
                yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What an adoption did, or with `dry_run` would do."""

    repository: Place
    projects: int
    """How many projects were looked at."""
    files: tuple[FileAdopted, ...]
    """Every difference, by project and key."""
    leftovers: tuple[Key, ...]
    """What lies among the projects' files and is no part of an index: another tool's pages and records, mostly."""
    pages_behind: int
    """How many project pages were written; after a dry run, how many projects have pages to write."""
    dry_run: bool

    @property
    def needs_a_person(self) -> bool:
        """Whether bytes were found that nobody can vouch for: someone must look at them."""
        return any(file.fate in {"other bytes", "contested"} for file in self.files)


def adopt(
    settings: Settings,
    *,
    projects: Sequence[str] = (),
    reread: bool = False,
    ours: bool = False,
    yes: bool = False,
    report: Report = ignore,
) -> Adopted:
    """Reconcile these projects, or all, with what lies in the bucket, and bring their pages up to date.

    `reread` believes only upload times, yank states and deleted names, and reads the rest anew. `ours` takes in what
    carries our mark too, after a loss of manifests. A directory has no marks: there nothing new is taken in without
    `yes`. Raises Refused, Unavailable or Damaged with nothing committed; Unfinished where something is.
    """
    site = open_target(settings, report)
    terms = Terms(reread=reread, ours=ours, unmarked=yes or not isinstance(site.place, DirectoryPlace))
    with Workers(settings.jobs) as workers:
        return adopt_at(site, projects, terms, dry_run=settings.dry_run, workers=workers, report=report)


def adopt_at(
    site: Target, projects: Sequence[str], terms: Terms, *, dry_run: bool, workers: Workers, report: Report = ignore
) -> Adopted:
    """Read the manifests, list, look at the differences, commit, refresh."""
    repository = open_to_read(site)
    if not dry_run:
        repository = open_to_write(site, repository)
    run_id, now = uuid4().hex, datetime.now(UTC)
    examiner = Examiner(repository=repository, run_id=run_id, report=report, dry_run=dry_run)
    named = {named_project(project): project for project in projects}
    adopter = Adopter(repository=repository, examiner=examiner, terms=terms, run_id=run_id, now=now, named=named)
    survey = _survey(repository, named, workers)
    turns, failed = _take_turns(adopter, survey, workers, report)
    if dry_run:
        done, behind = turns, _behind(repository, turns, workers)
    else:
        done, failures = _commit(adopter, turns, workers)
        failed += failures
        behind = _bring_pages(repository, done, workers)
    if failed:
        raise _summed_up(done, failed, dry_run=dry_run)
    return Adopted(
        repository=site.place,
        projects=sum(turn.truth.version is not None or bool(turn.reconciled.files) for turn in done),
        files=_in_order(repository, survey.ground, done, everything=not projects),
        leftovers=_leftovers(repository, survey.ground, done),
        pages_behind=behind,
        dry_run=dry_run,
    )


# Reading -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """Manifests, and what was listed after they were read."""

    truths: tuple[VersionedManifest, ...]
    ground: Ground
    failed: tuple[Exception, ...]


def _survey(repository: Repository, named: Mapping[ProjectName, str], workers: Workers) -> _Survey:
    """Those that were named, each as it was typed, or else all that have a manifest, files or a page."""
    storage, layout = repository.storage, repository.layout
    if named:
        truths, failed = _read_truths(repository, named, workers)
        wanted = {
            prefix
            for truth in truths
            for prefix in prefixes(layout, truth.manifest, [f"{layout.simple}{named[truth.project]}/"])
        }
        listed = workers.map(partial(lambda prefix: list(storage.list(prefix)), prefix) for prefix in sorted(wanted))
        ground = read_ground(chain.from_iterable(listed), layout)
        known = {*ground.files, *ground.pages}
        if absent := [truth for truth in truths if truth.version is None and truth.project not in known]:
            raise Refused(*(not_there(truth.project, repository.site.place) for truth in absent))
        return _Survey(truths=tuple(truths), ground=ground, failed=tuple(failed))
    recorded = [project for entry in storage.list(MANIFESTS) if (project := project_of(entry.key)) is not None]
    truths, failed = _read_truths(repository, recorded, workers)
    ground = read_ground(storage.list(""), layout)
    # That they have no manifest, the first listing has shown; if they have one by now, their swap will be lost.
    new = sorted({*ground.files, *ground.pages}.difference(recorded))
    truths += [VersionedManifest(manifest=empty_manifest(project), version=None) for project in new]
    return _Survey(truths=tuple(truths), ground=ground, failed=tuple(failed))


def _read_truths(
    repository: Repository, projects: Iterable[ProjectName], workers: Workers
) -> tuple[list[VersionedManifest], list[Exception]]:
    """Each manifest, or why it holds up its own project."""
    read = workers.map_settled(partial(_known, repository, project) for project in projects)
    return [each for each in read if isinstance(each, VersionedManifest)], [
        each for each in read if isinstance(each, Exception)
    ]


def _known(repository: Repository, project: ProjectName) -> VersionedManifest:
    truth = read_manifest(repository.site, project)
    refuse_newer(truth.manifest)
    return truth


# Deciding ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One project, and what its manifest becomes."""

    truth: VersionedManifest
    round: Round
    reconciled: Reconciled


def _take_turns(
    adopter: Adopter, survey: _Survey, workers: Workers, report: Report
) -> tuple[list[_Turn], list[Exception]]:
    """Find and look at every difference of all projects, in two waves; what fails holds up its own project only."""
    rounds = workers.map(partial(adopter.open_round, truth.manifest, survey.ground) for truth in survey.truths)
    if any(each.questions and not each.manifest.revision for each in rounds):
        refuse_flat_root(adopter.repository)
    questions = [question for each in rounds for question in each.questions]
    report(Stage(doing="looking at", count=len(questions)))
    answers = iter(workers.map_settled(partial(adopter.answer, question) for question in questions))
    turns: list[_Turn] = []
    failed = list(survey.failed)
    for truth, each in zip(survey.truths, rounds, strict=True):
        found = [next(answers) for _ in each.questions]
        if errors := [answer for answer in found if isinstance(answer, Exception)]:
            failed += errors
        else:
            sound: list[Answer] = [answer for answer in found if not isinstance(answer, Exception)]
            turns.append(_Turn(truth=truth, round=each, reconciled=adopter.close(each, sound)))
    return turns, failed


def _commit(adopter: Adopter, turns: Sequence[_Turn], workers: Workers) -> tuple[list[_Turn], list[Exception]]:
    outcomes = workers.map_settled(_committing(adopter, turn) for turn in turns)
    return (
        [outcome for outcome in outcomes if isinstance(outcome, _Turn)],
        [outcome for outcome in outcomes if isinstance(outcome, Exception)],
    )


def _committing(adopter: Adopter, turn: _Turn) -> Callable[[], _Turn]:
    reconciled = turn.reconciled

    def decide(manifest: Manifest) -> Manifest | None:
        nonlocal reconciled
        if manifest is not turn.truth.manifest:
            reconciled = adopter.again(manifest, turn.round)
        return reconciled.manifest

    def run() -> _Turn:
        # What was dropped or updated leaves no trace of who did it.
        truth = commit(adopter.repository, turn.truth, run_id=None, decide=decide)
        return _Turn(truth=truth, round=turn.round, reconciled=reconciled)

    return run


# Showing -------------------------------------------------------------------------------------------------------------


def _bring_pages(repository: Repository, done: Sequence[_Turn], workers: Workers) -> int:
    projects = [turn.truth.project for turn in done if turn.truth.version is not None]
    if not projects:
        return 0
    try:
        written = refresh(repository, projects, workers)
        list_in_root(repository, projects, workers)
    except BucketwheelError as error:
        raise Unfinished(
            f"everything is committed, but pages could not be brought up to date ({error}); run the same command again"
        ) from error
    return written


def _behind(repository: Repository, turns: Sequence[_Turn], workers: Workers) -> int:
    changing = sum(turn.reconciled.manifest is not None for turn in turns)
    truths = [turn.truth for turn in turns if turn.reconciled.manifest is None and turn.truth.version is not None]
    looks = stat_pages(repository, [truth.project for truth in truths], workers)
    return changing + sum(not is_current(repository, truth, looks) for truth in truths)


def _summed_up(done: Sequence[_Turn], failed: Sequence[Exception], *, dry_run: bool) -> Exception:
    error = merged(failed)
    changed = [turn.truth.project for turn in done if turn.reconciled.manifest is not None]
    if dry_run or not changed or not isinstance(error, BucketwheelError):
        return error
    return Unfinished(f"adopted: {', '.join(changed)}; the rest is not: {error}")


def _in_order(
    repository: Repository, ground: Ground, done: Sequence[_Turn], *, everything: bool
) -> tuple[FileAdopted, ...]:
    """All that is to be said of files; of those that are nobody's only where everything was looked at."""
    files = [file for turn in done for file in turn.reconciled.files]
    if everything:
        accounted_for = {file.key for file in files}
        for turn in done:
            accounted_for |= {repository.layout.key_of(turn.truth.project, file) for file in turn.truth.manifest.files}
        files += [
            FileAdopted(project=strange.project, key=key, fate="left out", note=strange.why)
            for key, strange in ground.strange.items()
            if key not in accounted_for
        ]
    return tuple(sorted(files, key=lambda file: (file.project or "", file.key)))


def _leftovers(repository: Repository, ground: Ground, done: Sequence[_Turn]) -> tuple[Key, ...]:
    layout, keys = repository.layout, list(ground.others.get(None, ()))
    for turn in done:
        project = turn.truth.project
        if turn.truth.version is not None or turn.reconciled.manifest is not None:
            pages = {*layout.html_keys(project), layout.json_key(project)}
            keys += [
                *ground.others.get(project, ()),
                *(key for key in ground.pages.get(project, ()) if key not in pages),
            ]
    return tuple(sorted(keys))
