"""Where commands are disturbed and judged: on ground that is laid for each case, by way of one wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from bucketwheel.errors import BucketwheelError, Unfinished
from bucketwheel.format.layout import SETTINGS_KEY, Layout
from bucketwheel.names import sha256_of
from bucketwheel.places import S3Place
from bucketwheel.storage import Key
from bucketwheel.storage.s3 import S3Storage
from faults.commands import COMMANDS, Command, Desk, Distributions
from faults.disturbance import Disturbance, Killed, virtual_clock
from faults.integrity import Snapshot, broken_promises, settled, take
from support.wire import Wire

__all__ = ["Bench", "Undisturbed", "broken_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """How a command goes when nothing happens to it."""

    before: Snapshot
    requests: int
    after: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where commands are tried: a bucket, straight and by way of the wire."""

    place: S3Place
    straight: Callable[[], S3Storage]
    wire: Wire
    files: Distributions
    known: dict[str, Undisturbed] = field(default_factory=dict)
    places: count[int] = field(default_factory=count)

    def desk(self, ground: Snapshot | None = None, **options: object) -> Desk:
        """A desk for a place of its own, where this lies."""
        place = replace(self.place, prefix=f"{self.place.prefix}{next(self.places)}/")
        storage = replace(self.straight(), prefix=place.prefix)
        for key, stored in ground.objects.items() if ground else ():
            marks, sha256 = stored.marks or {}, sha256_of(stored.body)
            assert storage.add(Key(key), stored.body, sha256=sha256, headers=Layout().html(), marks=marks)
        self.wire.log.clear()
        return Desk(
            repository=str(place),
            endpoint_url=self.wire.url,
            files=self.files,
            storage=storage,
            options={"jobs": 1} | options,
        )

    def undisturbed(self, name: str) -> Undisturbed:
        """See a command through, once for all its cases."""
        if name not in self.known:
            desk, command = self.desk(), COMMANDS[name]
            command.before(desk)
            before = take(desk.storage)
            self.wire.log.clear()
            command.run(desk)
            requests, after = len(self.wire.log), settled(take(desk.storage))
            self.known[name] = Undisturbed(before=before, requests=requests, after=after)
        return self.known[name]


def broken_by(bench: Bench, name: str, disturbance: Disturbance, number: int, *, jobs: int = 1) -> list[str]:
    """Run a command disturbed and then again, and tell what is wrong."""
    command, undisturbed = COMMANDS[name], bench.undisturbed(name)
    before = undisturbed.before
    desk = bench.desk(before, jobs=jobs)
    with virtual_clock(), disturbance.disturbing(bench.wire, number) as late:
        end = _end(command, desk)
    after = take(desk.storage)
    problems = [*broken_promises(after, before), *_dishonest(end, after, undisturbed)]
    if end is None and late is None:
        return problems  # it came through, so that there is nothing left to be mended
    if late and not disturbance.late_at_the_end:
        late()
        after = take(desk.storage)
        problems += [*broken_promises(after, before), *_dishonest(end, after, undisturbed)]
    command.run(desk)
    if late and disturbance.late_at_the_end:
        late()
    if settled(take(desk.storage)) != undisturbed.after:
        problems.append("the same again does not end as an undisturbed run")
    return problems


def _end(command: Command, desk: Desk) -> BaseException | None:
    """How a command ends; None for well."""
    try:
        command.run(desk)
    except (Exception, Killed) as error:  # noqa: BLE001 - judged by the caller
        return error
    return None


def _dishonest(end: BaseException | None, now: Snapshot, undisturbed: Undisturbed) -> Iterator[str]:
    before = undisturbed.before
    match end:
        case None:
            if settled(now) != undisturbed.after:
                yield "exit 0, and not everything is as it should be then"
        case Killed():
            pass
        case Unfinished():
            if "run the same" not in str(end):
                yield f"exit 3, and no word about what to do: {end}"
        case BucketwheelError(exit_code=1):
            if now.manifests != before.manifests or before.body(SETTINGS_KEY) not in {None, now.body(SETTINGS_KEY)}:
                yield f"exit 1, and something is committed: {end}"
        case _:
            yield f"no end for a command: {end!r}"
