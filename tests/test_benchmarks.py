"""The benchmarks: their command starts, and their server keeps the promises of S3 that every figure rests on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, str(ROOT / "benchmarks" / "run.py")]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the benchmarks need os.wait4, which says what a process used")


def test_the_cases_have_names() -> None:
    """The command lists its cases, each with what it does."""
    listed = run("--list").splitlines()
    assert {line.split()[0] for line in listed} >= {"publish", "contention", "reindex", "fetch", "memory"}
    assert all(line.endswith(".") for line in listed)


def test_a_small_case_runs_through() -> None:
    """A case runs with this environment's bucketwheel against the benchmarks' own server, and counts its requests."""
    answer = run("--here", "--plain", "--quick", "large")
    assert "a manifest of 500 files, one wheel more: " in answer


def test_the_server_lets_one_of_many_win(tmp_path: Path) -> None:
    """Of many writers at once that all demand what they saw, one wins, for a new object and for one that is there."""
    with running_server(tmp_path) as port:
        assert put(port, "/bucket").status == HTTPStatus.OK
        assert outcomes(port, {"If-None-Match": "*"}) == [200] + [412] * 15
        seen = put(port, "/bucket/key").headers["ETag"]
        assert outcomes(port, {"If-Match": seen}) == [200] + [412] * 15
        assert put(port, "/bucket/absent", {"If-Match": seen}).status == HTTPStatus.NOT_FOUND


def test_the_simulation_ends_with_every_publisher_present() -> None:
    """Publishers in virtual time all succeed, and the table says so."""
    answer = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "simulate.py"), "5"], check=True, capture_output=True, text=True
    ).stdout
    assert "| 5 | 5 | " in answer


def run(*words: str) -> str:
    """Run the command and return what it prints."""
    found = subprocess.run([*COMMAND, *words], check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout


@contextmanager
def running_server(directory: Path) -> Iterator[int]:
    """Run the benchmarks' server, and give its measured port."""
    ports = free_ports(2)
    command = [sys.executable, str(ROOT / "benchmarks" / "server.py")]
    command += ["--measured-port", str(ports[0]), "--plain-port", str(ports[1])]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield ports[0]
        finally:
            server.kill()


def outcomes(port: int, condition: Mapping[str, str]) -> list[int]:
    """Write 16 different bodies at once under one condition; return the statuses, sorted."""
    with ThreadPoolExecutor(16) as pool:
        writes = [pool.submit(put, port, "/bucket/key", condition, f"body {number}") for number in range(16)]
        return sorted(write.result().status for write in writes)


def put(port: int, path: str, headers: Mapping[str, str] | None = None, body: str = "") -> HTTPResponse:
    """Make one PUT."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request("PUT", path, body, dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer


def free_ports(count: int) -> list[int]:
    """Find ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
