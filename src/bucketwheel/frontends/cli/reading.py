"""The commands `exec`, `serve` and `authorize`, by which others read a repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

import bucketwheel
from bucketwheel.frontends.cli.options import takes
from bucketwheel.frontends.cli.output import write_answer
from bucketwheel.frontends.cli.run import Invocation

__all__ = ["exec_", "serve"]

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
@click.option("--behind-proxy", is_flag=True, help="A proxy before it does TLS and has another name.")
@takes(repository="The repository to serve")
def serve(
    invocation: Invocation,
    *,
    host: str,
    port: int | None,
    fallback: str | None,
    read_token_file: Path | None,
    behind_proxy: bool,
) -> None:
    """Serve a repository as an index over HTTP, until Ctrl-C.

    It reads with your AWS credentials and writes nothing. On this machine it needs no password; at another address it
    needs --read-token-file and --behind-proxy.
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
            behind_proxy=behind_proxy,
            started=started,
            report=report,
        )
