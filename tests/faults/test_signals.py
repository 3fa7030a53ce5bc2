"""Signals to a real `bucketwheel publish`: killed or interrupted half way, the same command again finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.commands import User
from faults.harness import Harness
from support.clients import clean_environment
from support.wire import DROP_AFTER, DROP_BEFORE, SILENCE_BEFORE, Exchange, Fault, Wire

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

COMMAND = "publish the next version"
FILE, MANIFEST, PAGE = "demo_pkg-1.1-py3-none-any.whl", "manifests/demo-pkg.json", "demo-pkg/index.json"


@contextmanager
def publishing(user: User, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `bucketwheel publish` of the next version in a process of its own."""
    options = ["--repository", user.repository, "--endpoint-url", user.endpoint_url, "--region", "us-east-1"]
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bucketwheel", "publish", *options, str(user.files.next)],
        cwd=home,
        env=clean_environment(home) | aws,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def at(ending: str, harm: Callable[[], Fault | None]) -> Callable[[Exchange], Fault | None]:
    """Fail the write of the key that ends so."""
    return lambda exchange: harm() if exchange.verb == "PUT" and exchange.path.split("?")[0].endswith(ending) else None


@pytest.mark.parametrize(
    ("key", "fault"), [(FILE, DROP_AFTER), (MANIFEST, DROP_BEFORE), (MANIFEST, DROP_AFTER), (PAGE, DROP_BEFORE)]
)
def test_killed(key: str, fault: Fault, user: User, harness: Harness, wire: Wire, home: Path) -> None:
    """SIGKILL with a request under way, whether that takes effect or not: the same again finishes."""
    started: list[subprocess.Popen[str]] = []

    def kill() -> Fault:
        started[0].kill()
        return fault

    wire.harm = at(key, kill)
    with publishing(user, home) as process:
        started.append(process)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (-signal.SIGKILL, "")
    harness.assert_recovers(user, COMMAND)


@pytest.mark.parametrize("key", [FILE, MANIFEST, PAGE])
def test_interrupted(key: str, user: User, harness: Harness, wire: Wire, home: Path) -> None:
    """Ctrl-C during a slow request: exit 3, the reason on the last line, no traceback; the same again finishes."""
    under_way, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        under_way.set()
        go_on.wait(30)

    wire.harm = at(key, hold)
    with publishing(user, home) as process:
        assert under_way.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.2, go_on.set).start()
        output, errors = process.communicate(timeout=60)
    assert output == ""
    assert errors.splitlines()[-1].startswith("error: interrupted; run ")
    assert "Traceback" not in errors
    assert process.returncode == 3
    harness.assert_recovers(user, COMMAND)


def test_interrupted_twice(user: User, harness: Harness, wire: Wire, home: Path) -> None:
    """The first Ctrl-C waits for requests under way; the second does not wait for a silent store: one line, exit 3."""
    under_way = threading.Event()

    def fall_silent() -> Fault:
        under_way.set()
        return SILENCE_BEFORE

    wire.harm = at(MANIFEST, fall_silent)
    with publishing(user, home) as process:
        assert under_way.wait(30)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (3, "")
    assert errors.count("error: ") == 1
    assert "Traceback" not in errors
    harness.assert_recovers(user, COMMAND)
