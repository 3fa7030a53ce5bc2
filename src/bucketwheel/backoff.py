"""How long to keep trying, and how long to wait in between: with full jitter, so that contenders spread out."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

__all__ = ["attempts"]

_FIRST_WAIT = 0.02  # seconds
_LONGEST_WAIT = 2.0
_PATIENCE = 300.0
"""Seconds after which a contest counts as an outage. Somebody wins each round, so contenders finish long before."""


def attempts() -> Iterator[int]:
    """Count attempts from 0, waiting before each but the first, until patience ends; no safety rests on this clock."""
    deadline = time.monotonic() + _PATIENCE
    attempt = 0
    while attempt == 0 or time.monotonic() < deadline:
        yield attempt
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempt, 10))
        time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
        attempt += 1
