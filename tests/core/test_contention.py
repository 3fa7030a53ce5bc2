"""Publishers that contend for one project or for the root: in virtual time, with the latency of a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bucketwheel.protocol.release import ReleaseRequest, release
from bucketwheel.protocol.repository import Context
from support.archives import make_wheel
from support.contention import Contest, Ended
from support.memory import MemoryStorage
from support.releasing import manifest_of, release_files, request_for

UNDISTURBED = 9
"""The requests of a publish of one wheel to a project that exists."""
SEEDS = range(5)


def publishes(directory: Path, count: int) -> list[Callable[[Context], object]]:
    """Make publishes of one wheel each, all to one project."""
    requests = [request_for(make_wheel(directory, version=f"1.{number}")) for number in range(count)]
    return [partial(_release, request=request) for request in requests]


def _release(context: Context, *, request: ReleaseRequest) -> object:
    return release(context, request)


def contend(directory: Path, count: int, seed: int, *, spread: float = 0) -> list[Ended]:
    """Let so many publish at once, and check that all of them finish and nothing is lost."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(directory, version="0"))
    ended = Contest(storage, seed).run(publishes(directory, count), spread=spread)
    assert [each.error for each in ended] == [None] * count
    assert len(manifest_of(storage, "demo-pkg").files) == count + 1
    return ended


def cost(ended: list[Ended]) -> float:
    """Return the requests of all, against as many undisturbed publishes."""
    return sum(len(each.requests) for each in ended) / (UNDISTURBED * len(ended))


def test_one_publisher_waits_for_nobody(tmp_path: Path) -> None:
    """Five waves of 30 ms, and no request more."""
    [ended] = contend(tmp_path, 1, 0)
    assert len(ended.requests) == UNDISTURBED
    assert 0.12 < ended.end - ended.begin < 0.18


@pytest.mark.parametrize("seed", SEEDS)
def test_sixteen_in_one_moment_make_twice_the_requests(tmp_path: Path, seed: int) -> None:
    """All read the same manifest, so 15 of them lose once; they come back far enough apart."""
    ended = contend(tmp_path, 16, seed)
    assert cost(ended) < 2.1
    assert max(each.end for each in ended) < 6


def test_sixteen_within_three_seconds_make_half_more(tmp_path: Path) -> None:
    """As jobs of one pipeline end, a moment apart."""
    costs = [cost(contend(tmp_path, 16, seed, spread=3)) for seed in SEEDS]
    assert sorted(costs)[len(costs) // 2] < 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_only_one_loses_and_once(tmp_path: Path, seed: int) -> None:
    """One lost swap, two looks and a read are all that the second publisher pays."""
    assert sum(len(each.requests) for each in contend(tmp_path, 2, seed)) <= 2 * UNDISTURBED + 4


def test_a_hundred_finish_within_seconds(tmp_path: Path) -> None:
    """Each round has a winner; nobody is left behind until patience ends."""
    ended = contend(tmp_path, 100, 0)
    assert max(each.end for each in ended) < 20
    assert cost(ended) < 3.5
