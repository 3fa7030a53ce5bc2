"""Tests of the simulation: the fates of requests, and equal steps for equal seeds."""

from __future__ import annotations

import pytest

from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.storage import NO_MARKS
from support.memory import MemoryStorage
from support.simulation.commands import DEMO
from support.simulation.connection import Fate
from support.simulation.invariants import Violation
from support.simulation.scenarios import SCENARIOS, Fixtures
from support.simulation.schedules import play
from support.simulation.simulation import Simulation

MANIFEST = manifest_key(DEMO)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_seed_always_plays_the_same_steps(scenario: str, fixtures: Fixtures) -> None:
    """Equal seeds play equal steps, so that every failure can be repeated."""
    first, second = play(SCENARIOS[scenario], fixtures, 5), play(SCENARIOS[scenario], fixtures, 5)
    assert first.trace == second.trace
    assert len(first.trace) > 20


@pytest.mark.parametrize(
    ("fate", "happened", "late", "ends", "next_request"),
    [
        (Fate.PROCEEDS, True, 0, False, "swap simple/demo/"),
        (Fate.FAILS, False, 0, True, None),
        (Fate.UNDECIDED, False, 0, False, "stat simple/demo/"),
        (Fate.LOST, False, 0, False, "stat simple/demo/"),
        (Fate.ANSWER_LOST, True, 0, False, "stat simple/demo/"),
        (Fate.LATE, False, 1, False, "stat simple/demo/"),
        (Fate.REPEATED, True, 0, False, f"swap {MANIFEST}"),
        (Fate.TWICE, True, 1, False, "swap simple/demo/"),
        (Fate.DIES_BEFORE, False, 0, True, None),
        (Fate.DIES_SENDING, False, 1, True, None),
        (Fate.DIES_AFTER, True, 0, True, None),
    ],
)
def test_a_fate_does_what_it_says(
    fate: Fate,
    happened: bool,  # noqa: FBT001 - a column of the table
    late: int,
    ends: bool,  # noqa: FBT001 - likewise
    next_request: str | None,
    fixtures: Fixtures,
) -> None:
    """Each fate of a commit decides the store, the late requests and the sender's next request."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release())
        simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), fate)
        assert (MANIFEST in simulation.store.objects) == happened
        assert len(simulation.late) == late
        assert publisher.ended == ends
        assert (str(publisher.waiting[0].request) if publisher.waiting else None) == next_request


def test_a_repeated_request_cannot_fail_for_certain(fixtures: Fixtures) -> None:
    """If an earlier attempt may have applied, a failure is unknown to the sender: it reads back."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release())
        task = simulation.until(publisher, "swap", MANIFEST)
        simulation.serve(publisher, task, Fate.REPEATED)
        simulation.serve(publisher, task, Fate.FAILS)
        assert str(task.request) == "stat simple/demo/"
        assert simulation.finish(publisher).exit == 0


def test_all_that_was_under_way_may_arrive_after_a_death(fixtures: Fixtures) -> None:
    """A process dies in the middle of a wave: all requests of the wave are on their way."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release())
        simulation.serve(
            publisher, simulation.until(publisher, "add", "simple/demo/demo-1.0.tar.gz"), Fate.DIES_SENDING
        )
        assert sorted(str(late.request) for late in simulation.late) == [
            "add simple/demo/demo-1.0-py3-none-any.whl",
            "add simple/demo/demo-1.0.tar.gz",
        ]


def test_equal_bytes_have_an_equal_version() -> None:
    """As with an ETag, an object that gets its earlier bytes again looks like the earlier one."""
    storage, kind = MemoryStorage(), Layout().record()
    first = storage.swap(MANIFEST, b"one", expected=None, headers=kind, marks=NO_MARKS)
    second = storage.swap(MANIFEST, b"two", expected=first, headers=kind, marks=NO_MARKS)
    assert second != first
    assert storage.swap(MANIFEST, b"one", expected=second, headers=kind, marks=NO_MARKS) == first


def test_a_violation_lists_its_steps(fixtures: Fixtures) -> None:
    """A failure shows every step that led to it."""
    with pytest.raises(Violation) as broken:
        publish_and_lose_a_file(fixtures)
    assert broken.value.invariant == "I1"
    assert f"run-0: swap {MANIFEST} proceeds" in broken.value.__notes__[0]


def publish_and_lose_a_file(fixtures: Fixtures) -> None:
    """Lose an object without excusing it."""
    with Simulation() as simulation:
        simulation.run(fixtures.release())
        del simulation.store.objects["simple/demo/demo-1.0.tar.gz"]
        simulation.invariants.check_store()
