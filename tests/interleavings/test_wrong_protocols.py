"""A safety net that is itself tested: whoever takes a rule out of the protocol breaks an invariant within some seeds.

Rules that chance would not miss in time have a script, in `test_scripts.py`.
"""

from __future__ import annotations

import pytest

from support.simulation.laws import Violation
from support.simulation.scenarios import SCENARIOS
from support.simulation.schedules import play
from support.simulation.stock import Stock
from support.simulation.wrong import Wrong, take_out
from support.simulation.wrong_commits import WRONG_COMMITS, WRONG_FILES
from support.simulation.wrong_pages import WRONG_PAGES
from support.simulation.wrong_removing import WRONG_REMOVALS

PATIENCE = 400
"""Seeds; most take fewer than ten, none more than a hundred."""


@pytest.mark.parametrize(
    "protocol", [*WRONG_FILES, *WRONG_COMMITS, *WRONG_PAGES, *WRONG_REMOVALS], ids=lambda protocol: protocol.name
)
def test_a_wrong_protocol_is_caught(protocol: Wrong, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule, the invariant breaks that it is there for."""
    take_out(protocol.edits, monkeypatch)
    for seed in range(PATIENCE):
        broken = broken_by(protocol, stock, seed)
        if broken is not None:
            print(f"{broken.law} breaks with seed {seed}")
            assert broken.law in protocol.breaks.split(), broken
            return
    pytest.fail(f"nobody noticed: {protocol.name}")


def broken_by(protocol: Wrong, stock: Stock, seed: int) -> Violation | None:
    """What a schedule shows to be wrong."""
    try:
        play(SCENARIOS[protocol.meets], stock, seed)
    except Violation as violation:
        return violation
    return None
