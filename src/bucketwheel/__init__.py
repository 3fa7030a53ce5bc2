"""Publish Python distributions to an index that is nothing but objects in S3, or files in a directory.

Each verb takes `Settings` (see `load_settings`) and reports what happens to a callable. Errors derive from
`BucketwheelError`; what a user did wrong, what the world did, and what is unfinished are classes of their own.

The public names stand in `__init__.pyi`, each with the module that it comes from.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module


@cache
def _homes() -> dict[str, str]:
    """Read the module of each public name from the stub that type checkers read (as in SPEC 1 of Scientific Python)."""
    from pkgutil import get_data  # noqa: PLC0415 - `--help` does not need it

    stub = (get_data(__name__, "__init__.pyi") or b"").decode()
    return {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \w+$", stub, re.MULTILINE)}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: `bucketwheel --help` and hatchling's builds pay for nothing else."""
    if name == "__all__":
        return sorted(_homes())
    if name in _homes():
        return getattr(import_module(_homes()[name]), name)
    raise AttributeError(f"module 'bucketwheel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_homes())
