"""The fault sweep: every command, disturbed at every one of its requests, on the wire to a real S3 server.

After each disturbance nothing dangles and nothing went back (I1 to I4), the exit was honest (I5, I8), and the same
command again ends as if it had never been disturbed (I12). A plain run meets every request of every command with one
disturbance of one family, in turn; BUCKETWHEEL_TEST_SWEEP=full meets each with all of them, in some fifteen minutes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
import pytest

from bucketwheel.errors import BucketwheelError, Unfinished
from bucketwheel.layout import Layout
from bucketwheel.names import sha256_of
from bucketwheel.pages.mark import read_page_mark
from bucketwheel.storage import Key, Storage
from faults.commands import COMMANDS, Command, Desk, Distributions
from faults.disturbance import FAMILIES, Disturbance, Killed, virtual_clock
from faults.integrity import Snapshot, broken_promises, settled, take
from support.ministack import TestBucket
from support.wire import Wire

_FULL = os.environ.get("BUCKETWHEEL_TEST_SWEEP") == "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """How a command goes when nothing happens to it."""

    before: Snapshot
    requests: int
    after: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where commands are tried: a bucket, straight and by way of the wire."""

    bucket: TestBucket
    wire: Wire
    files: Distributions

    def at(self, prefix: str, *, jobs: int = 1) -> Desk:
        """A desk for a place of its own."""
        place = replace(self.bucket.place, prefix=f"{self.bucket.place.prefix}{prefix}/")
        storage = replace(self.bucket, place=place).storage()
        return Desk(repository=str(place), endpoint_url=self.wire.url, files=self.files, storage=storage, jobs=jobs)

    def undisturbed(self, command: Command) -> Undisturbed:
        """See it through."""
        desk = self.at("undisturbed")
        command.before(desk)
        before = take(desk.storage)
        self.wire.log.clear()
        command.run(desk)
        return Undisturbed(before=before, requests=len(self.wire.log), after=settled(take(desk.storage)))


@pytest.fixture
def bench(bucket: TestBucket, wire: Wire, distributions: Distributions, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Give a bench on which nobody waits long for silence."""
    monkeypatch.setattr("bucketwheel.storage.s3_bucket._READ_TIMEOUT", 0.1)
    return Bench(bucket=bucket, wire=wire, files=distributions)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_happens(name: str, family: str, bench: Bench) -> None:
    """Nothing dangles, the exit is honest, and the same command again ends as if nothing had happened."""
    command = COMMANDS[name]
    undisturbed = bench.undisturbed(command)
    turn = list(COMMANDS).index(name) + list(FAMILIES).index(family)
    problems = []
    for case, (disturbance, number) in enumerate(_cases(undisturbed.requests, family, turn)):
        desk = bench.at(str(case))
        _plant(desk.storage, undisturbed.before)
        found = _disturbed(desk, bench.wire, command, undisturbed, disturbance, number)
        problems += [f"{disturbance.name}, request {number}: {problem}" for problem in found]
    assert problems == []


def _cases(requests: int, family: str, turn: int) -> Iterator[tuple[Disturbance, int]]:
    disturbances = FAMILIES[family]
    for number in range(1, requests + 1):
        if _FULL:
            yield from ((disturbance, number) for disturbance in disturbances)
        elif (number + turn) % len(FAMILIES) == 0:
            yield disturbances[(number + turn) // len(FAMILIES) % len(disturbances)], number


def _plant(storage: Storage, ground: Snapshot) -> None:
    """Put there what lay on the ground of the undisturbed run."""
    for key, stored in ground.objects.items():
        marks = stored.marks or {}
        kind = Layout().html()
        assert storage.add(Key(key), stored.body, sha256=sha256_of(stored.body), kind=kind, marks=marks)


def _disturbed(
    desk: Desk, wire: Wire, command: Command, undisturbed: Undisturbed, disturbance: Disturbance, number: int
) -> Iterator[str]:
    """Run a command disturbed and then again, and tell what is wrong."""
    with virtual_clock(), disturbance.disturbing(wire, number) as late:
        end = _end(command, desk)
    after = take(desk.storage)
    yield from broken_promises(after, undisturbed.before)
    yield from _dishonest(end, command, after, undisturbed.before)
    if late and not disturbance.late_at_the_end:
        late()
        yield from broken_promises(take(desk.storage), undisturbed.before)
    command.run(desk)
    if late and disturbance.late_at_the_end:
        late()
    if settled(take(desk.storage)) != undisturbed.after:
        yield "the same again does not end as an undisturbed run"


def _end(command: Command, desk: Desk) -> BucketwheelError | Killed | None:
    """How a command ends; None for well. Whatever is no error of ours is raised."""
    try:
        command.run(desk)
    except (BucketwheelError, Killed) as error:
        return error
    return None


def _dishonest(
    end: BucketwheelError | Killed | None, command: Command, now: Snapshot, before: Snapshot
) -> Iterator[str]:
    if end is None:
        yield from _undone(command, now)
    elif isinstance(end, Unfinished):
        if "run the same" not in str(end):
            yield f"exit 3, and no word about what to do: {end}"
    elif isinstance(end, BucketwheelError):
        if end.exit_code != 1:
            yield f"exit {end.exit_code}: {end}"
        if now.manifests != before.manifests:
            yield f"exit 1, and something is committed: {end}"


def _undone(command: Command, now: Snapshot) -> Iterator[str]:
    """What a command that said it had succeeded has not done (I5)."""
    if {file.filename for manifest in now.manifests.values() for file in manifest.files} != command.names:
        yield "exit 0, and not everything is released"
    for project, manifest in now.manifests.items():
        pages = (now.html_page(project), now.json_page(project))
        marks = [read_page_mark(page) if page else None for page in pages]
        if [mark and mark.revision for mark in marks] != [manifest.revision] * 2:
            yield f"exit 0, and the pages of {project} are at {marks}"
