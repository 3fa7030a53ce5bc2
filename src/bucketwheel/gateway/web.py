"""The gateway on the web: uvicorn and starlette, which the extra `serve` installs, with our threads for the store."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Unavailable
from bucketwheel.gateway import Answer, Asked, Gateway
from bucketwheel.parallel import Workers

if TYPE_CHECKING:
    import uvicorn
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

__all__ = ["THREADS", "bind", "require_web_server", "running"]

THREADS = 32
"""How many requests to the store run at once."""
_CHUNK = 1 << 18
_KEPT_ALIVE = 60
_BACKLOG = 128
_END = 1.0

_T = TypeVar("_T")


def require_web_server(*, needed_for: str) -> None:
    """Raise Misconfigured, with what to install, where the web server is missing."""
    try:
        import starlette  # noqa: F401, PLC0415 - only tried
        import uvicorn  # noqa: F401, PLC0415 - only tried
    except ImportError:
        remedy = "install it: `pip install 'bucketwheel[serve]'`"
        what = "needs a web server that is not installed"
        raise Misconfigured(Problem(subject=needed_for, what=what, remedy=remedy)) from None


def bind(host: str, port: int) -> socket.socket:
    """Listen at an address, or raise Misconfigured: never at another port, which no file of a project would name."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, because asyncio turns Nagle's algorithm off only where it is: that costs 40 ms an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows it would let two programs share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        what = f"{port} of {host} cannot be used ({getattr(error, 'strerror', None) or error})"
        raise Misconfigured(Problem(subject="port", what=what, remedy="choose another by --port")) from error
    return listening


@contextmanager
def running(gateway: Gateway, listening: socket.socket) -> Iterator[threading.Thread]:
    """Answer requests in a thread of its own while the context lasts; give the thread, which ends only by a failure."""
    import uvicorn  # noqa: PLC0415 - of the extra, loaded only where it is used

    workers = Workers(THREADS)
    with listening:
        config = uvicorn.Config(
            _Application(gateway, workers),
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # it would show tracebacks; what happens is told by our own events
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEPT_ALIVE,
        )
        server = uvicorn.Server(config)
        serving = partial(asyncio.run, _served(server, listening))
        thread = threading.Thread(target=serving, name="gateway", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.002)
        try:
            yield thread
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_END)
            workers.abandon()


async def _served(server: uvicorn.Server, listening: socket.socket) -> None:
    # Connections that come while it ends fail, and asyncio would write a traceback for each.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await server.serve(sockets=[listening])


@dataclass(frozen=True, slots=True)
class _Application:
    """The gateway as an ASGI application."""

    gateway: Gateway
    workers: Workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.requests import Request  # noqa: PLC0415 - of the extra
        from starlette.responses import Response, StreamingResponse  # noqa: PLC0415 - of the extra

        asked = _asked(Request(scope))
        try:
            answer = await self._in_thread(lambda: self.gateway.answer(asked))
        except Exception as error:
            self.gateway.tell(f"the gateway failed ({type(error).__name__}); please report this")
            raise  # the server answers 500
        stream = _Stream(answer)
        try:
            if answer.stream is None:
                response = Response(answer.body, answer.status, dict(answer.headers))
            else:
                response = StreamingResponse(self._chunks(stream), answer.status, dict(answer.headers))
            await response(scope, receive, send)
        except BucketwheelError as error:
            # The server closes the connection, because the body is not whole: the client sees that.
            self.gateway.tell(str(error))
        finally:
            # Not awaited: the client may be gone, and this task cancelled.
            self.workers.start(stream.close)

    async def _chunks(self, stream: _Stream) -> AsyncIterator[bytes]:
        while chunk := await self._in_thread(stream.read):
            yield chunk

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self.workers.start(call))


class _Stream:
    """The body of an answer, which one thread reads while another may have to close it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._closed = False

    def read(self) -> bytes:
        """Read on; empty at the end, and after it was closed."""
        with self._lock:
            if self._closed or self._answer.stream is None:
                return b""
            try:
                return self._answer.stream.read(_CHUNK) or b""
            except OSError as error:
                raise Unavailable(
                    f"a file could not be read to its end ({error.strerror}); ask for it again"
                ) from error

    def close(self) -> None:
        """Let the store's connection go."""
        with self._lock:
            self._closed = True
            self._answer.close()


def _asked(request: Request) -> Asked:
    header = request.headers.get
    return Asked(
        method=request.method,
        path=request.scope.get("raw_path") or request.scope["path"].encode(),
        hosts=tuple(request.headers.getlist("host")),
        authorization=header("authorization", ""),
        accept=",".join(request.headers.getlist("accept")),
        byte_range=header("range", ""),
        if_range=header("if-range", ""),
        if_none_match=header("if-none-match", ""),
    )
