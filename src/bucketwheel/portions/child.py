"""The process that has a portion of a list: it judges its lines, and renders its projects, when it is asked."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import traceback
from threading import Condition, Thread
from typing import BinaryIO

from bucketwheel.format.lists.portions import OwnPortion
from bucketwheel.portions import READY, Failed

__all__ = ["main"]

_MOST_HELD = 32 * 1024 * 1024
"""Bytes that were rendered and wait for their turn to be written."""


def main() -> None:
    """Answer requests; ends with its input, and when no one reads its answers any more."""
    gc.disable()  # a list stays to the end and has no cycles
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    answers = _Answers(sys.stdout.fileno())
    answers.start()
    try:
        _work(sys.stdin.buffer, answers)
    except EOFError:  # the list has bad lines, or the run was ended
        return
    except Exception:  # noqa: BLE001 - it is raised where the answer is read
        answers.put(Failed(traceback.format_exc()))
    answers.finish()


def _work(requests: BinaryIO, answers: _Answers) -> None:
    style, of_json = pickle.load(requests)  # noqa: S301 - of the process that started us
    portion = OwnPortion(style, of_json=of_json)
    while (lines := pickle.load(requests)) is not None:  # noqa: S301 - likewise
        portion.read(lines)
    answers.put(portion.judge())
    changed = pickle.load(requests)  # noqa: S301 - likewise
    for rendered in portion.render(changed):
        answers.put(rendered)
    answers.put(portion.catalogue())


class _Answers(Thread):
    """Answers on their way: while one who writes files does not read them, rendering goes on for a while."""

    def __init__(self, target: int) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._changed = Condition()
        self._waiting: list[bytes] = []
        self._held = 0
        self._idle = True

    def put(self, answer: object) -> None:
        """Send an answer; waits while too many wait."""
        message = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        with self._changed:
            self._changed.wait_for(lambda: self._held < _MOST_HELD)
            self._waiting.append(message)
            self._held += len(message)
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait until all answers were written."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle and not self._waiting)

    def run(self) -> None:
        """Write answers as they come, all that wait at once: between two calls the other thread may take its time."""
        while True:
            with self._changed:
                self._idle = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                rest = memoryview(b"".join(self._waiting))
                self._waiting, self._held, self._idle = [], 0, False
                self._changed.notify_all()
            try:
                while rest:
                    rest = rest[os.write(self._target, rest) :]
            except OSError:  # no one reads
                os._exit(1)
