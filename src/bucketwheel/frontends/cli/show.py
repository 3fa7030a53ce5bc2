"""The command `show`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import Release, release, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["show"]


@click.command()
@click.argument("release", metavar="[PROJECT[==VERSION]]", required=False, type=release)
@click.option("--installed", is_flag=True, help="Compare with what is installed in this interpreter.")
@takes("jobs")
def show(invocation: Invocation, release: Release | None, *, installed: bool) -> None:
    """Show what a repository contains.

    It shows all projects, one line each, or the files of one project or version. With --json it shows everything that
    is recorded of each file. With --installed it compares: the version in this interpreter, the newest version that
    fits it, and whether that is an upgrade.
    """
    with invocation.begin() as (settings, report):
        shown = bucketwheel.show(
            settings,
            project=None if release is None else release.project,
            version=None if release is None else release.version,
            interpreter=bucketwheel.this_interpreter() if installed else None,
            report=report,
        )
    invocation.answer(shown, table="installed" if installed else "projects" if release is None else "files")
