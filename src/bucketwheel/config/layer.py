"""A layer of settings: what one source says, raw, with the words to name each value by."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bucketwheel.config.keys import VARIABLE_PREFIX

__all__ = ["Layer", "environment_layer", "file_layer", "option_layer", "showable"]

_KEY = re.compile(r"[A-Za-z0-9._-]{1,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one source says. Relative directories in it start at `base`."""

    table: Mapping[str, object]
    """Raw values by their keys, as dotted TOML tables or as texts."""
    base: Path
    spelled: Callable[[str], str]
    """Names a value by its dotted keys as the user typed it: `tool.bucketwheel.jobs`, `BUCKETWHEEL_JOBS`, `--jobs`."""
    explicit: bool = False
    """Said for this run, as an option or a variable: in texts, and its connection keys count for any repository."""


def showable(key: str) -> str:
    """Show a key, but not what has the shape of none: it may be a piece of somebody's secret."""
    return key if _KEY.fullmatch(key) else "…"


def file_layer(table: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of a TOML table, in whose keys `prefix` (`tool.bucketwheel.`) comes first."""
    return Layer(table=table, base=base, spelled=lambda key: f"{prefix}{key}")


def environment_layer(environ: Mapping[str, str], *, base: Path) -> Layer:
    """Make a layer of the BUCKETWHEEL_ variables.

    An empty one is as good as none: that is how a CI service passes on what was left out. BUCKETWHEEL_TEST_ is for our
    own tests.
    """
    table = {
        variable.removeprefix(VARIABLE_PREFIX).lower().replace("_", "-"): value
        for variable, value in environ.items()
        if variable.startswith(VARIABLE_PREFIX) and not variable.startswith(f"{VARIABLE_PREFIX}TEST_") and value
    }
    return Layer(
        table=table,
        base=base,
        spelled=lambda key: VARIABLE_PREFIX + key.upper().replace("-", "_"),
        explicit=True,
    )


def option_layer(options: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of options, which `prefix` (`--`, `-o `) stands before.

    `_` is as good as `-`; None and the empty tuple, by which option parsers say "not given", are passed over.
    """
    given = {key.replace("_", "-"): value for key, value in options.items() if value is not None and value != ()}
    return Layer(table=given, base=base, spelled=lambda key: f"{prefix}{key}", explicit=True)
