"""A long list is judged and rendered by several processes: the same bytes, the same errors, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bucketwheel
from bucketwheel import ListOptions, Refused, Unavailable, portions
from bucketwheel.children import start_child
from bucketwheel.events import Event, Writing
from bucketwheel.format.lists.entries import ListReader, project_of
from bucketwheel.format.lists.portions import split
from support.clients import clean_environment

OPTIONS = ListOptions(packages_url="../../pool", base_url="https://pypi.example.com/")
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


def long_list(projects: int = 30, files: int = 5) -> str:
    """A list of wheels and sdists, in no order of projects."""
    names = [
        f"Acme{'_' if file else '-'}{project}-1.{file}{'-py3-none-any.whl' if file else '.tar.gz'}"
        for file in range(files)
        for project in range(projects)
    ]
    tables = ({"filename": name, "hash": f"md5={len(name):032}", "upload_timestamp": 10**9} for name in names)
    return "".join(f"{json.dumps(table)}\n" for table in tables)


def write(place: Path, body: str, options: ListOptions = OPTIONS, jobs: int = 32, **report: object) -> None:
    """Write the index of a list of JSON objects."""
    settings = bucketwheel.load_settings(options={"repository": str(place), "jobs": jobs})
    bucketwheel.from_list(body, settings, options=options, of_json=True, **report)  # type: ignore[arg-type]


def contents(place: Path) -> dict[str, bytes]:
    """All files in a directory but the settings, which have the id of the run."""
    files = [each for each in place.rglob("*") if each.is_file() and each.name != "repository.json"]
    return {each.relative_to(place).as_posix(): each.read_bytes() for each in files}


@pytest.fixture(name="started")
def start_several(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Let short lists have three processes, wherever this runs; return the two others of each run."""
    started: list[subprocess.Popen[bytes]] = []

    def start(package: str) -> subprocess.Popen[bytes]:
        started.append(start_child(package))
        return started[-1]

    monkeypatch.setattr(portions, "_FEWEST_LINES", 10)
    monkeypatch.setattr(portions, "_processors", lambda: 3)
    monkeypatch.setattr(portions, "start_child", start)
    return started


@pytest.mark.parametrize("options", [OPTIONS, replace(OPTIONS, per_release_json=False)], ids=["all", "few"])
def test_same_bytes(options: ListOptions, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """One process and three write the same files, new or changed; the others have ended then."""
    for body in (long_list(), long_list(32, 4)):
        write(tmp_path / "one", body, options, jobs=1)
        assert len(started) % 2 == 0
        write(tmp_path / "three", body, options)
        assert contents(tmp_path / "one") == contents(tmp_path / "three")

    assert [process.poll() is not None for process in started] == [True] * 4


def test_bad_lines_of_all_processes(tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """Bad lines are told in order, whichever process found them, and nothing is written."""
    lines = long_list().splitlines()
    for number in (3, 40, 41, 42):
        lines[number] = lines[number].replace("md5=0", "md5=g")
    again = json.dumps({"hash": f"md5={'1' * 32}", "filename": json.loads(lines[0])["filename"]})
    body = "\n".join(["", *lines, again, "{"])
    with pytest.raises(Refused) as refused:
        write(tmp_path / "index", body)

    assert [process.poll() is not None for process in started] == [True] * 2
    assert [problem.subject for problem in refused.value.problems] == [
        f"line {number}" for number in (5, 42, 43, 44, len(lines) + 2, len(lines) + 3)
    ]
    assert "another hash than a line before" in refused.value.problems[-2].what
    assert not (tmp_path / "index").exists()
    skipping = replace(OPTIONS, skip_invalid=True)
    write(tmp_path / "one", body, skipping, jobs=1)
    write(tmp_path / "three", body, skipping)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


@pytest.mark.parametrize("moment", ["before pages are rendered", "while pages are written"])
def test_a_process_dies(moment: str, tmp_path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    """A process that the system ends is a plain error, and the next run leaves what it should."""

    def report(event: Event) -> None:
        if isinstance(event, Writing) and (event.target.endswith("/repository.json") == moment.startswith("before")):
            for process in started:
                process.kill()
                process.wait()

    with pytest.raises(Unavailable, match="--jobs 1 to work in one process"):
        write(tmp_path / "index", long_list(3000, 1), report=report)
    write(tmp_path / "index", long_list(3000, 1))
    write(tmp_path / "one", long_list(3000, 1), jobs=1)

    assert contents(tmp_path / "index") == contents(tmp_path / "one")


@pytest.mark.parametrize("executable", ["", "/does/not/exist", None, "true", "sh", "cat"])
def test_where_python_cannot_be_started(
    executable: str | None,
    tmp_path: Path,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A host that is not Python, or hides it, makes the index in one process and says nothing."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", executable)
        write(tmp_path / "host", long_list())
    write(tmp_path / "one", long_list(), jobs=1)

    assert contents(tmp_path / "host") == contents(tmp_path / "one")
    assert all(process.poll() is not None for process in started)
    assert capfd.readouterr() == ("", "")


@posix
def test_a_program_that_never_reads(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host's own program, started in place of Python, is ended after a time."""
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(portions, "_SECONDS", 0.3)
    begin = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(sleeper))
        write(tmp_path / "host", long_list())

    assert time.monotonic() - begin < 50
    assert len(started) == 2
    assert (tmp_path / "host" / "simple" / "acme-1" / "index.html").is_file()


@pytest.mark.parametrize("why", ["one processor", "a frozen program", "a short list"])
def test_one_process(
    why: str, tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started where it cannot help, or where it would start the program of the host."""
    if why == "one processor":
        monkeypatch.setattr(portions, "_processors", lambda: 1)
    if why == "a frozen program":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    write(tmp_path / "index", long_list(3, 3) if why == "a short list" else long_list())

    assert started == []


@pytest.mark.usefixtures("started")
def test_a_bug_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in another process is raised here, with where it was."""
    send = portions._Child.send
    monkeypatch.setattr(portions._Child, "send", lambda child, request: send(child, 3 if request == {""} else request))
    write(tmp_path / "index", long_list())
    with pytest.raises(RuntimeError, match=r"(?s)portions.py.*TypeError"):
        write(tmp_path / "index", f"{long_list()}\n")


PROGRAM = """
import sys
from pathlib import Path
import bucketwheel
from bucketwheel import portions

print("ran", flush=True)
portions._FEWEST_LINES, portions._processors = 10, lambda: 3
settings = bucketwheel.load_settings(options={"repository": sys.argv[2]})
options = bucketwheel.ListOptions(packages_url="x")
def report(event):
    if len(sys.argv) > 3:
        print("writes", flush=True)
        import time; time.sleep(60)
try:
    bucketwheel.from_list(Path(sys.argv[1]).read_text(), settings, options=options, of_json=True, report=report)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_program_that_uses_the_library(tmp_path: Path) -> None:
    """A program without a guard is not run again, and Python has nothing to warn of."""
    (tmp_path / "list").write_text(long_list())
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-W", "error", "program.py", "list", str(tmp_path / "index")]
    done = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("ran\n", "")


def children_of(parent: int) -> list[str]:
    """The ids of the processes that a process started."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [pid for pid, of in map(str.split, listed.splitlines()) if of == str(parent)]


def is_running(pid: str) -> bool:
    """Whether a process is there that was not ended."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
def test_nothing_is_left_behind(number: signal.Signals, tmp_path: Path) -> None:
    """A Ctrl-C, or the end of who writes, ends the processes without a word."""
    (tmp_path / "list").write_text(long_list())
    command = [sys.executable, "-c", PROGRAM, "list", str(tmp_path / "index"), "wait"]
    host = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert host.stdout is not None
    assert [host.stdout.readline(), host.stdout.readline()] == ["ran\n", "writes\n"]
    assert len(children_of(host.pid)) == 2
    children = children_of(host.pid)
    os.killpg(host.pid, number)
    output, errors = host.communicate(timeout=60)

    assert (output, errors) == ("interrupted\n" if number == signal.SIGINT else "", "")
    deadline = time.monotonic() + 60
    while any(map(is_running, children)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


ODD_LINES = [
    r'{"filename": "a-1-py3-none-any.whl", "filen\u0061me": "b-1-py3-none-any.whl"}',
    '{"filename": "a-1-py3-none-any.whl", "filename": "b-1-py3-none-any.whl"}',
    '{"filename": "a-1-py3-none-any.whl", "filename" : "b-1-py3-none-any.whl"}',
    '{"filename":"b-1-py3-none-any.whl", "x": {"filename": "a-1-py3-none-any.whl"}}',
    '{"x": {"filename": "a-1-py3-none-any.whl"}, "filename" : "b-1-py3-none-any.whl"}',
    r'{"x": "\"filename\": \"a-1-py3-none-any.whl\"", "filename":"b-1-py3-none-any.whl"}',
    r'{"filename": "\u0062-1-py3-none-any.whl"}',
    ' {"x": "filename", "filename": "B-1.tar.gz"}\r',
    '{"filename": "b-1.zip", "size": 3}',
]


@pytest.mark.parametrize("line", ODD_LINES)
def test_the_cheap_look(line: str) -> None:
    """However a line is spelled, the look that is only for the project finds what reading it finds."""
    reader = ListReader(packages_url="x", of_json=True)
    reader.read([(1, line)])

    assert [entry.project for entry in reader.entries] == ["b"] == [project_of(line, of_json=True)]


@given(
    st.lists(
        st.from_regex(r"[a-bA-B_-]{1,4}(-[0-2](\.[0-1])?){1,2}(-py3-none-any\.whl|\.tar\.gz|\.zip)?", fullmatch=True)
    )
)
def test_no_project_is_in_two_parts(names: list[str]) -> None:
    """Each line is in one part, and all files of a project are in the same."""
    parts: dict[int, list[tuple[int, str]]] = {-1: [], 0: [], 1: []}
    for some in split("\n".join(names), [0, 1, -1], of_json=False):
        for number, lines in some.items():
            parts[number] += lines
    found = []
    for lines in parts.values():
        reader = ListReader(packages_url="x", of_json=False)
        reader.read(lines)
        found.append({entry.project for entry in reader.entries})

    assert sorted(each for lines in parts.values() for each in lines) == list(enumerate(names or [""], start=1))
    assert sum(map(len, found)) == len(set().union(*found))
