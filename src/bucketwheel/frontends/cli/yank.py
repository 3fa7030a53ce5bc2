"""The commands `yank` and `unyank`, `hide` and `unhide`."""

from __future__ import annotations

from collections.abc import Callable

import click

import bucketwheel
from bucketwheel.frontends.cli.options import pinned, takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["hide", "unhide", "unyank", "yank"]


def _takes_release(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and settings of a change to a release."""
    command = takes("single-writer", "dry-run", "jobs", repository="The repository of the release")(command)
    command = click.argument("filenames", metavar="[FILENAME]...", nargs=-1)(command)
    return click.argument("release", metavar="PROJECT==VERSION", type=pinned)(command)


@click.command()
@click.option("--reason", required=True, metavar="TEXT", help="Why; installers show it.")
@_takes_release
def yank(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...], reason: str) -> None:
    """Make installers ignore a bad release.

    It yanks a version, or only some of its files: they are installed only if pinned exactly (PEP 592). No file is
    removed, and `unyank` takes it back.
    """
    with invocation.begin() as (settings, report):
        yanked = bucketwheel.yank(*release, settings, reason=reason, filenames=filenames, report=report)
    invocation.answer(yanked, verb="yank")


@click.command()
@_takes_release
def unyank(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...]) -> None:
    """Take back the yank of a version, or of some of its files."""
    with invocation.begin() as (settings, report):
        unyanked = bucketwheel.unyank(*release, settings, filenames=filenames, report=report)
    invocation.answer(unyanked, verb="unyank")


@click.command()
@_takes_release
def hide(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...]) -> None:
    """Take a version, or some of its files, off the pages.

    Installers do not find hidden files, not even exact pins. The objects stay, and `unhide` brings them back.
    """
    with invocation.begin() as (settings, report):
        hidden = bucketwheel.hide(*release, settings, filenames=filenames, report=report)
    invocation.answer(hidden, verb="hide")


@click.command()
@_takes_release
def unhide(invocation: Invocation, release: tuple[str, str], filenames: tuple[str, ...]) -> None:
    """Bring hidden files of a version back to the pages."""
    with invocation.begin() as (settings, report):
        unhidden = bucketwheel.unhide(*release, settings, filenames=filenames, report=report)
    invocation.answer(unhidden, verb="unhide")
