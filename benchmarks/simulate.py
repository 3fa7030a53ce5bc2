"""Let hundreds of publishers release into one project at once, in memory and in virtual time.

    .venv/benchmarks/bucketwheel/bin/python benchmarks/simulate.py [PUBLISHERS]… [--waits ANSWERS,LONGEST]…

Each publisher runs the real `protocol.release`, with its rounds, pauses and jitter; only the store, the threads and the
clock are others. A request takes effect half way through its time. What it takes is drawn from a log-normal
distribution about a median for its verb, and each round also pays for the files of the manifest. Nothing fails.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import md5
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, TypeVar

from bucketwheel import parallel
from bucketwheel.errors import BucketwheelError
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.settings import RepositorySettings, encode_settings
from bucketwheel.names import Sha256, distribution_name, sha256_of
from bucketwheel.parallel import Workers
from bucketwheel.places import S3Place
from bucketwheel.protocol import commit
from bucketwheel.protocol.plan import Upload
from bucketwheel.protocol.release import ReleaseRequest, release
from bucketwheel.protocol.repository import Context, Target
from bucketwheel.storage import Key, ListEntry, Object, ObjectHeaders, ObjectInfo, ObjectVersion, SwapLost

T = TypeVar("T")

# What S3 takes near to its region, as its users commonly report; not measured here.
_MEDIANS: Final = {"GET": 0.025, "HEAD": 0.02, "PUT": 0.04}
_SPREAD: Final = 0.35
_A_FILE: Final = 40e-6
"""Seconds that one more file in the manifest costs a round: decoding, planning, encoding, and its bytes."""
_BEGIN_WITHIN: Final = 0.5
_PROJECT: Final = "demo"


class Kernel:
    """Virtual time: of all tasks one runs at a time, until it waits; then the one that is due first."""

    def __init__(self) -> None:
        self.now = 0.0
        self.current: Task[Any] | None = None
        self._due: list[tuple[float, int, Task[Any]]] = []
        self._count = 0
        self._threads = _Threads()

    def start(self, work: Callable[[], T], owner: int, at: float = 0.0) -> Task[T]:
        """Begin a task at a moment."""
        task = Task(self, work, owner)
        self.wake(task, at)
        return task

    def wake(self, task: Task[Any], at: float = 0.0) -> None:
        """Let a task go on at a moment, or now if that is past."""
        self._count += 1
        heapq.heappush(self._due, (max(at, self.now), self._count, task))

    def monotonic(self) -> float:
        """Return the time, as `time.monotonic` does."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the current task wait, as `time.sleep` does."""
        assert self.current is not None  # noqa: S101 - for mypy
        self.wake(self.current, self.now + seconds)
        self.current.pause()

    def run(self) -> None:
        """Run all tasks to their end."""
        while self._due:
            self.now, _, self.current = heapq.heappop(self._due)
            self.current.go_on(self._threads)


class _Threads:
    """Threads that run one task after another: to make one takes longer than most tasks run."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Callable[[], threading.Lock]]] = []

    def run(self, work: Callable[[], threading.Lock]) -> None:
        """Let a thread do the work, and then release the lock that it returns."""
        if not self._idle:
            self._idle.append(SimpleQueue())
            threading.Thread(target=self._work, args=(self._idle[-1],), daemon=True).start()
        self._idle.pop().put(work)

    def _work(self, inbox: SimpleQueue[Callable[[], threading.Lock]]) -> None:
        while True:
            back = inbox.get()()
            self._idle.append(inbox)
            back.release()


class Task(Future[T]):
    """A thread that runs only when it has the turn, and the future of what it returns."""

    def __init__(self, kernel: Kernel, work: Callable[[], T], owner: int) -> None:
        super().__init__()
        self.owner = owner
        self._kernel, self._work = kernel, work
        self._turn, self._back = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._back.acquire()
        self._begun = False
        self._waiting: list[Task[Any]] = []

    def go_on(self, threads: _Threads) -> None:
        """Give it the turn until it waits or ends."""
        if self._begun:
            self._turn.release()
        else:
            self._begun = True
            threads.run(self._run)
        self._back.acquire()

    def pause(self) -> None:
        """Give the turn back; called by itself."""
        self._back.release()
        self._turn.acquire()

    def result(self, timeout: float | None = None) -> T:
        """Wait in virtual time for its end."""
        del timeout
        while not self.done():
            current = self._kernel.current
            assert current is not None  # noqa: S101 - for mypy
            self._waiting.append(current)
            current.pause()
        return super().result()

    def _run(self) -> threading.Lock:
        try:
            self.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            self.set_exception(error)
        for task in self._waiting:
            self._kernel.wake(task)
        return self._back


class VirtualWorkers(Workers):
    """The waves of one publisher: each call is a task."""

    def __init__(self, kernel: Kernel, owner: int) -> None:
        self._kernel, self._owner = kernel, owner

    def start(self, call: Callable[[], T]) -> Future[T]:
        """Begin one call."""
        return self._kernel.start(call, self._owner)

    def map(self, calls: Iterable[Callable[[], T]], meanwhile: Callable[[], None] = lambda: None) -> list[T]:
        """Make the calls and return their results."""
        tasks = [self.start(call) for call in calls]
        meanwhile()
        return [task.result() for task in tasks]

    def map_within(self, calls: Iterable[Callable[[], T]]) -> list[T]:
        """Make the calls of a call and return their results."""
        return self.map(calls)

    def map_settled(self, calls: Iterable[Callable[[], T]]) -> list[T | Exception]:
        """Make the calls and return each one's result or error."""
        outcomes: list[T | Exception] = []
        for task in [self.start(call) for call in calls]:
            try:
                outcomes.append(task.result())
            except Exception as error:  # noqa: BLE001 - returned to the caller
                outcomes.append(error)
        return outcomes


@dataclass(slots=True)
class SlowStore:
    """A store in memory whose answers take time."""

    kernel: Kernel
    chance: random.Random
    objects: dict[str, Object] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    lost: Counter[int] = field(default_factory=Counter)
    """The swaps of the manifest that each publisher lost."""
    commits: list[float] = field(default_factory=list)

    def address(self, key: str) -> str:
        """Return a URL that nothing serves."""
        return f"memory:///{key}"

    def read(self, key: Key) -> Object | None:
        """Answer GET."""
        return self._ask("GET", partial(self.objects.get, key))

    def stat(self, key: Key) -> ObjectInfo | None:
        """Answer HEAD."""

        def info() -> ObjectInfo | None:
            found = self.objects.get(key)
            if found is None:
                return None
            digest = sha256_of(found.body)
            return ObjectInfo(version=found.version, size=len(found.body), marks=found.marks, sha256=digest)

        return self._ask("HEAD", info)

    def open(self, key: Key, start: int = 0, end: int | None = None) -> AbstractContextManager[BinaryIO]:
        """Do not stream: no publisher does."""
        raise NotImplementedError

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List what is there now, as the first publisher does."""
        for key, found in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield ListEntry(key=Key(key), size=len(found.body), version=found.version)

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object."""
        del sha256
        whole = body if isinstance(body, bytes) else body.read_bytes()
        try:
            self.swap(key, whole, expected=None, headers=headers, marks=marks)
        except SwapLost:
            return False
        return True

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Create or replace an object."""
        del headers
        version = ObjectVersion(md5(body, usedforsecurity=False).hexdigest())
        owner = self.kernel.current.owner if self.kernel.current else -1

        def apply() -> bool:
            found = self.objects.get(key)
            if (found and found.version) != expected:
                return False
            self.objects[key] = Object(body=body, version=version, marks=dict(marks))
            return True

        is_manifest = "/manifests/" in key
        applied = self._ask("PUT", apply, work=len(self.commits) * _A_FILE if is_manifest else 0)
        if is_manifest and applied:
            self.commits.append(self.kernel.now)
        if not applied:
            self.lost[owner] += is_manifest
            raise SwapLost(key, refused=f"{key} {expected}")
        return version

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Do not remove: no publisher does."""
        raise NotImplementedError

    def _ask(self, verb: str, call: Callable[[], T], work: float = 0) -> T:
        self.requests[verb] += 1
        half = _MEDIANS[verb] * self.chance.lognormvariate(0, _SPREAD) / 2
        self.kernel.sleep(work + half)
        answer = call()
        self.kernel.sleep(half)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What became of a contest."""

    publishers: int
    succeeded: int
    requests: int
    lost: tuple[int, ...]
    """The lost rounds of each publisher."""
    took: tuple[float, ...]
    """The seconds from each one's begin to its end."""
    last: float
    """When the last one ended."""
    commits_a_second: float


def contest(publishers: int, *, seed: int = 0) -> Contest:
    """Let so many publishers release one wheel each into one project, and tell what became of them."""
    kernel, chance = Kernel(), random.Random(seed)  # noqa: S311 - a simulation
    store = SlowStore(kernel, chance)
    settings = RepositorySettings(id="0" * 32)
    place = S3Place(bucket="demo")
    target = Target(place=place, storage=store)
    proven = dict.fromkeys(("create", "swap", "swap-absent", "slash-keys"), "proven")
    settings = settings.having(target.store, proven)  # type: ignore[arg-type]  # literals
    store.objects[SETTINGS_KEY] = Object(body=encode_settings(settings), version=ObjectVersion("0"))
    took: dict[int, float] = {}
    errors: list[BucketwheelError] = []
    random.seed(seed)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "wheel"
        file.write_bytes(b"")

        def publish(number: int) -> None:
            begin = kernel.now
            try:
                context = Context(target=target, workers=VirtualWorkers(kernel, number))
                release(context, _request(number, file))
            except BucketwheelError as error:
                errors.append(error)
            took[number] = kernel.now - begin

        with _in_virtual_time(kernel):
            first = kernel.start(lambda: publish(0), 0)
            kernel.run()  # the project is there before the contest
            first.result()
            begin, store.requests, store.commits = kernel.now, Counter(), []
            tasks = [
                kernel.start(partial(publish, number), number, kernel.now + chance.uniform(0, _BEGIN_WITHIN))
                for number in range(1, publishers + 1)
            ]
            kernel.run()
            for task in tasks:
                task.result()
    del took[0]
    if errors:
        print(errors[0], file=sys.stderr)
    return Contest(
        publishers=publishers,
        succeeded=publishers - len(errors),
        requests=store.requests.total(),
        lost=tuple(store.lost[number] for number in range(1, publishers + 1)),
        took=tuple(sorted(took.values())),
        last=kernel.now - begin,
        commits_a_second=len(store.commits) / (max(store.commits) - begin),
    )


def _request(number: int, file: Path) -> ReleaseRequest:
    name = distribution_name(f"{_PROJECT}-1.{number}-py3-none-any.whl")
    upload = Upload(name=name, size=0, sha256=Sha256(f"{number:064x}"), content=file, metadata=b"")
    return ReleaseRequest(
        uploads=(upload,), existing="same", run_id=f"{number:032x}", now=datetime(2026, 1, 1, tzinfo=UTC), first=None
    )


class _in_virtual_time(AbstractContextManager[None]):  # noqa: N801 - used like a function
    """Give the protocol the clock of a kernel, and let it read equal manifests once."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._before: tuple[Any, Any] = parallel.time, commit.decode_manifest  # type: ignore[attr-defined]

    def __enter__(self) -> None:
        parallel.time = self._kernel  # type: ignore[assignment, attr-defined]
        commit.decode_manifest = lru_cache(maxsize=64)(self._before[1])  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        parallel.time, commit.decode_manifest = self._before  # type: ignore[attr-defined]


def describe(found: Contest) -> str:
    """Return one line of the table."""
    took, count = found.took, found.publishers
    alone = 9
    return (
        f"| {count:,} | {found.succeeded:,} | {found.commits_a_second:.1f} | {statistics.mean(found.lost):.1f} "
        f"(most {max(found.lost)}) | {found.requests / count / alone:.1f} × | {statistics.median(took):.1f} s | "
        f"{took[int(0.95 * count)]:.1f} s | {found.last:.1f} s | {fairness(took):.2f} |"
    )


_HEAD: Final = """\
| publishers | succeeded | commits a second | rounds lost | requests | median | 95 % | last | fairness |
|---|---|---|---|---|---|---|---|---|"""


def fairness(took: Iterable[float]) -> float:
    """Return Jain's index of the waiting times: 1 if all wait equally long."""
    values = list(took)
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


def main(arguments: list[str]) -> None:
    """Simulate contests of these sizes, with these pauses, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("publishers", nargs="*", type=int, default=[16, 100])
    parser.add_argument("--waits", action="append", default=[], metavar="ANSWERS,LONGEST", help="of the pauses")
    options = parser.parse_args(arguments)
    threading.stack_size(512 << 10)
    for waits in options.waits or [f"{parallel._ANSWERS},{parallel._LONGEST_CONTEST}"]:  # noqa: SLF001 - what is tried
        answers, longest = waits.split(",")
        parallel._ANSWERS, parallel._LONGEST_CONTEST = int(answers), float(longest)  # noqa: SLF001
        print(f"\npauses from the time of {answers} answers to {longest} s\n")
        print(_HEAD)
        for count in options.publishers:
            print(describe(contest(count)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
