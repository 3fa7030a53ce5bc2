"""Real pip and uv, as subprocesses that see nothing of this machine's own configuration, caches or credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from uv import find_uv_bin

__all__ = ["ClientRun", "clean_environment", "run_pip", "run_uv"]

# What pip, uv, AWS and Python itself read from the environment; and what leads astray on the way to 127.0.0.1.
_OURS_ALONE = ("PIP_", "UV_", "AWS_", "PYTHON", "VIRTUAL_ENV", "BUCKETWHEEL_", "XDG_", "HATCH_")
_MACHINES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC"}


class ClientRun(NamedTuple):
    """How a client ended, and all that it said, on both streams."""

    code: int
    output: str


def clean_environment(home: Path) -> dict[str, str]:
    """Make an environment in which `home`, best an empty directory, is all that configuration can come from."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS_ALONE) and name.upper() not in _MACHINES
    }
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData"),
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "default",
    }


def run_pip(args: Sequence[str], *, home: Path) -> ClientRun:
    """Run this interpreter's pip, without any of its configuration files and without a cache."""
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    return _run([sys.executable, "-m", "pip", *args], home, settings)


def run_uv(args: Sequence[str], *, home: Path) -> ClientRun:
    """Run the uv of the development dependencies, for this interpreter, with no configuration file and no cache."""
    settings = {
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return _run([find_uv_bin(), *args], home, settings)


def _run(command: list[str], home: Path, settings: dict[str, str]) -> ClientRun:
    finished = subprocess.run(
        command,
        cwd=home,
        env=clean_environment(home) | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return ClientRun(finished.returncode, finished.stdout)
