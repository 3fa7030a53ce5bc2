"""The command `delete`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import click

import bucketwheel
from bucketwheel.frontends.cli.options import release, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["delete"]


@click.command()
@click.argument("target", metavar="PROJECT[==VERSION]", type=release)
@click.argument("filenames", metavar="[FILENAME]...", nargs=-1)
@click.option("--now", "at_once", is_flag=True, help="Remove the objects now, even if caches may keep old pages.")
@click.option("--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@takes("single-writer", "dry-run", "jobs", repository="The repository to delete from")
def delete(
    invocation: Invocation, target: tuple[str, str | None], filenames: tuple[str, ...], *, at_once: bool, yes: bool
) -> None:
    """Delete a project, a version or single files permanently.

    A deleted name can never be used again. The project itself stays, with an empty page. Consider `yank` first: it
    keeps pinned installations working. Run delete again to finish an interrupted one.
    """
    project, version = target
    if filenames and version is None:
        raise click.UsageError("write PROJECT==VERSION to delete some files of a version.")
    run = partial(bucketwheel.delete, project, version=version, at_once=at_once)
    with invocation.begin() as (settings, report):
        ask = not (yes or settings.dry_run)
        trial = replace(settings, dry_run=True) if ask else settings
        deletion = run(settings=trial, filenames=filenames, report=report)
    if ask:
        invocation.confirm(deletion, "Delete permanently?")
        with invocation.reporting() as report:
            # A file that was published since the question was asked was not confirmed.
            deletion = run(settings=settings, filenames=filenames or deletion.deleted, report=report)
    invocation.answer(deletion)
