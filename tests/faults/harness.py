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
from faults.commands import COMMANDS, Command, Distributions, User
from faults.failures import Failure, Killed, virtual_clock
from faults.integrity import Snapshot, broken_promises, comparable, take_snapshot
from support.wire import Wire

__all__ = ["CleanRun", "Harness", "problems_after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRun:
    """How a command goes when nothing happens to it."""

    before: Snapshot
    requests: int
    after: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """Where commands are tried: a bucket, straight and by way of the wire."""

    place: S3Place
    straight: Callable[[], S3Storage]
    wire: Wire
    files: Distributions
    known: dict[str, CleanRun] = field(default_factory=dict)
    places: count[int] = field(default_factory=count)

    def user(self, ground: Snapshot | None = None, **options: object) -> User:
        """A user for a place of its own, where this lies."""
        place = replace(self.place, prefix=f"{self.place.prefix}{next(self.places)}/")
        storage = replace(self.straight(), prefix=place.prefix)
        for key, stored in ground.objects.items() if ground else ():
            marks, sha256 = stored.marks or {}, sha256_of(stored.body)
            assert storage.add(Key(key), stored.body, sha256=sha256, headers=Layout().html(), marks=marks)
        self.wire.log.clear()
        return User(
            repository=str(place),
            endpoint_url=self.wire.url,
            files=self.files,
            storage=storage,
            options={"jobs": 1} | options,
        )

    def clean_run(self, name: str) -> CleanRun:
        """See a command through, once for all its cases."""
        if name not in self.known:
            user, command = self.user(), COMMANDS[name]
            command.prepare(user)
            before = take_snapshot(user.storage)
            self.wire.log.clear()
            command.run(user)
            requests, after = len(self.wire.log), comparable(take_snapshot(user.storage))
            self.known[name] = CleanRun(before=before, requests=requests, after=after)
        return self.known[name]


def problems_after(harness: Harness, name: str, failure: Failure, number: int, *, jobs: int = 1) -> list[str]:
    """Run a command disturbed and then again, and tell what is wrong."""
    command, clean = COMMANDS[name], harness.clean_run(name)
    before = clean.before
    user = harness.user(before, jobs=jobs)
    with virtual_clock(), failure.inject(harness.wire, number) as late:
        end = _end(command, user)
    after = take_snapshot(user.storage)
    problems = [*broken_promises(after, before), *_dishonest(end, after, clean)]
    if end is None and late is None:
        return problems  # it came through, so that there is nothing left to be mended
    if late and not failure.late_at_the_end:
        late()
        after = take_snapshot(user.storage)
        problems += [*broken_promises(after, before), *_dishonest(end, after, clean)]
    command.run(user)
    if late and failure.late_at_the_end:
        late()
    if comparable(take_snapshot(user.storage)) != clean.after:
        problems.append("the same again does not end as an clean run")
    return problems


def _end(command: Command, user: User) -> BaseException | None:
    """How a command ends; None for well."""
    try:
        command.run(user)
    except (Exception, Killed) as error:  # noqa: BLE001 - judged by the caller
        return error
    return None


def _dishonest(end: BaseException | None, now: Snapshot, clean: CleanRun) -> Iterator[str]:
    before = clean.before
    match end:
        case None:
            if comparable(now) != clean.after:
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
