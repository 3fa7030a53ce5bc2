"""A safety net that is itself tested: whoever takes a rule out of the protocol breaks an invariant within some seeds.

Rules that chance would not miss in time have a script, in `test_scripts.py`.
"""

from __future__ import annotations

import pytest

from support.simulation.laws import Violation
from support.simulation.removed_rules import REMOVED_RULES
from support.simulation.rules import RemovedRule, remove_rules
from support.simulation.scenarios import SCENARIOS
from support.simulation.schedules import play
from support.simulation.stock import Stock

PATIENCE = 400
"""Seeds; most take fewer than ten, none more than a hundred."""


@pytest.mark.parametrize("removed", REMOVED_RULES, ids=lambda removed: removed.name)
def test_a_removed_rule_is_noticed(removed: RemovedRule, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule, the invariant breaks that it is there for."""
    remove_rules(removed.edits, monkeypatch)
    for seed in range(PATIENCE):
        broken = broken_by(removed, stock, seed)
        if broken is not None:
            print(f"{broken.law} breaks with seed {seed}")
            assert broken.law in removed.breaks.split(), broken
            return
    pytest.fail(f"nobody noticed: {removed.name}")


def broken_by(removed: RemovedRule, stock: Stock, seed: int) -> Violation | None:
    """What a schedule shows to be wrong."""
    try:
        play(SCENARIOS[removed.scenario], stock, seed)
    except Violation as violation:
        return violation
    return None
