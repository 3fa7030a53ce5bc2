"""The manifest's next revision, made of the inspections: what comes in, what is missing, what a person must decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias

from bucketwheel.commands.adopt.differences import Difference, FileInfo, Inspection, ProjectDiff
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, upload_time
from bucketwheel.format.parsed_names import parse_name
from bucketwheel.names import InvalidName, ProjectName, Spellings, distribution_name
from bucketwheel.protocol.removal import deleted_file
from bucketwheel.storage import Key

__all__ = ["AdoptedAs", "FileAdopted", "Reconciled", "reconcile"]

AdoptedAs: TypeAlias = Literal[
    "taken in", "back", "updated", "hidden", "deleted", "missing", "other bytes", "contested", "waiting", "left out"
]
"""*Missing* and *other bytes* are off the pages. *Contested* needs a person's decision; nothing was done about it.
*Hidden* and *deleted* are what our newest page does not list, after a manifest went back or was lost.
"""

_CLOSED = {"archived", "quarantined"}  # PEP 792: these take no new files

_UNUSABLE: Final[Mapping[Inspection, tuple[AdoptedAs, str]]] = {
    "waiting": ("waiting", ""),
    "unfinished": ("left out", "was put there by a publish that has not finished"),
    "other bytes": ("contested", "has other bytes than the missing file of this name"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAdopted:
    """One difference, and what became of it; after a dry run, what would become of it."""

    project: ProjectName | None
    """None for a file that no project can have."""
    key: Key
    fate: AdoptedAs
    note: str = ""
    """Continues the key, where there is more to say."""
    legacy: str | None = None
    """Why no new file could be published like that; continues its name."""
    unverified: bool = False
    """True if its digest is what its uploader noted, and nothing verified it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A project's manifest after the adoption."""

    manifest: Manifest | None
    """The next revision; None if nothing changes."""
    files: tuple[FileAdopted, ...]


def reconcile(diff: ProjectDiff, inspections: Sequence[Inspection], *, layout: Layout, run_id: str) -> Reconciled:
    """Decide about every difference. A project without a manifest comes in as a whole, or stays as it is."""
    before, after = diff.remembered.before if diff.remembered else diff.manifest, _NextRevision(diff, layout, run_id)
    by_name: dict[str, list[tuple[Difference, Inspection]]] = defaultdict(list)
    for difference, inspection in zip(diff.differences, inspections, strict=True):
        if difference.released:
            after.update_entry(difference, inspection)
        else:
            by_name[difference.filename].append((difference, inspection))
    for filename, found in by_name.items():
        if not after.is_settled(filename):
            after.choose(filename, found)
    if diff.manifest.revision == 0:
        after.compare_with_old_pages(by_name)
        if any(file.fate == "contested" for file in after.files):
            return Reconciled(manifest=None, files=tuple(file for file in after.files if file.fate != "taken in"))
    manifest = replace(
        diff.manifest,
        revision=diff.manifest.revision + 1,
        files=tuple(after.entries.values()),
        missing=tuple(after.missing.values()),
        deleted=(*diff.manifest.deleted, *after.deleted),
    )
    # A page without files stops publishers; a user who names its project wants it to be ours.
    begun = before.revision == 0 and diff.named and not after.files and diff.old.at is not None
    changed = begun or (manifest.files, manifest.missing) != (before.files, before.missing)
    changed |= diff.remembered is not None
    return Reconciled(manifest=manifest if changed else None, files=tuple(after.files))


class _NextRevision:
    """The next revision while it is made, with a word on each file that differs."""

    def __init__(self, diff: ProjectDiff, layout: Layout, run_id: str) -> None:
        self.entries = {file.filename: file for file in diff.manifest.files}
        self.missing = {file.filename: file for file in diff.manifest.missing}
        self.deleted: list[DeletedFile] = []
        self.files: list[FileAdopted] = []
        self._remembered = diff.remembered
        self._known = {file.filename: file for file in diff.remembered.before.files} if diff.remembered else {}
        self._released = frozenset(self.entries)
        self._manifest, self._old = diff.manifest, diff.old
        self._layout = layout
        self._run_id = run_id

    def update_entry(self, difference: Difference, inspection: Inspection) -> None:
        """Make an entry agree with its object; if that is absent or has other bytes, the whole entry goes missing."""
        filename, remembered = difference.filename, self._remembered
        doubtful = remembered is not None and filename in remembered.doubtful
        if isinstance(inspection, FileInfo):
            before = self.entries[filename] if remembered is None else self._known.get(filename)
            self.entries[filename] = _updated(self.entries[filename], difference, inspection)
            if self.entries[filename] != before:
                fate: AdoptedAs = "hidden" if doubtful else "updated" if before else "taken in"
                note = "is not on the newest page" if doubtful else _remark(difference, inspection)
                self._say(difference.key, fate, note, unverified=inspection.unverified)
            return
        if doubtful and inspection == "absent":
            self.deleted.append(deleted_file(self.entries.pop(filename)))
            self._say(difference.key, "deleted", "is not on the newest page, and does not exist")
            return
        self.missing[filename] = self.entries.pop(filename)  # rule: what is gone is recorded as missing
        self._say(difference.key, "missing" if inspection == "absent" else "other bytes")

    def is_settled(self, filename: str) -> bool:
        """Return whether a released file needs no other object: it is where its entry says, or deleted for good."""
        return filename in self._released and filename not in self.missing

    def choose(self, filename: str, found: Sequence[tuple[Difference, Inspection]]) -> None:
        """Take in the one object that can be the file of this name, if there is one."""
        candidates: list[tuple[Difference, FileInfo]] = []
        for difference, inspection in found:
            if not isinstance(inspection, FileInfo):
                if inspection in _UNUSABLE:
                    self._say(difference.key, *_UNUSABLE[inspection])
            elif (reason := self._why_not(difference, inspection)) is not None:
                self._say(difference.key, "left out", reason)
            else:
                candidates.append((difference, inspection))
        # If the old page led clients to one of them, that one is the file.
        linked = {link.key for link in self._old.links.get(filename, ())}
        candidates = [each for each in candidates if each[0].key in linked] or candidates
        if len({info.sha256 for _, info in candidates}) > 1:
            keys = ", ".join(difference.key for difference, _ in candidates)
            for difference, _ in candidates:
                self._say(difference.key, "contested", f"is one of several with different bytes: {keys}")
        elif candidates:
            usual = self._layout.usual_key(self._manifest.project, filename)
            difference, info = min(
                candidates, key=lambda each: (each[0].key != usual, bool(each[0].found.aside), each[0].key)
            )
            self._take_in(difference, info, key=None if difference.key == usual else difference.key)

    def compare_with_old_pages(self, inspected: Collection[str]) -> None:
        """Object to a change that would drop a link that clients could follow until now."""
        project, old = self._manifest.project, self._old
        page = old.at or self._layout.json_key(project)
        if old.links and not inspected:
            self._say(page, "left out", "is a page of files that are not here, and stays as it is")
            return
        for filename, links in old.links.items():
            key = self._layout.usual_key(project, filename)
            outside = next((link.address for link in links if link.key is None), None)
            if filename in inspected:
                entry, stated = self.entries.get(filename), {link.sha256 for link in links} - {None}
                if entry is not None and stated and entry.sha256 not in stated:
                    note = "has other bytes than its page says; upload the right ones"
                    self._say(entry.key or key, "contested", note)
            elif parse_name(filename, project) is None:
                self._say(key, "left out", "is on the project's page, but cannot be its distribution")
            elif outside is not None:
                note = f"is not here: its page links to {outside}; copy the file here, or remove that link"
                self._say(key, "contested", note)
            else:
                self._say(key, "left out", "is on its page, but does not exist")

    def _why_not(self, difference: Difference, info: FileInfo) -> str | None:
        """Return why a file stays out although its name is free; None if it may come in."""
        status = self._manifest.status.status
        if difference.found.aside not in {"", info.sha256}:
            return "is in a folder that is named after other bytes"
        if difference.entry is None and status in _CLOSED and self._remembered is None:
            return f"is new, and the project is {status}; set its status to active first"
        return self._spelled_otherwise(difference, info)

    def _spelled_otherwise(self, difference: Difference, info: FileInfo) -> str | None:
        """Return why a new file stays out: a deleted or missing file would come back under another spelling."""
        try:
            name = distribution_name(difference.filename)
        except InvalidName:
            return None
        # rule: what is gone is gone in every spelling
        for spelled in () if difference.entry else self._gone.of(name):
            missing = self.missing.get(spelled)
            if missing is None and spelled not in self.entries:
                return f"is the same distribution as {spelled}, which was deleted"
            if missing is not None and missing.sha256 != info.sha256:
                return f"is the same distribution as {spelled}, which is missing and had other bytes"
        return None

    @cached_property
    def _gone(self) -> Spellings:
        return Spellings([*self.missing, *(file.filename for file in self._manifest.deleted)])

    def _take_in(self, difference: Difference, info: FileInfo, *, key: Key | None) -> None:
        filename = difference.filename
        back = self.missing.pop(filename, None)
        entry = back or PublishedFile(
            filename=filename,
            version=difference.found.name.version,
            sha256=info.sha256,
            size=info.size,
            upload_time=upload_time(info.modified),
            by=self._run_id,
            yanked=self._old.yanked(filename),
        )
        if back and filename in self._released:  # it is at another key, not missing
            was = self._layout.key_of(self._manifest.project, back)
            self.files = [each for each in self.files if (each.key, each.fate) != (was, "missing")]
        entry = replace(entry, by=self._run_id, key=key, seen=None if info.ours else difference.found.etag)
        self.entries[filename] = _updated(entry, difference, info)
        if self._remembered is not None and filename not in self._released:
            self.entries[filename] = replace(self.entries[filename], hidden=True)  # rule: what no page lists is hidden
            note = "is not on the newest page"
            self._say(difference.key, "hidden", note, legacy=info.legacy, unverified=info.unverified)
            return
        fate: AdoptedAs = "back" if back else "taken in"
        remark = _remark(difference, info)
        self._say(difference.key, fate, remark, legacy=info.legacy, unverified=info.unverified)

    def _say(
        self, key: Key, fate: AdoptedAs, note: str = "", *, legacy: str | None = None, unverified: bool = False
    ) -> None:
        project = self._manifest.project
        file = FileAdopted(project=project, key=key, fate=fate, note=note, legacy=legacy, unverified=unverified)
        self.files.append(file)


def _updated(entry: PublishedFile, difference: Difference, info: FileInfo) -> PublishedFile:
    return replace(
        entry,
        requires_python=info.requires_python,
        metadata_sha256=info.metadata_sha256,
        gpg_sig=".asc" in difference.sidecars,
        provenance_sha256=info.provenance_sha256,
        seen=None if entry.seen is None else difference.found.etag or entry.seen,
    )


def _remark(difference: Difference, info: FileInfo) -> str:
    remarks: list[str] = []
    if ".metadata" in difference.sidecars and info.metadata_sha256 is None:
        remarks.append("has a .metadata that is not its own and is not listed")
    if info.contradicts_note:
        remarks.append("has other bytes than its uploader noted; the digest of its bytes is listed")
    return ", and ".join(remarks)
