"""The command `prune`."""

from __future__ import annotations

import re
from datetime import timedelta

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["prune"]

_AGE = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise click.BadParameter("write a number of hours, days or weeks: 24h, 30d, 8w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command()
@click.argument("patterns", metavar="PATTERN...", nargs=-1, required=True)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N versions of each set of tags.")
@click.option("--older-than", metavar="AGE", type=_age, help="Delete what is older than 24h, 30d, 8w.")
@click.option("--orphans", is_flag=True, help="Remove what killed runs left, if older than 24h or --older-than.")
@click.option(
    "--per",
    type=click.Choice(["tags", "version"]),
    default="tags",
    show_default=True,
    help="Keep or delete whole versions: version.",
)
@click.option("--all-releases", is_flag=True, help="Final releases too, not only pre-releases and dev releases.")
@click.option("--hide", is_flag=True, help="Only take files off the pages; their objects stay.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@takes("single-writer", "dry-run", "jobs", repository="The repository to prune")
def prune(
    invocation: Invocation,
    patterns: tuple[str, ...],
    *,
    keep: int | None,
    older_than: timedelta | None,
    orphans: bool,
    per: str,
    all_releases: bool,
    hide: bool,
    yes: bool,
) -> None:
    """Delete old files, or remove what killed runs left.

    PATTERN names projects as a shell names files: 'torch*'. With --keep each set of wheel tags keeps its newest N
    versions, so a platform whose CI is red keeps its last builds. With --per version a version stays whole while any
    of its files stays. Without --yes it only shows what would be deleted. With --orphans in a directory check that
    list: a directory does not record who wrote a file.
    """
    if orphans and (keep is not None or per == "version" or all_releases or hide):
        raise click.UsageError("--orphans goes with --older-than only.")
    retention = None if orphans else _retention(keep, older_than)
    if not yes:
        invocation = invocation.having(dry_run=True)
    pruned: bucketwheel.Pruning | bucketwheel.OrphansPruned
    with invocation.begin() as (settings, report):
        if retention is None:
            age = timedelta(hours=24) if older_than is None else older_than
            pruned = bucketwheel.prune_orphans(patterns, settings, older_than=age, report=report)
        else:
            pruned = bucketwheel.prune(
                patterns,
                settings,
                retention=retention,
                per="version" if per == "version" else "tags",
                all_releases=all_releases,
                hide=hide,
                report=report,
            )
    invocation.answer(pruned, confirmed=yes)


def _retention(keep: int | None, older_than: timedelta | None) -> bucketwheel.KeepNewest | bucketwheel.KeepYounger:
    if keep is not None and older_than is None:
        return bucketwheel.KeepNewest(count=keep)
    if keep is None and older_than is not None:
        return bucketwheel.KeepYounger(than=older_than)
    raise click.UsageError("choose one of --keep, --older-than and --orphans.")
