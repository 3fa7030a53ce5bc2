"""What some tests need of the machine: they skip without it, but where CI=true says that it is installed they fail."""

from __future__ import annotations

import os

import pytest

__all__ = ["need"]


def need(what: str, *, missing: bool) -> None:
    """Skip a test for want of this program."""
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed")
    if missing:
        pytest.skip(f"{what} is not installed")
