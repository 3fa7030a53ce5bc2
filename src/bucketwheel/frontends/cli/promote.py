"""The command `promote`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import pinned, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["promote"]


@click.command()
@click.argument("releases", metavar="PROJECT==VERSION...", nargs=-1, required=True, type=pinned)
@click.option("--to", "target", required=True, metavar="PLACE|NAME", help="The repository to promote to.")
@click.option("--no-create", is_flag=True, help="Refuse to create a repository. Use it in CI, against typing errors.")
@takes("single-writer", "dry-run", "jobs", "put-args", "uploaded-by")
def promote(invocation: Invocation, releases: tuple[tuple[str, str], ...], *, target: str, no_create: bool) -> None:
    """Promote releases to another repository.

    Each release is published there with all its files, metadata, signatures, attestations and yanks, and with the
    current upload time. Within one S3 the bytes are copied by S3. The target is named as for -r and uses its own
    settings; options such as --profile count for both. Files that exist there with the same bytes are left as they are.
    """
    with invocation.begin() as (settings, report):
        into = invocation.having(repository=target).load(report)
        promotion = bucketwheel.promote(releases, settings, into, create_repository=not no_create, report=report)
    invocation.answer(promotion)
