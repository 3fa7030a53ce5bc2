"""Rebuild what is derived, and reconcile the repository with what lies in its bucket."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["reindex"]


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--adopt", is_flag=True, help="Take in files that others put there, and miss those that they removed.")
@click.option("--reread", is_flag=True, help="Read every file anew; believe only upload times, yanks and deletions.")
@click.option("--ours", is_flag=True, help="After a loss of manifests: take in what bucketwheel itself put there too.")
@click.option("--yes", is_flag=True, help="Take new files in in a directory, where nothing tells whose they are.")
@takes("single-writer", "dry-run", "jobs")
def reindex(
    invocation: Invocation, projects: tuple[str, ...], *, adopt: bool, reread: bool, ours: bool, yes: bool
) -> None:
    """Rebuild pages and root from the manifests.

    Of all projects, or of those named. What is as it should be is not written again, and publishers need not wait.
    With --adopt the manifests are first brought to what lies in the bucket: files stay where they are, bytes are
    verified, and what is unchanged costs one listing. Exit 1 where bytes were found that a person must look at.
    """
    if not adopt and (reread or ours or yes):
        raise click.UsageError("--reread, --ours and --yes go with --adopt.")

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.adoption_answer import adopted  # noqa: PLC0415 - --help pays for none of it
        from bucketwheel.frontends.cli.json import reindexed  # noqa: PLC0415 - see above

        if not adopt:
            return reindexed(bucketwheel.reindex(settings, projects=projects, report=report))
        outcome = bucketwheel.adopt(settings, projects=projects, reread=reread, ours=ours, yes=yes, report=report)
        return adopted(outcome)

    perform(invocation, work)
