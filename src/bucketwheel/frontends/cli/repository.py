"""The commands `repository add`, `set`, `show`, `list` and `remove`: names for repositories in the user's settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from bucketwheel.config.keys import CONNECTION_KEYS
from bucketwheel.frontends.cli.output import write_answer
from bucketwheel.frontends.cli.run import errors_told

if TYPE_CHECKING:
    from bucketwheel.config.user_file import NamedRepository, UserFile

__all__ = ["repository"]

_Command = TypeVar("_Command", bound=Callable[..., object])

_JSON = click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")
_DEFAULT = click.option("--default", is_flag=True, help="Use it where nothing else names a repository.")


@click.group()
def repository() -> None:
    """Give repositories names, in the user's own config.toml.

    A name stands for a URL and its connection: `bucketwheel show -r NAME`. The file is
    $XDG_CONFIG_HOME/bucketwheel/config.toml, by default below ~/.config; its comments stay.
    """


def _connection(command: _Command) -> _Command:
    for key in reversed(CONNECTION_KEYS):
        if key.shape == "flag":
            names = f"{key.option}/--{key.name.removeprefix('no-')}"
            command = click.option(names, key.attribute, default=None, help=key.meaning)(command)
        else:
            command = click.option(key.option, metavar="TEXT", help=key.meaning)(command)
    return command


@repository.command()
@click.argument("name")
@click.argument("url")
@_connection
@_DEFAULT
@_JSON
def add(*, name: str, url: str, default: bool, as_json: bool, **connection: str | bool | None) -> None:
    """Add a repository; a name that exists is refused."""
    with _user_file(as_json=as_json) as file:
        _answer(file.add(name, _given(url=url, **connection), default=default), as_json=as_json)


@repository.command(name="set")
@click.argument("name")
@click.option("--url", metavar="URL", help="Where the repository is: s3://bucket/prefix or a directory.")
@_connection
@_DEFAULT
@_JSON
def set_(*, name: str, default: bool, as_json: bool, **given: str | bool | None) -> None:
    """Change what is given of a repository; the rest stays."""
    with _user_file(as_json=as_json) as file:
        _answer(file.change(name, _given(**given), default=default), as_json=as_json)


@repository.command()
@click.argument("name")
@_JSON
def show(*, name: str, as_json: bool) -> None:
    """Show one repository; exits with 1 if there is none of this name."""
    with _user_file(as_json=as_json) as file:
        _answer(file.repository(name), as_json=as_json)


@repository.command(name="list")
@_JSON
def list_(*, as_json: bool) -> None:
    """List all names, and which is the default."""
    with _user_file(as_json=as_json) as file:
        found = file.repositories()
        if as_json:
            write_answer(json.dumps({"repositories": [_document(each) for each in found]}, indent=2))
        else:
            lines = (f"{each.name}  {each.table.get('url', '')}{'  (default)' * each.default}" for each in found)
            write_answer("\n".join(lines) or f"{file} names no repository")


@repository.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Remove it even if it is the default.")
@_JSON
def remove(*, name: str, yes: bool, as_json: bool) -> None:
    """Remove a name; the repository itself stays as it is."""
    with _user_file(as_json=as_json) as file:
        removed = file.remove(name, confirmed=yes)
        write_answer(json.dumps({"removed": removed.name}) if as_json else f"removed {removed.name} from {file}")


@contextmanager
def _user_file(*, as_json: bool) -> Iterator[UserFile]:
    with errors_told(as_json=as_json):
        from bucketwheel.config.user_file import open_user_file  # noqa: PLC0415 - --help does not need it

        yield open_user_file()


def _given(**options: str | bool | None) -> dict[str, str | bool]:
    return {name.replace("_", "-"): value for name, value in options.items() if value is not None}


def _answer(found: NamedRepository, *, as_json: bool) -> None:
    if as_json:
        write_answer(json.dumps(_document(found), indent=2))
        return
    from bucketwheel.names import printable  # noqa: PLC0415 - --help does not need it

    values = ((key, value if isinstance(value, str) else str(value).lower()) for key, value in found.table.items())
    lines = (f"{key}: {printable(value)}" for key, value in values)
    write_answer("\n".join([f"{found.name}{' (default)' * found.default}", *lines]))


def _document(found: NamedRepository) -> dict[str, object]:
    return {"name": found.name, **found.table, "default": found.default}
