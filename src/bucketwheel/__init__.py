"""Publish Python distributions to an index that is nothing but objects in S3, or files in a directory.

Each verb takes `Settings` (see `load_settings`) and reports what happens to a callable. Errors derive from
`BucketwheelError`; what a user did wrong, what the world did, and what is unfinished are classes of their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bucketwheel.checking import Finding
    from bucketwheel.containers import IndexPage, UnreadablePage, read_index
    from bucketwheel.errors import BucketwheelError, Damaged, Misconfigured, Refused, Unavailable, Unfinished
    from bucketwheel.fitting import Comparison, Interpreter
    from bucketwheel.layers import load_settings
    from bucketwheel.manifest import Manifest, PublishedFile, Status
    from bucketwheel.pages import render_simple_html, render_simple_json
    from bucketwheel.retention import KeepNewest, KeepYounger
    from bucketwheel.settings import Settings
    from bucketwheel.verbs.adopt import Adopted, adopt
    from bucketwheel.verbs.check import Checked, check
    from bucketwheel.verbs.delete import Deletion, delete
    from bucketwheel.verbs.fetch import Fetched, fetch
    from bucketwheel.verbs.initialise import Initialised, initialise
    from bucketwheel.verbs.promote import Promotion, promote
    from bucketwheel.verbs.prune import Pruning, prune
    from bucketwheel.verbs.prune_orphans import OrphansPruned, prune_orphans
    from bucketwheel.verbs.publish import Publication, publish
    from bucketwheel.verbs.reindex import Reindexed, reindex
    from bucketwheel.verbs.show import Shown, show, this_interpreter
    from bucketwheel.verbs.status import ProjectStatus, read_status, set_status
    from bucketwheel.verbs.withdraw import Withdrawal, unyank, yank

__all__ = [
    "Adopted",
    "BucketwheelError",
    "Checked",
    "Comparison",
    "Damaged",
    "Deletion",
    "Fetched",
    "Finding",
    "IndexPage",
    "Initialised",
    "Interpreter",
    "KeepNewest",
    "KeepYounger",
    "Manifest",
    "Misconfigured",
    "OrphansPruned",
    "ProjectStatus",
    "Promotion",
    "Pruning",
    "Publication",
    "PublishedFile",
    "Refused",
    "Reindexed",
    "Settings",
    "Shown",
    "Status",
    "Unavailable",
    "Unfinished",
    "UnreadablePage",
    "Withdrawal",
    "adopt",
    "check",
    "delete",
    "fetch",
    "initialise",
    "load_settings",
    "promote",
    "prune",
    "prune_orphans",
    "publish",
    "read_index",
    "read_status",
    "reindex",
    "render_simple_html",
    "render_simple_json",
    "set_status",
    "show",
    "this_interpreter",
    "unyank",
    "yank",
]

_HOMES = {
    "checking": ("Finding",),
    "containers": ("IndexPage", "UnreadablePage", "read_index"),
    "fitting": ("Comparison", "Interpreter"),
    "manifest": ("Manifest", "PublishedFile", "Status"),
    "pages": ("render_simple_html", "render_simple_json"),
    "verbs.adopt": ("Adopted", "adopt"),
    "verbs.check": ("Checked", "check"),
    "verbs.promote": ("Promotion", "promote"),
    "verbs.show": ("Shown", "show", "this_interpreter"),
    "errors": ("BucketwheelError", "Damaged", "Misconfigured", "Refused", "Unavailable", "Unfinished"),
    "retention": ("KeepNewest", "KeepYounger"),
    "verbs.delete": ("Deletion", "delete"),
    "verbs.prune": ("Pruning", "prune"),
    "verbs.prune_orphans": ("OrphansPruned", "prune_orphans"),
    "verbs.status": ("ProjectStatus", "read_status", "set_status"),
    "verbs.fetch": ("Fetched", "fetch"),
    "verbs.initialise": ("Initialised", "initialise"),
    "layers": ("load_settings",),
    "verbs.publish": ("Publication", "publish"),
    "verbs.reindex": ("Reindexed", "reindex"),
    "settings": ("Settings",),
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
