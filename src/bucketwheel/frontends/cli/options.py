"""The options that commands share: made from the settings' one table of keys, and gathered into one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, TypeVar

import click

from bucketwheel.config.keys import KEYS, SettingKey

__all__ = ["Invocation", "Release", "pairs", "takes"]


_Command = TypeVar("_Command", bound=Callable[..., object])

_EVERYWHERE = frozenset({"repository", "profile", "region", "endpoint-url", "no-sign-request"})
_OTHER_NAMES: Mapping[str, str] = {"repository": "-r", "artifact-indexes": "--from"}
_METAVARS: Mapping[str, str] = {
    "repository": "PLACE|NAME",
    "endpoint-url": "URL",
    "artifact-indexes": "URL|DIR",
    "put-args": "NAME=VALUE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a command was told about settings, and about how much to show."""

    settings: Mapping[str, object]
    """Options as they were typed, by the names of settings; None where nothing was."""
    verbosity: int
    """-1: only warnings, errors and what was asked for; from 1: each request."""
    as_json: bool


def takes(*settings: str) -> Callable[[Callable[Concatenate[Invocation, ...], None]], Callable[..., None]]:
    """Give a command the options of these settings, and those that all commands have."""
    keys = tuple(key for key in KEYS if key.name in _EVERYWHERE or key.name in settings)

    def decorate(command: Callable[Concatenate[Invocation, ...], None]) -> Callable[..., None]:
        @wraps(command)
        def invoke(*, verbose: int, quiet: bool, as_json: bool, **given: object) -> None:
            typed = {key.attribute: given.pop(key.attribute) for key in keys}
            invocation = Invocation(settings=typed, verbosity=-1 if quiet else verbose, as_json=as_json)
            command(invocation, **given)

        decorated: Callable[..., None] = invoke
        for option in reversed([*map(_setting_option, keys), *_SHOWING]):
            decorated = option(decorated)
        return decorated

    return decorate


_SHOWING = (
    click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output."),
    click.option("-v", "--verbose", count=True, help="Show each request: verb, key, status, milliseconds."),
    click.option("-q", "--quiet", is_flag=True, help="Show only the answer, warnings and errors."),
)


def _setting_option(key: SettingKey) -> Callable[[_Command], _Command]:
    names = [*filter(None, [_OTHER_NAMES.get(key.name)]), key.option, key.attribute]
    if key.shape == "flag":
        return click.option(*names, is_flag=True, default=None, help=key.meaning)
    metavar = "|".join(key.choices) or _METAVARS.get(key.name) or ("N" if key.shape == "number" else "TEXT")
    # Texts as they come: the settings judge them, all at once, together with every other layer.
    return click.option(*names, multiple=key.shape in {"list", "table"}, metavar=metavar, help=key.meaning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """PROJECT or PROJECT==VERSION as somebody typed it; whether these are names, the core judges."""

    project: str
    version: str | None

    @classmethod
    def parse(cls, _context: click.Context, _parameter: click.Parameter, text: str | None) -> Release | None:
        """Read a whole argument, as a click callback."""
        if text is None:
            return None
        project, equals, version = (part.strip() for part in text.partition("=="))
        if not project or (equals and not version):
            raise click.BadParameter("write PROJECT or PROJECT==VERSION, as for pip")
        return cls(project=project, version=version or None)


def pairs(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Read KEY=VALUE options, as a click callback; of two for one key the last counts."""
    if any(not text.partition("=")[1] for text in texts):
        raise click.BadParameter("write KEY=VALUE")
    return dict(text.partition("=")[::2] for text in texts)
