"""Differences between a manifest and the bucket: the objects to inspect, and what each has to be.

An entry that the listing agrees with costs no request. An entry is looked up at its own key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from bucketwheel.commands.adopt.old_pages import OldPages
from bucketwheel.commands.adopt.own_pages import Remembered
from bucketwheel.format.layout import Layout
from bucketwheel.format.listed_files import FoundFile, ListedFiles
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.format.parsed_names import ParsedName
from bucketwheel.names import Sha256
from bucketwheel.storage import Key, ListEntry, ObjectVersion

__all__ = ["AdoptRules", "Difference", "FileInfo", "Inspection", "ProjectDiff", "find_differences"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptRules:
    """The user's choices of what to take in."""

    reread: bool = False
    """Read every file again; believe only upload times, yank states and deleted names."""
    ours: bool = False
    """Take in what carries our mark and no manifest names, as after a loss of manifests."""
    trust_uploader_digests: bool = False
    """Believe the digest that an uploader noted with a wheel, which no store verifies, and do not read the wheel."""
    unmarked: bool = True
    """Take in new files from a store without marks, where a running publisher cannot be told from a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An object to inspect."""

    found: FoundFile
    sidecars: frozenset[str]
    """The suffixes of the sidecars that the listing shows."""
    metadata_version: ObjectVersion | None = None
    """The version of its `.metadata` there."""
    entry: PublishedFile | None = None
    """The entry that it has to match: a released file's, or a missing one's. None for a new file."""
    released: bool = False

    @property
    def key(self) -> Key:
        """Return the object's key."""
        return self.found.key

    @property
    def filename(self) -> str:
        """Return the name that it is or would be released under."""
        return self.found.filename


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDiff:
    """All differences between one manifest and a listing that was made after it was read."""

    manifest: Manifest
    old: OldPages
    differences: tuple[Difference, ...]
    remembered: Remembered | None = None
    """What our pages remember, if the manifest went back or is lost; `manifest` is made from it then."""
    named: bool
    """True if the user named the project: then even an empty page of it becomes ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """A file as it is in the bucket."""

    sha256: Sha256
    size: int
    modified: datetime
    ours: bool
    """True if it carries our mark."""
    requires_python: str | None = None
    metadata_sha256: Sha256 | None = None
    """The digest of its `.metadata`, if that is its own."""
    provenance_sha256: Sha256 | None = None
    legacy: str | None = None
    """Why no new file could be like that, as far as its bytes were read; continues its name."""
    unverified: bool = False
    """True if the digest is what its uploader noted, and nothing verified it."""
    contradicts_note: bool = False
    """True if its bytes have another digest than its uploader noted."""


Inspection: TypeAlias = FileInfo | Literal["absent", "unfinished", "other bytes", "waiting"]
"""The file; or nothing; or what a publisher has not finished; or other bytes than the entry's. *Waiting*
is a new file that was not inspected, because the user has not allowed to take it in."""


def find_differences(
    manifest: Manifest, found: Iterable[FoundFile], listed: ListedFiles, layout: Layout, rules: AdoptRules
) -> tuple[Difference, ...]:
    """Find the entries that the listing does not agree with, and the files that no entry names."""
    differences: list[Difference] = []
    for file in manifest.files:
        key = layout.key_of(manifest.project, file)
        entry, sidecars = listed.objects.get(key), listed.sidecars(key)
        # A file with a URL is outside the repository.
        if file.url is None and (rules.reread or entry is None or not _agrees(file, entry, sidecars)):
            name = ParsedName(project=manifest.project, version=file.version)
            etag, size = (None, 0) if entry is None else (entry.etag, entry.size)
            here = FoundFile(key=key, name=name, etag=etag, size=size)
            version = listed.metadata_version(key)
            differences.append(
                Difference(found=here, sidecars=sidecars, metadata_version=version, entry=file, released=True)
            )
    # The bytes of an entry that turns out to be missing may be at another key, where a publisher stepped aside.
    inspected = {each.filename: each for each in differences}
    in_use = {file.filename for file in manifest.files} | {file.filename for file in manifest.deleted}
    in_use -= inspected.keys()
    entries = {file.filename: file for file in (*manifest.missing, *manifest.files)}
    for each in found:
        if each.filename not in in_use and each.key not in manifest.dead_keys:
            own = inspected.get(each.filename)
            if own is None or (each.key != own.key and each.size == entries[each.filename].size):
                sidecars, wanted = listed.sidecars(each.key), entries.get(each.filename)
                version = listed.metadata_version(each.key)
                differences.append(Difference(found=each, sidecars=sidecars, metadata_version=version, entry=wanted))
    return tuple(differences)


def _agrees(file: PublishedFile, entry: ListEntry, sidecars: frozenset[str]) -> bool:
    return (
        file.size == entry.size
        and file.seen in {None, entry.etag}
        and (file.metadata_sha256 is None or ".metadata" in sidecars)
        and file.gpg_sig == (".asc" in sidecars)
        and (file.provenance_sha256 is not None) == (".provenance" in sidecars)
    )
