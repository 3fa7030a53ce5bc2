"""The command `from-list`."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.run import Invocation
from bucketwheel.frontends.collector import at_rest

__all__ = ["from_list"]


@click.command("from-list")
@click.option("--package-list", metavar="FILE|-", help="A list of files: one name a line.")
@click.option("--package-list-json", metavar="FILE|-", help="A list of files: one JSON object a line.")
@click.option(
    "--packages-url", metavar="URL", required=True, help="Where the files are; relative: to a project's page."
)
@click.option("--output-dir", metavar="DIR|s3://…", help="Where to write the index; or --repository.")
@click.option(
    "--base-url",
    metavar="URL",
    help="The public address of the index, which a directory needs for feeds and install lines.",
)
@click.option("--title", default="Python packages", show_default=True, help="The title of the pages for people.")
@click.option("--logo", metavar="URL|FILE", help="The address of a logo, or a PNG, JPEG or WebP file.")
@click.option("--logo-width", type=click.IntRange(0, 2000), default=0, metavar="N", help="Its width on the page.")
@click.option("--no-per-release-json", is_flag=True, help="Write no JSON document for each version.")
@click.option("--skip-invalid", is_flag=True, help="Warn of bad lines and write the rest.")
@click.option("--all-pages", is_flag=True, help="Look at every page: somebody may have changed or removed some.")
@click.option("--no-generate-timestamp", is_flag=True, help="Accepted for dumb-pypi's sake: no page has the time.")
@click.option("--previous-package-list", metavar="FILE", help="Accepted for dumb-pypi's sake: not needed.")
@click.option("--previous-package-list-json", metavar="FILE", help="Likewise.")
@takes("jobs", repository="Where to write the index")
def from_list(
    invocation: Invocation,
    *,
    package_list: str | None,
    package_list_json: str | None,
    packages_url: str,
    output_dir: str | None,
    base_url: str | None,
    title: str,
    logo: str | None,
    logo_width: int,
    no_per_release_json: bool,
    skip_invalid: bool,
    all_pages: bool,
    no_generate_timestamp: bool,
    previous_package_list: str | None,
    previous_package_list_json: str | None,
) -> None:
    """Make an index from a plain list of files that are elsewhere, as dumb-pypi does.

    It writes the simple index, Warehouse's JSON, pages for people, find-links.html and packages.json. Pages that did
    not change are not written, and pages that only an earlier list needed are removed. Of each JSON object these keys
    count: filename, hash, requires_dist, requires_python, core_metadata, upload_timestamp, uploaded_by, yanked_reason
    and size.
    """
    del no_generate_timestamp, previous_package_list, previous_package_list_json
    source = package_list or package_list_json
    if source is None or (package_list and package_list_json):
        raise click.UsageError("give one of --package-list and --package-list-json.")
    if output_dir is not None:
        if invocation.settings["repository"] is not None:
            raise click.UsageError("give the place once, by --output-dir or by --repository.")
        # A bare name is a directory here, as it is to dumb-pypi.
        place = output_dir if "://" in output_dir else str(Path(output_dir).absolute())
        invocation = invocation.having(repository=place)
    body = _decoded(_read(source))
    options = bucketwheel.ListOptions(
        packages_url=packages_url,
        base_url=base_url,
        title=title,
        logo=logo if logo is None or "://" in logo else Path(logo),
        logo_width=logo_width,
        per_release_json=not no_per_release_json,
        skip_invalid=skip_invalid,
        all_pages=all_pages,
    )
    # A long list stays to the end and has no cycles: looking through it for garbage takes a sixth of the time.
    with invocation.begin(required=()) as (settings, report), at_rest():
        if settings.repository is None:
            raise click.UsageError("give --output-dir, the directory or the s3://… place to write the index to.")
        index = bucketwheel.from_list(body, settings, options=options, of_json=package_list is None, report=report)
    invocation.answer(index)


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise click.UsageError(f"the list {source} cannot be read: {error.strerror}") from error


def _decoded(body: bytes) -> str:
    """Decode a list; the tools of Windows begin a text with a mark of its encoding, and some write UTF-16."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    return body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
