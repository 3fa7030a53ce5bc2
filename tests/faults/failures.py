"""What can happen to a command on its way: on the wire, to the process itself, or to a request that comes late."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

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

__all__ = ["FAMILIES", "Clock", "Failure", "Killed", "virtual_clock"]

Late = Callable[[], None]
"""Has the requests arrive that were held up, if there are any."""


class Killed(BaseException):
    """The process ends here: nothing catches this, and nothing more is sent."""


@dataclass(slots=True)
class Clock:
    """Time in which nobody really waits."""

    waited: float = 0.0
    """Seconds that would have been slept."""

    def sleep(self, seconds: float) -> None:
        """Pass at once."""
        self.waited += seconds


@contextmanager
def virtual_clock() -> Iterator[Clock]:
    """Have no pause between tries take any time, while every deadline still comes."""
    clock, monotonic = Clock(), time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", clock.sleep)
        patch.setattr(time, "monotonic", lambda: monotonic() + clock.waited)
        yield clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that happens to the request of a number, and perhaps to others after it."""

    name: str
    inject: Callable[[Wire, int], Any]
    """A context in which it happens; gives what comes late, or None."""
    late_at_the_end: bool = False
    """Whether what comes late comes only after the same command has run again."""


# On the wire ---------------------------------------------------------------------------------------------------------


def _once(name: str, fault: Fault) -> Failure:
    """It happens to one request; what is tried again goes well."""
    return Failure(
        name=f"{name}, once",
        inject=lambda wire, number: _harming(wire, lambda exchange: exchange.number == number, fault),
    )


def _always(name: str, fault: Fault) -> Failure:
    """It happens to one request and whenever the same is asked again."""

    def inject(wire: Wire, number: int) -> Any:  # noqa: ANN401 - a context manager
        def hit(exchange: Exchange) -> bool:
            return exchange.number >= number and _same(exchange, wire.log[number - 1])

        return _harming(wire, hit, fault)

    return Failure(name=f"{name}, whenever that is asked", inject=inject)


def _onwards(name: str, fault: Fault) -> Failure:
    """It happens to one request and to all after it."""
    return Failure(
        name=f"{name}, from then on",
        inject=lambda wire, number: _harming(wire, lambda exchange: exchange.number >= number, fault),
    )


@contextmanager
def _harming(wire: Wire, hit: Callable[[Exchange], bool], fault: Fault) -> Iterator[None]:
    wire.harm = lambda exchange: fault if hit(exchange) else None
    try:
        with pytest.MonkeyPatch.context() as patch:
            if fault in {SILENCE_BEFORE, SILENCE_AFTER}:
                patch.setattr("bucketwheel.storage.s3.bucket._READ_TIMEOUT", 0.05)
            yield None
    finally:
        wire.harm = lambda _: None


def _same(one: Exchange, other: Exchange) -> bool:
    return (one.verb, one.path) == (other.verb, other.path)


# In the process ------------------------------------------------------------------------------------------------------


def _killed(name: str, *, after_effect: bool) -> Failure:
    """The process dies with one request."""

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


def _beheaded(name: str, *, headers: int, attempts: int) -> Failure:
    """Of the answers to one request, so many times, only the status and some headers arrive.

    Nothing in HTTP/1 tells the end of a connection from the end of the headers, and Python does not ask.
    """

    @contextmanager
    def inject(_wire: Wire, number: int) -> Iterator[None]:
        requests, broken = count(1), count(1)
        same: list[AWSPreparedRequest] = []

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> object:
            answer = _send(session, request)
            if next(requests) == number:
                same.append(request)
            if same and (request.method, request.url) == (same[0].method, same[0].url) and next(broken) <= attempts:
                kept = dict(list(answer.headers.items())[:headers])
                return AWSResponse(
                    answer.url,
                    answer.status_code,
                    HTTPHeaders.from_dict(kept),
                    HTTPResponse(io.BytesIO(), preload_content=False),
                )
            return answer

        with _sending(send):
            yield None

    return Failure(name=name, inject=inject)


def _late(name: str, *, attempts: int = 1000, at_the_end: bool = False) -> Failure:
    """A request is held up on the way, and its like are lost; its sender gives up, and then it arrives.

    After so many attempts the same is not lost any more, but denied.
    """

    @contextmanager
    def inject(wire: Wire, number: int) -> Iterator[Late]:
        requests, lost = count(1), count(1)
        held: list[tuple[URLLib3Session, AWSPreparedRequest]] = []

        def send(session: URLLib3Session, request: AWSPreparedRequest) -> object:
            if next(requests) == number:
                held.append((session, _copy(request)))
            if held and (request.method, request.url) == (held[0][1].method, held[0][1].url):
                if next(lost) <= attempts:
                    raise ConnectionClosedError(endpoint_url=request.url)
                wire.harm = lambda _: says(403, "AccessDenied")
            answer = _send(session, request)
            wire.harm = lambda _: None
            return answer

        def arrive() -> None:
            for session, request in held:
                _send(session, request)

        with _sending(send):
            yield arrive

    return Failure(name=name, inject=inject, late_at_the_end=at_the_end)


_send = URLLib3Session.send


@contextmanager
def _sending(send: Callable[[URLLib3Session, AWSPreparedRequest], object]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(URLLib3Session, "send", send)
        yield


def _copy(request: AWSPreparedRequest) -> AWSPreparedRequest:
    """Keep a request as it is now; its sender closes the file that it is read from."""
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
    "beheaded": (
        _beheaded("an answer without headers, once", headers=0, attempts=1),
        _beheaded("an answer without headers, whenever that is asked", headers=0, attempts=1000),
        _beheaded("an answer with few headers, once", headers=3, attempts=1),
        _beheaded("an answer with few headers, whenever that is asked", headers=3, attempts=1000),
    ),
    "late": (
        _late("a request that arrives before the next run"),
        _late("a request that arrives before the next run, denied meanwhile", attempts=5),
        _late("a request that arrives after the next run", at_the_end=True),
    ),
}
