"""Buckets that other tools filled, and adoptions of them without the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from bucketwheel.commands.adopt import Adopted, adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.format.layout import PageStyle
from bucketwheel.places import DirectoryPlace, Place
from bucketwheel.protocol.repository import first_settings, take_over
from bucketwheel.storage import Key, ListEntry, Object, ObjectInfo, Storage
from support.memory import MemoryStorage
from support.releasing import context_for, place_of, target_of

__all__ = ["Recorded", "adopt_all", "fates", "make_repository"]


def make_repository(
    storage: Storage, *, pages: PageStyle | None = None, simple: str = "simple/", place: Place | None = None
) -> None:
    """Make a repository of the store's contents, as `init --adopt` does."""
    place = place or place_of(storage)
    settings = replace(first_settings(place, {}), simple=simple)
    take_over(target_of(storage, place), settings if pages is None else replace(settings, pages=pages))


def adopt_all(
    storage: Storage,
    *projects: str,
    reread: bool = False,
    ours: bool = False,
    trust_uploader_digests: bool = False,
    yes: bool = True,
    dry_run: bool = False,
    place: Place | None = None,
) -> Adopted:
    """Adopt, as `reindex --adopt` does; in a directory with `--yes`, unless said otherwise."""
    place = place or place_of(storage)
    rules = AdoptRules(
        reread=reread,
        ours=ours,
        trust_uploader_digests=trust_uploader_digests,
        unmarked=yes or not isinstance(place, DirectoryPlace),
    )
    with context_for(storage, place, dry_run=dry_run) as context:
        return adopt_projects(context, projects, rules)


def fates(adopted: Adopted) -> dict[str, str]:
    """Return what became of each file, by key."""
    return {file.key: file.fate for file in adopted.files}


class Recorded(MemoryStorage):
    """A store that keeps no digests, and remembers every request."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return all but a digest."""
        self.asked.append(f"look {key}")
        seen = super().stat(key)
        return None if seen is None else replace(seen, sha256=None)

    def read(self, key: Key) -> Object | None:
        """Return the whole object."""
        self.asked.append(f"read {key}")
        return super().read(key)

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """Give a part of it."""
        self.asked.append(f"open {key} {start}-{'' if end is None else end}")
        with super().open(key, start, end) as stream:
            yield stream

    @contextmanager
    def open_whole(self, key: Key) -> Iterator[tuple[ObjectInfo, BinaryIO] | None]:
        """Give all of it, without a digest."""
        self.asked.append(f"open {key} whole")
        with super().open_whole(key) as found:
            yield None if found is None else (replace(found[0], sha256=None), found[1])

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """Return the listing."""
        self.asked.append(f"list {prefix}".rstrip())
        return super().list(prefix)
