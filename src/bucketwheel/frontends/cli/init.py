"""The command `init`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import complete, complete_repository, pairs, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["init"]


@click.command()
@click.argument("url", metavar="[URL]", required=False, shell_complete=complete_repository)
@click.option(
    "--set",
    "changes",
    metavar="KEY=VALUE",
    multiple=True,
    callback=pairs,
    help="A setting to store in the repository.",
    shell_complete=complete(
        "pages=",
        "simple=",
        "base-url=",
        "cache-control=",
        "put-args=",
        "cloudfront-distribution=",
        "title=",
        "logo=",
        "views=",
    ),
)
@click.option("--create-bucket", is_flag=True, help="Create the bucket first, if it does not exist.")
@click.option("--adopt", is_flag=True, help="Use a place that has files already; then run `reindex --adopt`.")
@takes("single-writer", "put-args", repository="The repository to create or change")
def init(invocation: Invocation, *, url: str | None, changes: dict[str, str], create_bucket: bool, adopt: bool) -> None:
    """Create a repository, or change its settings.

    URL is s3://bucket/prefix, a directory, or the name of one of `repositories`; without it the configured repository
    is used. A test write checks that the store honours conditional writes. KEY is one of pages, simple, base-url,
    cache-control, put-args, cloudfront-distribution, title, logo (a file) and views.
    """
    if url is not None:
        if invocation.settings["repository"] is not None:
            raise click.UsageError("give the repository once, as URL or by --repository.")
        invocation = invocation.having(repository=url)
    with invocation.begin() as (settings, report):
        initialised = bucketwheel.initialise(
            settings, changes=changes, with_bucket=create_bucket, adopt=adopt, report=report
        )
    invocation.answer(initialised)
