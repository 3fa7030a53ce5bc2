"""The garbage collector: the command line lets it rest while S3 is set up; in another program's process it stays."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel.events import Event, RequestSent, Stage, ignore
from bucketwheel.frontends.collector import at_rest, end_rest, rest_until_answered
from support.archives import make_wheel
from support.clients import clean_environment
from support.command_line import run_command
from support.ministack import TestBucket

SOURCE = Path(bucketwheel.__file__).parent
ANSWERED = RequestSent(verb="GET", target="key", status=200, milliseconds=1)

WATCHED = """
import atexit, gc, sys
from bucketwheel.storage.s3 import S3Storage, bucket

states, old = [], gc.get_freeze_count()  # which is not 0 in every Python

def watch(module, name):
    call = getattr(module, name)

    def watched(*args, **named):
        states.append(f"{name} {gc.isenabled()} {gc.get_freeze_count() > old}")
        return call(*args, **named)

    setattr(module, name, watched)

watch(bucket, "_config")
watch(S3Storage, "add")
atexit.register(lambda: print(*dict.fromkeys(states), f"end {gc.isenabled()} {gc.get_freeze_count() > old}", sep="\\n"))
from bucketwheel.__main__ import main
main()
"""


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    """Let the collector see everything, before and after."""
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


def run_watched(home: Path, *args: str) -> list[str]:
    """Run the command line in a process that notes the state of its collector; returns the states."""
    finished = subprocess.run(
        [sys.executable, "-c", WATCHED, *args],
        cwd=home,
        env=clean_environment(home) | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in finished.stdout.splitlines() if line.endswith(("True", "False"))]


def test_it_rests_while_the_client_is_made(workspace: Path, bucket: TestBucket) -> None:
    """It works again, without the modules and the client, before the first file is stored."""
    make_wheel(workspace / "dist")
    connection = [
        "--region",
        "us-east-1",
        *(["--endpoint-url", url] if (url := bucket.connection.endpoint_url) else []),
    ]
    states = run_watched(workspace, "publish", "-r", str(bucket.place), *connection)
    assert states == ["_config False False", "add True True", "end True True"]


@pytest.mark.parametrize("args", [["--help"], ["publish", "--fly"], ["publish", "-r", "./pypi", "absent.whl"]], ids=str)
def test_it_is_on_at_every_end(workspace: Path, args: list[str]) -> None:
    """Also after help, wrong usage and a refusal; and the end of the process does not look through its modules."""
    assert run_watched(workspace, *args) == ["end True True"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_no_error_leaves_it_off(error: type[BaseException]) -> None:
    """Whatever ends the rest."""
    off = []
    with pytest.raises(error), at_rest():  # noqa: PT012 - the context is what is tested
        off.append(not gc.isenabled())
        raise error
    assert off == [True]
    assert gc.isenabled()


def test_the_first_answer_ends_the_rest() -> None:
    """Events before it do not; later ones change nothing more."""
    heard: list[Event] = []
    report = rest_until_answered(heard.append)
    with at_rest():
        report(Stage(doing="validating", count=1))
        assert not gc.isenabled()
        report(ANSWERED)
        assert gc.isenabled()
        gc.unfreeze()
        report(ANSWERED)
        assert gc.get_freeze_count() == 0
    assert len(heard) == 3


def test_work_in_a_directory_does_not_wait_for_an_answer(workspace: Path) -> None:
    """It makes no requests, however long it takes."""
    make_wheel(workspace / "dist")
    with at_rest():
        assert run_command("publish", "-r", "./pypi").code == 0
        assert gc.isenabled()


def test_who_turned_it_off_keeps_it_off() -> None:
    """What is off is left off, and nothing is hidden from it."""
    gc.disable()
    with at_rest():
        rest_until_answered(ignore)(ANSWERED)
        end_rest()
    assert not gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_host_keeps_its_collector(workspace: Path, bucket: TestBucket) -> None:
    """The Python API, and the commands called within another program, change nothing of it."""
    wheel = make_wheel(workspace / "dist")
    states = set()

    def report(_: Event) -> None:
        states.add((gc.isenabled(), gc.get_freeze_count()))

    options = {"repository": str(bucket.place), "endpoint_url": bucket.connection.endpoint_url, "region": "us-east-1"}
    bucketwheel.publish(wheel, bucketwheel.load_settings(options=options), report=report)
    assert run_command("publish", "-r", "./pypi").code == 0
    report(ANSWERED)
    assert states == {(True, 0)}


def test_only_the_command_line_has_a_process_of_its_own() -> None:
    """No other module changes the collector, so Hatch and setup.py, which run the rest, keep theirs."""
    changes, uses = set(), set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(alias.name == "gc" for alias in node.names):
                changes.add(path.relative_to(SOURCE).as_posix())
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("collector"):
                uses.add(path.relative_to(SOURCE).as_posix())
    assert changes == {"frontends/collector.py", "portions/child.py"}  # the second is a process of ours
    assert uses == {"__main__.py", "frontends/cli/run.py", "frontends/cli/from_list.py"}
