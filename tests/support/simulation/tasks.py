"""Actors, each a command that runs as tasks: threads of which one runs at a time, from one request to the next.

A command is one task, and each call of its waves another. A task that waits, for the fate of its request or for the
end of another task, gives the turn back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar, cast

from bucketwheel.errors import BucketwheelError
from bucketwheel.names import ProjectName
from bucketwheel.parallel import Workers
from support.simulation.commands import Command
from support.simulation.connection import Request

__all__ = ["Actor", "Task", "TaskWorkers", "ask"]

_T = TypeVar("_T")

# Threads are kept and used again: to make one takes longer than most tasks live. Only a task that never ended blocks
# the exit of the interpreter, and the simulation kills all of them when it is left.
_THREADS = ThreadPoolExecutor(max_workers=1000, thread_name_prefix="task")
_running = threading.local()


@dataclass(slots=True, eq=False, kw_only=True)
class Actor:
    """A process that runs a command."""

    run_id: str
    command: Command
    began: dict[ProjectName, int]
    """The commits that each project had when it began."""
    tasks: list[Task[object]] = field(default_factory=list)
    """The command itself first."""
    disturbed: bool = False
    """True once one of its requests did not simply proceed."""
    catalogued: bool = False
    """Whether there was a catalogue when it began, so that exit 0 promises that it has the work."""
    warned: bool = False
    """Whether it said that it leaves something to `reindex`."""
    exit: int | None = None
    """The exit code; None while it runs, and if it died."""
    error: BucketwheelError | None = None
    result: object = None
    """The value that the command returned."""

    @property
    def ended(self) -> bool:
        """Say whether it ended or died."""
        return self.tasks[0].done()

    @property
    def waiting(self) -> list[Task[object]]:
        """Return its tasks that wait for a request."""
        return [task for task in self.tasks if task.request is not None]

    def kill(self) -> None:
        """Kill all its tasks."""
        for task in self.tasks:
            if not task.done():
                task.kill()


def ask(request: Request) -> object:
    """Let the current task wait for the fate of a request; return its answer."""
    return _current().wait(request=request)


def _current() -> Task[object]:
    return cast("Task[object]", _running.task)


def _nothing() -> object:
    return None


class _Killed(BaseException):
    """The process that a task belongs to is dead; nothing that the task still does counts."""


class Task(Future[_T]):
    """One thread of an actor, and the future of what it returns."""

    def __init__(self, work: Callable[[], _T]) -> None:
        super().__init__()
        self.request: Request | None = None
        """The request that it waits for; None while it waits for another task, and once it is done."""
        self.awaited: Task[object] | None = None
        self._work = work
        self._answer = _nothing
        self._begun = self._killed = False
        self._turn, self._turn_back = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._turn_back.acquire()

    def go_on(self, answer: Callable[[], object] | None = None) -> None:
        """Give it the turn and the answer that it waits for, until it waits again or is done."""
        self._answer = answer or _nothing
        if self._begun:
            self._turn.release()
        else:
            self._begun = True
            _THREADS.submit(self._run)
        self._turn_back.acquire()

    def kill(self) -> None:
        """End it, as the death of its process does."""
        self._killed = True
        self.go_on()

    def wait(self, *, request: Request | None = None, task: Task[object] | None = None) -> object:
        """Give the turn back until there is an answer to a request, or another task is done; called by itself."""
        self.request, self.awaited = request, task
        if not self._killed:
            self._turn_back.release()
            self._turn.acquire()
        self.request = self.awaited = None
        if self._killed:
            raise _Killed
        return self._answer()

    def result(self, timeout: float | None = None) -> _T:
        """Let other tasks run until it is done, then return or raise what it did; nothing here takes time."""
        if not self.done():
            _current().wait(task=cast("Task[object]", self))
        return super().result(timeout)

    def _run(self) -> None:
        _running.task = self
        try:
            self.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the task is waited for
            self.set_exception(error)
        self._turn_back.release()


class TaskWorkers(Workers):
    """The waves of an actor: each call is a task of its own, so that the requests of a wave are under way together."""

    def __init__(self, tasks: list[Task[object]]) -> None:
        self._tasks = tasks
        self._main = _current()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, _Killed):
            for task in self._tasks[1:]:
                if not task.done():
                    self._main.wait(task=task)

    def start(self, call: Callable[[], _T]) -> Future[_T]:
        """Start a task and let it run up to its first request."""
        assert _current() is self._main, "a call of a wave starts a wave: with few workers that is a deadlock"
        task = Task(call)
        self._tasks.append(cast("Task[object]", task))
        task.go_on()
        return task

    def map(self, calls: Iterable[Callable[[], _T]], meanwhile: Callable[[], None] = lambda: None) -> list[_T]:
        """Make all the calls and return their results in order, or raise the first error once all have ended."""
        begun = [self.start(call) for call in calls]
        meanwhile()
        outcomes = _settled(begun)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return cast("list[_T]", outcomes)

    def map_within(self, calls: Iterable[Callable[[], _T]]) -> list[_T]:
        """Make the calls one after another, in the task that asks for them."""
        return [call() for call in calls]

    def map_settled(self, calls: Iterable[Callable[[], _T]]) -> list[_T | Exception]:
        """Make all the calls to their end, and return each one's result or error, in order."""
        return _settled([self.start(call) for call in calls])


def _settled(begun: list[Future[_T]]) -> list[_T | Exception]:
    outcomes: list[_T | Exception] = []
    for future in begun:
        try:
            outcomes.append(future.result())
        except Exception as error:  # noqa: BLE001 - handed to the caller, not swallowed
            outcomes.append(error)
    return outcomes
