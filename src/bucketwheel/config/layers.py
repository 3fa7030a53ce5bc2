"""Layers of settings: read from options, the environment, the project's pyproject.toml and the user's own file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from configparser import Error as ConfigError
from configparser import RawConfigParser
from functools import partial
from pathlib import Path

from bucketwheel.config.keys import UPLOAD_TOKEN, VARIABLE_PREFIX
from bucketwheel.config.resolution import Settings, resolve
from bucketwheel.config.values import Layer, holds_secret, without_secret
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import printable

__all__ = [
    "environment_layer",
    "file_layer",
    "find_pyproject",
    "load_settings",
    "option_layer",
    "project_layers",
    "user_config",
    "wheelhouse_uploader_indexes",
]


def load_settings(
    start: Path | None = None,
    *,
    options: Mapping[str, object] | None = None,
    option_prefix: str = "--",
    hatch_table: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    required: Collection[str] = (),
) -> Settings:
    """Read every layer and resolve them; raises Misconfigured with every problem at once.

    The search for pyproject.toml begins at `start`, by default the current directory. `options` are named as the
    settings, `dry_run` or `dry-run`; messages put `option_prefix` before them. `hatch_table` is the `[publish.s3]` of
    Hatch's own config.toml. `required` are the settings that must not be missing.
    """
    here = Path.cwd()
    start = here if start is None else here / start
    variables = os.environ if environ is None else environ
    problems: list[Problem] = []
    project = _collect(problems, partial(project_layers, start))
    user = _collect(problems, partial(_user_layers, user_config(variables)))
    if problems:
        raise Misconfigured(*problems)
    layers = (
        option_layer(options or {}, prefix=option_prefix, base=here),
        environment_layer(variables, base=here),
        *project,
        _hatch_layer(hatch_table or {}, prefix="Hatch's config.toml: publish.s3.", base=start),
        *user,
    )
    return resolve(layers, required=required, pyproject=find_pyproject(start))


def option_layer(options: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of options, which users write after a prefix (`--`, `-o `).

    `_` counts as `-`. None and the empty tuple, by which option parsers say "not given", are left out.
    """
    given = {key.replace("_", "-"): value for key, value in options.items() if value is not None and value != ()}
    return Layer(table=given, base=base, spelled=lambda key: f"{prefix}{key}", explicit=True)


def environment_layer(environ: Mapping[str, str], *, base: Path) -> Layer:
    """Make a layer of the BUCKETWHEEL_ variables.

    An empty one counts as not set, because CI services pass on omitted values so. BUCKETWHEEL_TEST_ is for our tests,
    and the upload token is for `serve`, which takes it by itself.
    """
    table = {
        variable.removeprefix(VARIABLE_PREFIX).lower().replace("_", "-"): value
        for variable, value in environ.items()
        if variable.startswith(VARIABLE_PREFIX)
        and not variable.startswith(f"{VARIABLE_PREFIX}TEST_")
        and variable != UPLOAD_TOKEN
        and value
    }
    return Layer(
        table=table, base=base, spelled=lambda key: VARIABLE_PREFIX + key.upper().replace("-", "_"), explicit=True
    )


def file_layer(table: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    """Make a layer of a TOML table, whose keys users write after a prefix (`tool.bucketwheel.`)."""
    return Layer(table=table, base=base, spelled=lambda key: f"{prefix}{key}")


def project_layers(start: Path) -> tuple[Layer, ...]:
    """Read `[tool.hatch.publish.s3]` and `[tool.bucketwheel]` of the project around `start`; none without a project.

    Raises Misconfigured for a file that cannot be read, with the line where it is not TOML.
    """
    path = find_pyproject(start)
    if path is None:
        return ()
    document = _read_toml(path)
    problems: list[Problem] = []
    hatch_toml = path.with_name("hatch.toml")
    hatch_document = _read_toml(hatch_toml) if hatch_toml.is_file() else {}
    if "publish" in hatch_document:  # Hatch uses each table of hatch.toml instead of pyproject.toml's, whole
        hatch, prefix = _table(hatch_document, "publish.s3", problems), "hatch.toml: publish.s3."
    else:
        hatch, prefix = _table(document, "tool.hatch.publish.s3", problems), "tool.hatch.publish.s3."
    own = _table(document, "tool.bucketwheel", problems)
    if problems:
        raise Misconfigured(*dict.fromkeys(problems))
    return (
        _hatch_layer(hatch, prefix=prefix, base=path.parent),
        file_layer(own, prefix="tool.bucketwheel.", base=path.parent),
    )


def find_pyproject(start: Path) -> Path | None:
    """Find the nearest pyproject.toml, from a directory upwards, as Hatch does; it marks the project's root."""
    candidates = (directory / "pyproject.toml" for directory in (start, *start.parents))
    return next((path for path in candidates if path.is_file()), None)


def user_config(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the path of the user's own settings, which may not exist; None where the system names no home.

    A relative XDG_CONFIG_HOME does not count (https://specifications.freedesktop.org/basedir-spec/latest/).
    """
    if platform == "win32":
        home = environ.get("APPDATA")
        return Path(home, "bucketwheel", "config.toml") if home else None
    configured = environ.get("XDG_CONFIG_HOME", "")
    if Path(configured).is_absolute():
        return Path(configured, "bucketwheel", "config.toml")
    home = environ.get("HOME")
    return Path(home, ".config", "bucketwheel", "config.toml") if home else None


def wheelhouse_uploader_indexes(root: Path) -> tuple[str, ...]:
    """Read the indexes of wheelhouse-uploader in setup.cfg, as `artifact-indexes` to be shown and pasted.

    A password or token in one becomes `${VAR}`. The result is only a hint, so a file that cannot be read is no error.
    """
    parser = RawConfigParser(strict=False)
    try:
        parser.read_string((root / "setup.cfg").read_text(encoding="utf-8"))
    except (OSError, ValueError, ConfigError):
        return ()
    lines = parser.get("wheelhouse_uploader", "artifact_indexes", fallback="").split()
    return tuple(without_secret(line) if holds_secret(line) else line for line in lines)


def _collect(problems: list[Problem], read: Callable[[], tuple[Layer, ...]]) -> tuple[Layer, ...]:
    try:
        return read()
    except Misconfigured as error:
        problems.extend(error.problems)
        return ()


def _hatch_layer(table: Mapping[str, object], *, prefix: str, base: Path) -> Layer:
    # `disable` is Hatch's own key, by which it asks before it publishes.
    return file_layer({key: value for key, value in table.items() if key != "disable"}, prefix=prefix, base=base)


def _user_layers(path: Path | None) -> tuple[Layer, ...]:
    if path is None or not path.is_file():
        return ()
    return (file_layer(_read_toml(path), prefix=f"{printable(str(path))}: ", base=path.parent),)


def _table(document: Mapping[str, object], path: str, problems: list[Problem]) -> Mapping[str, object]:
    """Follow a dotted path of tables; one that is absent is empty."""
    table = document
    walked = ""
    for key in path.split("."):
        walked = f"{walked}.{key}".lstrip(".")
        found = table.get(key, {})
        if not isinstance(found, Mapping):
            problems.append(Problem(subject=walked, what="is not a table", remedy="write it as one"))
            return {}
        table = found
    return table


def _read_toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        what, remedy = f"cannot be read ({error.strerror})", "make it readable"
    except UnicodeDecodeError:
        what, remedy = "is not UTF-8, as TOML must be", "save it as UTF-8"
    except RecursionError:
        what, remedy = "is nested too deeply", "make it simpler"
    except ValueError as error:
        what, remedy = f"is not TOML: {printable(str(error))}", "fix that line"
    raise Misconfigured(Problem(subject=printable(str(path)), what=what, remedy=remedy))
