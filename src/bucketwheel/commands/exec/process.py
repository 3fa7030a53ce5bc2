"""Another program, which gets our signals and gives us its exit code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from bucketwheel.events import Report, Warned
from bucketwheel.names import printable

__all__ = ["run_program"]

_CANNOT_BE_RUN, _NOT_FOUND, _SIGNALLED = 126, 127, 128
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")
_BY_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGBREAK")


def run_program(command: Sequence[str], environ: Mapping[str, str], report: Report) -> int:
    """Run a program to its end, and return its exit code: as a shell has it, 128 + n for signal n."""
    with _passing_signals_on() as started:
        try:
            process = subprocess.Popen([_found(command[0], environ), *command[1:]], env=dict(environ))  # noqa: S603
        except OSError as error:
            if isinstance(error, FileNotFoundError) or _is_nowhere(command[0], environ):
                report(Warned(message=f"{printable(command[0])} is not there; install it, or correct its name"))
                return _NOT_FOUND
            report(Warned(message=f"{printable(command[0])} cannot be run ({error.strerror})"))
            return _CANNOT_BE_RUN
        started(process)
        code = process.wait()
    return _SIGNALLED - code if code < 0 else code


def _found(program: str, environ: Mapping[str, str]) -> str:
    if os.name == "posix":
        return program  # found on the PATH of `environ`
    return shutil.which(program, path=environ.get("PATH")) or program  # also what ends in .cmd


def _is_nowhere(program: str, environ: Mapping[str, str]) -> bool:
    """Return whether no folder on PATH has it; one that may not be entered is an error of its own to Popen."""
    is_name = os.path.basename(program) == program  # noqa: PTH119 - a Path would drop a trailing slash
    return is_name and shutil.which(program, os.F_OK, environ.get("PATH", os.defpath)) is None


class _Passing:
    """Signals on their way to the process, which may not have been started yet."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []

    def started(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._waiting:
            self._send(number)

    def handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if signal.Signals(number).name in _BY_KEYBOARD and _terminal_signals_all():
            return  # the process has got it too
        if self._process is None:
            self._waiting.append(number)
        else:
            self._send(number)

    def _send(self, number: int) -> None:
        if self._process is not None:
            with suppress(OSError, ValueError):  # it has just ended; Windows knows only some
                self._process.send_signal(number)


@contextmanager
def _passing_signals_on() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    passing = _Passing()
    if threading.current_thread() is not threading.main_thread():
        yield passing.started  # Python gives signals to the main thread only
        return
    before = {}
    for name in _PASSED_ON:
        number = getattr(signal, name, None)
        # What is ignored (nohup) stays so, for the process too.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, passing.handle)
    try:
        yield passing.started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_signals_all() -> bool:
    """Return whether a key at the terminal signals our whole group of processes, the child too."""
    if os.name != "posix":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
