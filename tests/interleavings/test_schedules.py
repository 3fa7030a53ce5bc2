"""The real protocol under some hundred schedules, each drawn from a seed.

`BUCKETWHEEL_TEST_INTERLEAVINGS=5000` plays that many of each scenario. A failure names its seed, and tells its story.
"""

from __future__ import annotations

import pytest

from support.simulation.effort import SCHEDULES
from support.simulation.laws import Violation
from support.simulation.scenarios import SCENARIOS
from support.simulation.schedules import play
from support.simulation.stock import Stock


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_protocol_holds(scenario: str, stock: Stock) -> None:
    """Whoever meets whom, whatever gets lost, late or doubled, whoever dies: no invariant breaks, and all is mended."""
    for seed in range(SCHEDULES):
        try:
            play(SCENARIOS[scenario], stock, seed)
        except Violation as violation:
            violation.add_note(f"scenario {scenario}, seed {seed}")
            raise
