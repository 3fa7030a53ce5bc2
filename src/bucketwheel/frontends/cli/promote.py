"""The way on: from the repository that CI fills to the one that people install from."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.events import Report, Warned
from bucketwheel.frontends.cli.options import Invocation, Release, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["promote"]


def _pinned(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    releases = [Release.parse(context, parameter, text) for text in texts]
    pinned = [(each.project, each.version) for each in releases if each is not None and each.version is not None]
    if len(pinned) < len(texts):
        raise click.BadParameter("write PROJECT==VERSION")
    return tuple(pinned)


@click.command()
@click.argument("releases", metavar="PROJECT==VERSION...", nargs=-1, required=True, callback=_pinned)
@click.option("--to", "target", required=True, metavar="PLACE|NAME", help="The repository to promote to.")
@click.option("--no-create", is_flag=True, help="Refuse to make a new repository: for CI, where it is a typing error.")
@takes("single-writer", "dry-run", "jobs", "put-args", "uploaded-by")
def promote(invocation: Invocation, releases: tuple[tuple[str, str], ...], *, target: str, no_create: bool) -> None:
    """Promote releases to another repository.

    Each release's files, with their metadata, signatures, attestations and yanks, become a release there, with the
    time of their arrival; within one S3 the bytes do not pass through here. The target is named as by -r, and reached
    by its own settings; options such as --profile count for both. What is there already with the same bytes is done.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.promotion_answer import promoted  # noqa: PLC0415 - --help pays for none of it

        options = {**invocation.settings, "repository": target}
        into = bucketwheel.load_settings(options=options, required=("repository",))
        for warning in into.warnings:
            report(Warned(message=warning))
        return promoted(bucketwheel.promote(releases, settings, into, create_repository=not no_create, report=report))

    perform(invocation, work)
