"""What a publish will do, decided from the manifest and the candidates alone: decides, never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from bucketwheel.errors import Problem, Refused
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, upload_time
from bucketwheel.names import DistributionName, InvalidName, Sha256, distribution_name
from bucketwheel.storage import Key

__all__ = ["Candidate", "Existing", "ReleasePlan", "StoredFile", "plan_release", "released", "spelled_twice"]

Existing: TypeAlias = Literal["same", "skip", "refuse"]
"""What to do about a name that is there already: take the same bytes as done (other bytes are refused); leave other
bytes as they are too; refuse whatever is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A judged distribution that asks to be released."""

    name: DistributionName
    size: int
    sha256: Sha256
    requires_python: str | None = None
    metadata_sha256: Sha256 | None = None
    yanked: str | None = None
    """Why it was yanked where it comes from (PEP 592); None: not yanked."""

    @property
    def filename(self) -> str:
        """Its file name, which is what a release is known by."""
        return self.name.filename


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Where a candidate's bytes lie, and what lies beside them."""

    key: Key
    added: bool
    """Whether this very call put them there: the object carries our call's id."""
    gpg_sig: bool = False
    provenance_sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """What becomes of each candidate."""

    new: tuple[Candidate, ...] = ()
    restored: tuple[Candidate, ...] = ()
    """Missing so far: the same bytes come back, and the entry with them."""
    unchanged: tuple[Candidate, ...] = ()
    skipped: tuple[Candidate, ...] = ()
    """There with other bytes, and left as they are."""

    @property
    def to_upload(self) -> tuple[Candidate, ...]:
        """What must lie in the store before the commit may name it."""
        return self.new + self.restored


def spelled_twice(names: Iterable[DistributionName]) -> list[Problem]:
    """Find one distribution under two spellings: `Legacy.Proj-3.0.tar.gz` and `legacy_proj-3.0.tar.gz`."""
    first: dict[object, str] = {}
    return [
        Problem(
            subject=name.filename,
            what=f"is the same distribution as {kept}, spelled in another way",
            remedy="remove one of the two",
        )
        for name in names
        if (kept := first.setdefault(name.identity, name.filename)) != name.filename
    ]


def plan_release(manifest: Manifest, candidates: Sequence[Candidate], existing: Existing) -> ReleasePlan:
    """Decide about every candidate; raises Refused with all that stands in the way, before a byte is sent."""
    problems: list[Problem] = []
    fates: dict[str, list[Candidate]] = {"new": [], "restored": [], "unchanged": [], "skipped": []}
    if manifest.status.status in {"archived", "quarantined"}:
        problems.append(
            Problem(
                subject=manifest.project,
                what=f"is {manifest.status.status}, and takes no new files (PEP 792)",
                remedy="set its status to active first",
            )
        )
    taken = _Taken(manifest)
    for candidate in candidates:
        fate = taken.fate(candidate, existing)
        if isinstance(fate, Problem):
            problems.append(fate)
        else:
            fates[fate].append(candidate)
    if problems:
        raise Refused(*problems)
    return ReleasePlan(**{fate: tuple(members) for fate, members in fates.items()})


class _Taken:
    """The names that a manifest holds, by what they mean for a candidate."""

    def __init__(self, manifest: Manifest) -> None:
        self._files = {file.filename: file for file in manifest.files}
        self._missing = {file.filename: file for file in manifest.missing}
        self._deleted = {file.filename: file for file in manifest.deleted}

    def fate(self, candidate: Candidate, existing: Existing) -> str | Problem:
        """Decide about one candidate."""
        if deleted := self._deleted.get(candidate.filename):
            return _name_is_dead(deleted)
        if released := self._files.get(candidate.filename):
            if existing == "refuse":
                return _already_there(released)
            if released.sha256 == candidate.sha256:
                return "unchanged"
            return "skipped" if existing == "skip" else _other_bytes(candidate, released)
        if missing := self._missing.get(candidate.filename):
            return "restored" if missing.sha256 == candidate.sha256 else _other_bytes(candidate, missing)
        if spelled := self._other_spelling(candidate.name):
            return "skipped" if existing == "skip" else _other_spelling(candidate, spelled)
        return "new"

    def _other_spelling(self, name: DistributionName) -> PublishedFile | None:
        for file in self._files.values():
            if file.version == str(name.version) and _identity(file.filename) == name.identity:
                return file
        return None


def _identity(filename: str) -> object:
    try:
        return distribution_name(filename).identity
    except InvalidName:
        return None  # adopted from another tool, under a name that no new file could have


def _name_is_dead(deleted: DeletedFile) -> Problem:
    return Problem(
        subject=deleted.filename,
        what="was deleted, and a deleted name is never used again",
        remedy="release a new version",
    )


def _already_there(released: PublishedFile) -> Problem:
    return Problem(
        subject=released.filename,
        what=f"is already published (sha256 {released.sha256})",
        remedy="release a new version, or leave --strict away",
    )


def _other_bytes(candidate: Candidate, released: PublishedFile) -> Problem:
    return Problem(
        subject=candidate.filename,
        what=f"is already published with other bytes (sha256 {released.sha256} there, {candidate.sha256} here), "
        "and a released file never changes",
        remedy="release a new version; or, if this is only a rebuild (setuptools' sdists are never the same twice), "
        "keep the published one with --skip-existing (hatch: -o existing=skip)",
    )


def _other_spelling(candidate: Candidate, released: PublishedFile) -> Problem:
    return Problem(
        subject=candidate.filename,
        what=f"is already published as {released.filename}",
        remedy="release a new version, or keep the published one with --skip-existing (hatch: -o existing=skip)",
    )


def released(
    manifest: Manifest,
    plan: ReleasePlan,
    placements: Mapping[str, StoredFile],
    *,
    run_id: str,
    now: datetime,
    layout: Layout,
) -> Manifest:
    """The next revision, with all the plan's files released at once: each in `placements`, by its file name."""
    missing = {file.filename: file for file in manifest.missing}
    entries = [
        *manifest.files,
        *(_entry(candidate, placements[candidate.filename], run_id, now, manifest, layout) for candidate in plan.new),
        *(
            replace(missing[candidate.filename], by=run_id, key=_key(candidate, placements, manifest, layout))
            for candidate in plan.restored
        ),
    ]
    back = {candidate.filename for candidate in plan.restored}
    return replace(
        manifest,
        revision=manifest.revision + 1,
        files=tuple(entries),
        missing=tuple(file for file in manifest.missing if file.filename not in back),
    )


def _entry(
    candidate: Candidate, placement: StoredFile, run_id: str, now: datetime, manifest: Manifest, layout: Layout
) -> PublishedFile:
    return PublishedFile(
        filename=candidate.filename,
        version=str(candidate.name.version),
        sha256=candidate.sha256,
        size=candidate.size,
        upload_time=upload_time(now),
        by=run_id,
        key=_key(candidate, {candidate.filename: placement}, manifest, layout),
        requires_python=candidate.requires_python,
        metadata_sha256=candidate.metadata_sha256,
        yanked=candidate.yanked,
        gpg_sig=placement.gpg_sig,
        provenance_sha256=placement.provenance_sha256,
    )


def _key(candidate: Candidate, placements: Mapping[str, StoredFile], manifest: Manifest, layout: Layout) -> Key | None:
    key = placements[candidate.filename].key
    return None if key == layout.usual_key(manifest.project, candidate.filename) else key
