"""One project's turn: what its manifest and the ground leave open, with the pages that it had before it was ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from bucketwheel.commands.adopt.differences import Answer, Question, Terms, ask, ask_about
from bucketwheel.commands.adopt.inspection import Examiner
from bucketwheel.commands.adopt.inventory import Ground, Lying, can_be_kept, linked, prefixes, read_ground
from bucketwheel.commands.adopt.old_pages import NO_PAGES, OldPages, read_old_pages
from bucketwheel.commands.adopt.reconciliation import Case, Reconciled, reconcile
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key

__all__ = ["Adopter", "Round"]


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
    call: str
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
            call=self.call,
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
