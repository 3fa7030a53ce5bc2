"""Stores that ask to slow down, and stores that refuse the right version: patience for the one, words for the other."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from bucketwheel import Settings, initialise, load_settings, publish
from bucketwheel.errors import Denied, Refused, Unavailable, Unfinished
from bucketwheel.events import Event, Warned
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName
from bucketwheel.protocol.commit import commit, read_manifest
from bucketwheel.protocol.repository import open_to_read
from bucketwheel.storage import Key
from faults.failures import virtual_clock
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.ministack import S3Server, TestBucket
from support.releasing import manifest_of, page_json, release_files, target_of
from support.tampering import change_manifest
from support.wire import Exchange, Fault, Wire, run_wire, says

SLOW_DOWN = says(503, "SlowDown")
TOO_MANY = says(429, "TooManyRequests")
CONFLICT = says(409, "ConditionalRequestConflict")
REFUSED = says(412, "PreconditionFailed")
MANIFEST = "manifests/demo-pkg.json"


@pytest.fixture
def _hasty_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK's own pauses take no time."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)


def settings_for(bucket: TestBucket, wire: Wire) -> Settings:
    """Return the settings of a publisher by way of the wire."""
    return load_settings(options={"repository": str(bucket.place), "endpoint-url": wire.url, "jobs": 4}, environ={})


def wheels(directory: Path, number: int) -> list[Path]:
    """Build so many versions."""
    return [make_wheel(directory, version=f"1.{each}") for each in range(number)]


@pytest.mark.usefixtures("_hasty_sdk")
def test_five_publishers_finish_at_half_of_the_answers(s3_server: S3Server, bucket: TestBucket, tmp_path: Path) -> None:
    """Every second answer is SlowDown, at random: all five finish, and each says once that it waits."""
    chance = random.Random(8)  # noqa: S311 - no secret
    files, said = wheels(tmp_path, 5), list[list[Event]]()

    def run(file: Path) -> None:
        events: list[Event] = []
        said.append(events)
        publish([file], settings_for(bucket, wire), report=events.append)

    def harm(_: Exchange) -> Fault | None:
        return SLOW_DOWN if chance.random() < 0.5 else None

    with run_wire(s3_server.endpoint_url, harm) as wire, ThreadPoolExecutor(5) as pool:
        list(pool.map(run, files))
    assert {file.version for file in manifest_of(bucket.storage(), "demo-pkg").files} == {f"1.{n}" for n in range(5)}
    assert len(page_json(bucket.storage(), "demo-pkg")["files"]) == 5
    for events in said:
        waits = [event.message for event in events if isinstance(event, Warned)]
        assert waits in ([], ["waiting for S3 (slow down)"])
    assert any(isinstance(event, Warned) for events in said for event in events)


@pytest.mark.parametrize("fault", [SLOW_DOWN, TOO_MANY, CONFLICT], ids=["503", "429", "409"])
@pytest.mark.parametrize(
    ("verb", "ending"), [("PUT", MANIFEST), ("PUT", "any.whl"), ("HEAD", "/demo-pkg/"), ("GET", MANIFEST)]
)
@pytest.mark.usefixtures("_hasty_sdk")
def test_twenty_refusals_are_waited_out(
    fault: Fault, verb: str, ending: str, s3_server: S3Server, bucket: TestBucket, tmp_path: Path
) -> None:
    """A busy spell far longer than the SDK's own three attempts ends well, whichever request it hits."""
    hits = count()

    def harm(exchange: Exchange) -> Fault | None:
        concerns = exchange.verb == verb and exchange.path.partition("?")[0].endswith(ending)
        return fault if concerns and next(hits) < 20 else None

    with run_wire(s3_server.endpoint_url, harm) as wire, virtual_clock():
        publish(wheels(tmp_path, 1), settings_for(bucket, wire))
    assert next(hits) >= 20
    assert len(page_json(bucket.storage(), "demo-pkg")["files"]) == 1


@pytest.mark.parametrize(("number", "error"), [(5, Unavailable), (7, Unfinished)], ids=["before", "at the commit"])
@pytest.mark.usefixtures("_hasty_sdk")
def test_a_store_that_stays_busy_is_given_up(
    number: int, error: type[Exception], s3_server: S3Server, bucket: TestBucket, tmp_path: Path
) -> None:
    """In bounded time, with exit 1 while nothing can be committed, and 3 where the commit may have happened."""
    files = wheels(tmp_path, 2)
    options = {"repository": str(bucket.place), "jobs": 1}
    with run_wire(s3_server.endpoint_url, lambda _: None) as wire:
        settings = load_settings(options=options | {"endpoint-url": wire.url}, environ={})
        publish(files[:1], settings)
        calm = len(wire.log)
        wire.harm = lambda one: SLOW_DOWN if one.number >= calm + number else None
        with virtual_clock() as clock, pytest.raises(error) as caught:
            publish(files[1:], settings)
    assert type(caught.value) is error
    assert clock.waited < 300


class TestRefusals:
    """The right version, refused again and again: no rival is there, and another run would not help."""

    @pytest.mark.parametrize(
        ("ending", "error", "words"),
        [
            (MANIFEST, Denied, "refuses to replace the version of .*demo-pkg.json that it shows"),
            ("demo-pkg/", Unfinished, "everything is committed, but .*refuses to replace the version of .*demo-pkg/ "),
        ],
    )
    def test_it_is_recognised_in_seconds(
        self, ending: str, error: type[Exception], words: str, s3_server: S3Server, bucket: TestBucket, tmp_path: Path
    ) -> None:
        """Three times 412 for the version that was just read: exit 1 at the manifest, 3 at a page, in seconds."""
        files = wheels(tmp_path, 2)
        release_files(bucket.storage(), *files[:1])

        def harm(exchange: Exchange) -> Fault | None:
            concerns = "if-match" in exchange.headers and exchange.path.partition("?")[0].endswith(ending)
            return REFUSED if concerns else None

        begin = time.monotonic()
        with run_wire(s3_server.endpoint_url, harm) as wire, pytest.raises(error, match=words) as caught:
            publish(files[1:], settings_for(bucket, wire))
        assert type(caught.value) is error
        assert "versioning of the bucket was suspended" in str(caught.value)
        assert time.monotonic() - begin < 30
        # The proof of the store got others, at other keys.
        refused = [one for one in wire.log if one.status == 412 and one.path.partition("?")[0].endswith(ending)]
        assert len(refused) == 3

    def test_a_change_of_settings_is_refused_in_words(
        self, s3_server: S3Server, bucket: TestBucket, tmp_path: Path
    ) -> None:
        """Nobody else changes the settings, so the message does not blame another writer."""

        def harm(exchange: Exchange) -> Fault | None:
            concerns = "if-match" in exchange.headers and exchange.path.endswith(SETTINGS_KEY)
            return REFUSED if concerns else None

        with run_wire(s3_server.endpoint_url, lambda _: None) as wire:
            settings = settings_for(bucket, wire)
            publish(wheels(tmp_path, 1), settings)
            wire.harm = harm
            with virtual_clock(), pytest.raises(Refused, match="refuses If-Match also with the right version"):
                initialise(settings, changes={"cache-control": "no-cache"})

    def test_rivals_are_no_reason(self, bucket: TestBucket, tmp_path: Path) -> None:
        """A run that loses to four others in a row goes on: each time the version was another one."""
        storage, rivals = bucket.storage(), count(1)
        files = wheels(tmp_path, 6)
        release_files(storage, files[0])
        target = target_of(storage)

        def decide(manifest: Manifest) -> tuple[Manifest | None, None]:
            if (rival := next(rivals)) <= 4:
                release_files(storage, files[rival])
            return _next(manifest), None

        outcome = commit(
            open_to_read(target), read_manifest(target, ProjectName("demo-pkg")), decide, look=lambda _: None
        )
        assert outcome.changed
        assert outcome.now.manifest.revision == 6


def test_thinking_is_not_waiting(tmp_path: Path) -> None:
    """A decision that takes ten minutes, and then one lost swap: the next one succeeds."""
    storage, decisions = MemoryStorage(), count(1)
    files = wheels(tmp_path, 4)
    release_files(storage, files[0])
    target = target_of(storage)
    with virtual_clock():

        def decide(manifest: Manifest) -> tuple[Manifest | None, None]:
            time.sleep(600)
            if (number := next(decisions)) <= 3:
                release_files(storage, files[number])
            return _next(manifest), None

        outcome = commit(
            open_to_read(target), read_manifest(target, ProjectName("demo-pkg")), decide, look=lambda _: None
        )
    assert outcome.changed


def test_a_contest_without_end_is_lost_and_not_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others commit first every time: each swap is known to be lost, so this ends with 1 and not 3."""
    monkeypatch.setattr("bucketwheel.parallel._PATIENCE", 3.0)
    storage = MemoryStorage()
    release_files(storage, *wheels(tmp_path, 1))
    target = target_of(storage)

    def decide(manifest: Manifest) -> tuple[Manifest | None, None]:
        dead = Key(f"simple/demo-pkg/{manifest.revision}")
        change_manifest(storage, lambda now: replace(now, dead_keys=(*now.dead_keys, dead)))
        return _next(manifest), None

    read = read_manifest(target, ProjectName("demo-pkg"))
    with virtual_clock() as clock, pytest.raises(Unavailable, match="other runs committed first") as caught:
        commit(open_to_read(target), read, decide, look=lambda _: None, run_id="ours")
    assert type(caught.value) is Unavailable
    assert clock.waited > 1


def _next(manifest: Manifest) -> Manifest:
    """Return a next revision that says nothing new."""
    return Manifest(project=manifest.project, revision=manifest.revision + 1, files=manifest.files)
