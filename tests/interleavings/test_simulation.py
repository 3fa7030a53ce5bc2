"""The simulation itself: what it does to requests, and that it does the same for the same seed."""

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
def test_a_seed_is_a_story(scenario: str, fixtures: Fixtures) -> None:
    """The same seed plays the same steps, so that what was found once is found again."""
    first, second = play(SCENARIOS[scenario], fixtures, 5), play(SCENARIOS[scenario], fixtures, 5)
    assert first.trace == second.trace
    assert len(first.trace) > 20


@pytest.mark.parametrize(
    ("fate", "happened", "late", "ends", "next_request"),
    [
        (Fate.PROCEEDS, True, 0, False, "swap simple/demo/"),
        (Fate.FAILS, False, 0, True, None),
        (Fate.UNDECIDED, False, 0, False, f"read {MANIFEST}"),
        (Fate.LOST, False, 0, False, f"read {MANIFEST}"),
        (Fate.ANSWER_LOST, True, 0, False, f"read {MANIFEST}"),
        (Fate.LATE, False, 1, False, f"read {MANIFEST}"),
        (Fate.REPEATED, True, 0, False, f"swap {MANIFEST}"),
        (Fate.TWICE, True, 1, False, "swap simple/demo/"),
        (Fate.DIES_BEFORE, False, 0, True, None),
        (Fate.DIES_SENDING, False, 1, True, None),
        (Fate.DIES_AFTER, True, 0, True, None),
    ],
)
def test_a_fate_is_what_it_says(
    fate: Fate,
    happened: bool,  # noqa: FBT001 - a column of the table
    late: int,
    ends: bool,  # noqa: FBT001 - likewise
    next_request: str | None,
    fixtures: Fixtures,
) -> None:
    """A commit meets each fate: what is in the store then, what is on its way, and what its sender does next."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release("demo"))
        simulation.serve(publisher, simulation.until(publisher, "swap", MANIFEST), fate)
        assert (MANIFEST in simulation.store.objects) == happened
        assert len(simulation.late) == late
        assert publisher.ended == ends
        assert (str(publisher.waiting[0].request) if publisher.waiting else None) == next_request


def test_a_repeated_request_cannot_fail_for_certain(fixtures: Fixtures) -> None:
    """Where an earlier attempt may have happened, the SDK's failure leaves its sender in doubt: it reads back."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release("demo"))
        task = simulation.until(publisher, "swap", MANIFEST)
        simulation.serve(publisher, task, Fate.REPEATED)
        simulation.serve(publisher, task, Fate.FAILS)
        assert str(task.request) == f"read {MANIFEST}"
        assert simulation.finish(publisher).exit == 0


def test_all_that_was_under_way_may_arrive_after_a_death(fixtures: Fixtures) -> None:
    """A process dies in the middle of a wave: each request of the wave is on its way."""
    with Simulation() as simulation:
        publisher = simulation.start(fixtures.release("demo"))
        simulation.serve(
            publisher, simulation.until(publisher, "add", "simple/demo/demo-1.0.tar.gz"), Fate.DIES_SENDING
        )
        assert sorted(str(late.request) for late in simulation.late) == [
            "add simple/demo/demo-1.0-py3-none-any.whl",
            "add simple/demo/demo-1.0.tar.gz",
        ]


def test_equal_bytes_have_an_equal_version() -> None:
    """As under an ETag, an object that comes back to earlier bytes cannot be told from the earlier one."""
    storage, kind = MemoryStorage(), Layout().record()
    first = storage.swap(MANIFEST, b"one", expected=None, headers=kind, marks=NO_MARKS)
    second = storage.swap(MANIFEST, b"two", expected=first, headers=kind, marks=NO_MARKS)
    assert second != first
    assert storage.swap(MANIFEST, b"one", expected=second, headers=kind, marks=NO_MARKS) == first


def test_a_violation_tells_its_story(fixtures: Fixtures) -> None:
    """Whoever reads a failure sees every step that led to it."""
    with pytest.raises(Violation) as broken:
        publish_and_lose_a_file(fixtures)
    assert broken.value.invariant == "I1"
    assert f"run-0: swap {MANIFEST} proceeds" in broken.value.__notes__[0]


def publish_and_lose_a_file(fixtures: Fixtures) -> None:
    """Let an object vanish, by nobody's hand."""
    with Simulation() as simulation:
        simulation.run(fixtures.release("demo"))
        del simulation.store.objects["simple/demo/demo-1.0.tar.gz"]
        simulation.invariants.check_store()
