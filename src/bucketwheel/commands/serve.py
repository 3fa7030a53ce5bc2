"""Serve a repository as an index that any client can read, until somebody ends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Unavailable
from bucketwheel.events import Report, ignore
from bucketwheel.gateway.access import Access, digest_of, read_tokens
from bucketwheel.gateway.addresses import LOOPBACK, default_port, hosts_of, index_url, is_loopback, read_fallback
from bucketwheel.gateway.local import gateway_to, open_to_pass_on
from bucketwheel.gateway.web import bind, require_web_server, running
from bucketwheel.names import printable

__all__ = ["serve"]

_SHORTEST_TOKEN = 16
_TOKEN_FILE = "--read-token-file"  # noqa: S105 - the name of an option


def serve(
    settings: Settings,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    fallback: str | None = None,
    read_token_file: Path | None = None,
    behind_proxy: bool = False,
    started: Callable[[str], None] = lambda _: None,
    report: Report = ignore,
) -> None:
    """Serve until the process is interrupted; `started` gets the URL of the index.

    By default it listens on this machine only, at a port that is computed from the repository's URL. Another address
    needs a file of tokens, one a line, and a proxy before it that does TLS. Raises Misconfigured, Refused or
    Unavailable.
    """
    place = settings.require_repository()
    other = None if fallback is None else read_fallback(fallback)
    tokens = () if read_token_file is None else _read(read_token_file)
    _refuse_open(host, tokens=bool(tokens), behind_proxy=behind_proxy)
    require_web_server(needed_for="serve")
    repository = open_to_pass_on(settings, report)
    listening = bind(host, default_port(str(place)) if port is None else port)
    port = listening.getsockname()[1]
    # A proxy passes on its own name, and with a token a strange name is of no use.
    hosts = None if behind_proxy and tokens else hosts_of(host, port)
    access = Access(hosts=hosts, digests=tuple(map(digest_of, tokens)))
    with running(gateway_to(repository, access, fallback=other, report=report), listening) as thread:
        started(index_url(host, port, repository.layout.simple))
        while thread.is_alive():
            thread.join(0.5)  # not without end: Windows would not notice Ctrl-C
    raise Unavailable("the gateway ended by itself; start it again with -v to see more")


def _refuse_open(host: str, *, tokens: bool, behind_proxy: bool) -> None:
    if is_loopback(host) or (tokens and behind_proxy):
        return
    what = f"{printable(host)} can be reached from other machines, so it needs a token, and a proxy that does TLS"
    remedy = f"add {_TOKEN_FILE} FILE and --behind-proxy, or serve at {LOOPBACK}"
    raise Misconfigured(Problem(subject="--host", what=what, remedy=remedy))


def _read(path: Path) -> tuple[str, ...]:
    """Read the tokens; no message contains one."""
    remedy = "write one token a line, of 16 characters or more"
    try:
        tokens = read_tokens(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        what = f"{printable(str(path))} cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        raise Misconfigured(Problem(subject=_TOKEN_FILE, what=what, remedy=remedy)) from None
    if not tokens or min(map(len, tokens)) < _SHORTEST_TOKEN:
        what = f"{printable(str(path))} has no token, or a short one"
        raise Misconfigured(Problem(subject=_TOKEN_FILE, what=what, remedy=remedy))
    return tokens
