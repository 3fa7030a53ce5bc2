"""Where a command publishes from and fetches into when nobody says it."""

from __future__ import annotations

from pathlib import Path

from bucketwheel.config.layers import find_pyproject
from bucketwheel.frontends.build_directory import build_directory

__all__ = ["default_directory"]


def default_directory() -> Path:
    """Name the build directory of the project around the current directory, written from there where that is shorter.

    Raises Misconfigured for a setting of Hatch's that is no path.
    """
    here = Path.cwd()
    pyproject = find_pyproject(here)
    directory = build_directory(here if pyproject is None else pyproject.parent)
    return directory.relative_to(here) if directory.is_relative_to(here) else directory
