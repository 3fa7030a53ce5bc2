"""The plan of a release, decided from the manifest and the uploads alone: it decides and never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from packaging.version import Version

from bucketwheel.errors import Problem, Refused
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile, refuse_newer, upload_time
from bucketwheel.names import DistributionName, ProjectName, Sha256, Spellings, sha256_of
from bucketwheel.storage import Key
from bucketwheel.storage.transfer import Origin

__all__ = [
    "Existing",
    "ReleasePlan",
    "StoredFile",
    "Upload",
    "plan_release",
    "released",
    "spelled_twice",
    "upload_order",
]

Existing: TypeAlias = Literal["same", "skip", "refuse"]
"""What to do about a name that already exists: accept the same bytes and refuse others; keep the published bytes and
skip others; refuse either."""

# setuptools' sdists are never the same twice, so a rebuild is a normal case.
_KEEP = "keep the published file with --skip-existing"

_OTHER = f"release a new version, or {_KEEP}"
_STALE = "an earlier build may have left it: run `hatch build --clean`, or name the files to publish"

_Fate: TypeAlias = Literal["new", "restored", "completed", "unchanged", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A distribution on its way into a repository, with what is stored beside it."""

    name: DistributionName
    size: int
    sha256: Sha256
    content: Path | Origin
    """A file on disk, or an object of another repository."""
    requires_python: str | None = None
    metadata: bytes | None = None
    """The wheel's METADATA, byte for byte, for the `.metadata` sidecar (PEP 658)."""
    signature: bytes | None = None
    provenance: bytes | None = None
    """Its attestations (PEP 740)."""
    attested_by: tuple[str, ...] = ()
    """The publishers that these name."""
    yanked: str | None = None
    """Why its source repository yanked it (PEP 592); None: it did not."""

    @property
    def filename(self) -> str:
        """The file name, which identifies a release."""
        return self.name.filename

    @property
    def metadata_sha256(self) -> Sha256 | None:
        """The digest of the `.metadata` sidecar."""
        return None if self.metadata is None else sha256_of(self.metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An upload that is stored: its key, and what is stored beside it."""

    key: Key
    added: bool
    """Whether this run put it there: the object carries our run id."""
    gpg_sig: bool = False
    provenance_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """The fate of each upload of one project."""

    new: tuple[Upload, ...] = ()
    restored: tuple[Upload, ...] = ()
    """Missing so far: the same bytes come back, and the entry with them."""
    completed: tuple[Upload, ...] = ()
    """Published already with the same bytes; each has only what the published file lacks: a signature, attestations."""
    unchanged: tuple[Upload, ...] = ()
    skipped: tuple[Upload, ...] = ()
    """Published with other bytes, which stay as they are."""
    hidden: tuple[Upload, ...] = ()
    """Those of the completed, unchanged and skipped ones that no page lists."""

    @property
    def to_upload(self) -> tuple[Upload, ...]:
        """The files that must be stored before the commit may name them."""
        return self.new + self.restored

    @property
    def to_store(self) -> tuple[Upload, ...]:
        """All that the commit will name: the files, and the sidecars of completed ones."""
        return self.to_upload + self.completed


def upload_order(upload: Upload) -> tuple[ProjectName, Version, str]:
    """Return a sort key by which people look for files: project, version, name."""
    return upload.name.project, upload.name.version, upload.filename


def spelled_twice(names: Iterable[DistributionName]) -> list[Problem]:
    """Find one distribution under two spellings: `Legacy.Proj-3.0.tar.gz` and `legacy_proj-3.0.tar.gz`."""
    first: dict[object, str] = {}
    return [
        Problem(
            subject=name.filename,
            what=f"is the same distribution as {kept} under another spelling",
            remedy="remove one of the two",
        )
        for name in names
        if (kept := first.setdefault(name.identity, name.filename)) != name.filename
    ]


def plan_release(manifest: Manifest, uploads: Sequence[Upload], existing: Existing) -> ReleasePlan:
    """Decide about every upload; raises Refused with all problems at once, before a byte is sent."""
    refuse_newer(manifest)
    problems: list[Problem] = []
    if manifest.status.status in {"archived", "quarantined"}:
        what = f"is {manifest.status.status} and takes no new files (PEP 792)"
        problems.append(
            Problem(
                subject=manifest.project, what=what, remedy=f"run `bucketwheel status {manifest.project} active` first"
            )
        )
    fates: dict[_Fate, list[Upload]] = {"new": [], "restored": [], "completed": [], "unchanged": [], "skipped": []}
    names = _Names(manifest)
    newest = max((upload.name.version for upload in uploads), default=None)
    for upload in uploads:
        fate = names.fate(upload, existing)
        if isinstance(fate, Problem):
            # An older version beside a newer one was not built now, so a new release is no remedy for it.
            stale = fate.remedy == _OTHER and upload.name.version != newest and isinstance(upload.content, Path)
            problems.append(replace(fate, remedy=_STALE) if stale else fate)
        else:
            fates[fate].append(upload)
    if problems:
        raise Refused(*problems)
    hidden = {file.filename for file in manifest.files if file.hidden}
    kept = (*fates["completed"], *fates["unchanged"], *fates["skipped"])
    plan = ReleasePlan(
        **{fate: tuple(members) for fate, members in fates.items()},
        hidden=tuple(upload for upload in kept if upload.filename in hidden),
    )
    return replace(plan, completed=tuple(map(names.lacking, plan.completed)))


class _Names:
    """The file names that a manifest holds, by what they mean for an upload."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._files = {file.filename: file for file in manifest.files}
        self._missing = {file.filename: file for file in manifest.missing}
        self._deleted = {file.filename for file in manifest.deleted}

    def fate(self, upload: Upload, existing: Existing) -> _Fate | Problem:
        """Decide about one upload."""
        if upload.filename in self._deleted:
            what = "was deleted, and a deleted name cannot be used again"
            return Problem(subject=upload.filename, what=what, remedy="release a new version")
        if published := self._files.get(upload.filename):
            if existing == "refuse":
                what = f"already exists{_hidden(published)} (sha256 {published.sha256})"
                return Problem(subject=upload.filename, what=what, remedy="release a new version, or drop --strict")
            if published.sha256 == upload.sha256:
                return _sidecars(upload, published, existing)
            return "skipped" if existing == "skip" else _other_bytes(upload, published)
        if missing := self._missing.get(upload.filename):
            return "restored" if missing.sha256 == upload.sha256 else _other_bytes(upload, missing)
        if spelled := self._spellings.of(upload.name):  # rule: a name is taken in every spelling
            if existing == "skip" and any(name in self._files for name in spelled):
                return "skipped"
            return self._other_spelling(upload, spelled)
        return "new"

    def lacking(self, upload: Upload) -> Upload:
        """Return an upload without the sidecars that its published file has."""
        published = self._files[upload.filename]
        return replace(
            upload,
            metadata=None,
            signature=None if published.gpg_sig else upload.signature,
            provenance=None if published.provenance_sha256 else upload.provenance,
        )

    @cached_property
    def _spellings(self) -> Spellings:
        return Spellings(self._manifest.names)

    def _other_spelling(self, upload: Upload, spelled: Sequence[str]) -> Problem:
        for name in spelled:
            if name in self._deleted:
                what = f"was deleted as {name}, and a deleted name cannot be used again in any spelling"
                return Problem(subject=upload.filename, what=what, remedy="release a new version")
        remedy = f"release a new version, or {_KEEP}"
        if spelled[0] in self._missing:
            remedy = "release a new version, or bring the lost file back under its own name"
        return Problem(subject=upload.filename, what=f"already exists as {spelled[0]}", remedy=remedy)


def _sidecars(upload: Upload, published: PublishedFile, existing: Existing) -> _Fate | Problem:
    """Decide about the signature and the attestations of the same bytes; a file elsewhere has its own there."""
    if published.url is not None:
        return "unchanged"
    digest = None if upload.provenance is None else sha256_of(upload.provenance)
    if existing == "same" and digest and published.provenance_sha256 not in {None, digest}:
        what = "already exists with other attestations, which stay as they are"
        return Problem(subject=upload.filename, what=what, remedy=f"publish it without them, or {_KEEP}")
    signed = upload.signature is not None and not published.gpg_sig
    attested = digest is not None and published.provenance_sha256 is None
    return "completed" if signed or attested else "unchanged"


def _other_bytes(upload: Upload, published: PublishedFile) -> Problem:
    return Problem(
        subject=upload.filename,
        what=f"already exists with other bytes{_hidden(published)} "
        f"(published sha256 {published.sha256}, yours {upload.sha256})",
        remedy=_OTHER,
    )


def _hidden(published: PublishedFile) -> str:
    return " and is hidden" if published.hidden else ""


def released(
    manifest: Manifest,
    plan: ReleasePlan,
    stored: Mapping[str, StoredFile],
    *,
    run_id: str,
    now: datetime,
    layout: Layout,
) -> Manifest:
    """Return the next revision, with all the plan's files released at once; `stored` is by file name.

    A completed file keeps its entry, which gains what is stored beside it.
    """

    def key_of(upload: Upload) -> Key | None:
        key = stored[upload.filename].key
        return None if key == layout.usual_key(manifest.project, upload.filename) else key

    missing = {file.filename: file for file in manifest.missing}
    new = [_entry(upload, stored[upload.filename], key_of(upload), run_id, now) for upload in plan.new]
    restored = [
        _restored(missing.pop(each.filename), each, stored[each.filename], key_of(each), run_id)
        for each in plan.restored
    ]
    completed = {upload.filename for upload in plan.completed}
    kept = [_completed(file, stored[file.filename]) if file.filename in completed else file for file in manifest.files]
    return replace(
        manifest,
        revision=manifest.revision + 1,
        files=(*kept, *new, *restored),
        missing=tuple(missing.values()),
    )


def _entry(upload: Upload, stored: StoredFile, key: Key | None, run_id: str, now: datetime) -> PublishedFile:
    return PublishedFile(
        filename=upload.filename,
        version=str(upload.name.version),
        sha256=upload.sha256,
        size=upload.size,
        upload_time=upload_time(now),
        by=run_id,
        key=key,
        requires_python=upload.requires_python,
        metadata_sha256=upload.metadata_sha256,
        yanked=upload.yanked,
        gpg_sig=stored.gpg_sig,
        provenance_sha256=stored.provenance_sha256,
    )


def _completed(file: PublishedFile, stored: StoredFile) -> PublishedFile:
    return replace(
        file,
        gpg_sig=file.gpg_sig or stored.gpg_sig,
        provenance_sha256=file.provenance_sha256 or stored.provenance_sha256,
    )


def _restored(
    missing: PublishedFile, upload: Upload, stored: StoredFile, key: Key | None, run_id: str
) -> PublishedFile:
    """Return the entry of a file that comes back; it names only the sidecars that are stored now."""
    return replace(
        missing,
        by=run_id,
        key=key,
        metadata_sha256=upload.metadata_sha256,
        gpg_sig=stored.gpg_sig,
        provenance_sha256=stored.provenance_sha256,
        seen=None if stored.added else missing.seen,
    )
