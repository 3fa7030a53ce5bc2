"""The same world, driven by hypothesis: it looks for interleavings of its own, and shrinks what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from support.simulation.commands import Command, Reindex, Yank
from support.simulation.effort import EXAMPLES, THOROUGH
from support.simulation.ending import conclude
from support.simulation.laws import Violation
from support.simulation.removed_rules import REMOVED_RULES
from support.simulation.requests import Fate
from support.simulation.rules import remove_rules
from support.simulation.scenarios import DEMO, USUAL_KEY
from support.simulation.stock import Stock
from support.simulation.upkeep_commands import Adopt, Delete, RemoveOrphans
from support.simulation.world import World

MENU: dict[str, Callable[[Stock], Command]] = {
    "publish 1.0": lambda stock: stock.release("demo"),
    "publish 1.0, signed": lambda stock: stock.signed("demo"),
    "publish 1.0, strictly": lambda stock: replace(stock.release("demo"), existing="refuse"),
    "publish another 1.0": lambda stock: stock.release("demo", build=1),
    "publish 1.1": lambda stock: stock.release("demo", "1.1"),
    "publish a second project": lambda stock: stock.release("second"),
    "yank": lambda _: Yank(project=DEMO, version="0.9"),
    "unyank": lambda _: Yank(project=DEMO, version="0.9", reason=None),
    "reindex": lambda _: Reindex(),
    "delete the wheel": lambda stock: Delete(project=DEMO, filenames=(stock.wheel("demo").filename,)),
    "remove orphans": lambda _: RemoveOrphans(project=DEMO),
    "adopt": lambda _: Adopt(project=DEMO),
}
CROWD = 4
TROUBLE = [fate for fate in Fate if fate is not Fate.PROCEEDS]


class Meeting(RuleBasedStateMachine):
    """Whatever a person may start, whenever; and whatever becomes of each request."""

    stock: ClassVar[Stock]

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.broken = False

    @initialize(known=st.booleans())
    def begin(self, known: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        """One version of the project is published already, or only another project."""
        self.world.run(self.stock.release("demo", "0.9") if known else self.stock.release("there"))

    @precondition(lambda self: len(self.world.alive) < CROWD)
    @rule(what=st.sampled_from(sorted(MENU)))
    def start(self, what: str) -> None:
        """Somebody begins."""
        self._decide(lambda: self.world.start(MENU[what](self.stock)))

    @precondition(lambda self: self.world.alive)
    @rule(who=st.integers(0, CROWD - 1), which=st.integers(0, 5), steps=st.integers(1, 8))
    def go_on(self, who: int, which: int, steps: int) -> None:
        """Somebody's requests proceed for a while."""
        actor = self.world.alive[who % len(self.world.alive)]
        for _ in range(steps):
            if not actor.gone:
                strand = actor.waiting[which % len(actor.waiting)]
                self._decide(lambda strand=strand: self.world.serve(actor, strand))  # type: ignore[misc]  # bound now

    @precondition(lambda self: self.world.alive)
    @rule(who=st.integers(0, CROWD - 1), which=st.integers(0, 5), fate=st.sampled_from(TROUBLE))
    def meet_trouble(self, who: int, which: int, fate: Fate) -> None:
        """Something happens to a request; a read can only fail, or its sender die."""
        actor = self.world.alive[who % len(self.world.alive)]
        strand = actor.waiting[which % len(actor.waiting)]
        assert strand.request is not None
        if fate in strand.request.fates:
            self._decide(lambda: self.world.serve(actor, strand, fate))

    @precondition(lambda self: self.world.late)
    @rule(which=st.integers(0, 5))
    def deliver(self, which: int) -> None:
        """Something arrives that was on its way."""
        self._decide(lambda: self.world.deliver(self.world.late[which % len(self.world.late)]))

    @precondition(lambda self: USUAL_KEY in self.world.store.objects)
    @rule()
    def remove_by_hand(self) -> None:
        """A person takes a file away."""
        self._decide(lambda: self.world.remove_by_hand(USUAL_KEY))

    def teardown(self) -> None:
        """Everybody finishes, what is on its way arrives, and all is as it should be."""
        with self.world:
            if not self.broken:
                for actor in self.world.alive:
                    self.world.finish(actor)
                conclude(self.world)

    def _decide(self, decision: Callable[[], object]) -> None:
        try:
            decision()
        except BaseException:
            self.broken = True
            raise


def meet(stock: Stock, *, shrink: bool = True) -> None:
    """Let hypothesis decide, many times over."""
    Meeting.stock = stock
    run_state_machine_as_test(
        Meeting,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            derandomize=not THOROUGH,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_the_protocol_holds_whatever_hypothesis_tries(stock: Stock) -> None:
    """No sequence of decisions breaks an invariant."""
    meet(stock)


FOUND_SOON = ("files after the commit", "blind manifest write", "blind page write")


@pytest.mark.parametrize("name", FOUND_SOON)
def test_hypothesis_notices_a_removed_rule(name: str, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is no weaker than the seeds: without a rule it finds what breaks."""
    [removed] = [each for each in REMOVED_RULES if each.name == name]
    remove_rules(removed.edits, monkeypatch)
    with pytest.raises(Violation):
        meet(stock, shrink=False)
