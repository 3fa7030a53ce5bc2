"""Decisions drawn from a seed: which command goes on, what goes wrong and what arrives when.

`BUCKETWHEEL_TEST_INTERLEAVINGS` is the number of schedules of each scenario.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass

from support.simulation.commands import DEMO
from support.simulation.connection import Fate
from support.simulation.scenarios import Fixtures, Scenario
from support.simulation.simulation import Simulation
from support.simulation.tasks import Actor, Task

__all__ = ["EXAMPLES", "SCHEDULES", "THOROUGH", "play"]

_BUDGET = os.environ.get("BUCKETWHEEL_TEST_INTERLEAVINGS")

THOROUGH = _BUDGET is not None
SCHEDULES = int(_BUDGET or 30)
"""The schedules of each scenario."""
EXAMPLES = 2 * SCHEDULES
"""The runs of the state machine."""

_ON_A_DISK = (Fate.FAILS, Fate.DIES_BEFORE, Fate.DIES_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mood:
    """The chances of a schedule; a third of them has no trouble at all, and then no command may fail."""

    trouble: float
    """That a request does not simply proceed."""
    patience: float
    """That the same actor goes on: races need short turns, and long ones."""
    delay: float
    """That a late request stays on its way for another step."""

    @classmethod
    def drawn(cls, chance: random.Random) -> _Mood:
        """Draw one."""
        return cls(
            trouble=chance.choice([0, 0, 0.02, 0.05, 0.15, 0.3]),
            patience=chance.choice([0, 0.5, 0.9, 0.97]),
            delay=chance.choice([0.7, 0.95, 1]),
        )


def play(draw: Callable[[Fixtures, random.Random], Scenario], fixtures: Fixtures, seed: int) -> Simulation:
    """Play a scenario to its end as the seed decides; raise Violation with all the steps."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    scenario, mood = draw(fixtures, chance), _Mood.drawn(chance)
    with Simulation(scenario.kind) as simulation:
        for command in scenario.before:
            simulation.run(command)
        _play(simulation, scenario, mood, chance)
        simulation.conclude(seed)
    if scenario.agreed and mood.trouble:
        assert _released(simulation) == _released(_undisturbed(scenario)), "I12: not the end of an undisturbed run"
    return simulation


def _play(simulation: Simulation, scenario: Scenario, mood: _Mood, chance: random.Random) -> None:
    coming = list(scenario.commands)
    chance.shuffle(coming)
    taken_away, restores, suspends = scenario.taken_away, scenario.restores, scenario.suspends
    turn: Actor | None = None
    while coming or simulation.running:
        if coming and (not simulation.running or chance.random() < 0.2):
            simulation.start(coming.pop())
            continue
        if taken_away in simulation.store.objects and chance.random() < 0.03:
            simulation.remove_by_hand(taken_away)
            taken_away = None
        if restores and chance.random() < 0.04:
            restores -= 1
            earlier = simulation.history.since(DEMO, 1)[:-1]
            simulation.restore_by_hand(DEMO, chance.choice([None, *(revision.manifest for revision in earlier)]))
            continue
        if suspends and chance.random() < 0.04:
            suspends = False
            simulation.suspend_by_hand()
        if simulation.late and chance.random() > mood.delay:
            simulation.deliver(chance.choice(simulation.late))
            continue
        if turn is None or turn.ended or chance.random() > mood.patience:
            turn = chance.choice(simulation.running)
        task = chance.choice(turn.waiting)
        simulation.serve(turn, task, _fate(simulation, task, mood, chance))


def _fate(simulation: Simulation, task: Task[object], mood: _Mood, chance: random.Random) -> Fate:
    request = task.request
    assert request is not None
    if chance.random() >= mood.trouble:
        return Fate.PROCEEDS
    return chance.choice([fate for fate in request.fates if simulation.kind.remote or fate in _ON_A_DISK])


def _undisturbed(scenario: Scenario) -> Simulation:
    with Simulation(scenario.kind) as simulation:
        for command in (*scenario.before, *scenario.commands):
            simulation.run(command)
    return simulation


def _released(simulation: Simulation) -> dict[str, object]:
    """Return what does not depend on the order of the commands."""
    return {
        project: sorted(
            (file.filename, file.sha256, file.yanked) for file in simulation.history.now(project).manifest.files
        )
        for project in simulation.history.projects
    }
