"""The fault sweep: every command, disturbed at every one of its requests, on the wire to a real S3 server.

After each disturbance nothing dangles and nothing went back (I1 to I4), the exit was honest (I5, I8), and the same
command again ends as if it had never been disturbed (I12). A plain run meets every request of every command with one
disturbance of one family, in turn; BUCKETWHEEL_TEST_SWEEP=full meets each with all of them, in some fifteen minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from faults.bench import Bench, broken_by
from faults.commands import COMMANDS
from faults.disturbance import FAMILIES, Disturbance

_FULL = os.environ.get("BUCKETWHEEL_TEST_SWEEP") == "full"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hope for better luck no longer than a test can."""
    monkeypatch.setattr("bucketwheel.parallel._PATIENCE", 3.0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_happens(name: str, family: str, bench: Bench) -> None:
    """Nothing dangles, the exit is honest, and the same command again ends as if nothing had happened."""
    undisturbed = bench.undisturbed(name)
    turn = list(COMMANDS).index(name) + list(FAMILIES).index(family)
    problems = [
        f"{disturbance.name}, request {number}: {problem}"
        for disturbance, number in _cases(undisturbed.requests, family, turn)
        for problem in broken_by(bench, name, disturbance, number)
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("number", [4, 9, 12, 17, 20])
def test_whatever_happens_to_one_of_many_at_once(number: int, bench: Bench) -> None:
    """The same where requests are under way side by side, and go on while one of them fails or the process dies."""
    problems = [
        f"{disturbance.name}: {problem}"
        for disturbance in (*FAMILIES["killed"], FAMILIES["whenever asked"][1])
        for problem in broken_by(bench, "publish several projects", disturbance, number, jobs=16)
    ]
    assert not problems, "\n".join(problems)


def _cases(requests: int, family: str, turn: int) -> Iterator[tuple[Disturbance, int]]:
    disturbances = FAMILIES[family]
    for number in range(1, requests + 1):
        if _FULL:
            yield from ((disturbance, number) for disturbance in disturbances)
        elif (number + turn) % len(FAMILIES) == 0:
            yield disturbances[(number + turn) // len(FAMILIES) % len(disturbances)], number
