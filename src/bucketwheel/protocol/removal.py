"""Give files up for ever, and remove their objects: only once a manifest has said so, and no page names them any more.

So every removal makes every pending swap of a publisher fail, and a request that arrives late finds nothing to spoil.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, takewhile
from typing import Generic, Protocol, TypeVar

from bucketwheel.errors import BucketwheelError, Unfinished, merged
from bucketwheel.events import FileDone, FileStarted, Report, Stage
from bucketwheel.format.layout import SIDECARS, Layout
from bucketwheel.format.manifest import DeletedFile, Manifest, PublishedFile, refuse_newer
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from bucketwheel.protocol.commit import VersionedManifest, commit
from bucketwheel.protocol.refresh import refresh
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, ListEntry, ObjectVersion, SwapLost

__all__ = ["Cleared", "Remains", "Rule", "clear", "doomed_keys", "find_remains", "give_up", "rehearse", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What lies at one doomed key, and beside it."""

    objects: tuple[tuple[Key, ObjectVersion], ...]
    """The file, if it is still there, and then its sidecars; each exactly as it was seen."""
    size: int

    @property
    def keys(self) -> tuple[Key, ...]:
        """Where they lie."""
        return tuple(key for key, _ in self.objects)


def doomed_keys(layout: Layout, manifest: Manifest, *, spared: Collection[str] = ()) -> frozenset[Key]:
    """Where nothing may lie any more: under deleted names, but for those spared, and at dead keys.

    Never where an entry lies, whatever else a manifest says of its key.
    """
    dead = (layout.key_of(manifest.project, file) for file in manifest.deleted if file.filename not in spared)
    alive = {layout.key_of(manifest.project, file) for file in manifest.files}
    return frozenset(chain(dead, manifest.dead_keys)) - alive


def find_remains(repository: Repository, project: ProjectName, doomed: Collection[Key]) -> list[Remains]:
    """What lies at a project's doomed keys and beside them, in the order of these keys."""
    folder, wanted = repository.layout.folder(project), frozenset(_with_sidecars(doomed))
    inside = frozenset(key for key in wanted if key.startswith(folder))
    lying: dict[Key, ListEntry] = {}
    for keys in (inside, wanted - inside):  # an adopted file may lie anywhere
        # One listing tells of all of them, with the versions that removing asks for.
        listing = repository.storage.list(_beginning(keys)) if keys else ()
        lying |= {entry.key: entry for entry in listing if entry.key in keys}
    groups = ([lying[each] for each in _with_sidecars([key]) if each in lying] for key in sorted(doomed))
    return [_seen(repository, group) for group in groups if group]


def remove(repository: Repository, remains: Remains, report: Report) -> list[Key]:
    """Remove a file and then its sidecars; what somebody put there just now is left to the next run."""
    name = remains.keys[0].rpartition("/")[2]
    report(FileStarted(name=name, size=remains.size))
    removed: list[Key] = []
    for key, version in remains.objects:
        try:
            repository.storage.remove(key, expected=version)
        except SwapLost:
            break
        removed.append(key)
    report(FileDone(name=name, size=remains.size))
    return removed


def _seen(repository: Repository, group: list[ListEntry]) -> Remains:
    objects = ((entry.key, entry.version or _version(repository, entry.key)) for entry in group)
    return Remains(
        objects=tuple((key, version) for key, version in objects if version is not None),
        size=sum(entry.size for entry in group),
    )


def _version(repository: Repository, key: Key) -> ObjectVersion | None:
    """What a look shows, where a listing does not tell it."""
    seen = repository.storage.stat(key)
    return None if seen is None else seen.version


def _beginning(keys: Collection[Key]) -> str:
    """What all the keys begin with."""
    pairs = zip(min(keys), max(keys), strict=False)  # whatever these two share, all in between do
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _with_sidecars(keys: Iterable[Key]) -> list[Key]:
    return [Key(f"{key}{ending}") for key in keys for ending in ("", *SIDECARS)]


_T = TypeVar("_T")

_NO_CACHE = re.compile(r"no-store|no-cache(?!=)")
_AGE = re.compile(r"(?:max-age|s-maxage|stale-while-revalidate)=(\d+)")
_SHORT = 60  # seconds


class Rule(Protocol[_T]):
    """What is to go, of whatever state a project is found in."""

    def chosen(self, manifest: Manifest) -> tuple[_T, ...]:
        """What it is about; raises Refused where it must not be done."""

    def carried_out(self, manifest: Manifest, chosen: tuple[_T, ...]) -> Manifest:
        """The next revision, which says that this is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared(Generic[_T]):
    """What went, or would."""

    chosen: tuple[_T, ...]
    removed: tuple[Key, ...]
    """The objects, sidecars included; also those that interrupted runs had left."""
    waiting: tuple[str, ...]
    """File names whose objects stay until the next run, because caches may keep pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Generic[_T]):
    before: Manifest
    after: Manifest
    chosen: tuple[_T, ...]


def clear(
    repository: Repository,
    truths: Sequence[VersionedManifest],
    rule: Rule[_T],
    *,
    at_once: bool,
    workers: Workers,
    report: Report,
) -> Cleared[_T]:
    """Swap the manifests, then refresh all these projects' pages, then remove what lies under names that were dead.

    Only those that were dead in a revision from before the refresh: never of one read later. Raises Unfinished where
    something is given up and the rest fails; the next run finds done what is done.
    """
    outcomes = workers.map_settled(partial(_commit, repository, truth, rule) for truth in truths)
    steps = [outcome for outcome in outcomes if isinstance(outcome, _Step)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if failed and not any(step.chosen for step in steps):
        raise merged(failed)
    doomed = _doomed(repository, steps, at_once=at_once)
    try:
        refresh(repository, list(doomed), workers)
        remains = _find(repository, doomed, workers)
        report(Stage(doing="removing", count=len(remains), total_bytes=sum(each.size for each in remains)))
        removed = workers.map(partial(remove, repository, each, report) for each in remains)
    except BucketwheelError as error:
        raise Unfinished(
            f"the manifests say so, but pages or objects still have to follow ({error}); run the same command again"
        ) from error
    if failed:
        raise Unfinished(f"of some projects nothing is done: {merged(failed)}; run the same command again")
    return _cleared(repository, steps, chain.from_iterable(removed), at_once=at_once)


def rehearse(
    repository: Repository, truths: Sequence[VersionedManifest], rule: Rule[_T], *, at_once: bool, workers: Workers
) -> Cleared[_T]:
    """Read and judge everything as `clear` does, and write nothing: what would go."""
    steps = workers.map(partial(_rehearsed, truth.manifest, rule) for truth in truths)
    remains = _find(repository, _doomed(repository, steps, at_once=at_once), workers)
    return _cleared(repository, steps, chain.from_iterable(each.keys for each in remains), at_once=at_once)


def give_up(manifest: Manifest, files: Collection[PublishedFile]) -> Manifest:
    """The next revision, with the names of these files dead for ever.

    A record keeps the id of the call that released the file: whose answer was lost may still be looking for it.
    """
    names = {file.filename for file in files}
    return replace(
        manifest,
        revision=manifest.revision + 1,
        files=tuple(file for file in manifest.files if file.filename not in names),
        missing=tuple(file for file in manifest.missing if file.filename not in names),
        deleted=(*manifest.deleted, *map(_record, files)),
    )


def _record(file: PublishedFile) -> DeletedFile:
    return DeletedFile(filename=file.filename, version=file.version, sha256=file.sha256, by=file.by, key=file.key)


def _rehearsed(manifest: Manifest, rule: Rule[_T]) -> _Step[_T]:
    refuse_newer(manifest)
    chosen = rule.chosen(manifest)
    after = rule.carried_out(manifest, chosen) if chosen else manifest
    return _Step(before=manifest, after=after, chosen=chosen)


def _commit(repository: Repository, truth: VersionedManifest, rule: Rule[_T]) -> _Step[_T]:
    chosen: tuple[_T, ...] = ()

    def decide(manifest: Manifest) -> Manifest | None:
        nonlocal chosen
        step = _rehearsed(manifest, rule)
        if not step.chosen:
            return None  # nothing is left to do; if our own swap did it and its answer was lost, `chosen` knows
        chosen = step.chosen
        return step.after

    decided = commit(repository, truth, run_id=None, decide=decide)
    return _Step(before=truth.manifest, after=decided.manifest, chosen=chosen)


def _doomed(repository: Repository, steps: Sequence[_Step[_T]], *, at_once: bool) -> dict[ProjectName, frozenset[Key]]:
    layout = repository.layout
    return {
        step.after.project: doomed_keys(layout, step.after, spared=_waiting(layout, step, at_once=at_once))
        for step in steps
    }


def _waiting(layout: Layout, step: _Step[_T], *, at_once: bool) -> frozenset[str]:
    """Names that were given up just now, while caches may still show pages that name them.

    Their objects wait for the next run: a courtesy to whoever installs through such a cache, never a safety rule.
    """
    if at_once or not _caches_keep_pages(layout.pages_cache_control):
        return frozenset()
    return frozenset(_dead(step.after)) - frozenset(_dead(step.before))


def _dead(manifest: Manifest) -> Iterator[str]:
    return (file.filename for file in manifest.deleted)


def _caches_keep_pages(cache_control: str) -> bool:
    """Whether caches may show a page for more than a minute after it changed (RFC 9111, RFC 5861)."""
    header = cache_control.lower()
    if _NO_CACHE.search(header):
        return False
    ages = [int(age) for age in _AGE.findall(header)]
    return max(ages, default=_SHORT + 1) > _SHORT  # without any age caches guess


def _find(repository: Repository, doomed: Mapping[ProjectName, Collection[Key]], workers: Workers) -> list[Remains]:
    found = workers.map(partial(find_remains, repository, project, keys) for project, keys in doomed.items())
    return list(chain.from_iterable(found))


def _cleared(
    repository: Repository, steps: Sequence[_Step[_T]], removed: Iterable[Key], *, at_once: bool
) -> Cleared[_T]:
    waiting = (_waiting(repository.layout, step, at_once=at_once) for step in steps)
    return Cleared(
        chosen=tuple(chain.from_iterable(step.chosen for step in steps)),
        removed=tuple(removed),
        waiting=tuple(sorted(chain.from_iterable(waiting))),
    )
