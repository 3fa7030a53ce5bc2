"""Certificates of authorities, read once a client: urllib3 reads them again for each connection, in 18 ms of CPU."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext
    from typing import Any

    from botocore.client import BaseClient

__all__ = ["read_certificates_once"]


def read_certificates_once(client: BaseClient) -> None:
    """Let all connections of a client use the certificates that its first one has read.

    What is verified stays as it is: authority, host name and dates. The SDK has no public way to its connections, so
    where another version of it has none of these names, each connection reads the certificates as before.
    """
    with suppress(AttributeError, KeyError):
        session = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        _remember(session._manager.connection_pool_kw["ssl_context"])  # noqa: SLF001 - see above
        make = session._get_ssl_context  # noqa: SLF001 - see above
        session._get_ssl_context = lambda: _remember(make())  # noqa: SLF001 - it makes those for connections by a proxy
        session._get_proxy_manager = _one_at_a_time(session._get_proxy_manager)  # noqa: SLF001 - the first makes it for all


def _one_at_a_time(call: Callable[[str], Any]) -> Callable[[str], Any]:
    calling = Lock()

    def called(url: str) -> Any:  # noqa: ANN401 - the SDK's
        with calling:
            return call(url)

    return called


def _remember(context: SSLContext) -> SSLContext:
    """Make a context read the same certificates only once; a reading that failed is made again."""
    read, reading = cache(context.load_verify_locations), Lock()

    def read_once(*where: Any, **named: Any) -> None:  # noqa: ANN401 - as the standard library's
        with reading:
            read(*where, **named)

    context.load_verify_locations = read_once  # type: ignore[method-assign]  # of this context alone
    return context
