"""The real protocol under some hundred schedules, each drawn from a seed.

`BUCKETWHEEL_TEST_INTERLEAVINGS=5000` plays that many of each scenario. A failure names its seed, and tells its story.
"""

from __future__ import annotations

import pytest

from support.simulation.invariants import Violation
from support.simulation.scenarios import SCENARIOS, Fixtures
from support.simulation.schedules import SCHEDULES, play


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_protocol_holds(scenario: str, fixtures: Fixtures) -> None:
    """Whoever meets whom, whatever gets lost, late or doubled, whoever dies: no invariant breaks, and all is mended."""
    for seed in range(SCHEDULES):
        try:
            play(SCENARIOS[scenario], fixtures, seed)
        except Violation as violation:
            violation.add_note(f"scenario {scenario}, seed {seed}")
            raise
