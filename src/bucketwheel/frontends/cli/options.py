"""The options and arguments that commands share. Options for settings are made from the table of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Concatenate, TypeVar

import click

from bucketwheel.config.keys import KEYS, SettingKey
from bucketwheel.frontends.cli.run import Invocation, errors_told

__all__ = ["VERBOSITY", "complete", "complete_repository", "pairs", "pinned", "release", "takes"]


_Command = TypeVar("_Command", bound=Callable[..., object])

_EVERYWHERE = frozenset({"repository", "profile", "region", "endpoint-url", "no-sign-request"})
_OTHER_NAMES: Mapping[str, str] = {"repository": "-r", "artifact-indexes": "--from"}
_METAVARS: Mapping[str, str] = {
    "repository": "PLACE|NAME",
    "endpoint-url": "URL",
    "artifact-indexes": "URL|DIR",
    "put-args": "NAME=VALUE",
}


def takes(
    *settings: str, repository: str
) -> Callable[[Callable[Concatenate[Invocation, ...], None]], Callable[..., None]]:
    """Give a command the options of these settings, and those that all commands have.

    `repository` says what this command does with the repository.
    """
    keys = tuple(key for key in KEYS if key.name in _EVERYWHERE or key.name in settings)

    def decorate(command: Callable[Concatenate[Invocation, ...], None]) -> Callable[..., None]:
        @wraps(command)
        def invoke(*, verbose: int, quiet: bool, as_json: bool, **given: object) -> None:
            typed = {key.attribute: given.pop(key.attribute) for key in keys}
            before = click.get_current_context().find_root().params  # -v and -q may come before the verb too
            verbosity = -1 if quiet or before.get("quiet") else verbose + before.get("verbose", 0)
            invocation = Invocation(settings=typed, verbosity=verbosity, as_json=as_json)
            with errors_told(as_json=as_json):
                command(invocation, **given)

        decorated: Callable[..., None] = invoke
        options = [_setting_option(key, f"{repository}: {_PLACES}") for key in keys]
        for option in reversed([*options, _JSON, *VERBOSITY]):
            decorated = option(decorated)
        return decorated

    return decorate


_PLACES = "s3://bucket/prefix, a directory such as ./repository, or the name of one of `repositories`."

_JSON = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")

VERBOSITY = (
    click.option("-v", "--verbose", count=True, help="Show each request: verb, key, status, milliseconds."),
    click.option("-q", "--quiet", is_flag=True, help="Show only the answer, warnings and errors."),
)


def _setting_option(key: SettingKey, repository: str) -> Callable[[_Command], _Command]:
    names = [*filter(None, [_OTHER_NAMES.get(key.name)]), key.option, key.attribute]
    if key.shape == "flag":
        return click.option(*names, is_flag=True, default=None, help=key.meaning)
    metavar = "|".join(key.choices) or _METAVARS.get(key.name) or ("N" if key.shape == "number" else "TEXT")
    meaning = repository if key.name == "repository" else key.meaning
    # Texts as they were typed: the settings check them, all at once, together with every other layer.
    return click.option(
        *names,
        multiple=key.shape in {"list", "table"},
        metavar=metavar,
        help=f"{meaning}  [default: {key.default}]" if key.default else meaning,
        shell_complete=complete_repository if key.name == "repository" else complete(*key.choices),
    )


def complete(*values: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a shell completion of a value that is one of these."""
    return lambda _context, _parameter, typed: [value for value in values if value.startswith(typed)]


def complete_repository(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the name of a repository of the settings."""
    from bucketwheel import BucketwheelError, load_settings  # noqa: PLC0415 - --help does not need it

    try:
        names = load_settings().repository_names
    except BucketwheelError:
        return []
    return [name for name in names if name.startswith(typed)]


def release(text: str) -> tuple[str, str | None]:
    """Read an argument PROJECT or PROJECT==VERSION; the public API checks whether these are names."""
    project, equals, version = (part.strip() for part in text.partition("=="))
    if not project or (equals and not version):
        raise click.BadParameter("write PROJECT or PROJECT==VERSION, as for pip")
    return project, version or None


def pinned(text: str) -> tuple[str, str]:
    """Read an argument PROJECT==VERSION."""
    project, version = release(text)
    if version is None:
        raise click.BadParameter("write PROJECT==VERSION")
    return project, version


def pairs(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Read KEY=VALUE options, as a click callback; of two for one key the last counts."""
    if any("=" not in text for text in texts):
        raise click.BadParameter("write KEY=VALUE")
    return dict(text.partition("=")[::2] for text in texts)
