"""What a manifest and a listing leave open: the objects that must be looked at, and what each has to be.

Whatever both agree on costs nothing. An entry is looked up at its own key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from bucketwheel.commands.adopt.inventory import Ground, Lying
from bucketwheel.commands.adopt.parsed_names import Claim
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import Sha256
from bucketwheel.storage import Key

__all__ = ["Answer", "Facts", "Question", "Terms", "ask", "ask_about"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a bucket's contents are believed."""

    reread: bool = False
    """Read everything anew; believe only upload times, yank states and deleted names."""
    ours: bool = False
    """Take in what carries our mark and no manifest names, as after a loss of manifests."""
    unmarked: bool = True
    """Take in files where a store has no marks, and a publisher at work cannot be told from a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An object to be looked at."""

    lying: Lying
    beside: frozenset[str]
    """Which sidecars the listing shows with it."""
    entry: PublishedFile | None = None
    """What it has to be: a released file, or one that went missing."""
    released: bool = False
    ours_counts: bool = False
    """Whether an object with our mark is an answer; else its publisher has not finished, or never will."""

    @property
    def key(self) -> Key:
        """Where it lies."""
        return self.lying.key

    @property
    def filename(self) -> str:
        """What it is or would be released as."""
        return self.lying.filename


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A file as it lies there."""

    sha256: Sha256
    size: int
    modified: datetime | None
    ours: bool
    """Whether it carries our mark."""
    requires_python: str | None = None
    metadata_sha256: Sha256 | None = None
    """Of the `.metadata` beside it, if that is its own."""
    metadata_is_foreign: bool = False
    """Whether a `.metadata` lies there that is not its own."""
    provenance_sha256: Sha256 | None = None
    legacy: str | None = None
    """Why no new file could be like that, continuing its name; as far as its bytes were read."""


Answer: TypeAlias = Facts | Literal["absent", "unfinished", "other bytes", "waiting"]
"""What a look shows: the file; nothing; what a publisher has not finished; not the bytes that there must be. *Waiting*
is what was not looked at, because nobody has said yet that it may be taken in."""


def ask(manifest: Manifest, ground: Ground, layout: Layout, terms: Terms) -> tuple[Question, ...]:
    """Find every difference between a manifest and what lies there."""
    found = ground.files.get(manifest.project, ())
    return (*_about_entries(manifest, ground, layout, terms), *ask_about(found, manifest, ground, terms))


def ask_about(found: Iterable[Lying], manifest: Manifest, ground: Ground, terms: Terms) -> tuple[Question, ...]:
    """Ask about objects that no entry lies at: never one under a name that is in use or deleted, or at a dead key."""
    in_use = {file.filename for file in manifest.files} | {file.filename for file in manifest.deleted}
    missing = {file.filename: file for file in manifest.missing}
    return tuple(
        Question(
            lying=lying,
            beside=ground.beside(lying.key),
            entry=missing.get(lying.filename),
            ours_counts=terms.ours or lying.filename in missing,
        )
        for lying in found
        if lying.filename not in in_use and lying.key not in manifest.dead_keys
    )


def _about_entries(manifest: Manifest, ground: Ground, layout: Layout, terms: Terms) -> Iterator[Question]:
    for file in manifest.files:
        if file.url is not None:
            continue  # it lies elsewhere
        key = layout.key_of(manifest.project, file)
        listed, beside = ground.objects.get(key), ground.beside(key)
        if terms.reread or listed is None or not _is_as_it_was(file, listed.size, listed.etag, beside):
            claim = Claim(project=manifest.project, version=file.version)
            lying = Lying(key=key, claim=claim, etag=None if listed is None else listed.etag)
            yield Question(lying=lying, beside=beside, entry=file, released=True, ours_counts=True)


def _is_as_it_was(file: PublishedFile, size: int, etag: str | None, beside: frozenset[str]) -> bool:
    return (
        file.size == size
        and (file.seen is None or file.seen == etag)
        and (file.metadata_sha256 is None or ".metadata" in beside)
        and file.gpg_sig == (".asc" in beside)
        and (file.provenance_sha256 is not None) == (".provenance" in beside)
    )
