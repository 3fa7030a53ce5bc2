"""Why no connection was made, in the same few words for S3 and for every other server."""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Mapping
from typing import Final

from bucketwheel.names import printable

__all__ = ["connection_cause"]

# By the name of a class in the chain of an error that says that no connection was made.
_CAUSES: Final[Mapping[str, str]] = {
    "NameResolutionError": "name not found",
    "gaierror": "name not found",
    "ConnectionRefusedError": "connection refused",
    "ConnectTimeoutError": "timed out",
    "TimeoutError": "timed out",
    "CertificateError": "the certificate is for another host",  # as urllib3 finds it; ssl has its own words
    "SSLError": "no TLS",
}


def connection_cause(error: BaseException) -> str:
    """Say why no connection was made, from the errors that an error of an SDK or HTTP client wraps."""
    chain: list[object] = [error]
    for link in chain:
        if isinstance(link, BaseException):
            # botocore has the inner error among its facts, and urllib3 that of TLS among its arguments.
            chain += [getattr(link, "kwargs", {}).get("error"), *link.args, link.__cause__, link.__context__]
    tls = (_tls_cause(link) for link in chain if isinstance(link, ssl.SSLError))
    # By their own classes only: for urllib3 a refused connection is a kind of ConnectTimeoutError.
    names = {type(link).__name__ for link in chain}
    known = (words for name, words in _CAUSES.items() if name in names)
    said = (printable(link.strerror) for link in chain if isinstance(link, OSError) and link.strerror)
    return next(itertools.chain(tls, known, said), "no answer")


def _tls_cause(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {printable(error.verify_message)}"
    return f"no TLS: {(error.reason or 'it broke off').lower().replace('_', ' ')}"
