"""A store, the actors that work on it and the requests that are still on their way; each step is one decision.

Nothing happens by itself: the test says which request is served next, and what becomes of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from bucketwheel.errors import BucketwheelError, OutcomeUnknown, Refused, Unavailable
from bucketwheel.events import Event, Warned
from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.format.manifest import Manifest, empty_manifest, encode_manifest
from bucketwheel.names import ProjectName
from bucketwheel.protocol.repository import Context, Target
from bucketwheel.storage import NO_MARKS, Key, SwapLost
from support.releasing import TextOnly
from support.simulation.commands import Adopt, Command, Reindex
from support.simulation.connection import CRASHES, S3, Connection, Fate, Request, Store, StoreKind, Verb
from support.simulation.history import History
from support.simulation.invariants import Invariants, Violation
from support.simulation.tasks import Actor, Task, TaskWorkers, ask

__all__ = ["Simulation"]

_STEP_LIMIT = 5000
"""More steps than any contest takes: a command that needs more runs in circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LateRequest:
    """A request that is still on its way, even if its sender is dead."""

    actor: Actor
    request: Request


class Simulation:
    """A run of several commands on one store; a context manager, because their threads must end with it."""

    def __init__(self, kind: StoreKind = S3) -> None:
        self.kind = kind
        self.store = Store()
        self.history = History()
        self.invariants = Invariants(self.store, self.history)
        self.actors: list[Actor] = []
        self.late: list[_LateRequest] = []
        self.trace: list[str] = []
        """One line for each step: the note of a violation."""
        self._writes = 0
        """The writes that succeeded, also those that changed nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors:
            actor.kill()
        if isinstance(error, Violation):
            error.add_note("\n".join(["the steps:", *self.trace]))

    @property
    def running(self) -> list[Actor]:
        """Return the actors that have not ended."""
        return [actor for actor in self.actors if not actor.ended]

    # Decisions --------------------------------------------------------------------------------------------------------

    def start(self, command: Command) -> Actor:
        """Start a command and let it run up to its first request."""
        began = {project: self.history.commits(project) for project in self.history.projects}
        actor = Actor(run_id=f"run-{len(self.actors)}", command=command, began=began)
        storage = Connection(store=self.store, kind=self.kind, ask=ask)
        target = Target(place=self.kind.place, storage=storage, descriptions=TextOnly())

        actor.catalogued = CATALOGUE_KEY in self.store.objects

        def report(event: Event) -> None:
            actor.warned |= isinstance(event, Warned)

        def run() -> None:
            with TaskWorkers(actor.tasks) as workers:
                context = Context(target=target, workers=workers, report=report)
                actor.result = command.run(context, actor.run_id)

        actor.disturbed = self.store.suspended
        self.actors.append(actor)
        actor.tasks.append(Task(run))
        self._note(f"{actor.run_id} begins: {command}")
        self._go_on(actor, actor.tasks[0])
        return actor

    def serve(self, actor: Actor, task: Task[object], fate: Fate = Fate.PROCEEDS) -> None:
        """Decide what becomes of the request that a task waits for."""
        request = task.request
        assert request is not None
        assert fate in request.fates
        self._note(f"{actor.run_id}: {request} {fate.value}")
        actor.disturbed |= fate is not Fate.PROCEEDS
        if fate in CRASHES:
            self._crash(actor, request, fate)
        elif fate is Fate.REPEATED:
            request.sent = True
            self._apply(actor, request)
        else:
            self._go_on(actor, task, self._answer(actor, request, fate))

    def deliver(self, late: _LateRequest) -> None:
        """Let a late request arrive; its answer is lost."""
        self.late.remove(late)
        self._note(f"{late.actor.run_id}: {late.request} arrives late")
        self._apply(late.actor, late.request)

    def remove_by_hand(self, key: str) -> None:
        """Remove a file and its signature as a person does, past all rules."""
        self._note(f"a person removes {key}")
        del self.store.objects[key]
        self.store.objects.pop(f"{key}.asc", None)
        self.invariants.excuse(key)

    def restore_by_hand(self, project: ProjectName, earlier: Manifest | None) -> None:
        """Put an earlier manifest over the present one as a person does, or remove it; past all rules."""
        key = manifest_key(project)
        self._note(f"a person restores revision {earlier.revision if earlier else 0} of {project}")
        self.store.objects.pop(key, None)
        if earlier is not None:
            self.store.swap(key, encode_manifest(earlier), expected=None, headers=Layout().record(), marks=NO_MARKS)
        self.invariants.restore(earlier or empty_manifest(project))

    def suspend_by_hand(self) -> None:
        """Suspend the versioning of the bucket as a person does, with a store that then refuses right versions too."""
        self._note("the store refuses to replace any version from now on")
        self.store.suspended = True
        for actor in self.running:
            actor.disturbed = True

    def finish(self, actor: Actor) -> Actor:
        """Serve all requests of an actor, undisturbed, to its end."""
        while not actor.ended:
            self.serve(actor, actor.waiting[0])
        return actor

    def run(self, command: Command) -> Actor:
        """Run a command from beginning to end, undisturbed."""
        return self.finish(self.start(command))

    def until(self, actor: Actor, verb: Verb, key: str) -> Task[object]:
        """Serve an actor until one of its tasks waits for this request, and return that task."""
        while True:
            for task in actor.waiting:
                request = task.request
                if request is not None and (request.verb, request.key) == (verb, key):
                    return task
            assert actor.waiting, f"{actor.run_id} ended without a request to {verb} {key}"
            self.serve(actor, actor.waiting[0])

    def conclude(self, seed: int = 0) -> None:
        """Deliver what is late and run unfinished commands again; then compare what must hold in the end.

        I12: a command that runs again, undisturbed, ends with 0, or with a refusal that has a reason. I6: one reindex
        repairs all pages, and a second one writes nothing.
        """
        chance = random.Random(seed)  # noqa: S311 - an order, not a secret
        while self.late:
            self.deliver(chance.choice(self.late))
        self.store.suspended = False  # a person mends it when no request of that time is on its way any more
        unfinished = [actor for actor in self.actors if actor.exit != 0 and not isinstance(actor.error, Refused)]
        chance.shuffle(unfinished)
        if self.invariants.restored:
            self._repair()
        if chance.random() < 0.5:
            self._reindex()
        for actor in unfinished:
            self.run(actor.command)
        self.invariants.check_settled("every command ran to its end")
        self._reindex()

    def _repair(self) -> None:
        """I12: an adoption repairs what a restore did, and a second one writes nothing."""
        repair = self.run(Adopt())
        if repair.exit != 0:
            raise Violation("I12", f"the repair ended with {repair.exit}: {repair.error}")
        self.invariants.end_excuses()
        before = self._writes
        self.run(Adopt())
        if self._writes != before:
            raise Violation("I6", "a second repair wrote something")

    def _reindex(self) -> None:
        if not self.history.projects:
            return
        self.run(Reindex())
        self.invariants.check_settled("a reindex")
        before = self._writes
        self.run(Reindex())
        if self._writes != before:
            raise Violation("I6", "a second reindex wrote something")

    # Consequences -----------------------------------------------------------------------------------------------------

    def _answer(self, actor: Actor, request: Request, fate: Fate) -> Callable[[], object]:
        match fate:
            case Fate.PROCEEDS:
                return self._apply(actor, request)
            case Fate.TWICE:
                self.late.append(_LateRequest(actor=actor, request=request))
                return self._apply(actor, request)
            case Fate.UNDECIDED:
                return (lambda: False) if request.verb == "add" else partial(_raise, SwapLost(request.key))
            case Fate.ANSWER_LOST:
                self._apply(actor, request)
            case Fate.LATE:
                self.late.append(_LateRequest(actor=actor, request=request))
            case Fate.FAILS if not request.sent:
                return partial(_raise, Unavailable(f"no answer for {request.key}"))
        return partial(_raise, OutcomeUnknown(f"no answer for {request.key}"))

    def _apply(self, actor: Actor, request: Request) -> Callable[[], object]:
        """Apply a request to the store and check what it changed; return the answer."""
        before = self.store.read(Key(request.key))
        try:
            answer = request.call()
        except (SwapLost, Unavailable) as error:
            if isinstance(error, SwapLost) and request.sent:  # it may be its own first attempt that it lost to
                error.refused = ""
            return partial(_raise, error)
        if request.writes:
            self._writes += 1
            after = self.store.read(Key(request.key))
            if after != before:
                self.invariants.check_write(actor, request.key, before, after)
        return lambda: answer

    def _go_on(self, actor: Actor, task: Task[object], answer: Callable[[], object] | None = None) -> None:
        """Let a task go on, then every task that waited for one that is done, and end the actor with its first."""
        task.go_on(answer)
        while ready := [task for task in actor.tasks if task.awaited is not None and task.awaited.done()]:
            ready[0].go_on()
        if not actor.ended:
            return
        error = actor.tasks[0].exception()
        if error is not None and not isinstance(error, BucketwheelError):
            raise error
        actor.error = error
        actor.exit = 0 if error is None else error.exit_code
        self._note(f"{actor.run_id} ends with {actor.exit}: {error or 'done'}")
        self.invariants.check_exit(actor)

    def _crash(self, actor: Actor, request: Request, fate: Fate) -> None:
        if fate is Fate.DIES_AFTER:
            self._apply(actor, request)
        elif fate is Fate.DIES_SENDING:
            sent = [task.request for task in actor.waiting if task.request is not None]
            self.late += [_LateRequest(actor=actor, request=each) for each in sent if each.writes]
        actor.kill()

    def _note(self, step: str) -> None:
        self.trace.append(step)
        if len(self.trace) > _STEP_LIMIT:
            raise Violation("I9", "a command runs in circles")


def _raise(error: Exception) -> object:
    raise error
