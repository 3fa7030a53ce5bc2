"""The command line: for everything that neither Hatch nor setuptools has a verb for.

`--help` is often asked for and waits for nothing: no module here imports more than click and the table of settings
before a command runs.
"""

from __future__ import annotations

import click

from bucketwheel.frontends.cli.check import check
from bucketwheel.frontends.cli.delete import delete, prune, status
from bucketwheel.frontends.cli.init import init, show
from bucketwheel.frontends.cli.promote import promote
from bucketwheel.frontends.cli.publish import fetch, publish, upload
from bucketwheel.frontends.cli.reindex import reindex
from bucketwheel.frontends.cli.yank import unyank, yank

__all__ = ["cli"]

_EPILOG = """
Every option that is a setting can also be set in [tool.bucketwheel] of pyproject.toml, or as an environment variable,
as in BUCKETWHEEL_DRY_RUN=1.

\b
Exit status: 0 done · 1 refused or failed, nothing is committed
             2 usage or settings
             3 unfinished or unknown: the same command again finishes it
             4 check found something

With --json standard output is one JSON document, of a failure too: {"error": "...", "exit": 1}. Only wrong usage
leaves it empty.
"""


@click.group(
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "-V", "--version", package_name="bucketwheel", message="%(prog)s %(version)s")
def cli() -> None:
    """Publish Python distributions to an index that is nothing but objects in S3, or files in a directory."""


for command in (publish, upload, fetch, init, show, reindex, yank, unyank, delete, prune, status, check, promote):
    cli.add_command(command)
