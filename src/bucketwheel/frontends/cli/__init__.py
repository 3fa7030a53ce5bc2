"""The command line.

A command's module is imported when it is called, and imports only click and the table of settings until it runs:
`--help` must be fast, and a publish must not pay for what it does not use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from bucketwheel.frontends.cli.options import VERBOSITY
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.interrupt import interrupted

__all__ = ["cli"]

_EPILOG = """
Every option that is a setting can also be set in [tool.bucketwheel] of pyproject.toml, or as an environment variable,
as in BUCKETWHEEL_DRY_RUN=1.

\b
Exit status: 0 done · 1 refused or failed, nothing is committed
             2 wrong usage or settings
             3 unfinished or unknown: run the same command again to finish it
             4 check found something (--fail-on)

With --json standard output is one JSON document, also after a failure: {"error": "...", "exit": 1}. After wrong usage
it is empty.
"""


_COMMANDS = {
    "check": ("check",),
    "delete": ("delete",),
    "from_list": ("from-list",),
    "infra": ("infra",),
    "init": ("init",),
    "promote": ("promote",),
    "prune": ("prune",),
    "publish": ("fetch", "publish", "upload"),
    "reading": ("authorize", "exec", "serve"),
    "reindex": ("reindex",),
    "repository": ("repository",),
    "show": ("show",),
    "status": ("status",),
    "user": ("user",),
    "yank": ("hide", "unhide", "unyank", "yank"),
}
_MODULES = {name: module for module, names in _COMMANDS.items() for name in names}
"""The module that defines each command."""


class _Group(click.Group):
    """The commands; wrong usage is told as every other error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, for the help."""
        del ctx
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"{__name__}.{_MODULES[cmd_name]}")
        commands = (each for each in vars(module).values() if isinstance(each, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def make_context(self, *args: Any, **options: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the options before the verb."""
        with _usage_told():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Find the verb, read its options and run it."""
        with _usage_told():
            return super().invoke(ctx)


@contextmanager
def _usage_told() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if isinstance(error, _NO_ARGUMENTS):
            raise  # click shows the help
        if error.ctx is not None:
            notice(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n")
        notice(error.format_message(), label="error: ", colour="red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # while a command is imported; click would say "Aborted!"
        ended = interrupted(writing=False)
        notice(str(ended), label="error: ", colour="red")
        sys.exit(ended.exit_code)


# click has it from 8.2 on.
_NO_ARGUMENTS: tuple[type[Exception], ...] = tuple(filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)]))


@click.group(
    cls=_Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "-V", "--version", package_name="bucketwheel", message="%(prog)s %(version)s")
@VERBOSITY[0]
@VERBOSITY[1]
def cli(*, verbose: int, quiet: bool) -> None:
    """Publish Python distributions to an index that is nothing but objects in S3, or files in a directory."""
    del verbose, quiet  # each command reads them
