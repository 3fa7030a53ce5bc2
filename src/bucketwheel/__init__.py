"""Publish Python distributions to an index that is nothing but objects in S3, or files in a directory.

Each verb takes `Settings` (see `load_settings`) and reports what happens to a callable. Errors derive from
`BucketwheelError`; what a user did wrong, what the world did, and what is unfinished are classes of their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bucketwheel.errors import BucketwheelError, Damaged, Misconfigured, Refused, Unavailable, Unfinished
    from bucketwheel.layers import load_settings
    from bucketwheel.settings import Settings
    from bucketwheel.verbs.fetch import Fetched, fetch
    from bucketwheel.verbs.initialise import Initialised, initialise
    from bucketwheel.verbs.publish import Publication, publish
    from bucketwheel.verbs.reindex import Reindexed, reindex
    from bucketwheel.verbs.show import Shown, show
    from bucketwheel.verbs.withdraw import Withdrawal, unyank, yank

__all__ = [
    "BucketwheelError",
    "Damaged",
    "Fetched",
    "Initialised",
    "Misconfigured",
    "Publication",
    "Refused",
    "Reindexed",
    "Settings",
    "Shown",
    "Unavailable",
    "Unfinished",
    "Withdrawal",
    "fetch",
    "initialise",
    "load_settings",
    "publish",
    "reindex",
    "show",
    "unyank",
    "yank",
]

_HOMES = {
    "errors": ("BucketwheelError", "Damaged", "Misconfigured", "Refused", "Unavailable", "Unfinished"),
    "verbs.fetch": ("Fetched", "fetch"),
    "verbs.initialise": ("Initialised", "initialise"),
    "layers": ("load_settings",),
    "verbs.publish": ("Publication", "publish"),
    "verbs.reindex": ("Reindexed", "reindex"),
    "settings": ("Settings",),
    "verbs.show": ("Shown", "show"),
    "verbs.withdraw": ("Withdrawal", "unyank", "yank"),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: `bucketwheel --help` and hatchling's builds pay for nothing else."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bucketwheel.{home}"), name)
    raise AttributeError(f"module 'bucketwheel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
