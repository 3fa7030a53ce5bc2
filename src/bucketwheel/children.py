"""Python processes that work for this one: no program of the host runs again, and a Ctrl-C at the terminal is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ["end_child", "import_path", "start_child"]

# What Python and its libraries need to start on any system: no credentials.
_ENVIRONMENT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from bucketwheel.{}.child import main; main()"
)

# The child must not die of a Ctrl-C with a traceback, and opens no window.
_APART: dict[str, Any] = (
    {"start_new_session": True}
    if os.name == "posix"
    else {
        "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    }
)


def start_child(package: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the child of a package of ours, with pipes as its input and output; raises OSError.

    The first line that it reads is `import_path`, as JSON. Its errors go nowhere: the host may hide Python from us.
    """
    return subprocess.Popen(  # noqa: S603 - Python itself
        [sys.executable or "", "-I", "-X", "utf8", "-c", _START.format(package)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | dict(environment or {}),
        **_APART,
    )


def import_path() -> list[str]:
    """Return where a child finds what this process has."""
    return [str(entry) for entry in sys.path if entry]


def end_child(process: subprocess.Popen[bytes]) -> None:
    """End a child, whatever it does, and wait for it."""
    process.kill()
    with suppress(OSError, ValueError):  # the interpreter, at its exit, may have closed its pipes before
        process.communicate()
