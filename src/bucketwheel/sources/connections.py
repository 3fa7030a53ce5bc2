"""How a server is reached: proxies and certificates, as the environment has them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed, on all systems

from urllib3 import PoolManager, ProxyManager

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.sources.credentials import basic_auth
from bucketwheel.sources.limits import Limits
from bucketwheel.sources.pace import paced_pools
from bucketwheel.sources.urls import InvalidUrl, WebUrl, read_url

__all__ = ["Connections"]

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
