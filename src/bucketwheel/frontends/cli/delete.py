"""The way out: delete for ever, let go of what is old, and mark a project as what it has become."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, Release, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["delete", "prune", "status"]

_AGE = re.compile(r"(\d{1,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _age(_context: click.Context, _parameter: click.Parameter, text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _AGE.fullmatch(text)
    if match is None:
        raise click.BadParameter("write a number of hours, days or weeks: 24h, 30d, 8w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command()
@click.argument("release", metavar="PROJECT[==VERSION]", callback=Release.parse)
@click.argument("filenames", metavar="[FILENAME]...", nargs=-1)
@click.option("--now", "at_once", is_flag=True, help="Remove the objects at once, though caches may keep old pages.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@takes("single-writer", "dry-run", "jobs")
def delete(invocation: Invocation, release: Release, filenames: tuple[str, ...], *, at_once: bool, yes: bool) -> None:
    """Delete a project, a version or files, for ever.

    Names that were deleted are never used again, for no bytes; the project itself stays, with an empty page. Think of
    `yank` first: pins keep working then. What an interrupted delete left is finished by the next one.
    """
    if filenames and release.version is None:
        raise click.UsageError("write PROJECT==VERSION to delete some files of a version.")
    confirmed = filenames

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.removal_answers import deleted  # noqa: PLC0415 - --help pays for none of it

        nonlocal confirmed
        deletion = bucketwheel.delete(
            release.project,
            settings,
            version=release.version,
            filenames=confirmed,
            at_once=at_once,
            report=report,
        )
        confirmed = confirmed or deletion.deleted  # what is published while somebody is asked is not deleted with it
        return deleted(deletion)

    perform(invocation, work, question=None if yes else "Delete this for ever?")


@click.command()
@click.argument("patterns", metavar="PATTERN...", nargs=-1, required=True)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N versions of each set of tags.")
@click.option("--older-than", metavar="AGE", callback=_age, help="Delete what is older than 24h, 30d, 8w.")
@click.option("--orphans", is_flag=True, help="Remove what killed runs left; older than 24h unless said otherwise.")
@click.option(
    "--per", type=click.Choice(["tags", "version"]), default="tags", help="Let whole versions go or stay: version."
)
@click.option("--all-releases", is_flag=True, help="Final releases too, not only pre-releases and dev releases.")
@click.option("--hide", is_flag=True, help="Only take files off the pages; their objects stay.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is changed.")
@takes("single-writer", "dry-run", "jobs")
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
    """Let go of old files, or of what killed runs left.

    PATTERN names projects as a shell would files: 'torch*'. With --keep each set of wheel tags keeps its newest N
    versions, so that a platform whose CI is red keeps its last builds; with --per version a version stays whole as
    long as any of its files does. Shows what would go, and does it with --yes. With --orphans in a directory look
    twice: nothing tells there who put a file.
    """
    if orphans and (keep is not None or per == "version" or all_releases or hide):
        raise click.UsageError("--orphans goes with --older-than only.")
    retention = None if orphans else _retention(keep, older_than)
    if not yes:
        invocation = replace(invocation, settings={**invocation.settings, "dry_run": True})

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli import removal_answers  # noqa: PLC0415 - --help pays for none of it

        if retention is None:
            age = timedelta(hours=24) if older_than is None else older_than
            orphaned = bucketwheel.prune_orphans(patterns, settings, older_than=age, report=report)
            return removal_answers.orphans_pruned(orphaned, asked=yes)
        pruning = bucketwheel.prune(
            patterns,
            settings,
            retention=retention,
            per="version" if per == "version" else "tags",
            all_releases=all_releases,
            hide=hide,
            report=report,
        )
        return removal_answers.pruned(pruning, asked=yes)

    perform(invocation, work)


def _retention(keep: int | None, older_than: timedelta | None) -> bucketwheel.KeepNewest | bucketwheel.KeepYounger:
    if keep is not None and older_than is None:
        return bucketwheel.KeepNewest(count=keep)
    if keep is None and older_than is not None:
        return bucketwheel.KeepYounger(than=older_than)
    raise click.UsageError("choose one of --keep, --older-than and --orphans.")


@click.command()
@click.argument("project")
@click.argument("marker", metavar="[active|archived|deprecated|quarantined]", required=False)
@click.option("--reason", metavar="TEXT", help="Why; installers show it.")
@takes("single-writer", "dry-run", "jobs")
def status(invocation: Invocation, project: str, marker: str | None, reason: str | None) -> None:
    """See or set a project's status (PEP 792).

    Nothing is published to an archived or quarantined project, and a quarantined one lists no files until it is active
    again. Without a status the present one is shown.
    """
    if marker is None and reason is not None:
        raise click.UsageError("--reason goes with a status.")

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli import removal_answers  # noqa: PLC0415 - --help pays for none of it

        if marker is None:
            return removal_answers.status(bucketwheel.read_status(project, settings, report=report))
        return removal_answers.status(bucketwheel.set_status(project, marker, settings, reason=reason, report=report))

    perform(invocation, work)
