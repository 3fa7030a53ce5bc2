"""The gateway on the web: uvicorn and starlette, which the extra `serve` installs, with our threads for the store."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from bucketwheel.errors import BucketwheelError, Misconfigured, Problem, Unavailable
from bucketwheel.gateway import Answer, Asked, Gateway
from bucketwheel.gateway.forms import BadForm, Form
from bucketwheel.gateway.uploads import REASON, Upload, Uploads, bad
from bucketwheel.parallel import Workers

if TYPE_CHECKING:
    import uvicorn
    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["THREADS", "UPLOADS", "bind", "require_web_server", "running"]

THREADS = 32
"""How many requests to the store run at once."""
_CHUNK = 1 << 18
_KEPT_ALIVE = 60
_BACKLOG = 128
_END = 1.0
UPLOADS = 16
"""How many uploads are judged and released at once."""
_PIECE = 1 << 20
_LINGER, _LINGER_SILENT = 30.0, 2.0
_LAST_COMMIT = 60.0

_T = TypeVar("_T")


def require_web_server(*, needed_for: str) -> None:
    """Raise Misconfigured, with what to install, where the web server is missing."""
    try:
        import python_multipart  # noqa: F401, PLC0415 - only tried
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
def running(gateway: Gateway, listening: socket.socket, uploads: Uploads | None = None) -> Iterator[threading.Thread]:
    """Answer requests in a thread of its own while the context lasts; give the thread, which ends only by a failure.

    At its end uploads that are being committed are waited for, and answered.
    """
    import uvicorn  # noqa: PLC0415 - of the extra, loaded only where it is used

    workers, receivers = Workers(THREADS), Workers(UPLOADS)
    with listening:
        config = uvicorn.Config(
            _Application(gateway, workers, uploads, receivers),
            http=_protocol(),
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
            if uploads is not None:
                uploads.end(_LAST_COMMIT)
                server.should_exit = True
                thread.join(_END)
            server.should_exit = server.force_exit = True
            thread.join(_END)
            workers.abandon()
            receivers.abandon()


async def _served(server: uvicorn.Server, listening: socket.socket) -> None:
    # Connections that come while it ends fail, and asyncio would write a traceback for each.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await server.serve(sockets=[listening])


@dataclass(frozen=True, slots=True)
class _Application:
    """The gateway as an ASGI application."""

    gateway: Gateway
    workers: Workers
    uploads: Uploads | None
    receivers: Workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.requests import Request  # noqa: PLC0415 - of the extra
        from starlette.responses import Response, StreamingResponse  # noqa: PLC0415 - of the extra

        request = Request(scope)
        asked = _asked(request)
        if self.uploads is not None and self.uploads.takes(asked):
            await _Receiving(self.uploads, self.receivers, asked, request.headers, _peer(scope)).answer(receive, send)
            return
        try:
            answer = await self._in_thread(lambda: self._answer(asked))
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

    def _answer(self, asked: Asked) -> Answer:
        answer = None if self.uploads is None else self.uploads.answer(asked)
        return answer or self.gateway.answer(asked)

    async def _chunks(self, stream: _Stream) -> AsyncIterator[bytes]:
        while chunk := await self._in_thread(stream.read):
            yield chunk

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self.workers.start(call))


@dataclass(frozen=True, slots=True)
class _Receiving:
    """One upload: its body is read only after its token, and all that is on disk goes with it."""

    uploads: Uploads
    receivers: Workers
    asked: Asked
    headers: Mapping[str, str]
    peer: str

    async def answer(self, receive: Receive, send: Send) -> None:
        """Read the upload, release its file, and answer."""
        upload: Upload | None = None
        answer, whole = self.uploads.refusal(self.asked), False
        try:
            if answer is None:
                upload = await self._in_thread(lambda: self.uploads.begin(self.headers))
                await self._read(upload.form, receive)
                whole, receiving = True, upload
                answer = await self._in_thread(lambda: self.uploads.finish(receiving))
        except BadForm as error:
            answer = bad(error)
        except ConnectionAbortedError:
            answer = bad(BadForm("the sender went away"))
        except OSError as error:
            words = f"the upload could not be kept on disk ({error.strerror}); try again"
            answer = bad(BadForm(words, HTTPStatus.SERVICE_UNAVAILABLE))
        except Exception as error:
            self.uploads.gateway.tell(f"the gateway failed ({type(error).__name__}); please report this")
            answer = bad(BadForm("the gateway failed; its log says more", HTTPStatus.INTERNAL_SERVER_ERROR))
            raise
        finally:
            if upload is not None:
                await self._in_thread(upload.discard)
        self.uploads.tell(upload, self.peer, answer)
        await self._send(answer, receive, send, whole=whole)

    async def _read(self, form: Form, receive: Receive) -> None:
        """Read the body to its end, in pieces that are worth a change of threads."""
        pieces = bytearray()
        while True:
            message = await self._next(receive)
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError
            pieces += message.get("body", b"")
            ended = not message.get("more_body", False)
            if pieces and (ended or len(pieces) >= _PIECE):
                piece, pieces = bytes(pieces), bytearray()
                await self._in_thread(partial(form.feed, piece))
            if ended:
                return

    async def _next(self, receive: Receive) -> Message:
        try:
            return await asyncio.wait_for(receive(), self.uploads.silence)
        except TimeoutError:
            words = f"nothing has come for {self.uploads.silence:g} seconds"
            raise BadForm(words, HTTPStatus.REQUEST_TIMEOUT) from None

    async def _send(self, answer: Answer, receive: Receive, send: Send, *, whole: bool) -> None:
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        if not whole:
            headers["Connection"] = "close"
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        if not whole and "expect" not in self.headers:
            # A client that still sends would lose the answer if the connection were closed now.
            with suppress(TimeoutError):
                await asyncio.wait_for(_drain(receive), _LINGER)
        await send({"type": "http.response.body", "body": b""})

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self.receivers.start(call))


async def _drain(receive: Receive) -> None:
    message: Message = {"more_body": True}
    while message.get("more_body", False):
        message = await asyncio.wait_for(receive(), _LINGER_SILENT)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's protocol, with reason phrases: twine, flit, Hatch and poetry show nothing else of an answer."""
    import h11  # noqa: PLC0415 - comes with uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - of the extra

    class Connection(h11.Connection):
        def send(self, event: Any) -> Any:  # noqa: ANN401 - h11 has a type for each event
            if isinstance(event, h11.Response):
                headers = [(name, value) for name, value in event.headers if name != REASON.encode()]
                reason = dict(event.headers).get(REASON.encode(), event.reason)
                event = h11.Response(status_code=event.status_code, headers=headers, reason=reason)
            return super().send(event)

    class Protocol(H11Protocol):
        def __init__(self, config: uvicorn.Config, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
            super().__init__(config, *args, **kwargs)
            self.conn = Connection(h11.SERVER)

    return Protocol


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
