"""A harness for commands that fail half way: it prepares a place, injects a failure, and lists what is wrong then."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from bucketwheel.errors import BucketwheelError, Unfinished
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.places import S3Place
from bucketwheel.storage.s3 import S3Storage
from faults.commands import COMMANDS, Distributions, User
from faults.failures import Failure, Killed, virtual_clock
from faults.integrity import Snapshot, broken_promises, comparable
from support.wire import Wire

__all__ = ["CleanRun", "Harness", "problems_after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRun:
    """A run of a command in which nothing fails."""

    before: Snapshot
    requests: int
    after: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """A bucket, reached directly and by way of the wire."""

    place: S3Place
    direct: Callable[[], S3Storage]
    wire: Wire
    files: Distributions
    known: dict[str, CleanRun] = field(default_factory=dict)
    places: count[int] = field(default_factory=count)

    def user(self, content: Snapshot | None = None, **options: object) -> User:
        """Return a user of a place of its own that has this content."""
        place = replace(self.place, prefix=f"{self.place.prefix}{next(self.places)}/")
        user = User(
            repository=str(place),
            endpoint_url=self.wire.url,
            files=self.files,
            storage=replace(self.direct(), prefix=place.prefix),
            options={"jobs": 1} | options,
        )
        for key, stored in content.objects.items() if content else ():
            user.put(key, stored.body, stored.marks or {})
        self.wire.log.clear()
        return user

    def clean_run(self, name: str) -> CleanRun:
        """Run a command through, once for all its cases."""
        if name not in self.known:
            user, command = self.user(), COMMANDS[name]
            command.prepare(user)
            before = user.snapshot()
            self.wire.log.clear()
            command.run(user)
            requests, after = len(self.wire.log), comparable(user.snapshot())
            self.known[name] = CleanRun(before=before, requests=requests, after=after)
        return self.known[name]

    def prepared(self, name: str, **options: object) -> User:
        """Return a user whose place is as this command needs it."""
        return self.user(self.clean_run(name).before, **options)

    def assert_recovers(self, user: User, name: str) -> None:
        """Check that nothing is broken, and that the same command again ends as a clean run."""
        self.wire.harm = lambda _: None
        clean = self.clean_run(name)
        assert broken_promises(user.snapshot(), clean.before) == []
        COMMANDS[name].run(user)
        assert comparable(user.snapshot()) == clean.after


def problems_after(harness: Harness, name: str, failure: Failure, number: int, *, jobs: int = 1) -> list[str]:
    """Run a command with a failure at this request, then again without one, and list what is wrong."""
    command, clean = COMMANDS[name], harness.clean_run(name)
    user = harness.prepared(name, jobs=jobs)
    end: BaseException | None = None
    with virtual_clock(), failure.inject(harness.wire, number) as deliver:
        try:
            command.run(user)
        except (Exception, Killed) as error:  # noqa: BLE001 - judged below
            end = error
    problems = _problems(end, user.snapshot(), clean)
    if end is None and deliver is None:
        return problems  # it succeeded, so there is nothing left to finish
    if deliver and not failure.delivered_last:
        deliver()
        problems += _problems(end, user.snapshot(), clean)
    command.run(user)
    if deliver and failure.delivered_last:
        deliver()
    if comparable(user.snapshot()) != clean.after:
        problems.append("the same again does not end as a clean run")
    return problems


def _problems(end: BaseException | None, now: Snapshot, clean: CleanRun) -> list[str]:
    return [*broken_promises(now, clean.before), *_dishonest(end, now, clean)]


def _dishonest(end: BaseException | None, now: Snapshot, clean: CleanRun) -> Iterator[str]:
    """Yield what the end of a command says and the place contradicts."""
    before = clean.before
    match end:
        case None:
            if comparable(now) != clean.after:
                yield "exit 0, but not everything is done"
        case Killed():
            pass
        case Unfinished():
            if not re.search("run the same|run .*again", str(end)):
                yield f"exit 3, and no word about what to do: {end}"
        case BucketwheelError(exit_code=1):
            if now.manifests != before.manifests or before.body(SETTINGS_KEY) not in {None, now.body(SETTINGS_KEY)}:
                yield f"exit 1, but something is committed: {end}"
        case _:
            yield f"no end for a command: {end!r}"
