"""Real pip and uv, as subprocesses that see no configuration, caches or credentials of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from uv import find_uv_bin

__all__ = ["TOOLS", "ClientRun", "clean_environment", "run_client", "run_pip", "run_uv", "within"]

# pdm 2.29 does not work with what is newer.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "poetry": ("poetry>=2.1",),
    "pdm": ("pdm==2.29.*", "unearth<0.19", "hishel[httpx]<1.4"),
    "pipenv": ("pipenv",),
    "hatch": ("hatch>=1.14", "pip"),
}
"""What the thorough run installs, each in an environment of its own."""

# What configures a client, in this process's environment: of the package index, of AWS, or set by a test.
_CONFIGURING = ("PIP_", "UV_", "AWS_", "PYTHON", "VIRTUAL_ENV", "BUCKETWHEEL_", "XDG_", "HATCH_", "NETRC")


class ClientRun(NamedTuple):
    """The exit status of a client, and its output on both streams."""

    code: int
    output: str


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment in which configuration can come only from `home`, best an empty directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURING)}
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData"),
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "default",
    }


def within(home: Path) -> dict[str, str]:
    """Return the settings that keep every client of TOOLS within this directory."""
    return {
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_CACHE_DIR": str(home / "poetry"),
        "POETRY_NO_INTERACTION": "1",
        "PDM_USE_VENV": "1",
        "PDM_CHECK_UPDATE": "0",
        "PDM_CACHE_DIR": str(home / "pdm"),
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "PIPENV_CACHE_DIR": str(home / "pipenv"),
        "HATCH_DATA_DIR": str(home / "hatch-data"),
        "HATCH_CACHE_DIR": str(home / "hatch-cache"),
        "HATCH_CONFIG": str(home / "hatch.toml"),
    }


_PIP: Mapping[str, str] = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}
_UV: Mapping[str, str] = {
    "UV_NO_CACHE": "1",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON": sys.executable,
    "UV_PYTHON_DOWNLOADS": "never",
}


def run_pip(args: Sequence[str], *, home: Path) -> ClientRun:
    """Run this interpreter's pip, without any of its configuration files and without a cache."""
    return _run([sys.executable, "-m", "pip", *args], home, home, _PIP)


def run_uv(args: Sequence[str], *, home: Path) -> ClientRun:
    """Run the uv of the development dependencies, for this interpreter, with no configuration file and no cache."""
    return _run([find_uv_bin(), *args], home, home, {"UV_NO_CONFIG": "1", **_UV})


def run_client(command: Sequence[str], *, home: Path, directory: Path, environ: Mapping[str, str]) -> ClientRun:
    """Run any program in a project's directory, with these variables for it; pip and uv without caches."""
    return _run(list(command), home, directory, {"UV_NO_SYSTEM_CONFIG": "1", **_PIP, **_UV, **environ})


def _run(command: list[str], home: Path, directory: Path, settings: Mapping[str, str]) -> ClientRun:
    finished = subprocess.run(
        command,
        cwd=directory,
        env=clean_environment(home) | dict(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return ClientRun(finished.returncode, finished.stdout)
