"""A safety net that is itself tested: whoever takes a rule out of the protocol breaks an invariant within some seeds.

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
    """Without the rule, the invariant breaks that it is there for."""
    remove_rules(removed.edits, monkeypatch)
    for seed in range(PATIENCE):
        broken = broken_by(removed, fixtures, seed)
        if broken is not None:
            print(f"{broken.invariant} breaks with seed {seed}")
            assert broken.invariant in removed.breaks.split(), broken
            return
    pytest.fail(f"nobody noticed: {removed.name}")


def broken_by(removed: RemovedRule, fixtures: Fixtures, seed: int) -> Violation | None:
    """What a schedule shows to be wrong."""
    try:
        play(SCENARIOS[removed.scenario], fixtures, seed)
    except Violation as violation:
        return violation
    return None
