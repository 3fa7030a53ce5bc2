"""How long to look for what goes wrong."""

from __future__ import annotations

import os

__all__ = ["EXAMPLES", "SCHEDULES", "THOROUGH"]

_WANTED = os.environ.get("BUCKETWHEEL_TEST_INTERLEAVINGS")

THOROUGH = _WANTED is not None
SCHEDULES = int(_WANTED or 60)
"""Seeded schedules of each scenario."""
EXAMPLES = 2 * SCHEDULES
"""Runs of the state machine."""
