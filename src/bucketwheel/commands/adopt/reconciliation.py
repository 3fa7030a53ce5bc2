"""From answers to the manifest's next revision: what is taken in, what is missing, and what a person must decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from bucketwheel.commands.adopt.differences import Answer, Facts, Question, Terms
from bucketwheel.commands.adopt.old_pages import OldPages
from bucketwheel.commands.adopt.parsed_names import claim
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile, upload_time
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key

__all__ = ["Case", "Fate", "FileAdopted", "Reconciled", "reconcile"]

Fate: TypeAlias = Literal["taken in", "back", "updated", "missing", "other bytes", "contested", "waiting", "left out"]
"""*Missing* and *other bytes* are off the pages. *Contested* needs a person's decision; nothing was done about it."""

_CLOSED = {"archived", "quarantined"}  # PEP 792: these take no new files


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAdopted:
    """What became of one difference; after a dry run, what would."""

    project: ProjectName | None
    """None for what can be no project's."""
    key: Key
    fate: Fate
    note: str = ""
    """Continues the key, where there is more to say."""
    legacy: str | None = None
    """Why no new file could be published like that, continuing its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A project's manifest, and what was said of the project before it had one."""

    manifest: Manifest
    old: OldPages
    layout: Layout
    terms: Terms
    named: bool
    """Whether the user named the project: then even an empty page of it is an index's."""
    run_id: str
    now: datetime
    """For files of which a store does not say when they were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a project's manifest becomes."""

    manifest: Manifest | None
    """The next revision; None: nothing changes."""
    files: tuple[FileAdopted, ...]


def reconcile(case: Case, answers: Sequence[tuple[Question, Answer]]) -> Reconciled:
    """Decide about every difference. A project without a manifest comes in as a whole, or stays as it is."""
    before, becoming = case.manifest, _Becoming(case)
    named: dict[str, list[tuple[Question, Answer]]] = defaultdict(list)
    for question, answer in answers:
        if question.released:
            becoming.settle(question, answer)
        else:
            named[question.filename].append((question, answer))
    for filename, found in named.items():
        becoming.decide(filename, found)
    if before.revision == 0:
        becoming.compare_with_old_pages({question.filename for question, _ in answers})
        if any(file.fate == "contested" for file in becoming.files):
            return Reconciled(manifest=None, files=tuple(file for file in becoming.files if file.fate != "taken in"))
    after = replace(
        before,
        revision=max(before.revision, case.old.revision) + 1,
        files=tuple(becoming.entries.values()),
        missing=tuple(becoming.missing.values()),
    )
    # A page without files is in a publisher's way: whoever names the project means it to be ours.
    begun = before.revision == 0 and case.named and not becoming.files and case.old.at is not None
    changed = begun or (after.files, after.missing) != (before.files, before.missing)
    return Reconciled(manifest=after if changed else None, files=tuple(becoming.files))


class _Becoming:
    """The next revision while it is made, and what is to be said about it."""

    def __init__(self, case: Case) -> None:
        self.entries = {file.filename: file for file in case.manifest.files}
        self.missing = {file.filename: file for file in case.manifest.missing}
        self.files: list[FileAdopted] = []
        self._case = case

    def settle(self, question: Question, answer: Answer) -> None:
        """Bring an entry to what lies there; one whose bytes do not lie there goes missing, whole as it was."""
        entry = self.entries[question.filename]
        if isinstance(answer, Facts):
            after = self.entries[question.filename] = _as_found(entry, question, answer)
            if after != entry:
                self._say(question.key, "updated", _remark(answer))
            return
        self.missing[question.filename] = self.entries.pop(question.filename)
        self._say(question.key, "missing" if answer == "absent" else "other bytes")

    def decide(self, filename: str, found: Sequence[tuple[Question, Answer]]) -> None:
        """Take in the one object that a name shall stand for, if there is one."""
        fit = [
            (question, answer)
            for question, answer in found
            if isinstance(answer, Facts) and self._unfit(question, answer) is None
        ]
        for question, answer in found:
            self._say_why_not(question, answer)
        # Clients were led to one of them: that one is the file.
        linked = {link.key for link in self._case.old.links.get(filename, ())}
        fit = [(question, facts) for question, facts in fit if question.key in linked] or fit
        if len({facts.sha256 for _, facts in fit}) > 1:
            keys = ", ".join(question.key for question, _ in fit)
            for question, _ in fit:
                self._say(question.key, "contested", f"is one of several with different bytes: {keys}")
        elif fit:
            self._take_in(*min(fit, key=self._preference))

    def compare_with_old_pages(self, asked: Collection[str]) -> None:
        """Object to what would drop a link that clients could follow until now."""
        project, old = self._case.manifest.project, self._case.old
        page = old.at or self._case.layout.json_key(project)
        if old.ours and not self._case.terms.ours:
            self._say(page, "contested", "is our page, but there is no manifest; put that back, or add --ours")
        elif old.links and not asked:
            self._say(page, "left out", "is a page of files that do not lie here, and stays as it is")
            return
        for filename, links in old.links.items():
            entry, stated = self.entries.get(filename), {link.sha256 for link in links} - {None}
            key = self._case.layout.usual_key(project, filename)
            if entry is not None and stated and entry.sha256 not in stated:
                self._say(entry.key or key, "contested", "has other bytes than its page says; upload the right ones")
            elif filename not in asked and claim(filename, project) is None:
                self._say(key, "left out", "is linked to by the project's page, and cannot be its distribution")
            elif filename not in asked:
                self._say_where_it_leads(key, [link.address for link in links if link.key is None])

    def _say_where_it_leads(self, key: Key, elsewhere: Sequence[str]) -> None:
        if elsewhere:
            note = f"is not here: its page leads to {elsewhere[0]}; copy it here, or remove that link"
            self._say(key, "contested", note)
        else:
            self._say(key, "left out", "is linked to by its page, and does not lie there")

    def _unfit(self, question: Question, facts: Facts) -> str | None:
        """Why a file stays out whatever its name says; None: it need not."""
        case, status = self._case, self._case.manifest.status.status
        if question.lying.aside not in {"", facts.sha256}:
            return "lies in a folder that is named after other bytes"
        if facts.ours and case.old.ours and question.filename not in case.old.links:
            # After a loss our page lists what was released. The rest was deleted, or never finished.
            return "is not on our page; publish it again if it is wanted"
        if question.entry is None and status in _CLOSED:
            return f"is new, and the project is {status}; set its status to active first"
        return None

    def _say_why_not(self, question: Question, answer: Answer) -> None:
        match answer:
            case "waiting":
                self._say(question.key, "waiting")
            case "unfinished":
                self._say(question.key, "left out", "was put there by a publish that has not finished")
            case "other bytes":
                self._say(question.key, "contested", f"has other bytes than {question.filename}, which is missing")
            case Facts() as facts if (reason := self._unfit(question, facts)) is not None:
                self._say(question.key, "left out", reason)

    def _preference(self, each: tuple[Question, Facts]) -> tuple[bool, bool, Key]:
        question, _ = each
        usual = self._case.layout.usual_key(self._case.manifest.project, question.filename)
        return (question.key != usual, question.lying.aside != "", question.key)

    def _take_in(self, question: Question, facts: Facts) -> None:
        case, filename = self._case, question.filename
        back = self.missing.pop(filename, None)
        entry = back or PublishedFile(
            filename=filename,
            version=question.lying.claim.version,
            sha256=facts.sha256,
            size=facts.size,
            upload_time=upload_time(facts.modified or case.now),
            by=case.run_id,
            yanked=case.old.yanked(filename),
        )
        key = None if question.key == case.layout.usual_key(case.manifest.project, filename) else question.key
        seen = None if facts.ours else question.lying.etag
        self.entries[filename] = _as_found(replace(entry, by=case.run_id, key=key, seen=seen), question, facts)
        self._say(question.key, "back" if back else "taken in", _remark(facts), legacy=facts.legacy)

    def _say(self, key: Key, fate: Fate, note: str = "", *, legacy: str | None = None) -> None:
        project = self._case.manifest.project
        self.files.append(FileAdopted(project=project, key=key, fate=fate, note=note, legacy=legacy))


def _as_found(entry: PublishedFile, question: Question, facts: Facts) -> PublishedFile:
    return replace(
        entry,
        requires_python=facts.requires_python,
        metadata_sha256=facts.metadata_sha256,
        gpg_sig=".asc" in question.beside,
        provenance_sha256=facts.provenance_sha256,
        seen=None if entry.seen is None else question.lying.etag or entry.seen,
    )


def _remark(facts: Facts) -> str:
    return "has a .metadata that is not its own and is not listed" if facts.metadata_is_foreign else ""
