"""The simulation, driven by hypothesis, which looks for interleavings of its own and shrinks what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from support.simulation.commands import DEMO, Adopt, Command, Delete, Reindex, RemoveOrphans, Yank
from support.simulation.connection import Fate
from support.simulation.invariants import Violation
from support.simulation.removed_rules import REMOVED_RULES
from support.simulation.rules import remove_rules
from support.simulation.scenarios import USUAL_KEY, Fixtures
from support.simulation.schedules import EXAMPLES, THOROUGH
from support.simulation.simulation import Simulation

MENU: dict[str, Callable[[Fixtures], Command]] = {
    "publish 1.0": lambda fixtures: fixtures.release(),
    "publish 1.0, signed": lambda fixtures: fixtures.signed(),
    "publish 1.0, strictly": lambda fixtures: replace(fixtures.release(), existing="refuse"),
    "publish another 1.0": lambda fixtures: fixtures.release(build=1),
    "publish 1.0 in another spelling": lambda fixtures: fixtures.release("1.0.0"),
    "publish 1.1": lambda fixtures: fixtures.release("1.1"),
    "publish a second project": lambda fixtures: fixtures.release(project="second"),
    "yank": lambda _: Yank(version="0.9"),
    "unyank": lambda _: Yank(version="0.9", reason=None),
    "reindex": lambda _: Reindex(),
    "delete the wheel": lambda fixtures: Delete(filenames=(fixtures.wheel().filename,)),
    "remove orphans": lambda _: RemoveOrphans(),
    "adopt": lambda _: Adopt(),
}
CROWD = 4
TROUBLE = [fate for fate in Fate if fate is not Fate.PROCEEDS]


class Contest(RuleBasedStateMachine):
    """A state machine that starts any command at any time and chooses the fate of each request."""

    fixtures: ClassVar[Fixtures]

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation()
        self.broken = False

    @initialize(known=st.booleans())
    def begin(self, known: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        """Publish one version of the project, or only another project."""
        self.simulation.run(self.fixtures.release("0.9") if known else self.fixtures.release(project="there"))

    @precondition(lambda self: len(self.simulation.running) < CROWD)
    @rule(what=st.sampled_from(sorted(MENU)))
    def start(self, what: str) -> None:
        """Start a command."""
        self._decide(lambda: self.simulation.start(MENU[what](self.fixtures)))

    @precondition(lambda self: self.simulation.running)
    @rule(who=st.integers(0, CROWD - 1), which=st.integers(0, 5), steps=st.integers(1, 8))
    def go_on(self, who: int, which: int, steps: int) -> None:
        """Let the requests of an actor proceed for a while."""
        actor = self.simulation.running[who % len(self.simulation.running)]
        for _ in range(steps):
            if not actor.ended:
                task = actor.waiting[which % len(actor.waiting)]
                self._decide(lambda task=task: self.simulation.serve(actor, task))  # type: ignore[misc]  # bound now

    @precondition(lambda self: self.simulation.running)
    @rule(who=st.integers(0, CROWD - 1), which=st.integers(0, 5), fate=st.sampled_from(TROUBLE))
    def meet_trouble(self, who: int, which: int, fate: Fate) -> None:
        """Choose a bad fate for a request; a read can only fail, or its sender die."""
        actor = self.simulation.running[who % len(self.simulation.running)]
        task = actor.waiting[which % len(actor.waiting)]
        assert task.request is not None
        if fate in task.request.fates:
            self._decide(lambda: self.simulation.serve(actor, task, fate))

    @precondition(lambda self: self.simulation.late)
    @rule(which=st.integers(0, 5))
    def deliver(self, which: int) -> None:
        """Deliver a late request."""
        self._decide(lambda: self.simulation.deliver(self.simulation.late[which % len(self.simulation.late)]))

    @precondition(lambda self: USUAL_KEY in self.simulation.store.objects)
    @rule()
    def remove_by_hand(self) -> None:
        """Remove a file as a person does."""
        self._decide(lambda: self.simulation.remove_by_hand(USUAL_KEY))

    @precondition(lambda self: self.simulation.history.commits(DEMO) > 1)
    @rule(which=st.integers(0, 5))
    def restore(self, which: int) -> None:
        """Put an earlier manifest back, or lose it, as a person does."""
        earlier = [revision.manifest for revision in self.simulation.history.since(DEMO, 1)[:-1]]
        choices = [*earlier, None]
        self._decide(lambda: self.simulation.restore_by_hand(DEMO, choices[which % len(choices)]))

    def teardown(self) -> None:
        """Finish all commands, deliver what is late and check the end."""
        with self.simulation:
            if not self.broken:
                for actor in self.simulation.running:
                    self.simulation.finish(actor)
                self.simulation.conclude()

    def _decide(self, decision: Callable[[], object]) -> None:
        try:
            decision()
        except BaseException:
            self.broken = True
            raise


def contend(fixtures: Fixtures, *, examples: int = EXAMPLES, shrink: bool = True) -> None:
    """Run the state machine many times."""
    Contest.fixtures = fixtures
    run_state_machine_as_test(
        Contest,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            derandomize=not THOROUGH,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_the_protocol_holds_whatever_hypothesis_tries(fixtures: Fixtures) -> None:
    """No sequence of decisions that hypothesis tries breaks an invariant."""
    contend(fixtures)


FOUND_SOON = ("files after the commit", "blind manifest write", "blind page write")


@pytest.mark.parametrize("name", FOUND_SOON)
def test_hypothesis_notices_a_removed_rule(name: str, fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is no weaker than the seeds: without a rule it finds what breaks."""
    [edits] = [edits for removed, edits in REMOVED_RULES.items() if removed.name == name]
    remove_rules(edits, monkeypatch)
    with pytest.raises(Violation):
        contend(fixtures, examples=20 * EXAMPLES, shrink=False)  # it ends with the first
