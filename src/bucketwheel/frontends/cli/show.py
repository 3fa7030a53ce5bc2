"""The command `show`."""

from __future__ import annotations

import sys

import click

import bucketwheel
from bucketwheel.frontends.cli.options import release, takes
from bucketwheel.frontends.cli.output import notice, terminal_width
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["show"]


@click.command()
@click.argument("wanted", metavar="[PROJECT[==VERSION]]", required=False, type=release)
@click.option("--installed", is_flag=True, help="Compare with what is installed in this interpreter.")
@takes("jobs", repository="The repository to show")
def show(invocation: Invocation, wanted: tuple[str, str | None] | None, *, installed: bool) -> None:
    """Show what a repository contains.

    It shows all projects, one line each, or the files of one project or version. With --json it shows everything that
    is recorded of each file. With --installed it compares: the version in this interpreter, the newest version that
    fits it, and whether that is an upgrade. A project whose manifest cannot be read is an error
    at the end.
    """
    project, version = wanted or (None, None)
    with invocation.begin() as (settings, report):
        interpreter = bucketwheel.this_interpreter() if installed else None
        shown = bucketwheel.show(settings, project=project, version=version, interpreter=interpreter, report=report)
    table = "installed" if installed else "projects" if project is None else "files"
    invocation.answer(shown, table=table, width=terminal_width())
    for error in shown.unreadable:
        notice(str(error), label="error: ", colour="red")
    if shown.unreadable:
        sys.exit(shown.unreadable[0].exit_code)
