"""URLs asked, redirects followed, passing faults asked again: the only HTTP client."""

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
from bucketwheel.sources.connections import AddressRefused, Connections, Credentials, Limits, is_link_local
from bucketwheel.sources.urls import InvalidUrl, WebUrl, follow, showable

__all__ = ["Absent", "Answer", "Client", "Passing", "explain_fault", "explain_status"]

_OVERLOADED = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class Absent(Refused):
    """The server says that nothing is there."""


class Passing(Exception):
    """A fault that may be gone when one asks again; carries the error to raise if it is not."""

    def __init__(self, error: BucketwheelError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        """Seconds that the server asked to be left alone, where it did."""


def explain_status(status: int, where: str, wait: float | None) -> BucketwheelError | Passing:
    """Put an answer that is neither the thing asked for nor a redirect into words."""
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        remedy = "check the URL, and whether the job that fills it has run"
        return Absent(Problem(subject=where, what=f"is not there (HTTP {status})", remedy=remedy))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Denied(
            f"{where} is not for us (HTTP {status}); give a user and a password that may read it, in the source's URL "
            "(https://${USER}:${TOKEN}@…) or in netrc"
        )
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return Denied(f"{where} cannot be reached: the proxy wants a user and a password; put them into its variable")
    failed = Unavailable(f"{where} cannot be read (HTTP {status}); try again, or ask who runs the server")
    return Passing(failed, wait) if status in _OVERLOADED else failed


def explain_fault(error: HTTPError | OSError, where: str) -> BucketwheelError | Passing:
    """Put a fault of the connection into words; the error's own text is not shown, for it may hold the whole URL."""
    if "Tunnel connection failed: 407" in str(error):
        return explain_status(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, where, None)
    match error:
        case ProxyError():
            said = Unavailable(f"{where} cannot be reached: its proxy does not answer; check the proxy's variable")
        case NameResolutionError():
            said = Unavailable(f"{where} names a host that cannot be found; check its spelling")
        case NewConnectionError():
            said = Unavailable(f"{where} names a host that takes no connections; try again when it is up")
        case TimeoutError():
            return Unavailable(f"{where} keeps us waiting without sending anything; try again when it is well")
        case SSLError():
            return Unavailable(
                f"{where} has no certificate that we can trust{_reason(error)}; "
                "name the file with its authority's certificate in SSL_CERT_FILE"
            )
        case LocationValueError():
            return Refused(Problem(subject=where, what="is a URL that cannot be asked", remedy="check its spelling"))
        case _:
            said = Unavailable(f"{where} broke off before its end; try again")
    return Passing(said)


def _reason(error: SSLError) -> str:
    cause = error.args[0] if error.args else None
    return f" ({cause.verify_message})" if isinstance(cause, ssl.SSLCertVerificationError) else ""


_REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}
_SECONDS = re.compile(r"\d{1,9}\Z", re.ASCII)
_NO_CONTAINER = "is at a link-local address, where no artifacts are"
_FIRST_WAIT = 0.25
_SHORTEST = 0.001  # urllib3 takes no time limit of nothing

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server gave for a URL, its body still to be read; `read` raises Passing or the error in words."""

    url: WebUrl
    """Where it was in the end, after redirects."""
    where: str
    """The URL that was asked for, fit to be shown."""
    media_type: str
    encoding: str
    """The Content-Encoding, not undone; empty for none."""
    response: BaseHTTPResponse

    def read(self, size: int) -> bytes:
        """Take up to `size` bytes of the body as they were sent; empty at its end."""
        try:
            return self.response.read(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise explain_fault(error, self.where) from error


class Client:
    """Asks for URLs, from any thread; every request is one GET, reported once."""

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
        self._report = report
        self._hidden = hidden

    def show(self, url: WebUrl) -> str:
        """Write a URL for messages: without user, password, query, and what came out of variables."""
        return showable(url, self._hidden)

    def get(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], take: Callable[[Answer], _T]
    ) -> _T:
        """Ask for a URL until `take` has read its answer; raises Absent, Refused, Denied or Unavailable.

        `take` starts afresh with each try: it may have been given half a body before.
        """
        patience = _Patience(self.limits.answer_seconds)
        for tries_left in reversed(range(self.limits.tries)):
            try:
                with self._answer(url, credentials, headers, patience) as answer:
                    return take(answer)
            except Passing as fault:
                wait = self._wait(self.limits.tries - tries_left, fault.wait)
                with patience.spending():
                    if not tries_left or wait >= patience.left or self._stopped.wait(wait):
                        raise fault.error from fault
        raise ValueError("limits must allow one try")

    def close(self) -> None:
        """Let go of the connections that are open and idle."""
        self._connections.close()

    @contextmanager
    def _answer(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], patience: _Patience
    ) -> Iterator[Answer]:
        found, response = self._follow_redirects(url, credentials, headers, patience)
        try:
            if response.status != HTTPStatus.OK:
                raise explain_status(response.status, self.show(found), _retry_after(response))
            yield Answer(
                url=found,
                where=self.show(url),
                media_type=response.headers.get("Content-Type", ""),
                encoding=response.headers.get("Content-Encoding", "").strip().lower(),
                response=response,
            )
        finally:
            # Read to its end it has given its connection back already; else the rest is not worth having.
            response.close()

    def _follow_redirects(
        self, url: WebUrl, credentials: Credentials, headers: Mapping[str, str], patience: _Patience
    ) -> tuple[WebUrl, BaseHTTPResponse]:
        asked = url
        for _ in range(self.limits.redirects + 1):
            with patience.spending():
                # Each origin on the way is shown what is its own, and nothing of what the last one saw.
                response = self._ask(asked, {**headers, **credentials.headers(asked)}, patience.left)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or location is None:
                return asked, response
            response.close()
            try:
                asked = follow(asked, location)
            except InvalidUrl as error:
                raise self._refused(asked, f"redirects to what {error}") from error
        raise self._refused(url, f"leads through more than {self.limits.redirects} redirects")

    def _ask(self, url: WebUrl, headers: Mapping[str, str], seconds: float) -> BaseHTTPResponse:
        if is_link_local(url.host):
            raise self._refused(url, _NO_CONTAINER)
        seconds = max(seconds, _SHORTEST)
        began = time.monotonic()
        status = 0
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
            raise self._refused(url, _NO_CONTAINER) from error
        except (HTTPError, OSError) as error:
            raise explain_fault(error, self.show(url)) from error
        finally:
            milliseconds = round((time.monotonic() - began) * 1000)
            self._report(RequestSent(verb="GET", target=self.show(url), status=status, milliseconds=milliseconds))
        return response

    def _refused(self, url: WebUrl, what: str) -> Refused:
        return Refused(Problem(subject=self.show(url), what=what, remedy="name the page or the server itself"))

    def _wait(self, tried: int, asked: float | None) -> float:
        wait = asked if asked is not None else random.uniform(0.5, 1) * _FIRST_WAIT * 2**tried  # noqa: S311 - jitter
        return min(wait, self.limits.longest_wait)


class _Patience:
    """The seconds that one URL may cost while it gives nothing."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Take off what passes meanwhile."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.left -= time.monotonic() - began


def _retry_after(response: BaseHTTPResponse) -> float | None:
    # A date (RFC 9110) would need the server's clock to be ours: it is treated as if the server had named none.
    text = response.headers.get("Retry-After", "")
    return float(text) if _SECONDS.match(text) else None
