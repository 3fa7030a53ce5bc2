"""The commands `exec`, `serve` and `authorize`, by which others read a repository."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.output import notice, write_answer
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["authorize", "exec_", "serve"]

_PORT = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The port of the gateway; 0 is any that is free.  [default: computed from the repository's URL]",
)


@click.command(name="exec", context_settings={"allow_interspersed_args": False})
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--only", is_flag=True, help="Look names up in the repository only.")
@click.option(
    "--fallback", metavar="URL", help="Where to look up what the repository lacks.  [default: PyPI's simple index]"
)
@_PORT
@click.option(
    "--source",
    metavar="NAME",
    help="The name of the index in the project's files.  [default: that of the repository, else company]",
)
@takes(repository="The repository to read")
def exec_(
    invocation: Invocation,
    command: tuple[str, ...],
    *,
    only: bool,
    fallback: str | None,
    port: int | None,
    source: str | None,
) -> None:
    """Run pip, uv, poetry and others against a private repository.

    COMMAND reads it with your AWS credentials: uv signs requests itself, all others go through a gateway on this
    machine that runs as long as COMMAND. A name that the repository has never comes from elsewhere. The exit code is
    COMMAND's; 2 means that it was not started.
    """
    if only and fallback is not None:
        raise click.UsageError("choose one of --only and --fallback.")
    with invocation.begin() as (settings, report):
        code = bucketwheel.execute(
            command, settings, only=only, fallback=fallback, port=port, source=source, report=report
        )
    sys.exit(code)


_SIZE = re.compile(r"([1-9]\d{0,14})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter("write a number of bytes, or 100M, 5G")
    return int(match[1]) << 10 * " KMGT".index(match[2].upper() or " ")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen at.")
@_PORT
@click.option("--fallback", metavar="URL", help="Where to look up what the repository lacks.  [default: nowhere]")
@click.option(
    "--read-token-file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Ask for a password: one of the tokens in this file, one a line.",
)
@click.option(
    "--upload-token-file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Take uploads by twine and others, who have one of the tokens in this file, one a line.",
)
@click.option(
    "--max-file-size", type=_size, metavar="SIZE", default="5G", show_default=True, help="The largest file to take."
)
@click.option("--behind-proxy", is_flag=True, help="A proxy before it does TLS and has another name.")
@takes(
    "uploaded-by",
    "sign-with",
    "signatures",
    "signers",
    "attestation-publishers",
    repository="The repository to serve",
)
def serve(
    invocation: Invocation,
    *,
    host: str,
    port: int | None,
    fallback: str | None,
    read_token_file: Path | None,
    upload_token_file: Path | None,
    max_file_size: int,
    behind_proxy: bool,
) -> None:
    """Serve a repository as an index over HTTP, until Ctrl-C.

    It reads with your AWS credentials and writes nothing. On this machine it needs no password; at another address it
    needs --read-token-file and --behind-proxy. With --upload-token-file, or a token in BUCKETWHEEL_UPLOAD_TOKEN, it
    also takes uploads, at /legacy/.
    """

    def started(url: str) -> None:
        write_answer(json.dumps({"index-url": url}) if invocation.as_json else f"serving at {url}")

    with invocation.begin() as (settings, report):
        bucketwheel.serve(
            settings,
            host=host,
            port=port,
            fallback=fallback,
            read_token_file=read_token_file,
            upload_token_file=upload_token_file,
            max_file_size=max_file_size,
            behind_proxy=behind_proxy,
            started=started,
            report=report,
        )


_TIME = re.compile(r"(\d{1,6})\s*(m|h|d)(?:in|ins|inutes?|rs?|ours?|ays?)?", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _time(text: str) -> timedelta:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter("write a number of minutes, hours or days: 30m, 12h, 7d")
    return timedelta(**{_UNITS[match[2].lower()]: int(match[1])})


@click.command()
@click.argument("requirements", metavar="REQUIREMENT...", nargs=-1)
@click.option(
    "--requirements",
    "requirement_files",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Take the requirements of this requirements.txt too.",
)
@click.option("--expires", metavar="TIME", type=_time, default="1h", show_default=True, help="30m, 12h, up to 7d.")
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write the files.  [default: authorized]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["files", "urls"]),
    default="files",
    show_default=True,
    help="Write requirements.txt and links.html, or print plain links: urls.",
)
@click.option("--with-dependencies", is_flag=True, help="Ask pip what the requirements need, and authorise that too.")
@click.option("--fallback", metavar="URL", help="Where pip looks for dependencies that the repository lacks.")
@takes("jobs", repository="The repository to read")
def authorize(
    invocation: Invocation,
    requirements: tuple[str, ...],
    *,
    requirement_files: tuple[Path, ...],
    expires: timedelta,
    output_dir: Path | None,
    form: str,
    with_dependencies: bool,
    fallback: str | None,
) -> None:
    """Let a machine without credentials install some releases.

    It writes a directory with requirements.txt and links.html: `pip install -r DIR/requirements.txt`, or
    `uv pip install`. Its links are secrets: everyone who has them can read these files until they end. The newest
    version that fits is taken, a yanked one only if it is pinned.
    """
    if form == "urls" and output_dir is not None:
        raise click.UsageError("--format urls prints links, so it takes no -o.")
    if fallback is not None and not with_dependencies:
        raise click.UsageError("--fallback goes with --with-dependencies.")
    with invocation.begin() as (settings, report):
        authorized = bucketwheel.authorize(
            requirements,
            settings,
            requirement_files=requirement_files,
            expires=expires,
            into=None if form == "urls" else output_dir or Path("authorized"),
            with_dependencies=with_dependencies,
            fallback=fallback,
            report=report,
        )
    invocation.answer(authorized)
    if form == "urls" and not invocation.as_json:
        from bucketwheel.frontends.text import end_words  # noqa: PLC0415 - --help does not need it

        notice(end_words(authorized))
