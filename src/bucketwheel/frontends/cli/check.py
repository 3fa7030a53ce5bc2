"""The command `check`."""

from __future__ import annotations

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["check"]

_GRAVITIES = ("note", "warning", "error")
_FOUND_SOMETHING = 4


@click.command()
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--deep", is_flag=True, help="Read every file whole, and check how each object is served.")
@click.option(
    "--fail-on",
    type=click.Choice(_GRAVITIES),
    default="warning",
    show_default=True,
    help="Exit with 4 for findings of this gravity or a graver one.",
)
@takes(
    "single-writer",
    "jobs",
    "sign-with",
    "signatures",
    "signers",
    "attestation-publishers",
    repository="The repository to check",
)
def check(invocation: Invocation, projects: tuple[str, ...], *, deep: bool, fail_on: str) -> None:
    """Find everything that is wrong in a repository.

    It checks all projects, or those named: missing, changed and outdated files, sidecars, pages and roots, what killed
    runs and other tools left, and, if the repository has a base-url, what clients get there. Nothing is changed. Each
    finding says how to fix it.
    """
    with invocation.begin() as (settings, report):
        checked = bucketwheel.check(settings, projects=projects, deep=deep, report=report)
    failing = _GRAVITIES[_GRAVITIES.index(fail_on) :]
    failed = any(finding.gravity in failing for finding in checked.findings)
    invocation.answer(checked, exit_code=_FOUND_SOMETHING if failed else 0)
