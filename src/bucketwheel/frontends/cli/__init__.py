"""The command line.

`--help` must be fast, so these modules import only click and the table of settings until a command runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from bucketwheel.frontends.cli.check import check
from bucketwheel.frontends.cli.delete import delete
from bucketwheel.frontends.cli.from_list import from_list
from bucketwheel.frontends.cli.infra import infra
from bucketwheel.frontends.cli.init import init
from bucketwheel.frontends.cli.options import VERBOSITY
from bucketwheel.frontends.cli.output import notice
from bucketwheel.frontends.cli.promote import promote
from bucketwheel.frontends.cli.prune import prune
from bucketwheel.frontends.cli.publish import fetch, publish, upload
from bucketwheel.frontends.cli.reading import authorize, exec_, serve
from bucketwheel.frontends.cli.reindex import reindex
from bucketwheel.frontends.cli.repository import repository
from bucketwheel.frontends.cli.show import show
from bucketwheel.frontends.cli.status import status
from bucketwheel.frontends.cli.user import user
from bucketwheel.frontends.cli.yank import hide, unhide, unyank, yank

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


class _Group(click.Group):
    """The commands; wrong usage is told as every other error."""

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


for command in (
    *(
        publish,
        upload,
        fetch,
        init,
        show,
        reindex,
        yank,
        unyank,
        hide,
        unhide,
        delete,
        prune,
        status,
        check,
        promote,
        from_list,
        *(exec_, serve, authorize, repository, infra, user),
    ),
):
    cli.add_command(command)
