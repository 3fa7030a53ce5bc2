"""Programs of the machine that some tests run, and that no package index has."""

from __future__ import annotations

import os
import shutil

import pytest

from support.machine import ALL_PROGRAMS

__all__ = ["require_program"]


def require_program(name: str, package: str) -> str:
    """Return the path of a program; skip the test where it is not installed, and fail in CI (`CI=true`)."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = f"{name} is not installed (Debian: apt-get install {package})"
        if ALL_PROGRAMS in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return found
