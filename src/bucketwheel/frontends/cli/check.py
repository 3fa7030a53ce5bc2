"""What an operator asks now and then: is everything as it should be?"""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["check"]


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--deep", is_flag=True, help="Read every file to its end, and look at how each object is served.")
@takes("single-writer", "jobs")
def check(invocation: Invocation, projects: tuple[str, ...], *, deep: bool) -> None:
    """Find all that is not as it should be.

    Of all projects, or of those named: files, sidecars, pages and roots that are missing, changed or behind, what
    killed runs and other tools left, and, where the repository has a base-url, what clients meet there. Nothing is
    changed. Each finding says what mends it; with any finding the exit status is 4.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.check_answer import checked  # noqa: PLC0415 - --help pays for none of it

        return checked(bucketwheel.check(settings, projects=projects, deep=deep, report=report))

    perform(invocation, work)
