"""Buckets that others filled, and adoptions of them without a door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from bucketwheel.commands.adopt import Adopted, adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.format.layout import Layout, PageStyle
from bucketwheel.names import sha256_of
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.repository import first_settings, take_over
from bucketwheel.storage import NO_MARKS, Key, ListEntry, Object, ObjectInfo, Storage
from support.memory import MemoryStorage
from support.releasing import context_for, place_of, target_of

__all__ = ["Recorded", "adopt_all", "fates", "make_repository", "put", "remove", "state"]


def make_repository(
    storage: Storage, *, pages: PageStyle | None = None, simple: str = "simple/", place: Place | None = None
) -> None:
    """Make a repository of what lies there, as `init --adopt` does."""
    place = place or place_of(storage)
    settings = replace(first_settings(place, {}), simple=simple)
    take_over(target_of(storage, place), settings if pages is None else replace(settings, pages=pages))


def adopt_all(
    storage: Storage,
    *projects: str,
    reread: bool = False,
    ours: bool = False,
    yes: bool = True,
    dry_run: bool = False,
    place: Place | None = None,
) -> Adopted:
    """Adopt, as `reindex --adopt` does; in a directory with `--yes`, unless said otherwise."""
    place = place or place_of(storage)
    rules = AdoptRules(reread=reread, ours=ours, unmarked=yes or not isinstance(place, DirectoryPlace))
    with context_for(storage, place, dry_run=dry_run) as context:
        return adopt_projects(context, projects, rules)


def put(storage: Storage, key: str, body: bytes | Path, marks: Mapping[str, str] = NO_MARKS) -> Key:
    """Put an object there, or write over it, as any tool may."""
    whole = body.read_bytes() if isinstance(body, Path) else body
    seen = storage.stat(Key(key))
    if seen is None:
        assert storage.add(Key(key), whole, sha256=sha256_of(whole), headers=Layout().distribution(), marks=marks)
    else:
        storage.swap(Key(key), whole, expected=seen.version, headers=Layout().distribution(), marks=marks)
    return Key(key)


def remove(storage: Storage, *keys: str) -> None:
    """Take objects away, as a person may."""
    for key in keys:
        seen = storage.stat(Key(key))
        assert seen is not None, key
        storage.remove(Key(key), expected=seen.version)


def state(storage: Storage) -> dict[str, ObjectInfo | None]:
    """Everything that lies there, with its version and time."""
    return {entry.key: storage.stat(entry.key) for entry in storage.list("")}


def fates(adopted: Adopted) -> dict[str, str]:
    """What became of each file, by key."""
    return {file.key: file.fate for file in adopted.files}


class Recorded(MemoryStorage):
    """A store that keeps no digests, and remembers what was asked of it and how many bytes it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def stat(self, key: Key) -> ObjectInfo | None:
        """All about it but a digest."""
        self.asked.append(f"look {key}")
        seen = super().stat(key)
        return None if seen is None else replace(seen, sha256=None)

    def read(self, key: Key) -> Object | None:
        """The whole object."""
        self.asked.append(f"read {key}")
        return super().read(key)

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """A stretch of it."""
        self.asked.append(f"open {key} {start}-{'' if end is None else end}")
        with super().open(key, start, end) as stream:
            yield stream

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """What there is."""
        self.asked.append(f"list {prefix}".rstrip())
        return super().list(prefix)
