"""The command `promote`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import complete_repository, pinned, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["promote"]


@click.command()
@click.argument("releases", metavar="PROJECT==VERSION...", nargs=-1, required=True, type=pinned)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="PLACE|NAME",
    help="The repository to promote to.",
    shell_complete=complete_repository,
)
@takes(
    "single-writer",
    "dry-run",
    "no-create",
    "jobs",
    "put-args",
    "uploaded-by",
    repository="The repository to promote from",
)
def promote(invocation: Invocation, releases: tuple[tuple[str, str], ...], *, target: str) -> None:
    """Promote releases to another repository.

    Each release is published there with all its files, metadata, signatures, attestations and yanks, and with the
    current upload time. Within one S3 the bytes are copied by S3. The target is named as for -r and uses its own
    settings; options such as --profile count for both. Files that exist there with the same bytes are left as they are.
    """
    with invocation.begin() as (settings, report):
        into = invocation.having(repository=target).load(report)
        promotion = bucketwheel.promote(releases, settings, into, report=report)
    invocation.answer(promotion)
