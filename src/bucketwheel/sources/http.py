"""The HTTP client: it asks for URLs, follows redirects and tries again after faults that may pass."""

from __future__ import annotations

import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import TypeVar

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError,  # noqa: A004 - urllib3's own, which is what comes out of it
)

from bucketwheel.errors import BucketwheelError, Denied, Problem, Refused, Unavailable
from bucketwheel.events import Report, RequestSent
from bucketwheel.network import connection_cause
from bucketwheel.sources.connections import AddressRefused, Connections, is_link_local
from bucketwheel.sources.credentials import Credentials
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.urls import InvalidUrl, WebUrl, follow, showable

__all__ = ["Absent", "Client", "HttpResponse"]

_SECONDS = re.compile(r"\d{1,9}\Z", re.ASCII)
_FIRST_WAIT = 0.25
_SHORTEST_WAIT = 0.001  # urllib3 refuses a time limit of 0
_T = TypeVar("_T")


class Absent(Refused):
    """The server says that nothing is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A server's answer, with its body still to be read."""

    url: WebUrl
    """The address after redirects."""
    where: str
    """The URL that was asked for, fit to be shown."""
    media_type: str
    encoding: str
    """The Content-Encoding, not undone; empty for none."""
    response: BaseHTTPResponse
    limits: Limits

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes of the body as they were sent; empty at its end."""
        try:
            return self.response.read(size, decode_content=False)
        except SSLError as error:  # the certificate was accepted before
            raise _incomplete(self.where) from error
        except (HTTPError, OSError) as error:
            pace = f"less than {self.limits.pace_bytes} bytes in {self.limits.pace_seconds:g} s"
            raise _fault(error, self.where, f"timed out: {pace}") from error


class Client:
    """A client for any thread; every request is one GET, reported once."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        limits: Limits,
        stopped: Event,
        jobs: int,
        report: Report,
        hidden: Mapping[str, str],
    ) -> None:
        self._connections = Connections(environ=environ, limits=limits, stopped=stopped, jobs=jobs)
        self.limits = limits
        self._stopped = stopped
        self.report = report
        self._hidden = hidden

    def show(self, url: WebUrl) -> str:
        """Write a URL for messages: without user, password, query, and values of environment variables."""
        return showable(url, self._hidden)

    def get(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], receive: Callable[[HttpResponse], _T]
    ) -> _T:
        """Ask for a URL until `receive` has read its answer; raises Absent, Refused, Denied or Unavailable.

        Each try calls `receive` from the beginning: the last one may have ended in the middle of a body.
        """
        deadline = time.monotonic() + self.limits.answer_seconds
        for attempt in range(1, self.limits.tries + 1):
            try:
                with self._response(url, credentials, headers, deadline) as response:
                    began = time.monotonic()
                    try:
                        return receive(response)
                    finally:
                        deadline += time.monotonic() - began  # the pace limits this time
            except _TransientError as fault:
                wait = self._wait(attempt, fault.wait)
                too_late = attempt == self.limits.tries or time.monotonic() + wait >= deadline
                if too_late or self._stopped.wait(wait):
                    raise fault.error from fault
        raise ValueError("limits must allow one try")

    def close(self) -> None:
        """Close the connections that are open and idle."""
        self._connections.close()

    @contextmanager
    def _response(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], deadline: float
    ) -> Iterator[HttpResponse]:
        found, response = self._follow_redirects(url, credentials, headers, deadline)
        try:
            if response.status != HTTPStatus.OK:
                raise _failure(response.status, self.show(found), _retry_after(response))
            yield HttpResponse(
                url=found,
                where=self.show(url),
                media_type=response.headers.get("Content-Type", ""),
                encoding=response.headers.get("Content-Encoding", "").strip().lower(),
                response=response,
                limits=self.limits,
            )
        finally:
            # A body read to its end has given its connection back already; the rest of any other is not needed.
            response.close()

    def _follow_redirects(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], deadline: float
    ) -> tuple[WebUrl, BaseHTTPResponse]:
        asked = url
        for _ in range(self.limits.redirects + 1):
            # Each origin on the way gets its own credentials only.
            response = self._ask(asked, {**headers, **credentials.headers(asked)}, deadline)
            location = response.get_redirect_location()
            if not location:
                return asked, response
            response.close()
            try:
                asked = follow(asked, location)
            except InvalidUrl as error:
                raise self._refused(asked, f"redirects to an address that {error}") from error
        raise self._refused(url, f"leads through more than {self.limits.redirects} redirects")

    def _ask(self, url: WebUrl, headers: Mapping[str, str], deadline: float) -> BaseHTTPResponse:
        if is_link_local(url.host):
            raise self._link_local(url)
        began = time.monotonic()
        seconds = max(deadline - began, _SHORTEST_WAIT)
        status, cause = 0, ""
        try:
            response = self._connections.manager(url).urlopen(
                "GET",
                url.request,
                headers={"User-Agent": "bucketwheel", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=Timeout(connect=min(seconds, self.limits.connect_seconds), read=seconds),
            )
            status = response.status
        except AddressRefused as error:
            raise self._link_local(url) from error
        except (HTTPError, OSError) as error:
            cause = connection_cause(error)
            waited = f"timed out after {round(time.monotonic() - began, 1):g} s without sending anything"
            raise _fault(error, self.show(url), waited) from error
        finally:
            milliseconds = round((time.monotonic() - began) * 1000)
            self.report(
                RequestSent(verb="GET", target=self.show(url), status=status, milliseconds=milliseconds, reason=cause)
            )
        return response

    def _link_local(self, url: WebUrl) -> Refused:
        return self._refused(url, "is at a link-local address, which is never asked")

    def _refused(self, url: WebUrl, what: str) -> Refused:
        return Refused(Problem(subject=self.show(url), what=what, remedy="name the page or the server itself"))

    def _wait(self, attempt: int, asked: float | None) -> float:
        wait = asked if asked is not None else random.uniform(0.5, 1) * _FIRST_WAIT * 2**attempt  # noqa: S311 - jitter
        return min(wait, self.limits.longest_wait)


def _retry_after(response: BaseHTTPResponse) -> float | None:
    # A date (RFC 9110) would need the server's clock to be ours, so it is ignored.
    text = response.headers.get("Retry-After", "")
    return float(text) if _SECONDS.match(text) else None


# Failures in words ---------------------------------------------------------------------------------------------------

_TRANSIENT = {408, 429, 500, 502, 503, 504}  # time-outs, overload and errors of a gateway (RFC 9110, RFC 6585)


class _TransientError(Exception):
    """A fault that another try may not meet; carries the error to raise after the last one."""

    def __init__(self, error: BucketwheelError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        """The seconds that the server asked us to wait, if it did."""


def _failure(status: int, where: str, wait: float | None) -> BucketwheelError | _TransientError:
    """Put a status that is neither 200 nor a redirect into words."""
    match status:
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            remedy = "check the URL, and whether the job that fills it has run"
            return Absent(Problem(subject=where, what=f"is not there (HTTP {status})", remedy=remedy))
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Denied(
                f"{where} refuses us (HTTP {status}); give a user and a password that may read it, in the source's URL "
                "(https://${USER}:${TOKEN}@…) or in netrc"
            )
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return Denied(
                f"{where} cannot be reached: the proxy needs a user and a password; "
                "add them to its URL in HTTP_PROXY or HTTPS_PROXY"
            )
        case _ if status in _TRANSIENT:
            return _TransientError(Unavailable(f"{where} cannot be read (HTTP {status}); run again later"), wait)
    return Unavailable(f"{where} cannot be read (HTTP {status}); check the URL")


def _fault(error: HTTPError | OSError, where: str, timed_out: str) -> BucketwheelError | _TransientError:
    """Put a fault of the connection into words; the error's own text is not shown, for it may hold the whole URL."""
    cause = connection_cause(error)
    if "Tunnel connection failed: 407" in str(error):
        return _failure(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, where, None)
    match error:
        case ProxyError():
            text = f"cannot be reached: its proxy does not answer ({cause}); check HTTP_PROXY and HTTPS_PROXY"
        case NameResolutionError():
            text = f"cannot be reached ({cause}); check the spelling of its host"
        case NewConnectionError():
            text = f"cannot be reached ({cause}); check the network and its port, and run again when it is up"
        case ConnectTimeoutError():
            return Unavailable(f"{where} cannot be reached ({cause}); check the network, and run again later")
        case TimeoutError():
            return Unavailable(f"{where} {timed_out}; run again later")
        case SSLError():
            return Unavailable(f"{where} cannot be reached ({cause}); {_tls_remedy(error)}")
        case LocationValueError():
            return Refused(Problem(subject=where, what="is not a valid URL", remedy="check its spelling"))
        case _:
            return _incomplete(where)
    return _TransientError(Unavailable(f"{where} {text}"))


def _incomplete(where: str) -> _TransientError:
    return _TransientError(Unavailable(f"{where} sent an incomplete answer; run again"))


def _tls_remedy(error: SSLError) -> str:
    if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
        return "set SSL_CERT_FILE to the file with its authority's certificate"
    return "check whether its URL begins with https, and its port"
