"""Run any client against a private repository, with your own AWS credentials.

uv signs requests to S3 by itself. For the others, and where uv cannot, there is a gateway while the command runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import PurePath
from urllib.parse import quote

from bucketwheel.commands.exec.process import run_program
from bucketwheel.commands.exec.variables import Choice, DirectIndex, surroundings
from bucketwheel.config.resolution import Settings
from bucketwheel.config.values import is_name
from bucketwheel.errors import Damaged, Misconfigured, NotStarted, Problem, Refused, Unavailable
from bucketwheel.events import Report, Warned, ignore
from bucketwheel.gateway.addresses import PYPI, default_port, read_fallback
from bucketwheel.gateway.local import local_gateway, open_to_pass_on
from bucketwheel.gateway.web import require_web_server
from bucketwheel.places import S3Place
from bucketwheel.protocol.repository import Repository
from bucketwheel.storage import SignsElsewhere

__all__ = ["execute"]

_SOURCE = "company"
_SIGNING_CLIENTS = frozenset({"uv", "uvx"})


def execute(
    command: Sequence[str],
    settings: Settings,
    *,
    only: bool = False,
    fallback: str | None = None,
    port: int | None = None,
    source: str | None = None,
    environ: Mapping[str, str] | None = None,
    report: Report = ignore,
) -> int:
    """Run a command whose clients read the repository first, and return its exit code, 128 + n for signal n.

    Names that the repository lacks are looked up at `fallback`, by default PyPI's index, or with `only` nowhere.
    `source` is the name of the index in the project's files. Raises Misconfigured, or NotStarted where the repository
    cannot be read: then the command was not started.
    """
    other = None if only else PYPI if fallback is None else read_fallback(fallback)
    choice = Choice(
        source=_source(source or settings.repository_name or _SOURCE),
        only=only,
        fallback=None if fallback is None else other,
    )
    with _not_started():
        place = settings.require_repository()
        repository = open_to_pass_on(settings, report)
        direct = _direct(repository, signed=not settings.connection.no_sign_request)
    with (
        local_gateway(
            repository, port=default_port(str(place)) if port is None else port, fallback=other, report=report
        )
        if _needs_gateway(command, direct)
        else nullcontext()
    ) as gateway:
        around = surroundings(os.environ if environ is None else environ, choice, gateway=gateway, direct=direct)
        if around.removed:
            names = " and ".join(around.removed)
            report(Warned(message=f"{names} removed for this command: another index could answer for our names"))
        return run_program(command, around.variables, report)


def _direct(repository: Repository, *, signed: bool) -> DirectIndex | None:
    """Return the index as uv reads it in S3 by itself; None where its pages are not at keys that end in a slash."""
    place, layout, storage = repository.target.place, repository.layout, repository.storage
    if not isinstance(place, S3Place) or not isinstance(storage, SignsElsewhere) or layout.pages == "index.html":
        return None
    if not signed:
        return DirectIndex(url=storage.address(layout.simple))
    client = storage.client()
    return DirectIndex(
        url=f"{client.url}/{quote(place.prefix + layout.simple)}",
        bucket_url=client.url,
        region=client.region,
        credentials=client.credentials,
    )


def _needs_gateway(command: Sequence[str], direct: DirectIndex | None) -> bool:
    """Return whether to run a gateway; raises Misconfigured where one is needed and there is no web server."""
    by_itself = direct is not None and PurePath(command[0]).stem.lower() in _SIGNING_CLIENTS
    try:
        require_web_server(needed_for="exec")
    except Misconfigured:
        if by_itself:
            return False
        raise
    return True


def _source(name: str) -> str:
    if not is_name(name):
        what, remedy = "is not a name", "name the index as pyproject.toml does"
        raise Misconfigured(Problem(subject="--source", what=what, remedy=remedy))
    return name


@contextmanager
def _not_started() -> Iterator[None]:
    try:
        yield
    except (Refused, Unavailable, Damaged) as error:
        raise NotStarted(str(error)) from error
