"""The commands `publish`, which is also called `upload`, and `fetch`, which collects what to publish."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import click

import bucketwheel
from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["fetch", "publish", "upload"]


@click.command()
@click.argument("paths", metavar="[FILE|DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--skip-existing", is_flag=True, help="Skip files that exist with other bytes: existing=skip.")
@click.option("--strict", is_flag=True, help="Refuse files that exist, even with the same bytes: existing=refuse.")
@takes(
    "existing",
    "single-writer",
    "dry-run",
    "no-create",
    "jobs",
    "put-args",
    "sign",
    "identity",
    "sign-with",
    "signatures",
    "signers",
    "attestation-publishers",
    "uploaded-by",
    repository="Where to publish",
)
def publish(invocation: Invocation, paths: tuple[Path, ...], *, skip_existing: bool, strict: bool) -> None:
    """Publish wheels and sdists; also called upload.

    Without FILE or DIR it publishes the project's build directory: dist/, unless [tool.hatch.build] names another.
    All files are checked before the first is sent, and the files of one project become visible together. A file that
    exists with the same bytes is left as it is; nothing is ever overwritten.
    """
    chosen = [value for value, given in (("skip", skip_existing), ("refuse", strict)) if given]
    if len(chosen) > 1 or (chosen and invocation.settings["existing"] is not None):
        raise click.UsageError("choose one of --skip-existing, --strict and --existing.")
    if chosen:
        invocation = invocation.having(existing=chosen[0])
    with invocation.begin() as (settings, report):
        files = paths or (_build_directory(),)
        publication = bucketwheel.publish(files, settings, report=report)
    invocation.answer(publication)


upload = copy(publish)
upload.name, upload.hidden = "upload", True


@click.command()
@click.argument("project")
@click.option("--version", metavar="V", help="Only this version; without it all versions.")
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to put the files.  [default: the build directory]",
)
@takes("artifact-indexes", "jobs", repository="The repository whose profile, region and endpoint to use")
def fetch(invocation: Invocation, project: str, version: str | None, into: Path | None) -> None:
    """Fetch a project's wheels and sdists from where CI left them.

    A source is a page of links, an index like PyPI's, s3://bucket/prefix or a directory. A file appears under its name
    only when it is complete and verified. A file that exists with the right digest is not fetched again.
    """
    with invocation.begin(required=()) as (settings, report):
        if not settings.artifact_indexes:
            raise Misconfigured(_NO_SOURCES)
        files = bucketwheel.fetch(
            project,
            version=version,
            sources=settings.artifact_indexes,
            into=into or _build_directory(),
            connection=settings.connection,
            jobs=settings.jobs,
            report=report,
        )
    invocation.answer(files)


_NO_SOURCES = Problem(
    subject="artifact-indexes",
    what="is missing",
    remedy='name the sources by --from URL, BUCKETWHEEL_ARTIFACT_INDEXES, or artifact-indexes = ["https://..."] in '
    "[tool.bucketwheel] of pyproject.toml",
)


def _build_directory() -> Path:
    from bucketwheel.frontends.build_directory import default_directory  # noqa: PLC0415 - --help does not need it

    return default_directory()
