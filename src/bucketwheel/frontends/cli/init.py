"""The repository itself: make it, and see what is in it."""

from __future__ import annotations

from dataclasses import replace

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, Release, pairs, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["init", "show"]


@click.command()
@click.argument("url", metavar="[URL]", required=False)
@click.option(
    "--set", "changes", metavar="KEY=VALUE", multiple=True, callback=pairs, help="A setting to be kept there."
)
@click.option("--create-bucket", is_flag=True, help="Make the bucket first, if it is not there.")
@click.option("--adopt", is_flag=True, help="Make it where files lie already; `reindex --adopt` takes them in.")
@takes("single-writer", "put-args")
def init(invocation: Invocation, *, url: str | None, changes: dict[str, str], create_bucket: bool, adopt: bool) -> None:
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
        from bucketwheel.frontends.cli.json import initialised  # noqa: PLC0415 - --help pays for none of it

        outcome = bucketwheel.initialise(
            settings, changes=changes, with_bucket=create_bucket, adopt=adopt, report=report
        )
        return initialised(outcome)

    perform(invocation, work)


@click.command()
@click.argument("release", metavar="[PROJECT[==VERSION]]", required=False, callback=Release.parse)
@click.option("--installed", is_flag=True, help="Compare with what is installed in this interpreter.")
@takes("jobs")
def show(invocation: Invocation, release: Release | None, *, installed: bool) -> None:
    """Show what a repository holds.

    All projects, one line each; or the files of a project or version. With --json all that is known of each file. With
    --installed, what this interpreter has of them, the newest version that fits it, and whether that is an upgrade.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli import show_answers  # noqa: PLC0415 - --help pays for none of it

        found = bucketwheel.show(
            settings,
            project=None if release is None else release.project,
            version=None if release is None else release.version,
            interpreter=bucketwheel.this_interpreter() if installed else None,
            report=report,
        )
        if installed:
            return show_answers.compared(found)
        return show_answers.shown_repository(found) if release is None else show_answers.shown_project(found)

    perform(invocation, work)
