"""Outages that last: every command ends in bounded time, and says what to do.

No test waits: pauses between tries pass at once and are counted, and silence is cut short and counted as the whole time
that a client waits for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError
from botocore.httpsession import URLLib3Session

from bucketwheel.errors import BucketwheelError
from bucketwheel.storage.s3 import bucket
from faults.commands import COMMANDS, User
from faults.failures import SILENCE, Clock, virtual_clock
from faults.harness import Harness
from support.wire import DROP_BEFORE, SILENCE_BEFORE, Exchange, Fault, Wire, says

_READ_TIMEOUT, _CONNECT_TIMEOUT = bucket._READ_TIMEOUT, bucket._CONNECT_TIMEOUT
BUSY = says(503, "SlowDown")
NAME = "publish the next version"
MOMENTS = [1, 5, 7]
"""Reading, sending a file, committing."""


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Give a clock on which pauses take no time."""
    with virtual_clock() as running:
        yield running


@contextmanager
def nothing_answers(wire: Wire, clock: Clock, fault: Fault, concerns: Callable[[Exchange], bool]) -> Iterator[None]:
    """Do this to all requests that it concerns, within this context."""

    def harm(exchange: Exchange) -> Fault | None:
        if not concerns(exchange):
            return None
        if fault is SILENCE_BEFORE:
            clock.sleep(_READ_TIMEOUT)
        return fault

    wire.harm = harm
    with pytest.MonkeyPatch.context() as patch:
        if fault is SILENCE_BEFORE:
            patch.setattr(bucket, "_READ_TIMEOUT", SILENCE)
        yield


def seconds_in_vain(user: User, clock: Clock) -> float:
    """Return how long the command takes to give up, with one line about it."""
    with pytest.raises(BucketwheelError, match=r"\A[^\n]{20,600}\Z") as caught:
        COMMANDS[NAME].run(user)
    assert re.search("run .*again|run the same|try again|check the network", str(caught.value))
    return clock.waited


@pytest.mark.parametrize("number", MOMENTS)
@pytest.mark.parametrize("fault", [DROP_BEFORE, BUSY, SILENCE_BEFORE], ids=["dropped", "503", "silent"])
def test_a_store_that_is_gone(number: int, fault: Fault, harness: Harness, wire: Wire, clock: Clock) -> None:
    """A store that stops answering, in any way and at any moment: the command ends within five minutes."""
    user = harness.prepared(NAME)
    with nothing_answers(wire, clock, fault, lambda exchange: exchange.number >= number):
        assert seconds_in_vain(user, clock) < 300
    harness.assert_recovers(user, NAME)


@pytest.mark.parametrize("number", MOMENTS)
def test_a_network_that_is_gone(number: int, harness: Harness, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that lead nowhere: the same."""
    user, send, sent = harness.prepared(NAME), URLLib3Session.send, count(1)

    def attempt(session: URLLib3Session, request: AWSPreparedRequest) -> object:
        if next(sent) < number:
            return send(session, request)
        clock.sleep(_CONNECT_TIMEOUT)
        raise ConnectTimeoutError(endpoint_url=request.url)

    with monkeypatch.context() as patch:
        patch.setattr(URLLib3Session, "send", attempt)
        assert seconds_in_vain(user, clock) < 150
    harness.assert_recovers(user, NAME)


@pytest.mark.parametrize("ending", ["manifests/demo-pkg.json", "demo-pkg/"])
@pytest.mark.parametrize("fault", [DROP_BEFORE, BUSY, SILENCE_BEFORE], ids=["dropped", "503", "silent"])
def test_a_store_that_takes_nothing(ending: str, fault: Fault, harness: Harness, wire: Wire, clock: Clock) -> None:
    """Reads succeed and one write never does: the command ends within six minutes."""
    user = harness.prepared(NAME)

    def concerns(exchange: Exchange) -> bool:
        return exchange.verb == "PUT" and exchange.path.split("?")[0].endswith(ending)

    with nothing_answers(wire, clock, fault, concerns):
        assert seconds_in_vain(user, clock) < 360
    harness.assert_recovers(user, NAME)
