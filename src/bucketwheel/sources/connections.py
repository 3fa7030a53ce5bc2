"""Connections to servers: direct or through a proxy, with the certificates that the environment names."""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed, on all systems

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.sources.credentials import basic_auth
from bucketwheel.sources.limits import Limits, PacedReader
from bucketwheel.sources.urls import InvalidUrl, WebUrl, read_url

__all__ = ["AddressRefused", "Connections", "is_link_local"]


class Connections:
    """The connections kept open between requests, for use by any thread."""

    def __init__(self, *, environ: Mapping[str, str], limits: Limits, stopped: Event, jobs: int) -> None:
        self._environ = environ
        self._jobs = jobs
        self._pools = _pool_classes(limits, stopped)
        self._managers: dict[tuple[str, str | None], PoolManager] = {}
        self._making = Lock()

    def manager(self, url: WebUrl) -> PoolManager:
        """Choose the connections for one URL; raises Misconfigured for a proxy or certificates that cannot be used."""
        way = (url.scheme, _proxy_variable(self._environ, url))
        with self._making:
            if way not in self._managers:
                self._managers[way] = self._make(*way)
            return self._managers[way]

    def close(self) -> None:
        """Close what is open and idle."""
        for manager in self._managers.values():
            manager.clear()

    def _make(self, scheme: str, variable: str | None) -> PoolManager:
        # Reading certificates takes longer than a request, so plain http goes without.
        if variable is None:
            trust = _trust(self._environ) if scheme == "https" else None
            manager = PoolManager(maxsize=self._jobs, ssl_context=trust)
        else:
            proxy, headers = _proxy(variable, self._environ[variable])
            trust = _trust(self._environ) if "https" in {scheme, proxy.scheme} else None
            manager = ProxyManager(
                str(proxy), proxy_headers=headers, proxy_ssl_context=trust, maxsize=self._jobs, ssl_context=trust
            )
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pool_classes(limits: Limits, stopped: Event) -> dict[str, type[HTTPConnectionPool]]:
    """Make the classes of connection pools, by URL scheme, that enforce the pace and refuse link-local peers."""

    class PacedResponse(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
            super().__init__(sock, debuglevel, method)
            self._reader = PacedReader(sock, self.fp.detach(), limits, stopped)
            self.fp = io.BufferedReader(self._reader)

        def begin(self) -> None:
            super().begin()
            self._reader.expect_body()

    class Plain(HTTPConnection):
        response_class = PacedResponse

        def connect(self) -> None:
            super().connect()
            _check_peer(self)

    class Encrypted(HTTPSConnection):
        response_class = PacedResponse

        def connect(self) -> None:
            super().connect()
            _check_peer(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


# Addresses that are never asked --------------------------------------------------------------------------------------

_METADATA_NAMES = {"metadata.google.internal", "metadata.goog"}
_METADATA_ADDRESSES = {"fd00:ec2::254", "100.100.100.200"}  # AWS over IPv6, Alibaba Cloud


class AddressRefused(Exception):
    """A connection whose peer has a link-local or metadata address."""


def is_link_local(host: str) -> bool:
    """Return whether a URL's host is a link-local or metadata address; other names are not resolved."""
    try:
        # Also what inet_aton takes: 2852039166 and 0xa9.0xfe.0xa9.0xfe are 169.254.169.254.
        numeric = str(socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0])
        address = ipaddress.ip_address(numeric.partition("%")[0])
    except (OSError, ValueError):
        return host.rstrip(".") in _METADATA_NAMES
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or str(address) in _METADATA_ADDRESSES


def _check_peer(connection: HTTPConnection) -> None:
    # After the name was resolved, so that a name server cannot give another answer to the connection than to a check.
    # Behind a proxy the peer is the proxy, which the user chose.
    if connection.proxy is None and is_link_local(connection.sock.getpeername()[0]):
        connection.close()
        raise AddressRefused


# Proxies and certificates --------------------------------------------------------------------------------------------

_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def _proxy_variable(environ: Mapping[str, str], url: WebUrl) -> str | None:
    unproxied = _variable(environ, "no_proxy")
    if unproxied and proxy_bypass_environment(f"{url.host}:{url.port}", {"no": environ[unproxied]}):
        return None
    return _variable(environ, f"{url.scheme}_proxy") or _variable(environ, "all_proxy")


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    # In a CGI process HTTP_PROXY is the client's "Proxy:" header (https://httpoxy.org).
    spellings = [name] if name == "http_proxy" and "REQUEST_METHOD" in environ else [name, name.upper()]
    return next((spelling for spelling in spellings if environ.get(spelling)), None)


def _proxy(variable: str, text: str) -> tuple[WebUrl, dict[str, str]]:
    try:
        url, user = read_url(text if "://" in text else f"http://{text}")
    except InvalidUrl as error:
        remedy = "set it to the proxy's URL: http://proxy.example:3128"
        raise Misconfigured(Problem(subject=variable, what=str(error), remedy=remedy)) from error
    return url, {"Proxy-Authorization": basic_auth(user)} if user is not None else {}


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    variable = next((name for name in _CERTIFICATES if environ.get(name)), None)
    if variable is None:
        return ssl.create_default_context()
    path = Path(environ[variable])
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        what, remedy = "names no readable file of certificates", "set it to a file in PEM format"
        raise Misconfigured(Problem(subject=variable, what=what, remedy=remedy)) from error
