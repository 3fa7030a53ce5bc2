"""The commands `user add`, `list`, `rotate` and `remove`: who may read at the edge."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["user"]

_MOST_OF_A_TOKEN = 4096
_REPOSITORY = "The repository that the users read"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def user() -> None:
    """Change who may read an index that CloudFront asks names and tokens for (infra --basic-auth)."""


_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the token to this new file, which only you can read, and do not show it.",
)
_TOKEN = click.option("--token-stdin", is_flag=True, help="Read the token from standard input instead of making one.")


@user.command()
@click.argument("name")
@_TOKEN
@_OUTPUT
@takes(repository=_REPOSITORY)
def add(invocation: Invocation, *, name: str, token_stdin: bool, output: Path | None) -> None:
    """Let a user read, and show once what their clients need."""
    with invocation.begin() as (settings, report):
        token = _read_token() if token_stdin else None
        change = _kept(output, lambda: bucketwheel.add_user(name, settings, token=token, report=report))
    _answer(invocation, change, output)


@user.command(name="list")
@takes(repository=_REPOSITORY)
def list_(invocation: Invocation) -> None:
    """List who may read."""
    with invocation.begin() as (settings, report):
        users = bucketwheel.list_users(settings, report=report)
    invocation.answer(users)


@user.command()
@click.argument("name")
@click.option("--overlap", is_flag=True, help="Let the token before stay valid until --finish.")
@click.option("--finish", is_flag=True, help="End the older of two tokens; make none.")
@_TOKEN
@_OUTPUT
@takes(repository=_REPOSITORY)
def rotate(
    invocation: Invocation, *, name: str, overlap: bool, finish: bool, token_stdin: bool, output: Path | None
) -> None:
    """Give a user a new token."""
    if finish and (overlap or token_stdin or output is not None):
        raise click.UsageError("--finish makes no token: give it without --overlap, --token-stdin and -o.")
    with invocation.begin() as (settings, report):
        if finish:
            change = bucketwheel.finish_rotation(name, settings, report=report)
        else:
            token = _read_token() if token_stdin else None
            change = _kept(
                output,
                lambda: bucketwheel.rotate_user(name, settings, token=token, overlap=overlap, report=report),
            )
    _answer(invocation, change, output)


@user.command()
@click.argument("name")
@takes(repository=_REPOSITORY)
def remove(invocation: Invocation, *, name: str) -> None:
    """Let a user read no longer."""
    with invocation.begin() as (settings, report):
        change = bucketwheel.remove_user(name, settings, report=report)
    invocation.answer(change)


def _read_token() -> str:
    """Read one line; what is no ASCII is refused as every other token that cannot be used."""
    line: bytes = b"" if sys.stdin is None else sys.stdin.buffer.readline(_MOST_OF_A_TOKEN)
    return line.decode("ascii", "replace").rstrip("\r\n")


def _kept(output: Path | None, change: Callable[[], bucketwheel.UserChange]) -> bucketwheel.UserChange:
    """Make a change, and write its token to a file; the file is made first, so that no token is lost."""
    if output is None:
        return change()
    from bucketwheel.frontends.text import client_words  # noqa: PLC0415 - --help does not need it

    with _new_file(output) as descriptor:
        changed = change()
        text = "\n".join(client_words(changed)[1:]) + "\n"
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        except OSError as error:
            raise bucketwheel.Unfinished(
                f"{output} cannot be written ({error.strerror}), so the new token is lost; "
                f"run `bucketwheel user rotate {changed.user}` with another -o"
            ) from None
    return changed


@contextmanager
def _new_file(path: Path) -> Iterator[int]:
    """Make a file that only its owner can read, and remove it if what follows fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        what = "exists already" if isinstance(error, FileExistsError) else f"cannot be written ({error.strerror})"
        raise bucketwheel.Refused(
            bucketwheel.Problem(subject=str(path), what=what, remedy="choose another with -o")
        ) from None
    written = False
    try:
        yield descriptor
        written = True
    finally:
        os.close(descriptor)
        if not written:
            path.unlink(missing_ok=True)


def _answer(invocation: Invocation, change: bucketwheel.UserChange, output: Path | None) -> None:
    if output is None:
        invocation.answer(change)
    else:
        invocation.answer(replace(change, token="", clients={}), file=str(output))
