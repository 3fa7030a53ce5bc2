"""The real protocol under hundreds of schedules, each drawn from a seed.

`BUCKETWHEEL_TEST_INTERLEAVINGS=5000` plays that many of each scenario. A failure names its seed and lists its steps.
"""

from __future__ import annotations

import pytest

from support.simulation.invariants import Violation
from support.simulation.scenarios import SCENARIOS, Fixtures
from support.simulation.schedules import SCHEDULES, play


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_protocol_holds(scenario: str, fixtures: Fixtures) -> None:
    """No invariant breaks when requests are lost, late or doubled and senders die; the next runs repair the rest."""
    for seed in range(SCHEDULES):
        try:
            play(SCENARIOS[scenario], fixtures, seed)
        except Violation as violation:
            violation.add_note(f"scenario {scenario}, seed {seed}")
            raise
