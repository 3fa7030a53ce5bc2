"""What went wrong on the way, in words: which faults may pass, and what to do about those that do not."""

from __future__ import annotations

import ssl
from http import HTTPStatus

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

__all__ = ["Absent", "Passing", "explain_fault", "explain_status"]

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
