"""The repository itself: make it, see what is in it, rebuild its pages."""

from __future__ import annotations

from dataclasses import replace

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, Release, pairs, takes
from bucketwheel.frontends.cli.running import Answer, perform

__all__ = ["init", "reindex", "show"]


@click.command()
@click.argument("url", metavar="[URL]", required=False)
@click.option(
    "--set", "changes", metavar="KEY=VALUE", multiple=True, callback=pairs, help="A setting to be kept there."
)
@click.option("--create-bucket", is_flag=True, help="Make the bucket first, if it is not there.")
@takes("single-writer", "put-args")
def init(invocation: Invocation, *, url: str | None, changes: dict[str, str], create_bucket: bool) -> None:
    """Make a repository, or change its own settings.

    URL is s3://bucket/prefix, a directory, or the name of one of `repositories`; without it the configured repository
    is meant. The store is made to prove that it honours conditional writes. KEY is one of pages, simple, base-url,
    cache-control and put-args.
    """
    if url is not None:
        if invocation.settings["repository"] is not None:
            raise click.UsageError("give the repository once, as URL or by --repository.")
        invocation = replace(invocation, settings={**invocation.settings, "repository": url})

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.answers import initialised  # noqa: PLC0415 - --help pays for none of it

        return initialised(bucketwheel.initialise(settings, changes=changes, with_bucket=create_bucket, report=report))

    perform(invocation, work)


@click.command()
@click.argument("release", metavar="[PROJECT[==VERSION]]", required=False, callback=Release.parse)
@takes("jobs")
def show(invocation: Invocation, release: Release | None) -> None:
    """Show what a repository holds.

    All projects, one line each; or the files of a project or version. With --json all that is known of each file.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli import answers  # noqa: PLC0415 - --help pays for none of it

        if release is None:
            return answers.shown_repository(bucketwheel.show(settings, report=report))
        found = bucketwheel.show(settings, project=release.project, version=release.version, report=report)
        return answers.shown_project(found)

    perform(invocation, work)


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@takes("single-writer", "dry-run", "jobs")
def reindex(invocation: Invocation, projects: tuple[str, ...]) -> None:
    """Rebuild pages and root from the manifests.

    Of all projects, or of those named. What is as it should be is not written again, and publishers need not wait.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.answers import reindexed  # noqa: PLC0415 - --help pays for none of it

        return reindexed(bucketwheel.reindex(settings, projects=projects, report=report))

    perform(invocation, work)
