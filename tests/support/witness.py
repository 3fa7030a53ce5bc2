"""A storage that records the order of writes, calls a hook before each request, and dies at a chosen write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bucketwheel.names import Sha256
from bucketwheel.storage import Key, ListEntry, Object, ObjectHeaders, ObjectInfo, ObjectVersion, Storage

__all__ = ["Killed", "Witness"]


class Killed(Exception):
    """The death of the process; nothing of ours catches this."""


@dataclass(slots=True)
class Witness:
    """A store that passes every request on to another one."""

    storage: Storage
    deaths: int | None = None
    """How many writes take effect before the process dies at the next; None: it lives."""
    before: Callable[[str, str], None] = lambda _verb, _key: None
    """Called before each request; it may act as another publisher."""
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Verb and key of every write that was tried."""

    def address(self, key: str) -> str:
        """Pass it on."""
        return self.storage.address(key)

    def read(self, key: Key) -> Object | None:
        """Pass it on."""
        self._ask("read", key)
        return self.storage.read(key)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Pass it on."""
        self._ask("stat", key)
        return self.storage.stat(key)

    def open(self, key: Key, start: int = 0, end: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Pass it on."""
        self._ask("open", key)
        return self.storage.open(key, start, end)

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """Pass it on."""
        self._ask("list", prefix)
        return self.storage.list(prefix)

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Pass it on."""
        self._write("add", key)
        return self.storage.add(key, body, sha256=sha256, headers=headers, marks=marks)

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Pass it on."""
        self._write("swap", key)
        return self.storage.swap(key, body, expected=expected, headers=headers, marks=marks)

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Pass it on."""
        self._write("remove", key)
        self.storage.remove(key, expected=expected)

    def _write(self, verb: str, key: str) -> None:
        self._ask(verb, key)
        if self.deaths is not None and len(self.writes) >= self.deaths:
            raise Killed
        self.writes.append((verb, key))

    def _ask(self, verb: str, key: str) -> None:
        self.before(verb, key)
