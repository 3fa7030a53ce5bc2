"""How a server is reached: proxies and certificates, as the environment has them."""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import math
import netrc
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed, on all systems

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.events import Report, Warned
from bucketwheel.names import printable
from bucketwheel.sources.urls import InvalidUrl, UserInfo, WebUrl, read_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "AddressRefused",
    "Connections",
    "Credentials",
    "Limits",
    "basic_auth",
    "is_link_local",
    "paced_pools",
    "read_netrc",
]

_METADATA_NAMES = {"metadata.google.internal", "metadata.goog"}
_METADATA_ADDRESSES = {"fd00:ec2::254", "100.100.100.200"}  # AWS over IPv6, Alibaba Cloud


class AddressRefused(Exception):
    """A connection would lead to an address where no container is."""


def is_link_local(host: str) -> bool:
    """Whether a host, as a URL names it, is a link-local or metadata address; other names are not resolved."""
    try:
        # Also what inet_aton takes: 2852039166 and 0xa9.0xfe.0xa9.0xfe are 169.254.169.254.
        numeric = str(socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)[0][4][0])
        address = ipaddress.ip_address(numeric.partition("%")[0])
    except (OSError, ValueError):
        return host.rstrip(".") in _METADATA_NAMES
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_link_local or str(address) in _METADATA_ADDRESSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one source entitles us to show, and to whom."""

    source: WebUrl
    """What the user named: whatever else its pages and redirects lead to was chosen by a server."""
    given: UserInfo | None = field(repr=False)
    machines: Mapping[str, UserInfo] = field(repr=False)
    """Of netrc, by host."""

    def headers(self, url: WebUrl) -> dict[str, str]:
        """Make the headers for one request: a credential goes to its own origin, and in clear only where named."""
        at_source = url.origin == self.source.origin
        known = self.given if at_source else None
        if known is None and (at_source or url.scheme == "https"):
            known = self.machines.get(url.host)
        return {"Authorization": basic_auth(known)} if known is not None else {}


def basic_auth(known: UserInfo) -> str:
    """Write a user and password as the value of a header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{known.user}:{known.password}".encode()).decode("ascii")


def read_netrc(environ: Mapping[str, str], report: Report) -> Mapping[str, UserInfo]:
    """Read the machines of netrc (`NETRC`, else `~/.netrc`); its default entry is for nobody we know, and left out."""
    path = _netrc_path(environ)
    if path is None:
        return {}
    try:
        entries = netrc.netrc(path)
    except (OSError, ValueError, netrc.NetrcParseError) as error:
        # The parser's own message may hold the token that it stumbled over.
        where = f", line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else ""
        report(Warned(message=f"{printable(str(path))} cannot be read as a netrc file{where}; going on without it"))
        return {}
    return {
        host.lower(): UserInfo(user=login or "", password=password or "")
        for host, (login, _, password) in entries.hosts.items()
        if host != "default"
    }


def _netrc_path(environ: Mapping[str, str]) -> Path | None:
    if environ.get("NETRC"):
        return Path(environ["NETRC"])
    try:
        home = Path.home()
    except RuntimeError:
        return None  # a container's user may have no home
    return next((path for path in (home / ".netrc", home / "_netrc") if path.is_file()), None)


_KIB = 1024
_MIB = 1024 * _KIB
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """With the defaults no server holds a fetch for more than some 30 seconds for nothing, or fills the disk."""

    answer_seconds: float = 30
    """Until an answer begins: connecting, redirects, waits and further tries for one URL are all within it."""
    connect_seconds: float = 10
    """Until one address of a host takes the connection; within the above too."""
    pace_bytes: int = 20 * _KIB
    """What must arrive of a body in each `pace_seconds`: 1 KiB a second."""
    pace_seconds: float = 20
    tries: int = 4
    """How often one URL is asked while its server is overloaded or breaks off; silence is not asked again."""
    longest_wait: float = 10
    """Seconds between two tries at most, whatever `Retry-After` says."""
    redirects: int = 5
    page_bytes: int = 16 * _MIB
    """The length of an index page, decompressed."""
    file_bytes: int = 5 * _GIB
    """The length of a distribution."""
    spare_bytes: int = 100 * _MIB
    """What must stay free on the disk that files are written to."""


_GLANCE = 0.5  # seconds between two looks at whether the user has interrupted us


class _PacedReader(io.RawIOBase):
    """Reads a socket while its peer keeps up: first the head in the socket's own time limit, then the body at pace."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, limits: Limits, stopped: Event) -> None:
        self._socket = sock
        self._source = source
        self._limits = limits
        self._stopped = stopped
        self._seconds = sock.gettimeout() or limits.answer_seconds
        self._needed: float = math.inf  # no number of bytes buys more time before the head is whole
        self._waited = 0.0
        self._received = 0

    def expect_body(self) -> None:
        """The head is whole; from here on the pace counts."""
        self._seconds = self._limits.pace_seconds
        self._needed = self._limits.pace_bytes
        self._waited = 0.0
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while True:
            if self._stopped.is_set():
                raise ConnectionAbortedError("interrupted")
            if self._waited >= self._seconds:
                self._next_period()
            began = time.monotonic()
            self._socket.settimeout(min(_GLANCE, self._seconds - self._waited))
            try:
                count = self._socket.recv_into(buffer)
            except TimeoutError:
                continue
            else:
                self._received += count
                return count
            finally:
                self._waited += time.monotonic() - began

    def close(self) -> None:
        self._source.close()
        super().close()

    def _next_period(self) -> None:
        if self._received < self._needed:
            raise TimeoutError("the server does not keep up")
        self._waited = 0.0
        self._received = 0


def paced_pools(limits: Limits, stopped: Event) -> dict[str, type[HTTPConnectionPool]]:
    """Make the connection pools, by URL scheme, whose answers are read at pace and whose peers are looked at."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
            super().__init__(sock, debuglevel, method)
            self._reader = _PacedReader(sock, self.fp.detach(), limits, stopped)
            self.fp = io.BufferedReader(self._reader)

        def begin(self) -> None:
            super().begin()
            self._reader.expect_body()

    class Plain(HTTPConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            _look_at_peer(self)

    class Encrypted(HTTPSConnection):
        response_class = Response

        def connect(self) -> None:
            super().connect()
            _look_at_peer(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def _look_at_peer(connection: HTTPConnection) -> None:
    # After the name was resolved, so that no answer of a name server can differ from what was judged.
    # Behind a proxy the peer is the proxy, which the user chose.
    if connection.proxy is None and is_link_local(connection.sock.getpeername()[0]):
        connection.close()
        raise AddressRefused


_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Connections:
    """Keeps connections open between requests, from any thread: straight to a server or through a proxy."""

    def __init__(self, *, environ: Mapping[str, str], limits: Limits, stopped: Event, jobs: int) -> None:
        self._environ = environ
        self._jobs = jobs
        self._pools = paced_pools(limits, stopped)
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
        # Reading certificates takes longer than a request: what goes in clear does without.
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


def _proxy_variable(environ: Mapping[str, str], url: WebUrl) -> str | None:
    unproxied = _first(environ, "no_proxy")
    if unproxied and proxy_bypass_environment(f"{url.host}:{url.port}", {"no": environ[unproxied]}):
        return None
    return _first(environ, f"{url.scheme}_proxy") or _first(environ, "all_proxy")


def _first(environ: Mapping[str, str], name: str) -> str | None:
    # In a CGI process HTTP_PROXY is the client's "Proxy:" header, as everybody who trusted it found out (httpoxy).
    spellings = [name] if name == "http_proxy" and "REQUEST_METHOD" in environ else [name, name.upper()]
    return next((spelling for spelling in spellings if environ.get(spelling)), None)


def _proxy(variable: str, text: str) -> tuple[WebUrl, dict[str, str]]:
    try:
        url, user = read_url(text if "://" in text else f"http://{text}")
    except InvalidUrl as error:
        raise Misconfigured(
            Problem(subject=variable, what=str(error), remedy="set it to the proxy's URL: http://proxy.example:3128")
        ) from error
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
        raise Misconfigured(
            Problem(
                subject=variable,
                what="names no file of certificates that can be read",
                remedy="set it to a file in PEM format",
            )
        ) from error
