"""Where a project's builds lie, when nobody says which files to publish."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bucketwheel.config.layers import find_pyproject
from bucketwheel.errors import Misconfigured, Problem

__all__ = ["build_directory", "default_directory"]

_DEFAULT = "dist"


def build_directory(root: Path) -> Path:
    """Name the directory that builds go to: Hatch's setting, else `dist`, as every build tool has it.

    https://hatch.pypa.io/latest/config/build/#output-directory; tables of a `hatch.toml` stand above those of
    pyproject.toml. Raises Misconfigured for a setting that is no path.
    """
    for name, tables in (("hatch.toml", ("build",)), ("pyproject.toml", ("tool", "hatch", "build"))):
        table: object = _read(root / name)
        for key in tables:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            return root / _directory(table, ".".join((*tables, "directory")), name)
    return root / _DEFAULT


def default_directory() -> Path:
    """Name the build directory of the project around the current directory, written from there where that is shorter.

    Raises Misconfigured for a setting of Hatch's that is no path.
    """
    here = Path.cwd()
    pyproject = find_pyproject(here)
    directory = build_directory(here if pyproject is None else pyproject.parent)
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(
            Problem(subject=path.name, what="cannot be read as TOML", remedy="mend the file, or name what to publish")
        ) from error


def _directory(table: dict[str, object], path: str, name: str) -> str:
    directory = table.get("directory", _DEFAULT)
    if not isinstance(directory, str) or not directory:
        raise Misconfigured(
            Problem(subject=f"{path} in {name}", what="is not a directory's name", remedy='write it as "dist"')
        )
    return directory
