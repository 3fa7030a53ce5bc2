"""The laboratory of a run: the server, the tools, and processes that are measured in turn."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.tools import ROOT, Tool

__all__ = ["FAR", "Lab", "Row", "Sample", "cpu", "open_lab", "peak", "wall"]

FAR = 0.03
"""Seconds that each request and the set-up of each connection take longer than on this machine."""
_START_SECONDS = 30
_SHOWN = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    work: str
    goal: str = ""
    measured: str
    met: bool | None = None
    """None: there is no goal, or nothing to measure it against."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One process from its start to its end."""

    seconds: float
    cpu: float
    """User and system time of it and the processes it waited for."""
    peak: int
    """Its largest resident set in bytes."""
    status: int
    output: str
    requests: Mapping[str, int]
    """By verb; LIST is apart from GET."""
    answers: Mapping[str, int]
    """By status."""
    connections: int
    bytes_up: int
    bytes_down: int
    span: float
    """From the first connection to the last answer."""
    server_cpu: float
    """What the server used meanwhile."""

    @property
    def total(self) -> int:
        """Return how many requests were made."""
        return sum(self.requests.values())

    @property
    def verbs(self) -> str:
        """Say how many requests of which verb were made."""
        return f"{self.total} ({', '.join(f'{verb} {count}' for verb, count in sorted(self.requests.items()))})"


def wall(sample: Sample) -> float:
    """Return the time on the wall."""
    return sample.seconds


def cpu(sample: Sample) -> float:
    """Return the time on processors."""
    return sample.cpu


def peak(sample: Sample) -> float:
    """Return the memory."""
    return sample.peak


@dataclass(slots=True, kw_only=True)
class Lab:
    """Everything that a case needs."""

    scratch: Path
    tool: Tool
    peers: Mapping[str, Tool]
    quick: bool
    endpoint: str
    plain_port: int
    environ: dict[str, str]
    certificate: Path | None
    _names: int = field(default=0)

    def size(self, usual: int, quick: int) -> int:
        """Return the size of something, smaller if the run is to be quick."""
        return quick if self.quick else usual

    def new(self, beginning: str) -> str:
        """Return a name that this run did not use yet, for a bucket, a directory or a project."""
        self._names += 1
        return f"{beginning}-{self._names}"

    def directory(self) -> Path:
        """Make a directory."""
        path = self.scratch / self.new("directory")
        path.mkdir()
        return path

    def bucket(self, beginning: str = "bench") -> str:
        """Make a bucket."""
        name = self.new(beginning)
        self.control("PUT", f"/{name}")
        return name

    def run(self, command: Sequence[str], *, delay: float = FAR, fails: bool = False) -> Sample:
        """Run one command to its end, with the server so far away."""
        return self._end(*self._begin(command, delay), fails=fails)

    def run_together(self, commands: Sequence[Sequence[str]], *, delay: float = FAR) -> tuple[list[int], Sample]:
        """Run several commands at once; return how each ended, and all of them as one sample."""
        self._reset(delay)
        start = time.monotonic()
        output = (self.scratch / "together").open("w+b")
        with output:
            running = [self._start(command, output) for command in commands]
            statuses, used = [], 0.0
            for process in running:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                statuses.append(process.returncode)
                used += usage.ru_utime + usage.ru_stime
            seconds = time.monotonic() - start
        return statuses, self._sample(seconds, used, 0, max(statuses), "")

    def interleave(
        self, runs: int, *commands: Callable[[], Sequence[str]], delay: float = FAR
    ) -> tuple[list[Sample], ...]:
        """Run several commands in turn, several times; each call makes the command of one run."""
        samples: tuple[list[Sample], ...] = tuple([] for _ in commands)
        for _ in range(1 if self.quick else runs):
            for command, found in zip(commands, samples, strict=True):
                found.append(self.run(command(), delay=delay))
        return samples

    def load(self, bucket: str, *words: str) -> None:
        """Put into a bucket what `seed.py` makes of these words, without measuring."""
        command = self.tool.probe("seed", *words)
        # By way of a file: a process counts as its own the memory that this one had when it was started.
        with (self.scratch / "records").open("w+b") as records:
            subprocess.run(command, env=self.environ, check=True, stdout=records)
            records.seek(0)
            self.control("POST", f"/-/load?bucket={bucket}", records)

    def read(self, path: str) -> bytes | None:
        """Read an object without measuring; None: it is absent."""
        status, body = self._ask("GET", f"/{path}", b"")
        return body if status == http.HTTPStatus.OK else None

    def drop(self, bucket: str) -> None:
        """Forget a bucket."""
        self.control("POST", f"/-/drop?bucket={bucket}")

    def control(self, verb: str, target: str, body: bytes | IO[bytes] = b"") -> bytes:
        """Ask the plain port of the server."""
        status, answer = self._ask(verb, target, body)
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"{verb} {target}: {status}")
        return answer

    def _ask(self, verb: str, target: str, body: bytes | IO[bytes]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=300)
        try:
            connection.request(verb, target, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _reset(self, delay: float) -> None:
        self.control("POST", f"/-/reset?delay={delay}")

    def _start(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(command),
            env=self.environ,
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _begin(self, command: Sequence[str], delay: float) -> tuple[Sequence[str], float, subprocess.Popen[bytes]]:
        self._reset(delay)
        output = (self.scratch / "output").open("w+b")
        with output:
            start = time.monotonic()
            return command, start, self._start(command, output)

    def _end(self, command: Sequence[str], start: float, process: subprocess.Popen[bytes], *, fails: bool) -> Sample:
        _, status, usage = os.wait4(process.pid, 0)  # the one that says what one process used
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output = (self.scratch / "output").read_text(errors="replace")
        if (process.returncode != 0) != fails:
            raise RuntimeError(f"{' '.join(command)[:_SHOWN]} ended with {process.returncode}: {output[-_SHOWN:]}")
        resident = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self._sample(seconds, usage.ru_utime + usage.ru_stime, resident, process.returncode, output)

    def _sample(self, seconds: float, used: float, resident: int, status: int, output: str) -> Sample:
        counts = json.loads(self.control("GET", "/-/counts"))
        return Sample(
            seconds=seconds,
            cpu=used,
            peak=resident,
            status=status,
            output=output,
            requests=counts["verbs"],
            answers=counts["statuses"],
            connections=counts["connections"],
            bytes_up=counts["bytes_up"],
            bytes_down=counts["bytes_down"],
            span=counts["span"],
            server_cpu=counts["cpu"],
        )


def median(samples: Sequence[Sample], of: Callable[[Sample], float] = wall) -> float:
    """Return the median of one figure."""
    return statistics.median(of(sample) for sample in samples)


def ratio(theirs: Sequence[Sample], ours: Sequence[Sample], of: Callable[[Sample], float] = wall) -> float:
    """Return how many times more they take than we, by the medians."""
    return median(theirs, of) / median(ours, of)


@contextmanager
def open_lab(scratch: Path, tool: Tool, peers: Mapping[str, Tool], *, quick: bool, plain: bool) -> Iterator[Lab]:
    """Run the server while the context lasts; over TLS unless `plain`, with a CA that is made now."""
    certificate = None if plain else _make_certificates(scratch, tool)
    measured_port, plain_port = _free_ports(2)
    command = [sys.executable, str(ROOT / "benchmarks" / "server.py")]
    command += ["--measured-port", str(measured_port), "--plain-port", str(plain_port)]
    if certificate is not None:
        command += ["--certificate", str(scratch / "both.pem")]
    endpoint = f"{'http' if plain else 'https'}://127.0.0.1:{measured_port}"
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for mypy
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("the server of the benchmarks did not start")
            yield Lab(
                scratch=scratch,
                tool=tool,
                peers=peers,
                quick=quick,
                endpoint=endpoint,
                plain_port=plain_port,
                environ=_environment(scratch, endpoint, certificate),
                certificate=certificate,
            )
        finally:
            server.kill()


def _make_certificates(scratch: Path, tool: Tool) -> Path:
    """Make a CA and a server's certificate; return the CA's, which clients are to trust."""
    subprocess.run(
        [str(tool.python), "-m", "trustme", "-q", "-d", str(scratch), "-i", "127.0.0.1", "localhost"], check=True
    )
    both = (scratch / "server.key").read_text() + (scratch / "server.pem").read_text()
    (scratch / "both.pem").write_text(both)
    return scratch / "client.pem"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _environment(scratch: Path, endpoint: str, certificate: Path | None) -> dict[str, str]:
    """Return the environment of every tool: nothing of this machine's settings."""
    home = scratch / "home"
    home.mkdir()
    trust = {} if certificate is None else dict.fromkeys(_TRUST, str(certificate))
    return trust | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "USER": "bench",
    }


_TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
