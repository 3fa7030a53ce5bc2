"""The portions of a long list, each in a process of its own, which judges and renders and has no other effect.

Both take too long for one processor. A short list stays in this process, and so does any list where no other process
can be made.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import IO, NamedTuple

from bucketwheel.children import end_child, import_path, start_child
from bucketwheel.errors import Unavailable
from bucketwheel.format.catalogue import Catalogue
from bucketwheel.format.lists.entries import numbered
from bucketwheel.format.lists.pages import RenderedProject, Style
from bucketwheel.format.lists.portions import Judged, OwnPortion, Portion, split

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["READY", "Failed", "open_portions"]

READY = b"ready\n"

_FEWEST_LINES = 10_000
"""Of a portion. A process takes 0.15 s to start, and 10,000 lines take 0.2 s."""
_MOST = 4
"""Processes. More would wait for the one that writes."""
_PIPE = 1024 * 1024
_SECONDS, _BYTES_A_SECOND = 60, 1_000_000
"""The time that a process may take to read its lines: if the host hides Python, what was started may never read."""


class Failed(NamedTuple):
    """The answer of a process that has a bug."""

    traceback: str


@contextmanager
def open_portions(body: str, style: Style, *, of_json: bool, most: int) -> Iterator[Sequence[Portion]]:
    """Give the portions of a list, in up to `most` processes; the others have ended when the context ends."""
    children = _start(min(most, _MOST, _processors(), body.count("\n") // _FEWEST_LINES) - 1)
    try:
        yield (children and _deal(children, body, style, of_json=of_json)) or [_whole(body, style, of_json=of_json)]
    finally:
        for child in children:
            end_child(child.process)


def _whole(body: str, style: Style, *, of_json: bool) -> Portion:
    portion = OwnPortion(style, of_json=of_json)
    portion.read(numbered(body))
    return portion


def _deal(children: Sequence[_Child], body: str, style: Style, *, of_json: bool) -> Sequence[Portion]:
    """Give each process its lines, and return all portions; none if a process does not work."""
    own = OwnPortion(style, of_json=of_json)
    # This process writes, too; where each version has a document, that takes all of its time.
    turns = [*range(len(children))] * 3 + ([] if style.versions else [-1] * 2)
    timer = Timer(_SECONDS + len(body) / _BYTES_A_SECOND, _kill, (children,))
    timer.daemon = True
    timer.start()
    try:
        for child in children:
            child.begin(style, of_json=of_json)
        for parts in split(body, turns, of_json=of_json):
            for number, child in enumerate(children):
                child.send(parts[number])
            own.read(parts[-1])
        for child in children:
            child.send(None)
        ready = all(child.is_ready() for child in children)
    except OSError:
        ready = False
    finally:
        timer.cancel()
    return [own, *children] if ready else []


def _kill(children: Sequence[_Child]) -> None:
    for child in children:
        child.process.kill()


def _processors() -> int:
    """Return how many processors this process may use."""
    if affinity := getattr(os, "sched_getaffinity", None):
        return len(affinity(0))
    return os.cpu_count() or 1


def _start(count: int) -> list[_Child]:
    children: list[_Child] = []
    if getattr(sys, "frozen", False):  # such a program would start itself again
        return children
    with suppress(OSError):  # then with those that the system gives, or none
        children.extend(_Child(start_child("portions")) for _ in range(count))
    return children


class _Child:
    """A portion in another process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        _widen(process.stdin)
        _widen(process.stdout)
        self._catalogue = Catalogue()

    def begin(self, style: Style, *, of_json: bool) -> None:
        """Say what lines are about to come; raises OSError if the process died."""
        self._write(json.dumps(import_path()).encode() + b"\n")
        self.send((style, of_json))

    def is_ready(self) -> bool:
        """Return whether the process works: a program that is no Python does not."""
        assert self.process.stdout is not None  # noqa: S101 - for mypy
        return self.process.stdout.readline(len(READY)) == READY

    def judge(self) -> Judged:
        """Return what the process found."""
        judged = self._answer()
        assert isinstance(judged, Judged)  # noqa: S101 - for mypy
        return judged

    def render(self, changed: Collection[str]) -> Iterator[RenderedProject]:
        """Let the process begin, and return what it renders."""
        try:
            self.send(changed)
        except OSError:
            raise _ended_early() from None
        return self._rendered()

    def _rendered(self) -> Iterator[RenderedProject]:
        while isinstance(answer := self._answer(), RenderedProject):
            yield answer
        assert isinstance(answer, Catalogue)  # noqa: S101 - for mypy
        self._catalogue = answer

    def catalogue(self) -> Catalogue:
        """Return what the pages of all projects together show of its projects."""
        return self._catalogue

    def send(self, request: object) -> None:
        """Send a request; raises OSError if the process died."""
        self._write(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))

    def _write(self, message: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for mypy
        self.process.stdin.write(message)
        self.process.stdin.flush()

    def _answer(self) -> object:
        assert self.process.stdout is not None  # noqa: S101 - for mypy
        try:
            answer = pickle.load(self.process.stdout)  # noqa: S301 - of our own process
        except (OSError, EOFError, pickle.UnpicklingError):
            raise _ended_early() from None
        if isinstance(answer, Failed):
            raise RuntimeError(answer.traceback)  # noqa: TRY004 - whatever it was
        return answer


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, where the system knows how and grants it: then its ends wait less for each other."""
    if pipe is not None and (resize := getattr(fcntl, "F_SETPIPE_SZ", None)) is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, resize, _PIPE)


def _ended_early() -> Unavailable:
    return Unavailable(
        "a process that works on the list was ended, perhaps for want of memory; run the same command again, with "
        "--jobs 1 to work in one process"
    )
