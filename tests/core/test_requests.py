"""The cost of a publish, counted on the wire to a real S3 server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bucketwheel.errors import Denied
from bucketwheel.parallel import Workers
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import Context
from support.archives import make_wheel
from support.ministack import TestBucket
from support.releasing import request_for, target_of
from support.wire import Exchange, Fault, Wire, run_wire, says


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A bucket behind a wire."""

    bucket: TestBucket
    wire: Wire

    def publish(self, *paths: Path, dry_run: bool = False) -> list[Exchange]:
        """Publish these files, and return the requests that it took."""
        self.wire.log.clear()
        target = target_of(self.bucket.storage(endpoint_url=self.wire.url), self.bucket.place)
        with Workers(16) as workers:
            release(Context(target=target, workers=workers, dry_run=dry_run), request_for(*paths))
        return list(self.wire.log)


@pytest.fixture
def line(bucket: TestBucket) -> Iterator[Line]:
    """Give a fresh bucket, reached by way of a wire."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(bucket=bucket, wire=wire)


def wheels(directory: Path, version: str, count: int, name: str = "demo-pkg") -> list[Path]:
    """Make so many wheels of one version."""
    return [make_wheel(directory, name, version, tag=f"py3{number}-none-any") for number in range(count)]


def in_waves(*sizes: int, patience: float = 30) -> Callable[[Exchange], Fault | None]:
    """Answer so many requests only once all of them are there, then so many more: no clock is read.

    A request that waits for the answer to another cannot come in the same wave: that wave stays incomplete, and after
    some patience its requests are denied.
    """
    gates: list[threading.Barrier] = []
    for size in sizes:
        gates += [threading.Barrier(size, timeout=patience)] * size

    def hold(exchange: Exchange) -> Fault | None:
        try:
            gates[exchange.number - 1].wait()
        except (threading.BrokenBarrierError, IndexError):
            return says(403, "AccessDenied")
        return None

    return hold


def verbs(log: list[Exchange]) -> Counter[str]:
    """Count the requests of each verb."""
    return Counter(exchange.verb for exchange in log)


def test_a_next_version_costs_two_requests_a_wheel_and_seven(line: Line, tmp_path: Path) -> None:
    """N wheels into an existing project: 2N + 7 requests, of which reads are four."""
    line.publish(*wheels(tmp_path, "1.0", 1))
    log = line.publish(*wheels(tmp_path, "1.1", 5))
    assert verbs(log) == {"PUT": 13, "GET": 2, "HEAD": 2}


def test_a_new_project_costs_two_requests_a_wheel_and_eleven(line: Line, tmp_path: Path) -> None:
    """N wheels of a project that the root does not list yet: 2N + 11 requests."""
    line.publish(*wheels(tmp_path, "1.0", 1))
    log = line.publish(*wheels(tmp_path, "1.0", 3, name="another"))
    assert len(log) == 17


def test_the_same_files_again_cost_four_reads(line: Line, tmp_path: Path) -> None:
    """A publish with nothing to do reads the settings, the manifest and the versions of both pages."""
    files = wheels(tmp_path, "1.0", 3)
    line.publish(*files)
    assert verbs(line.publish(*files)) == {"GET": 2, "HEAD": 2}


def test_a_dry_run_never_writes(line: Line, tmp_path: Path) -> None:
    """Every request of a dry run is a read, so that it needs no permission to write."""
    line.publish(*wheels(tmp_path, "1.0", 1))
    assert set(verbs(line.publish(*wheels(tmp_path, "1.1", 2), dry_run=True))) == {"GET", "HEAD"}


def test_a_publish_waits_for_few_round_trips(line: Line, tmp_path: Path) -> None:
    """Settings and manifest; files and looks; sidecars; manifest; pages: five waves, whatever the number of files."""
    line.publish(*wheels(tmp_path, "1.0", 1))
    line.wire.harm = in_waves(2, 5 + 2, 5, 1, 2)
    assert len(line.publish(*wheels(tmp_path, "1.1", 5))) == 17


def test_a_wave_too_few_would_be_noticed(line: Line, tmp_path: Path) -> None:
    """Sidecars wait for their files, so that a wave of both is never complete."""
    line.publish(*wheels(tmp_path, "1.0", 1))
    line.wire.harm = in_waves(2, 5 + 2 + 5, 1, 2, patience=0.5)
    with pytest.raises(Denied):
        line.publish(*wheels(tmp_path, "1.1", 5))


def test_a_publish_needs_no_more_than_the_documented_policy(line: Line, tmp_path: Path) -> None:
    """docs/ci.md grants GetObject, PutObject and ListBucket; from the first publish on nothing else is asked for."""
    log = line.publish(*wheels(tmp_path, "1.0", 2)) + line.publish(*wheels(tmp_path, "1.1", 2))
    bucket = f"/{line.bucket.place.bucket}"
    actions = {
        "s3:ListBucket"
        if "list-type=2" in one.path
        else {"GET": "s3:GetObject", "HEAD": "s3:GetObject"}.get(one.verb)
        or {"PUT": "s3:PutObject"}.get(one.verb, one.verb)
        for one in log
        if one.path.startswith(bucket)
    }
    policy = (Path(__file__).parent.parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")
    assert actions == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert all(f'"{action}"' in policy for action in actions)
    assert len(log) == len([one for one in log if one.path.startswith(bucket)])


def test_a_first_publish_looks_above_its_prefix_in_one_wave(bucket: TestBucket, tmp_path: Path) -> None:
    """One read for each shorter prefix, at once; none when the repository is there."""
    place = replace(bucket.place, prefix=f"{bucket.place.prefix}a/b/c/")
    with run_wire(bucket.connection.endpoint_url) as wire:
        line = Line(bucket=TestBucket(place=place, connection=bucket.connection), wire=wire)
        wire.harm = in_waves(2, place.prefix.count("/"), 1, 2)
        log = line.publish(*wheels(tmp_path, "1.0", 1), dry_run=True)
        assert verbs(log) == {"GET": 3 + place.prefix.count("/"), "HEAD": 2}
        wire.harm = lambda _: None
        line.publish(*wheels(tmp_path, "1.0", 1))
        assert verbs(line.publish(*wheels(tmp_path, "1.1", 1))) == {"PUT": 5, "GET": 2, "HEAD": 2}


def test_every_write_is_conditional_and_small_ones_come_at_once(line: Line, tmp_path: Path) -> None:
    """No PUT without If-Match or If-None-Match; none waits for 100-continue; S3 verifies every digest."""
    log = line.publish(*wheels(tmp_path, "1.0", 2))
    writes = [one for one in log if one.verb == "PUT"]
    assert len(writes) == 16
    for one in writes:
        assert ("if-match" in one.headers) != ("if-none-match" in one.headers), one.path
        assert "expect" not in one.headers, one.path
        assert one.headers.get("x-amz-checksum-sha256"), one.path
