"""The way back: yank a release, and take that back."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.events import Report
from bucketwheel.frontends.cli.options import Invocation, Release, takes
from bucketwheel.frontends.cli.run import Answer, perform

__all__ = ["unyank", "yank"]


def _pinned(context: click.Context, parameter: click.Parameter, text: str) -> tuple[str, str]:
    release = Release.parse(context, parameter, text)
    if release is None or release.version is None:
        raise click.BadParameter("write PROJECT==VERSION")
    return release.project, release.version


@click.command()
@click.argument("release", metavar="PROJECT==VERSION", callback=_pinned)
@click.argument("filenames", metavar="[FILENAME]...", nargs=-1)
@click.option("--reason", required=True, metavar="TEXT", help="Why; installers show it.")
@takes("single-writer", "dry-run", "jobs")
def yank(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...], reason: str) -> None:
    """Have installers pass by a bad release.

    A version, or only some of its files: they are installed no more unless pinned exactly (PEP 592). No file is
    removed, and `unyank` takes it back.
    """
    project, version = release

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.json import yanked  # noqa: PLC0415 - --help pays for none of it

        return yanked(bucketwheel.yank(project, version, settings, reason=reason, filenames=filenames, report=report))

    perform(invocation, work)


@click.command()
@click.argument("release", metavar="PROJECT==VERSION", callback=_pinned)
@click.argument("filenames", metavar="[FILENAME]...", nargs=-1)
@takes("single-writer", "dry-run", "jobs")
def unyank(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...]) -> None:
    """Take a yank back.

    Of a version, or only of some of its files.
    """
    project, version = release

    def work(settings: bucketwheel.Settings, report: Report) -> Answer:
        from bucketwheel.frontends.cli.json import unyanked  # noqa: PLC0415 - --help pays for none of it

        return unyanked(bucketwheel.unyank(project, version, settings, filenames=filenames, report=report))

    perform(invocation, work)
