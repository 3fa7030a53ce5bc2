"""The fault sweep: every command, with a failure at each of its requests, on the wire to a real S3 server.

After each failure nothing dangles and nothing went back (I1 to I4), the exit was honest (I5, I8), and the same command
again ends as if nothing had failed (I12). A plain run gives each request of each command one failure of one family, in
turn. BUCKETWHEEL_TEST_SWEEP=families gives each request one failure of every family, which the thorough run does;
BUCKETWHEEL_TEST_SWEEP=full gives each all failures, which takes far longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from faults.commands import COMMANDS
from faults.failures import FAMILIES, Failure
from faults.harness import Harness, problems_after

_SWEEP = os.environ.get("BUCKETWHEEL_TEST_SWEEP")
_LONG = {"yank with views", "adopt with views", "reindex views that are on", "reindex views that are off"}
pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_happens(name: str, family: str, harness: Harness) -> None:
    """Nothing dangles, the exit is honest, and the same command again ends as if nothing had happened."""
    if name in _LONG and not _SWEEP:
        pytest.skip("takes many requests: with --thorough only")
    clean = harness.clean_run(name)
    turn = list(COMMANDS).index(name) + list(FAMILIES).index(family)
    problems = [
        f"{failure.name}, request {number}: {problem}"
        for failure, number in _cases(clean.requests, family, turn)
        for problem in problems_after(harness, name, failure, number)
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("number", [4, 9, 12, 17, 20])
def test_whatever_happens_to_one_of_many_at_once(number: int, harness: Harness) -> None:
    """The same where requests run side by side, and go on while one of them fails or the process dies."""
    problems = [
        f"{failure.name}: {problem}"
        for failure in (*FAMILIES["killed"], FAMILIES["whenever asked"][1])
        for problem in problems_after(harness, "publish several projects", failure, number, jobs=16)
    ]
    assert not problems, "\n".join(problems)


def _cases(requests: int, family: str, turn: int) -> Iterator[tuple[Failure, int]]:
    failures = FAMILIES[family]
    for number in range(1, requests + 1):
        if _SWEEP == "full":
            yield from ((failure, number) for failure in failures)
        elif _SWEEP == "families":
            yield failures[(number + turn) % len(failures)], number
        elif (number + turn) % len(FAMILIES) == 0:
            yield failures[(number + turn) // len(FAMILIES) % len(failures)], number
