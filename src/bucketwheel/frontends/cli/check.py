"""The command `check`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["check"]

_FOUND_SOMETHING = 4  # the exit status for any finding, also for a note


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--deep", is_flag=True, help="Read every file whole, and check how each object is served.")
@takes("single-writer", "jobs")
def check(invocation: Invocation, projects: tuple[str, ...], *, deep: bool) -> None:
    """Find everything that is wrong in a repository.

    It checks all projects, or those named: missing, changed and outdated files, sidecars, pages and roots, what killed
    runs and other tools left, and, if the repository has a base-url, what clients get there. Nothing is changed. Each
    finding says how to fix it. With any finding the exit status is 4.
    """
    with invocation.begin() as (settings, report):
        checked = bucketwheel.check(settings, projects=projects, deep=deep, report=report)
    invocation.answer(checked, exit_code=_FOUND_SOMETHING if checked.findings else 0)
