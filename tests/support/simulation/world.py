"""A store, the actors who work on it, and what is still on its way to it; each step is one decision of somebody else.

Nothing happens by itself: whoever holds the world says which request is served next, and what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from bucketwheel.errors import BucketwheelError, Damaged, OutcomeUnknown, Unavailable
from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.manifest import decode_manifest
from bucketwheel.protocol.repository import Context, Target
from bucketwheel.storage import Key, Object, SwapLost
from support.memory import MemoryStorage
from support.simulation.actors import Actor
from support.simulation.commands import Command
from support.simulation.connection import S3, Connection, Flavour
from support.simulation.evidence import page_key
from support.simulation.history import History
from support.simulation.laws import Laws, Violation
from support.simulation.requests import CRASHES, Fate, Request, Verb
from support.simulation.strands import Strand, StrandWorkers
from support.simulation.verdicts import validate_commit, validate_exit

__all__ = ["Late", "World"]

_STEP_LIMIT = 5000
"""More steps than any contest takes: who is not done by then goes round in circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A request that is still on its way, whether or not its sender is."""

    run_id: str
    request: Request


class World:
    """All of it; a context manager, because the threads of who is still at work must end with it."""

    def __init__(self, flavour: Flavour = S3) -> None:
        self.flavour = flavour
        self.store = MemoryStorage()
        self.history = History()
        self.laws = Laws(self.store, self.history)
        self.actors: dict[str, Actor] = {}
        self.late: list[Late] = []
        self.trace: list[str] = []
        """One line a step: the story that a violation is told with."""
        self.writes = 0
        """How many succeeded, also those that changed nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self.actors.values():
            self._end_strands(actor)
        if isinstance(error, Violation):
            error.add_note("\n".join(["what happened:", *self.trace]))

    @property
    def alive(self) -> list[Actor]:
        """Who is still at work."""
        return [actor for actor in self.actors.values() if not actor.gone]

    # Decisions --------------------------------------------------------------------------------------------------------

    def start(self, command: Command) -> Actor:
        """Let somebody begin, up to the first request."""
        run_id = f"run-{len(self.actors)}"
        moments = {project: self.history.length(project) for project in self.history.projects}
        actor = Actor(run_id=run_id, command=command, moments=moments)
        self.actors[run_id] = actor
        target = Target(place=self.flavour.place, storage=Connection(self.store, self.flavour))

        def work() -> None:
            with StrandWorkers(actor.strands) as workers:
                actor.result = command.run(Context(target=target, workers=workers), run_id)

        main = Strand(work)
        actor.strands.append(main)
        self._tell(f"{run_id} begins: {command}")
        main.go_on()
        self._go_on(actor)
        return actor

    def serve(self, actor: Actor, strand: Strand, fate: Fate = Fate.PROCEEDS) -> None:
        """Decide what becomes of the request that a strand waits for."""
        request = strand.request
        assert request is not None
        assert fate in request.fates
        self._tell(f"{actor.run_id}: {request} {fate.value}")
        actor.troubled |= fate is not Fate.PROCEEDS
        if fate in CRASHES:
            if fate is Fate.DIES_AFTER:
                self._take_effect(actor.run_id, request)
            self._crash(actor, sending=fate is Fate.DIES_SENDING)
            return
        answer = self._answer(actor, request, fate)
        if answer is not None:
            strand.go_on(answer)
            self._go_on(actor)

    def deliver(self, late: Late) -> None:
        """Let a request arrive at last; nobody hears the answer."""
        self.late.remove(late)
        self._tell(f"{late.run_id}: {late.request} arrives late")
        self._take_effect(late.run_id, late.request)

    def remove_by_hand(self, key: str) -> None:
        """Let a person take an object away, past all rules."""
        self._tell(f"a person removes {key}")
        del self.store.objects[key]
        self.laws.removed_by_hand(key)

    def finish(self, actor: Actor) -> Actor:
        """Serve all that an actor asks for, undisturbed, to its end."""
        while not actor.gone:
            self.serve(actor, actor.waiting[0])
        return actor

    def run(self, command: Command) -> Actor:
        """Let somebody do something from beginning to end, undisturbed."""
        return self.finish(self.start(command))

    def until(self, actor: Actor, verb: Verb, key: str) -> Strand:
        """Serve an actor until it asks for this, and no further; returns the strand that asks."""
        while True:
            for strand in actor.waiting:
                request = strand.request
                if request is not None and (request.verb, request.key) == (verb, key):
                    return strand
            assert actor.waiting, f"{actor.run_id} ended without having asked to {verb} {key}"
            self.serve(actor, actor.waiting[0])

    # What follows -----------------------------------------------------------------------------------------------------

    def _answer(self, actor: Actor, request: Request, fate: Fate) -> Callable[[], object] | None:
        match fate:
            case Fate.PROCEEDS:
                return self._take_effect(actor.run_id, request)
            case Fate.TWICE:
                self.late.append(Late(run_id=actor.run_id, request=request))
                return self._take_effect(actor.run_id, request)
            case Fate.REPEATED:
                request.sent = True
                self._take_effect(actor.run_id, request)
                return None
            case Fate.UNDECIDED:
                return (lambda: False) if request.verb == "add" else partial(_raise, SwapLost(request.key))
            case Fate.ANSWER_LOST:
                self._take_effect(actor.run_id, request)
            case Fate.LATE:
                self.late.append(Late(run_id=actor.run_id, request=request))
            case Fate.FAILS if not request.sent:
                return partial(_raise, Unavailable(f"no answer for {request.key}"))
        return partial(_raise, OutcomeUnknown(f"no answer for {request.key}"))

    def _take_effect(self, run_id: str, request: Request) -> Callable[[], object]:
        """Do it to the store, and judge what it did; what the sender would hear of it."""
        before = self.store.read(Key(request.key))
        try:
            answer = request.carry_out()
        except (SwapLost, Unavailable) as error:
            return partial(_raise, error)
        if request.writes:
            self.writes += 1
            after = self.store.read(Key(request.key))
            if after != before:
                self._validate(run_id, request.key, before, after)
        return lambda: answer

    def _validate(self, run_id: str, key: str, before: Object | None, after: Object | None) -> None:
        if key.startswith(MANIFESTS):
            project = project_of(Key(key))
            assert project is not None
            if after is None:
                raise Violation("I3", f"the manifest of {project} was removed")
            try:
                manifest = decode_manifest(after.body, project)
            except Damaged as error:
                raise Violation("I2", str(error)) from error
            self.laws.manifest_follows(manifest)
            validate_commit(self.actors[run_id], self.history.now(project).manifest, manifest, self.store)
            self.history.record(run_id, manifest)
        elif page_key(key) is not None:
            self.laws.page_follows(key, before, after)
        elif key.startswith("simple/"):
            self.laws.file_follows(key, before, after)
        self.laws.hold()

    def _go_on(self, actor: Actor) -> None:
        """Let every strand go on whose awaited one is done, and the actor end with its first."""
        while ready := [strand for strand in actor.strands if strand.awaited is not None and strand.awaited.done]:
            ready[0].go_on()
        main = actor.strands[0]
        if main.done:
            if main.error is not None and not isinstance(main.error, BucketwheelError):
                raise main.error
            actor.error = main.error
            actor.exit = 0 if actor.error is None else actor.error.exit_code
            self._tell(f"{actor.run_id} ends with {actor.exit}: {actor.error or 'done'}")
            validate_exit(actor, self.history, self.laws)

    def _crash(self, actor: Actor, *, sending: bool) -> None:
        requests = [strand.request for strand in actor.waiting if strand.request is not None]
        if sending:
            self.late += [Late(run_id=actor.run_id, request=request) for request in requests if request.writes]
        self._end_strands(actor)

    def _end_strands(self, actor: Actor) -> None:
        actor.dead = actor.exit is None
        for strand in actor.strands:
            if not strand.done:
                strand.die()

    def _tell(self, what: str) -> None:
        self.trace.append(what)
        if len(self.trace) > _STEP_LIMIT:
            raise Violation("I9", "somebody goes round in circles")


def _raise(error: Exception) -> object:
    raise error
