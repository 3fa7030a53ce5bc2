"""Signals to a real `bucketwheel publish`: killed or interrupted half way, the same command again finishes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from bucketwheel import check, load_settings, prune_orphans
from bucketwheel.format.layout import SETTINGS_KEY
from faults.commands import User
from faults.harness import Harness
from support.archives import make_wheel
from support.clients import clean_environment
from support.wire import DROP_AFTER, DROP_BEFORE, SILENCE_BEFORE, Exchange, Fault, Wire

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

COMMAND = "publish the next version"
FILE, MANIFEST, PAGE = "demo_pkg-1.1-py3-none-any.whl", "manifests/demo-pkg.json", "demo-pkg/index.json"


@contextmanager
def publishing(user: User, home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `bucketwheel publish` of the next version in a process of its own."""
    with running(["-m", "bucketwheel", "publish", *of(user), str(user.files.next)], home) as process:
        yield process


def of(user: User) -> list[str]:
    """Return the options that name the repository of a user."""
    return ["--repository", user.repository, "--endpoint-url", user.endpoint_url, "--region", "us-east-1"]


@contextmanager
def running(command: list[str], home: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a process of its own."""
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=home,
        env=clean_environment(home) | aws | variables,
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
    """Ctrl-C during a slow write, which arrives later: exit 3, the reason, no traceback; the same again finishes."""
    under_way, go_on, arrived = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        under_way.set()
        go_on.wait(30)
        arrived.set()

    wire.harm = at(key, hold)
    with publishing(user, home) as process:
        assert under_way.wait(30)
        ended = interrupt(process)
        go_on.set()
    assert ended == (3, "", "error: interrupted; run the same command again to finish what was begun")
    assert arrived.wait(30)
    time.sleep(0.2)
    harness.assert_recovers(user, COMMAND)


@pytest.mark.parametrize("key", [FILE, MANIFEST, PAGE])
def test_interrupted_while_the_store_is_silent(key: str, user: User, harness: Harness, wire: Wire, home: Path) -> None:
    """Ctrl-C while a write gets no answer: exit 3 in two seconds, because the write may have happened."""
    with silence_at("PUT", key, wire) as under_way, publishing(user, home) as process:
        assert under_way.wait(30)
        ended = interrupt(process)
    assert ended == (3, "", "error: interrupted; run the same command again to finish what was begun")
    harness.assert_recovers(user, COMMAND)


@pytest.mark.parametrize("key", [SETTINGS_KEY, MANIFEST])
def test_interrupted_before_the_first_write(key: str, user: User, harness: Harness, wire: Wire, home: Path) -> None:
    """Ctrl-C while reads get no answer: exit 1 in two seconds, because nothing was written."""
    with silence_at("GET HEAD", key, wire) as under_way, publishing(user, home) as process:
        assert under_way.wait(30)
        ended = interrupt(process)
    assert ended == (1, "", "error: interrupted; nothing was written to a repository")
    harness.assert_recovers(user, COMMAND)


# By the names of the same verbs in COMMANDS.
WRITERS = {
    "reindex damaged pages": ["reindex"],
    "adopt": ["reindex", "--adopt"],
    "yank": ["yank", "demo-pkg==1.0", "--reason", "broken"],
    "delete": ["delete", "demo-pkg==1.0", "--yes", "--now"],
    "prune orphans": ["prune", "demo-*", "--orphans", "--older-than", "0h", "--yes"],
    "promote": ["promote", "demo-pkg==1.0"],
    "init": ["init"],
}
READERS = {"check": ["check", "--deep"], "show": ["show"], "init --adopt": ["init", "--adopt"]}


def call(verb: list[str], user: User) -> list[str]:
    """Return the words of a call of a verb."""
    target = ["--to", f"{user.repository}/_release"] if verb[0] == "promote" else []
    return ["-m", "bucketwheel", *verb, *of(user), *target]


@pytest.mark.parametrize("name", [*WRITERS, *READERS])
def test_any_verb_interrupted_before_the_first_answer(name: str, harness: Harness, wire: Wire, home: Path) -> None:
    """Ctrl-C at a server that is silent from the beginning: exit 1 in two seconds, because nothing was written."""
    user = harness.prepared(name if name in WRITERS else "yank")
    before = user.snapshot()
    with (
        silence_at("GET HEAD POST PUT DELETE", "", wire) as under_way,
        running(call((WRITERS | READERS)[name], user), home) as process,
    ):
        assert under_way.wait(30), process.communicate(timeout=8)
        ended = interrupt(process)
    assert ended == (1, "", "error: interrupted; nothing was written to a repository")
    assert user.snapshot() == before


@pytest.mark.parametrize(
    ("name", "silent"),
    [*((name, "PUT POST") for name in WRITERS), ("delete", "DELETE"), ("prune orphans", "DELETE")],
)
def test_any_verb_interrupted_while_it_writes(name: str, silent: str, harness: Harness, wire: Wire, home: Path) -> None:
    """Ctrl-C while a write gets no answer: exit 3 in two seconds; the same again finishes."""
    user = harness.prepared(name)
    with silence_at(silent, "", wire) as under_way, running(call(WRITERS[name], user), home) as process:
        assert under_way.wait(30), process.communicate(timeout=8)
        ended = interrupt(process)
    assert ended == (3, "", "error: interrupted; run the same command again to finish what was begun")
    harness.assert_recovers(user, name)


IN_PARTS = """
from dataclasses import replace
import bucketwheel.storage.s3 as s3
from bucketwheel.__main__ import main
connect = s3.connect
s3.connect = lambda *place, **how: replace(connect(*place, **how), largest_put=5 << 20, part_size=5 << 20)
main()
"""


def test_interrupted_between_two_parts(user: User, wire: Wire, home: Path) -> None:
    """Ctrl-C while parts get no answer: exit 3; `check` reports what is left, and `prune --orphans` frees it."""
    noise = random.Random(11).randbytes(12 << 20)  # noqa: S311 - no secret
    wheel = make_wheel(home, version="1.1", members={"demo_pkg/model.bin": noise})
    publish = ["-c", IN_PARTS, "publish", *of(user), str(wheel)]
    settings = load_settings(options={"repository": user.repository, "endpoint-url": user.endpoint_url}, environ={})
    key = f"simple/demo-pkg/{wheel.name}"
    for silent in (SETTINGS_KEY, key, key):  # the proof of the store; the file; the file, and no write before it
        with silence_at("PUT", silent, wire) as under_way, running(publish, home) as process:
            assert under_way.wait(30), process.communicate(timeout=8)
            ended = interrupt(process)
        assert ended == (3, "", "error: interrupted; run the same command again to finish what was begun")
        wire.harm = lambda _: None
        assert [(one.code, one.subject) for one in check(settings).findings] == [("upload-unfinished", silent)]
        assert prune_orphans(["*"], settings, older_than=timedelta()).uploads == (silent,)
        assert check(settings).findings == ()
    with running(publish, home) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert check(settings).findings == ()


PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "demo-pkg"
version = "1.1"
"""


@pytest.mark.parametrize("silent", ["PUT", "GET"])
@pytest.mark.parametrize("door", ["hatch", "setup.py"])
def test_interrupted_in_another_tool(door: str, silent: str, user: User, wire: Wire, home: Path) -> None:
    """Hatch and setuptools end as fast, and with the same sentence; setuptools has one exit status for all errors."""
    place = {"repository": user.repository, "endpoint-url": user.endpoint_url, "region": "us-east-1"}
    (home / "pyproject.toml").write_text(PYPROJECT)
    (home / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    options = [word for name, value in place.items() for word in ("-o", f"{name}={value}")]
    command = {
        "hatch": ["-m", "hatch", "publish", "-p", "s3", *options, str(user.files.next)],
        "setup.py": ["setup.py", "upload_all", "--dist-dir", str(user.files.next.parent)],
    }
    variables = {f"BUCKETWHEEL_{name.upper().replace('-', '_')}": value for name, value in place.items()}
    with (
        silence_at(silent, MANIFEST, wire) as under_way,
        running(command[door], home, **(variables if door == "setup.py" else {})) as process,
    ):
        assert under_way.wait(30), process.communicate(timeout=8)
        code, _, last = interrupt(process)
    assert code == (3 if silent == "PUT" and door == "hatch" else 1)
    assert last.removeprefix("error: ").removeprefix("unfinished: ") == (
        "interrupted; run the same command again to finish what was begun"
        if silent == "PUT"
        else "interrupted; nothing was written to a repository"
    )


DEAF = """
import ctypes, os, socket
from bucketwheel.__main__ import main
def lookup(*_, **__):
    open("looking", "w").close()
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    while True:
        libc.pthread_mutex_lock(mutex)
socket.getaddrinfo = lookup
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the test waits on a lock of Linux")
def test_interrupted_while_a_name_is_looked_up(home: Path) -> None:
    """A look-up of a host's name cannot be interrupted, and takes long where no name server answers."""
    command = ["-c", DEAF, "show", "--repository", "s3://bucket", "--endpoint-url", "http://host.invalid"]
    with running(command, home) as process:
        deadline = time.monotonic() + 30
        while not (home / "looking").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        ended = interrupt(process)
    assert ended == (1, "", "error: interrupted; nothing was written to a repository")


DURING_AN_IMPORT = """
import sys, time, weakref
def in_callback():
    gone = weakref.ref(Interrupting(), lambda _: exec("raise KeyboardInterrupt"))
    for _ in range(50):
        time.sleep(0.5)  # as the main thread waits for calls
class Interrupting:
    def find_spec(name, *_):
        if name == {name!r}:
            {statement}
sys.meta_path.insert(0, Interrupting)
from bucketwheel.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        *product(
            ["bucketwheel.frontends.cli", "bucketwheel.frontends.cli.show", "boto3"],
            ['exec("raise KeyboardInterrupt")', "raise RuntimeError from KeyboardInterrupt()"],
        ),
        ("boto3", "in_callback()"),
    ],
)
def test_interrupted_during_an_import(name: str, statement: str, home: Path) -> None:
    """Ctrl-C within the exec() or the __set_name__() of a dataclass, or within a callback: `python -m` ends with 1."""
    (home / "interrupted.py").write_text(DURING_AN_IMPORT.format(name=name, statement=statement))
    with running(["-m", "interrupted", "show", "--repository", "s3://bucket"], home) as process:
        output, errors = process.communicate(timeout=15)
    assert (process.returncode, output) == (1, "")
    assert errors == "error: interrupted; nothing was written to a repository\n"


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Press Ctrl-C; return exit, answer and last line of a command that must end soon, also on a busy machine."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=8)
    assert time.monotonic() - began < 5
    assert "Traceback" not in errors
    assert errors.count("interrupted") == 1
    return process.returncode, output, errors.splitlines()[-1]


@contextmanager
def silence_at(verbs: str, ending: str, wire: Wire) -> Iterator[threading.Event]:
    """Give no answer to these requests for a key that ends so; the event tells of the first."""
    under_way = threading.Event()

    def fall_silent(exchange: Exchange) -> Fault | None:
        if exchange.verb not in verbs.split() or not exchange.path.split("?")[0].endswith(ending):
            return None
        under_way.set()
        return SILENCE_BEFORE

    wire.harm = fall_silent
    yield under_way
