"""Failures that a command can meet: on the wire, of its own process, or a request that arrives late."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

from bucketwheel.storage.s3 import bucket
from support.wire import (
    DOUBLED,
    DROP_AFTER,
    DROP_BEFORE,
    EMPTIED,
    SILENCE_AFTER,
    SILENCE_BEFORE,
    TRUNCATED,
    Exchange,
    Fault,
    Wire,
    says,
)

__all__ = ["FAMILIES", "SILENCE", "Clock", "Failure", "Killed", "virtual_clock"]

SILENCE = 0.3
"""Seconds after which a test ends a silence: short, and yet longer than a busy machine takes to answer."""
_READ_TIMEOUT = bucket._READ_TIMEOUT


class Killed(BaseException):
    """The end of the process: nothing catches this, and nothing more is sent."""


@dataclass(slots=True)
class Clock:
    """A clock for pauses in which the test does not wait."""

    waited: float = 0.0
    """Seconds that would have been slept."""

    def sleep(self, seconds: float) -> None:
        """Return at once."""
        self.waited += seconds


@contextmanager
def virtual_clock() -> Iterator[Clock]:
    """Make pauses between tries take no time, while every deadline still comes."""
    clock, monotonic = Clock(), time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", clock.sleep)
        patch.setattr(time, "monotonic", lambda: monotonic() + clock.waited)
        yield clock


Deliver: TypeAlias = Callable[[], None]
"""Lets the requests arrive that were held up, if there are any."""
Inject: TypeAlias = Callable[[Wire, int], AbstractContextManager[Deliver | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure of the request with a number, and perhaps of others after it."""

    name: str
    inject: Inject
    """Makes it happen within a context; gives what delivers late requests, or None."""
    delivered_last: bool = False
    """Late requests arrive only after the same command has run again."""


# On the wire ---------------------------------------------------------------------------------------------------------


def _once(name: str, fault: Fault) -> Failure:
    """Fail one request; it goes well when it is tried again."""
    return Failure(name=f"{name}, once", inject=_on_wire(fault, lambda exchange, hit: exchange is hit))


def _always(name: str, fault: Fault) -> Failure:
    """Fail one request, and whenever the same is asked again."""

    def concerns(exchange: Exchange, hit: Exchange) -> bool:
        return (exchange.verb, exchange.path) == (hit.verb, hit.path)

    return Failure(name=f"{name}, whenever that is asked", inject=_on_wire(fault, concerns))


def _onwards(name: str, fault: Fault) -> Failure:
    """Fail one request and all after it."""
    return Failure(name=f"{name}, from then on", inject=_on_wire(fault, lambda *_: True))


def _on_wire(fault: Fault, concerns: Callable[[Exchange, Exchange], bool]) -> Inject:
    """Do this to the request with the number, and to later ones that it concerns."""
    silent = fault in {SILENCE_BEFORE, SILENCE_AFTER}

    @contextmanager
    def inject(wire: Wire, number: int) -> Iterator[None]:
        def harm(exchange: Exchange) -> Fault | None:
            if exchange.number < number or not concerns(exchange, wire.log[number - 1]):
                return None
            if silent:
                time.sleep(_READ_TIMEOUT)  # on the virtual clock: the silence is cut short, and counts as the whole
            return fault

        wire.harm = harm
        try:
            with pytest.MonkeyPatch.context() as patch:
                if silent:
                    patch.setattr(bucket, "_READ_TIMEOUT", SILENCE)
                yield None
        finally:
            wire.harm = lambda _: None

    return inject


# In the process ------------------------------------------------------------------------------------------------------


def _killed(name: str, *, after_effect: bool) -> Failure:
    """End the process with one request."""

    @contextmanager
    def inject(_wire: Wire, number: int) -> Iterator[None]:
        requests = count(1)

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> object:
            this = next(requests)
            if this < number:
                return _send(session, request)
            if this == number and after_effect:
                _send(session, request)
            raise Killed

        with _sending(send):
            yield None

    return Failure(name=name, inject=inject)


def _headers_cut(name: str, *, headers: int, attempts: int) -> Failure:
    """Give only the status and some headers of so many answers to one request.

    Nothing in HTTP/1 tells the end of a connection from the end of the headers, and Python does not ask.
    """

    @contextmanager
    def inject(_wire: Wire, number: int) -> Iterator[None]:
        is_hit, left = _hits(number), attempts

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> object:
            nonlocal left
            answer = _send(session, request)
            if not is_hit(request) or not left:
                return answer
            left -= 1
            kept = HTTPHeaders.from_dict(dict(list(answer.headers.items())[:headers]))
            empty = HTTPResponse(io.BytesIO(), preload_content=False)
            return AWSResponse(answer.url, answer.status_code, kept, empty)

        with _sending(send):
            yield None

    return Failure(name=name, inject=inject)


def _late(name: str, *, attempts: int = 1000, delivered_last: bool = False) -> Failure:
    """Hold a request up and lose those like it; its sender gives up, and then it arrives.

    After so many attempts the same is denied and not lost.
    """

    @contextmanager
    def inject(wire: Wire, number: int) -> Iterator[Deliver]:
        is_hit, lost = _hits(number), count(1)
        held: list[tuple[URLLib3Session, AWSPreparedRequest]] = []

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> object:
            if is_hit(request):
                if not held:
                    held.append((session, _copy(request)))
                if next(lost) <= attempts:
                    raise ConnectionClosedError(endpoint_url=request.url)
                wire.harm = lambda _: says(403, "AccessDenied")
            answer = _send(session, request)
            wire.harm = lambda _: None
            return answer

        def deliver() -> None:
            for session, request in held:
                _send(session, request)

        with _sending(send):
            yield deliver

    return Failure(name=name, inject=inject, delivered_last=delivered_last)


_send = URLLib3Session.send


@contextmanager
def _sending(send: Callable[[URLLib3Session, AWSPreparedRequest], object]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", send)
        yield


def _hits(number: int) -> Callable[[AWSPreparedRequest], bool]:
    """Return a test of requests in their order: the one with the number passes it, and later ones like it."""
    requests, hit = count(1), list[AWSPreparedRequest]()

    def is_hit(request: AWSPreparedRequest) -> bool:
        if next(requests) == number:
            hit.append(request)
        return bool(hit) and (request.method, request.url) == (hit[0].method, hit[0].url)

    return is_hit


def _copy(request: AWSPreparedRequest) -> AWSPreparedRequest:
    """Copy a request with its body; its sender closes the file that this is read from."""
    body: Any = request.body
    if body is not None and not isinstance(body, bytes):
        whole = body.read()
        body.seek(0)
        body = io.BytesIO(whole)
    return AWSPreparedRequest(request.method, request.url, request.headers, body, request.stream_output)


# All of it -----------------------------------------------------------------------------------------------------------

_ERRORS = {
    "a dropped connection": DROP_BEFORE,
    "a dropped connection after effect": DROP_AFTER,
    "500": says(500, "InternalError"),
    "500 after effect": says(500, "InternalError", after_effect=True),
    "503": says(503, "SlowDown"),
    "503 after effect": says(503, "SlowDown", after_effect=True),
    "409": says(409, "ConditionalRequestConflict"),
    "half an answer": TRUNCATED,
    "the head of an answer": EMPTIED,
    "silence": SILENCE_BEFORE,
    "silence after effect": SILENCE_AFTER,
}

FAMILIES: dict[str, tuple[Failure, ...]] = {
    "once": (*(_once(name, fault) for name, fault in _ERRORS.items()), _once("a doubled delivery", DOUBLED)),
    "whenever asked": tuple(_always(name, fault) for name, fault in _ERRORS.items()),
    "from then on": (
        _onwards("dropped connections", DROP_BEFORE),
        _onwards("503", says(503, "SlowDown")),
        _onwards("an expired token", says(400, "ExpiredToken")),
        _onwards("no permission", says(403, "AccessDenied")),
        _onwards("silence", SILENCE_BEFORE),
    ),
    "killed": (
        _killed("killed before a request", after_effect=False),
        _killed("killed after a request", after_effect=True),
    ),
    "headers cut": (
        _headers_cut("an answer without headers, once", headers=0, attempts=1),
        _headers_cut("an answer without headers, whenever that is asked", headers=0, attempts=1000),
        _headers_cut("an answer with few headers, once", headers=3, attempts=1),
        _headers_cut("an answer with few headers, whenever that is asked", headers=3, attempts=1000),
    ),
    "late": (
        _late("a request that arrives before the next run"),
        _late("a request that arrives before the next run, denied meanwhile", attempts=5),
        _late("a request that arrives after the next run", delivered_last=True),
    ),
}
