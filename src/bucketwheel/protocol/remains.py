"""What still lies where nothing may lie any more: at the keys of deleted names and at dead keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain, takewhile

from bucketwheel.events import FileDone, FileStarted, Report
from bucketwheel.format.layout import SIDECARS, Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import Key, Listed, ObjectVersion, SwapLost

__all__ = ["Remains", "doomed_keys", "find_remains", "remove"]


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
    lying: dict[Key, Listed] = {}
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
            repository.storage.remove(key, seen=version)
        except SwapLost:
            break
        removed.append(key)
    report(FileDone(name=name, size=remains.size))
    return removed


def _seen(repository: Repository, group: list[Listed]) -> Remains:
    objects = ((entry.key, entry.version or _version(repository, entry.key)) for entry in group)
    return Remains(
        objects=tuple((key, version) for key, version in objects if version is not None),
        size=sum(entry.size for entry in group),
    )


def _version(repository: Repository, key: Key) -> ObjectVersion | None:
    """What a look shows, where a listing does not tell it."""
    seen = repository.storage.look(key)
    return None if seen is None else seen.version


def _beginning(keys: Collection[Key]) -> str:
    """What all the keys begin with."""
    pairs = zip(min(keys), max(keys), strict=False)  # whatever these two share, all in between do
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _with_sidecars(keys: Iterable[Key]) -> list[Key]:
    return [Key(f"{key}{ending}") for key in keys for ending in ("", *SIDECARS)]
