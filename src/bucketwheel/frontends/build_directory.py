"""The directory that a project's builds are in, for a publish that names no files."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bucketwheel.config.layers import find_pyproject
from bucketwheel.errors import Misconfigured, Problem

__all__ = ["build_directory", "default_directory", "from_here"]

_DEFAULT = "dist"


def build_directory(root: Path) -> Path:
    """Return the directory that builds go to: Hatch's setting, else `dist`, as for every build tool.

    https://hatch.pypa.io/latest/config/build/#output-directory; a table of `hatch.toml` replaces that of
    pyproject.toml. Raises Misconfigured for a setting that is no path.
    """
    for name, keys in (("hatch.toml", ("build",)), ("pyproject.toml", ("tool", "hatch", "build"))):
        table: object = _read(root / name)
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            directory = table.get("directory", _DEFAULT)
            if not isinstance(directory, str) or not directory:
                subject = f"{'.'.join(keys)}.directory in {name}"
                raise Misconfigured(
                    Problem(subject=subject, what="is not a directory name", remedy='write it as "dist"')
                )
            return root / directory
    return root / _DEFAULT


def default_directory() -> Path:
    """Return the build directory of the project around the current directory; raises as `build_directory` does."""
    pyproject = find_pyproject(Path.cwd())
    return from_here(build_directory(Path.cwd() if pyproject is None else pyproject.parent))


def from_here(path: Path) -> Path:
    """Shorten a path to one from the current directory, if it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problem = Problem(subject=path.name, what="cannot be read as TOML", remedy="fix the file")
        raise Misconfigured(problem) from error
