"""The command `reindex`, with `--adopt`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["reindex"]


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--adopt", is_flag=True, help="Add files that others put there, and drop files that they removed.")
@click.option("--reread", is_flag=True, help="Read every file again; keep only upload times, yanks and deletions.")
@click.option("--ours", is_flag=True, help="Also add files that bucketwheel uploaded and no page lists; with --yes.")
@click.option(
    "--trust-uploader-digests",
    is_flag=True,
    help="Believe the SHA-256 that an uploader noted with a wheel (x-amz-meta-checksum-sha256), and do not read it.",
)
@click.option("--yes", is_flag=True, help="Add new files in a directory too, which does not record who wrote them.")
@takes("single-writer", "dry-run", "jobs", repository="The repository to rebuild")
def reindex(
    invocation: Invocation,
    projects: tuple[str, ...],
    *,
    adopt: bool,
    reread: bool,
    ours: bool,
    trust_uploader_digests: bool,
    yes: bool,
) -> None:
    """Rebuild pages and root from the manifests.

    It rebuilds all projects, or those named. Pages that are up to date are not written again, and publishers need not
    wait. With --adopt it first brings the manifests up to date with the bucket: files stay where they are, bytes are
    verified, and what is unchanged costs one listing. The exit status is 1 if a person must look at some bytes.
    """
    if not adopt and (reread or ours or trust_uploader_digests or yes):
        raise click.UsageError("--reread, --ours, --trust-uploader-digests and --yes go with --adopt.")
    if not adopt:
        with invocation.begin() as (settings, report):
            reindexed = bucketwheel.reindex(settings, projects=projects, report=report)
        invocation.answer(reindexed)
        return
    with invocation.begin() as (settings, report):
        adopted = bucketwheel.adopt(
            settings,
            projects=projects,
            reread=reread,
            ours=ours,
            trust_uploader_digests=trust_uploader_digests,
            yes=yes,
            report=report,
        )
    invocation.answer(adopted, exit_code=1 if adopted.needs_a_person else 0)
