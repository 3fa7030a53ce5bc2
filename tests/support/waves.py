"""The waves of a command: how many requests follow one another because each needs the answer to the one before.

A logical clock counts them: no time passes, and no thread runs. A call of a pool begins when it is started and ends
after its own requests; whoever asks for its result goes on from there. So the count is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from bucketwheel.names import Sha256
from bucketwheel.parallel import Workers
from bucketwheel.protocol.repository import Context
from bucketwheel.storage import Key, ListEntry, Object, ObjectHeaders, ObjectInfo, ObjectVersion, ServedHeaders
from support.memory import MemoryStorage
from support.releasing import target_of

__all__ = ["Waves", "WavesStorage", "count_waves"]

_T = TypeVar("_T")


@dataclass(slots=True)
class Waves:
    """What was sent, and in which wave."""

    sent: list[tuple[int, str]] = field(default_factory=list)
    """The wave of each request, from 1, and `verb key`."""
    now: int = 0
    """The waves before this point of the command."""

    @property
    def depth(self) -> int:
        """Return how many waves there were."""
        return max((wave for wave, _ in self.sent), default=0)

    @property
    def requests(self) -> list[str]:
        """Return the requests, in no order that means anything."""
        return [request for _, request in self.sent]

    def wave(self, number: int) -> list[str]:
        """Return the requests of one wave, sorted."""
        return sorted(request for wave, request in self.sent if wave == number)

    def send(self, verb: str, key: str) -> None:
        """Count a request, and wait for its answer."""
        self.now += 1
        self.sent.append((self.now, f"{verb} {key}".rstrip()))


def count_waves(storage: MemoryStorage, command: Callable[[Context], object]) -> Waves:
    """Run a command over a store, and return its requests by wave."""
    waves = Waves()
    target = target_of(WavesStorage(storage, waves))
    with _Workers(waves) as workers:
        command(Context(target=target, workers=workers))
    target.descriptions.end()
    return waves


class _Later(Future[_T]):
    """The result of a call that ended in some wave."""

    def __init__(self, waves: Waves, end: int) -> None:
        super().__init__()
        self._waves, self._end = waves, end

    def result(self, timeout: float | None = None) -> _T:
        """Wait for it, and return it."""
        self._waves.now = max(self._waves.now, self._end)
        return super().result(timeout)


class _Workers(Workers):
    """As many threads as there are calls, on the logical clock."""

    def __init__(self, waves: Waves) -> None:
        self._waves = waves

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing to wait for."""

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Make a call at once, and let its caller go on from where it was."""
        begin = self._waves.now
        future: Future[_T] = Future()
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)
        later: _Later[_T] = _Later(self._waves, self._waves.now)
        future.add_done_callback(lambda done: _copy(done, later))
        self._waves.now = begin
        return later

    def map(self, calls: Iterable[Callable[[], _T]], meanwhile: Callable[[], None] = lambda: None) -> list[_T]:
        """Make the calls side by side, and return their results."""
        begun = [self.start(call) for call in calls]
        meanwhile()
        return [future.result() for future in begun]

    def map_within(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Do the same."""
        return self.map(calls)

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make the calls side by side, and return the result or error of each."""
        outcomes: list[_T | Exception] = []
        for future in [self.start(call) for call in calls]:
            try:
                outcomes.append(future.result())
            except Exception as error:  # noqa: BLE001 - returned to the caller
                outcomes.append(error)
        return outcomes


def _copy(done: Future[_T], later: Future[_T]) -> None:
    error = done.exception()
    if error is None:
        later.set_result(done.result())
    else:
        later.set_exception(error)


@dataclass(frozen=True, slots=True)
class WavesStorage:
    """A store whose requests are counted."""

    store: MemoryStorage
    waves: Waves

    def address(self, key: str) -> str:
        """Return the URL of the store."""
        return self.store.address(key)

    def read(self, key: Key) -> Object | None:
        """Count a read."""
        self.waves.send("read", key)
        return self.store.read(key)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Count a look."""
        self.waves.send("stat", key)
        return self.store.stat(key)

    def open(self, key: Key, start: int = 0, end: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Count a stream."""
        self.waves.send("open", key)
        return self.store.open(key, start, end)

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """Count a request for each thousand entries, when the first of them is asked for."""
        self.waves.send("list", prefix)
        for number, entry in enumerate(self.store.list(prefix)):
            if number and not number % 1000:
                self.waves.send("list", prefix)
            yield entry

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Count an addition."""
        self.waves.send("add", key)
        return self.store.add(key, body, sha256=sha256, headers=headers, marks=marks)

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Count a swap."""
        self.waves.send("swap", key)
        return self.store.swap(key, body, expected=expected, headers=headers, marks=marks)

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Count a removal."""
        self.waves.send("remove", key)
        self.store.remove(key, expected=expected)

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return the version of an object of these bytes."""
        return self.store.version_of(body)

    def headers(self, key: Key) -> ServedHeaders | None:
        """Count a look at the headers."""
        self.waves.send("stat", key)
        return self.store.headers(key)
