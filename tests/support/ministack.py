"""The S3 server of the tests: a process of its own, or any other S3 that the environment names.

BUCKETWHEEL_TEST_MINISTACK     the program, where it is not in `servers` of this environment or on PATH
BUCKETWHEEL_TEST_MOTO          the same of moto_server, which support.private_store runs
BUCKETWHEEL_TEST_S3_URL        s3://bucket/prefix of another S3, with the credentials of the AWS chain
BUCKETWHEEL_TEST_S3_ENDPOINT   and its endpoint URL, if it is not AWS
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from bucketwheel.events import Report, ignore
from bucketwheel.places import Connection, S3Place, parse_place
from bucketwheel.storage.s3 import S3Storage, connect

__all__ = [
    "S3Server",
    "TestBucket",
    "free_ports",
    "fresh_bucket",
    "keep_server",
    "other_server",
    "run_ministack",
    "server_program",
]

_START_SECONDS = 60
_KEEPER = """
import subprocess, sys, threading
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: (sys.stdin.read(), server.kill()), daemon=True).start()
sys.exit(server.wait())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running S3 server; if it has a place, tests stay within it and make no buckets."""

    endpoint_url: str | None
    place: S3Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBucket:
    """A place for one test, and how to reach it."""

    __test__ = False

    place: S3Place
    connection: Connection

    def storage(self, *, endpoint_url: str | None = None, jobs: int = 16, report: Report = ignore) -> S3Storage:
        """Return a storage of it with its own client, by way of another endpoint if one is given."""
        endpoint_url = endpoint_url or self.connection.endpoint_url
        connection = Connection(region=self.connection.region, endpoint_url=endpoint_url)
        return connect(self.place, connection, jobs=jobs, report=report)


def other_server() -> S3Server | None:
    """Return the S3 that the environment names, if it names one."""
    url = os.environ.get("BUCKETWHEEL_TEST_S3_URL")
    if url is None:
        return None
    place = parse_place(url, Path.cwd())
    assert isinstance(place, S3Place), url
    return S3Server(endpoint_url=os.environ.get("BUCKETWHEEL_TEST_S3_ENDPOINT"), place=place)


@contextmanager
def run_ministack(directory: Path, *, services: str = "s3,sts", **variables: str) -> Iterator[S3Server]:
    """Run the server while the context lasts, or until this process is killed; its log is in the directory."""
    for port in free_ports(3):
        environ = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": services} | variables
        with (
            (directory / f"ministack-{port}.log").open("wb") as log,
            keep_server([server_program("ministack")], environ, directory, log) as process,
        ):
            if _answers(process, port):
                yield S3Server(endpoint_url=f"http://127.0.0.1:{port}")
                return
    raise RuntimeError(f"ministack does not start; its log is in {directory}")


@contextmanager
def keep_server(
    command: list[str], environ: Mapping[str, str], directory: Path, log: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the context lasts, or until this process is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, *command],
        cwd=directory,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.communicate()


@contextmanager
def fresh_bucket(server: S3Server) -> Iterator[TestBucket]:
    """Give a place for one test: a new bucket, or a new prefix of the given place, emptied afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    if server.place is None:
        assert server.endpoint_url is not None
        _put_bucket(server.endpoint_url, name)
        connection = Connection(region="us-east-1", endpoint_url=server.endpoint_url)
        yield TestBucket(place=S3Place(bucket=name), connection=connection)
        return
    place = S3Place(bucket=server.place.bucket, prefix=f"{server.place.prefix}{name}/")
    bucket = TestBucket(place=place, connection=Connection(endpoint_url=server.endpoint_url))
    try:
        yield bucket
    finally:
        storage = bucket.storage()
        for listed in storage.list(""):
            assert listed.version is not None
            storage.remove(listed.key, expected=listed.version)


def server_program(name: str) -> str:
    """Return where a program of the servers' environment is."""
    variable = f"BUCKETWHEEL_TEST_{name.partition('_')[0].upper()}"
    servers = Path(sys.prefix, "servers", "Scripts" if os.name == "nt" else "bin")
    found = os.environ.get(variable) or shutil.which(name, path=servers) or shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed; `python3 tests/run.py` does that, or set {variable}")
    return found


def free_ports(count: int) -> Iterator[int]:
    """Yield ports that were free a moment ago; another process may take one, so there are several."""
    for _ in range(count):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        yield port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            return bool(_status(f"127.0.0.1:{port}", "GET", "/"))
        time.sleep(0.02)
    return False


def _put_bucket(endpoint_url: str, name: str) -> None:
    """Make a bucket without the SDK, which takes longer than most tests; the server checks no signature."""
    status = _status(urlsplit(endpoint_url).netloc, "PUT", f"/{name}")
    assert status == 200, status


def _status(server: str, verb: str, path: str) -> int:
    with closing(http.client.HTTPConnection(server, timeout=30)) as connection:
        connection.request(verb, path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
