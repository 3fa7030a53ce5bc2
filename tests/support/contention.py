"""Commands that contend for one project, in virtual time: each request takes as long as on a network, no clock runs.

What becomes of a request is decided half way, when it reaches the store. Pauses of the real code pass in virtual time
too, and all chance comes from a seed: a run is the same on every machine.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar, cast

import pytest

from bucketwheel import parallel
from bucketwheel.errors import Unavailable
from bucketwheel.protocol.repository import Context, Target
from bucketwheel.storage import SwapLost
from support.memory import MemoryStorage
from support.simulation.connection import S3, Connection, Request
from support.simulation.tasks import Task, TaskWorkers, ask

__all__ = ["Contest", "Ended"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What one command did."""

    begin: float
    end: float
    requests: tuple[str, ...]
    """`verb key`, in order; with ` lost` where a swap was refused."""
    error: BaseException | None


@dataclass(slots=True, kw_only=True)
class _Runner:
    begin: float
    tasks: list[Task[object]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    waited_for: dict[int, Request] = field(default_factory=dict)
    """By the task's number, the last request of each that is on its way."""
    end: float = 0.0


@dataclass(slots=True)
class Contest:
    """One store, and the commands that run on it at once."""

    store: MemoryStorage
    seed: int = 0
    round_trip: float = 0.03
    """Seconds that a request takes, a fifth more or less."""
    now: float = 0.0
    _chance: random.Random = field(init=False)
    _coming: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def run(self, commands: Sequence[Callable[[Context], object]], *, spread: float = 0.0) -> list[Ended]:
        """Run commands that begin within so many seconds, and return what each did."""
        self._chance = random.Random(self.seed)  # noqa: S311 - latencies, no secret
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parallel, "time", self)
            patch.setattr(parallel, "random", self._chance)
            runners = [self._begin(command, self._chance.uniform(0, spread)) for command in commands]
            while self._coming:
                self.now, _, action = heapq.heappop(self._coming)
                action()
        return [
            Ended(begin=each.begin, end=each.end, requests=tuple(each.requests), error=each.tasks[0].exception())
            for each in runners
        ]

    def monotonic(self) -> float:
        """Return the virtual time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass for the current task."""
        ask(Request(verb="read", key=f"{seconds} seconds", call=lambda: seconds))

    def _begin(self, command: Callable[[Context], object], begin: float) -> _Runner:
        runner = _Runner(begin=self.now + begin)
        storage = Connection(store=self.store, kind=S3, ask=ask)

        def run() -> object:
            with _Workers(runner.tasks) as workers:
                return command(Context(target=Target(place=S3.place, storage=storage), workers=workers))

        task = Task(run)
        runner.tasks.append(task)
        self._at(runner.begin, lambda: self._go_on(runner, task))
        return runner

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (moment, next(self._numbers), action))

    def _go_on(self, runner: _Runner, task: Task[object], answer: Callable[[], object] | None = None) -> None:
        task.go_on(answer)
        while ready := [each for each in runner.tasks if each.awaited is not None and each.awaited.done()]:
            ready[0].go_on()
        for number, each in enumerate(runner.tasks):
            if each.request is not None and runner.waited_for.get(number) is not each.request:
                runner.waited_for[number] = each.request
                self._send(runner, each, each.request)
        if runner.tasks[0].done():
            runner.end = self.now

    def _send(self, runner: _Runner, task: Task[object], request: Request) -> None:
        if request.key.endswith(" seconds"):
            self._at(self.now + float(request.key.split()[0]), lambda: self._go_on(runner, task))
            return
        takes = self.round_trip * self._chance.uniform(0.8, 1.2)

        def arrives() -> None:
            answer, lost = self._answer(request)
            runner.requests.append(f"{request}{lost}")
            self._at(self.now + takes / 2, lambda: self._go_on(runner, task, answer))

        self._at(self.now + takes / 2, arrives)

    def _answer(self, request: Request) -> tuple[Callable[[], object], str]:
        try:
            answer = request.call()
        except (SwapLost, Unavailable) as error:
            refused = error
            return lambda: _raise(refused), " lost"
        return lambda: answer, ""


class _Workers(TaskWorkers):
    """The waves of a command; those within a call of a wave are waves too."""

    def map_within(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make the calls side by side."""
        tasks = [Task(call) for call in calls]
        for task in tasks:
            self._tasks.append(cast("Task[object]", task))
            task.go_on()
        return [task.result() for task in tasks]


def _raise(error: Exception) -> object:
    raise error
