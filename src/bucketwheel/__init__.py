"""Publish Python distributions to an index that is nothing but objects in S3, or files in a directory.

Each verb takes `Settings` (see `load_settings`) and reports what happens to a callable. Errors derive from
`BucketwheelError`; what a user did wrong, what the world did, and what is unfinished are classes of their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bucketwheel.commands.adopt.command import Adopted, adopt
    from bucketwheel.commands.check.command import Checked, check
    from bucketwheel.commands.check.findings import Finding
    from bucketwheel.commands.compatibility import Comparison, Interpreter
    from bucketwheel.commands.delete import Deletion, delete
    from bucketwheel.commands.fetch import Fetched, fetch
    from bucketwheel.commands.init import Initialised, initialise
    from bucketwheel.commands.promote import Promotion, promote
    from bucketwheel.commands.prune import Pruning, prune
    from bucketwheel.commands.prune_orphans import OrphansPruned, prune_orphans
    from bucketwheel.commands.publish import Publication, publish
    from bucketwheel.commands.reindex import Reindexed, reindex
    from bucketwheel.commands.retention import KeepNewest, KeepYounger
    from bucketwheel.commands.show import Shown, show, this_interpreter
    from bucketwheel.commands.status import ProjectStatus, read_status, set_status
    from bucketwheel.commands.yank import Withdrawal, unyank, yank
    from bucketwheel.config.layers import load_settings
    from bucketwheel.config.resolution import Settings
    from bucketwheel.errors import BucketwheelError, Damaged, Misconfigured, Refused, Unavailable, Unfinished
    from bucketwheel.format.manifest import Manifest, PublishedFile, Status
    from bucketwheel.format.pages.simple import render_simple_html, render_simple_json
    from bucketwheel.sources.index_page import IndexPage, UnreadablePage
    from bucketwheel.sources.pages import read_index

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
    "commands.check.findings": ("Finding",),
    "sources.index_page": ("IndexPage", "UnreadablePage"),
    "sources.pages": ("read_index",),
    "commands.compatibility": ("Comparison", "Interpreter"),
    "format.manifest": ("Manifest", "PublishedFile", "Status"),
    "format.pages.simple": ("render_simple_html", "render_simple_json"),
    "commands.adopt.command": ("Adopted", "adopt"),
    "commands.check.command": ("Checked", "check"),
    "commands.promote": ("Promotion", "promote"),
    "commands.show": ("Shown", "show", "this_interpreter"),
    "errors": ("BucketwheelError", "Damaged", "Misconfigured", "Refused", "Unavailable", "Unfinished"),
    "commands.retention": ("KeepNewest", "KeepYounger"),
    "commands.delete": ("Deletion", "delete"),
    "commands.prune": ("Pruning", "prune"),
    "commands.prune_orphans": ("OrphansPruned", "prune_orphans"),
    "commands.status": ("ProjectStatus", "read_status", "set_status"),
    "commands.fetch": ("Fetched", "fetch"),
    "commands.init": ("Initialised", "initialise"),
    "config.layers": ("load_settings",),
    "commands.publish": ("Publication", "publish"),
    "commands.reindex": ("Reindexed", "reindex"),
    "config.resolution": ("Settings",),
    "commands.yank": ("Withdrawal", "unyank", "yank"),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: `bucketwheel --help` and hatchling's builds pay for nothing else."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bucketwheel.{home}"), name)
    raise AttributeError(f"module 'bucketwheel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
