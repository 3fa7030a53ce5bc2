"""The way in: publish distributions, and fetch what CI left."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path

import click

import bucketwheel
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["fetch", "publish", "upload"]


@click.command()
@click.argument("paths", metavar="[FILE|DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--skip-existing", is_flag=True, help="Leave what is published with other bytes as it is: existing=skip.")
@click.option("--strict", is_flag=True, help="Refuse whatever is there already, same bytes too: existing=refuse.")
@click.option("--no-create", is_flag=True, help="Refuse to make a new repository: for CI, where it is a typing error.")
@takes("existing", "single-writer", "dry-run", "jobs", "put-args", "uploaded-by")
def publish(
    invocation: Invocation, paths: tuple[Path, ...], *, skip_existing: bool, strict: bool, no_create: bool
) -> None:
    """Publish wheels and sdists; also called upload.

    Without FILE or DIR it publishes what lies in the project's build directory, which is dist/ unless
    [tool.hatch.build] says otherwise. All files are judged before the first is sent, and those of one project become
    visible at once. What is there already with the same bytes is done; nothing is ever overwritten.
    """
    chosen = _chosen(invocation, skip_existing=skip_existing, strict=strict)

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.build_directory import default_directory  # noqa: PLC0415 - see above
        from bucketwheel.frontends.cli.json import published  # noqa: PLC0415 - --help pays for none of it

        files = paths or (default_directory(),)
        return published(bucketwheel.publish(files, settings, create_repository=not no_create, report=report))

    perform(chosen, work)


upload = copy(publish)
upload.name, upload.hidden = "upload", True


def _chosen(invocation: Invocation, *, skip_existing: bool, strict: bool) -> Invocation:
    """Put --skip-existing and --strict in the place of what they stand for."""
    short = [value for value, given in (("skip", skip_existing), ("refuse", strict)) if given]
    if len(short) > 1 or (short and invocation.settings["existing"] is not None):
        raise click.UsageError("choose one of --skip-existing, --strict and --existing.")
    return replace(invocation, settings={**invocation.settings, "existing": short[0]}) if short else invocation


@click.command()
@click.argument("project")
@click.option("--version", metavar="V", help="Only this version; without it all there are.")
@click.option(
    "--into", metavar="DIR", type=click.Path(path_type=Path), help="Where to put the files; the build directory."
)
@takes("artifact-indexes", "jobs")
def fetch(invocation: Invocation, project: str, version: str | None, into: Path | None) -> None:
    """Fetch a project's wheels and sdists from where CI left them.

    A place to look through is a page of links, an index as PyPI's, s3://bucket/prefix or a directory. Each file gets
    its name only when it is whole and right; what is there already with the right digest is not fetched again.
    """

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.build_directory import default_directory  # noqa: PLC0415 - see above
        from bucketwheel.frontends.cli.json import fetched  # noqa: PLC0415 - --help pays for none of it

        if not settings.artifact_indexes:
            raise Misconfigured(_NOWHERE)
        files = bucketwheel.fetch(
            project,
            version=version,
            sources=settings.artifact_indexes,
            into=into or default_directory(),
            connection=settings.connection,
            jobs=settings.jobs,
            report=report,
        )
        return fetched(files)

    perform(invocation, work, required=())


_NOWHERE = Problem(
    subject="artifact-indexes",
    what="is missing",
    remedy='say where to look by --from URL, BUCKETWHEEL_ARTIFACT_INDEXES, or artifact-indexes = ["https://..."] in '
    "[tool.bucketwheel] of pyproject.toml",
)
