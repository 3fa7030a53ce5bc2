"""The command `status`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import complete, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["status"]

_MARKERS = ("active", "archived", "deprecated", "quarantined")


@click.command()
@click.argument("project")
@click.argument("marker", metavar=f"[{'|'.join(_MARKERS)}]", required=False, shell_complete=complete(*_MARKERS))
@click.option("--reason", metavar="TEXT", help="Why; installers show it.")
@takes("single-writer", "dry-run", "jobs", repository="The repository of the project")
def status(invocation: Invocation, project: str, marker: str | None, reason: str | None) -> None:
    """Show or set the status of a project (PEP 792).

    An archived or quarantined project takes no new files. A quarantined project lists no files until it is active
    again. Without a status the current one is shown.
    """
    if marker is None and reason is not None:
        raise click.UsageError("--reason goes with a status.")
    with invocation.begin() as (settings, report):
        if marker is None:
            status = bucketwheel.read_status(project, settings, report=report)
        else:
            status = bucketwheel.set_status(project, marker, settings, reason=reason, report=report)
    invocation.answer(status)
