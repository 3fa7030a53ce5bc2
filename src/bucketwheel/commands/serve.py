"""Serve a repository as an index that any client can read, and upload to with a token, until somebody ends it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from bucketwheel.config.keys import UPLOAD_TOKEN
from bucketwheel.config.resolution import Settings
from bucketwheel.errors import Misconfigured, Problem, Unavailable
from bucketwheel.events import Report, ignore
from bucketwheel.gateway.access import Access, digest_of, read_tokens
from bucketwheel.gateway.addresses import LOOPBACK, default_port, hosts_of, index_url, is_loopback, read_fallback
from bucketwheel.gateway.local import gateway_to, open_to_pass_on, uploads_to
from bucketwheel.gateway.uploads import LARGEST_FILE
from bucketwheel.gateway.web import bind, require_web_server, running
from bucketwheel.names import printable

__all__ = ["serve"]

_SHORTEST_TOKEN = 16
_SHORTEST_UPLOAD_TOKEN = 22
_TOKEN_FILE = "--read-token-file"  # noqa: S105 - the name of an option
_UPLOAD_FILE = "--upload-token-file"


def serve(
    settings: Settings,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    fallback: str | None = None,
    read_token_file: Path | None = None,
    upload_token_file: Path | None = None,
    max_file_size: int = LARGEST_FILE,
    behind_proxy: bool = False,
    started: Callable[[str], None] = lambda _: None,
    report: Report = ignore,
) -> None:
    """Serve a repository as an index until the process is interrupted; `started` gets the URL of the index.

    By default it listens on this machine only, at a port that is computed from the repository's URL. Another address
    needs a file of tokens, one a line, and a proxy before it that does TLS. With a file of upload tokens, or one in
    BUCKETWHEEL_UPLOAD_TOKEN, twine and others can upload; then it returns after SIGTERM or Ctrl-C, once what is being
    committed is done. Raises Misconfigured, Refused or Unavailable.
    """
    place = settings.require_repository()
    other = None if fallback is None else read_fallback(fallback)
    tokens = () if read_token_file is None else _read(read_token_file, _TOKEN_FILE, _SHORTEST_TOKEN)
    upload_tokens = _upload_tokens(upload_token_file)
    _refuse_shared(tokens, upload_tokens)
    _refuse_open(host, tokens=bool(tokens), behind_proxy=behind_proxy)
    require_web_server(needed_for="serve")
    repository = open_to_pass_on(settings, report)
    listening = bind(host, default_port(str(place)) if port is None else port)
    port = listening.getsockname()[1]
    own = hosts_of(host, port)
    # A proxy passes on its own name, and with a token a strange name is of no use.
    access = Access(hosts=None if behind_proxy and tokens else own, digests=tuple(map(digest_of, tokens)))
    gateway = gateway_to(repository, access, fallback=other, report=report)
    with ExitStack() as stack:
        uploads = None
        if upload_tokens:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="bucketwheel-uploads-")))
            may_upload = Access(hosts=None if behind_proxy else own, digests=tuple(map(digest_of, upload_tokens)))
            uploads = uploads_to(
                repository, gateway, may_upload, settings, report, folder=folder, largest_file=max_file_size
            )
        ending = stack.enter_context(_ended_by_signals()) if uploads is not None else threading.Event()
        thread = stack.enter_context(running(gateway, listening, uploads))
        started(index_url(host, port, repository.layout.simple))
        while thread.is_alive() and not ending.is_set():
            thread.join(0.2)  # not without end: Windows would not notice Ctrl-C
        if ending.is_set():
            return
    raise Unavailable("the gateway ended by itself; start it again with -v to see more")


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """Give what SIGTERM and Ctrl-C set while the context lasts; at a second one the process ends at once."""
    ending = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, _frame: FrameType | None) -> None:
        ending.set()
        signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, end)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _upload_tokens(path: Path | None) -> tuple[str, ...]:
    tokens = () if path is None else _read(path, _UPLOAD_FILE, _SHORTEST_UPLOAD_TOKEN)
    given = os.environ.get(UPLOAD_TOKEN, "").strip()
    if given and len(given) < _SHORTEST_UPLOAD_TOKEN:
        remedy = f"make one of {_SHORTEST_UPLOAD_TOKEN} characters or more"
        raise Misconfigured(Problem(subject=UPLOAD_TOKEN, what="is short", remedy=remedy))
    return (*tokens, *((given,) if given else ()))


def _refuse_shared(tokens: Collection[str], upload_tokens: Collection[str]) -> None:
    if set(tokens) & set(upload_tokens):
        what = "has a token that is an upload token too; one reads, the other uploads"
        raise Misconfigured(Problem(subject=_TOKEN_FILE, what=what, remedy="make another for one of the two"))


def _refuse_open(host: str, *, tokens: bool, behind_proxy: bool) -> None:
    if is_loopback(host) or (tokens and behind_proxy):
        return
    what = f"{printable(host)} can be reached from other machines, so it needs a token, and a proxy that does TLS"
    remedy = f"add {_TOKEN_FILE} FILE and --behind-proxy, or serve at {LOOPBACK}"
    raise Misconfigured(Problem(subject="--host", what=what, remedy=remedy))


def _read(path: Path, option: str, shortest: int) -> tuple[str, ...]:
    """Read the tokens; no message contains one."""
    remedy = f"write one token a line, of {shortest} characters or more"
    try:
        tokens = read_tokens(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        what = f"{printable(str(path))} cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})"
        raise Misconfigured(Problem(subject=option, what=what, remedy=remedy)) from None
    if not tokens or min(map(len, tokens)) < shortest:
        what = f"{printable(str(path))} has no token, or a short one"
        raise Misconfigured(Problem(subject=option, what=what, remedy=remedy))
    return tokens
