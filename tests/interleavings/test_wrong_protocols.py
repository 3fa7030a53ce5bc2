"""Tests of the invariants: a protocol without one of its rules breaks one of them within some seeds.

Rules that chance would not miss in time have a script, in `test_scripts.py`.
"""

from __future__ import annotations

import pytest

from support.simulation.invariants import Violation
from support.simulation.removed_rules import REMOVED_RULES
from support.simulation.rules import RemovedRule, remove_rules
from support.simulation.scenarios import SCENARIOS, Fixtures
from support.simulation.schedules import play

PATIENCE = 400
"""Seeds; most take fewer than ten, none more than a hundred."""


@pytest.mark.parametrize("removed", REMOVED_RULES, ids=lambda removed: removed.name)
def test_a_removed_rule_is_noticed(removed: RemovedRule, fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule, the invariant that it protects breaks."""
    remove_rules(REMOVED_RULES[removed], monkeypatch)
    for seed in range(PATIENCE):
        broken = broken_by(removed, fixtures, seed)
        if broken is not None:
            print(f"{broken.invariant} breaks with seed {seed}")
            assert broken.invariant in removed.breaks.split(), broken
            return
    pytest.fail(f"not noticed: {removed.name}")


def broken_by(removed: RemovedRule, fixtures: Fixtures, seed: int) -> Violation | None:
    """Return the violation that a schedule finds."""
    try:
        play(SCENARIOS[removed.scenario], fixtures, seed)
    except Violation as violation:
        return violation
    return None
