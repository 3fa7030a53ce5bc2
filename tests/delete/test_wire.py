"""Requests that delete and prune send to a real S3 server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bucketwheel.commands.adopt import adopt_projects
from bucketwheel.commands.adopt.differences import AdoptRules
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.storage import Storage
from support.archives import make_sdist, make_wheel
from support.ministack import TestBucket
from support.releasing import NOW, context_for, page_json, release_files
from support.removing import delete_from, keys, prune_from, prune_orphans_from
from support.tampering import leave_orphan, put
from support.wire import Exchange, Wire, run_wire

WHEEL_KEY = "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A bucket behind a proxy that logs requests."""

    storage: Storage
    direct: Storage
    """The same bucket, without the proxy."""
    wire: Wire

    def requests(self) -> list[Exchange]:
        """Return the requests since the last time."""
        log = list(self.wire.log)
        self.wire.log.clear()
        return log


@pytest.fixture
def line(bucket: TestBucket) -> Iterator[Line]:
    """Give a fresh bucket behind a proxy."""
    with run_wire(bucket.connection.endpoint_url) as wire:
        yield Line(storage=bucket.storage(endpoint_url=wire.url), direct=bucket.storage(), wire=wire)


def verbs(log: list[Exchange]) -> Counter[str]:
    """Count the requests of each verb."""
    return Counter(exchange.verb for exchange in log)


def test_a_delete_costs_a_request_an_object_and_nine(line: Line, tmp_path: Path) -> None:
    """Settings; two HEADs of pages; manifest; swap; two pages; one listing; manifest; one DELETE an object."""
    release_files(line.storage, make_wheel(tmp_path), make_sdist(tmp_path))
    release_files(line.storage, make_wheel(tmp_path, version="1.1"))
    line.requests()
    delete_from(line.storage, "demo-pkg", "1.0")
    log = line.requests()
    assert verbs(log) == {"GET": 4, "PUT": 3, "HEAD": 2, "DELETE": 3}
    assert all("if-match" in exchange.headers for exchange in log if exchange.verb == "DELETE")
    assert page_json(line.storage, "demo-pkg")["versions"] == ["1.1"]
    assert len(keys(line.storage)) == 2


def test_a_prune_with_nothing_to_do_costs_four_reads_a_project(line: Line, tmp_path: Path) -> None:
    """Settings and manifests; each project's manifest and pages; its folder where names are dead."""
    release_files(line.storage, make_wheel(tmp_path, version="1.0.dev1"))
    release_files(line.storage, make_wheel(tmp_path, version="1.0.dev2"))
    expiry = Expiry(retention=KeepNewest(count=1), now=NOW)
    prune_from(line.storage, expiry)
    line.requests()
    assert prune_from(line.storage, expiry).files == ()
    assert verbs(line.requests()) == {"GET": 4, "HEAD": 2}


def test_orphans_are_told_by_mark_and_age(line: Line, tmp_path: Path) -> None:
    """One HEAD of each unknown object shows its marks and age; only ours is removed, with a condition."""
    release_files(line.storage, make_wheel(tmp_path))
    leave_orphan(line.storage, "simple/demo-pkg/demo_pkg-1.1.tar.gz")
    leave_orphan(line.storage, "simple/demo-pkg/demo_pkg-1.2.tar.gz", repository="another")
    young = prune_orphans_from(line.storage, before=datetime.now(UTC) - timedelta(hours=1))
    assert (young.orphans, young.removed) == ((), ())
    line.requests()
    assert prune_orphans_from(line.storage).removed == ("simple/demo-pkg/demo_pkg-1.1.tar.gz",)
    log = line.requests()
    looks = sorted(exchange.path.rpartition("/")[2] for exchange in log if exchange.verb == "HEAD")
    assert looks == ["", "demo_pkg-1.1.tar.gz", "demo_pkg-1.2.tar.gz", "index.json"]
    [delete] = [exchange for exchange in log if exchange.verb == "DELETE"]
    assert "if-match" in delete.headers
    assert keys(line.storage)[-1] == "simple/demo-pkg/demo_pkg-1.2.tar.gz"


def test_orphans_of_one_project_are_looked_at_side_by_side(line: Line, tmp_path: Path) -> None:
    """None of four looks is answered before all four have come, in each of the two rounds that a lost swap takes."""
    release_files(line.storage, make_wheel(tmp_path))
    orphans = [f"simple/demo-pkg/demo_pkg-2.{number}.tar.gz" for number in range(4)]
    for key in orphans:
        leave_orphan(line.storage, key)
    line.wire.harm = together(line, tmp_path, 4)
    assert prune_orphans_from(line.storage).removed == tuple(orphans)


def test_a_second_round_of_adoption_looks_side_by_side(line: Line, tmp_path: Path) -> None:
    """The same for the files of another tool, when a publisher commits in between."""
    release_files(line.storage, make_wheel(tmp_path))
    for number in range(4):
        put(line.storage, f"simple/demo-pkg/demo_pkg-2.{number}.tar.gz", make_sdist(tmp_path, version=f"2.{number}"))
    line.wire.harm = together(line, tmp_path, 4)
    with context_for(line.storage) as context:
        adopt_projects(context, ["demo-pkg"], AdoptRules(reread=False, ours=False, unmarked=True))
    assert len(page_json(line.storage, "demo-pkg")["files"]) == 6


def together(line: Line, directory: Path, count: int) -> Callable[[Exchange], None]:
    """Hold each look at an sdist until so many have come, and let somebody else commit before the first swap."""
    gate = threading.Barrier(count, timeout=20)
    rival = iter([make_wheel(directory, version="3.0")])

    def harm(exchange: Exchange) -> None:
        if exchange.verb == "HEAD" and exchange.path.endswith(".tar.gz"):
            gate.wait()
        elif exchange.verb == "PUT" and exchange.path.endswith("demo-pkg.json"):
            for wheel in rival:
                release_files(line.direct, wheel)

    return harm
