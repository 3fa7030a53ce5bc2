"""Addresses of the gateway and of the index behind it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import sha256_of

__all__ = ["LOOPBACK", "PYPI", "default_port", "hosts_of", "index_url", "is_loopback", "read_fallback", "with_loopback"]

LOOPBACK = "127.0.0.1"
PYPI = "https://pypi.org/simple/"
"""What names that the repository lacks are asked for, unless the user says something else."""

# Below the ports that systems give to clients, and where few services are.
_FIRST_PORT, _PORTS = 20_000, 10_000


def default_port(place: str) -> int:
    """Return the port for a repository: the same on every machine, because a project's files may name it."""
    return _FIRST_PORT + int(sha256_of(place.encode())[:8], 16) % _PORTS


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def hosts_of(host: str, port: int) -> frozenset[str]:
    """Return the values of Host by which clients call this address."""
    names = {host.lower(), "localhost"} if is_loopback(host) else {host.lower()}
    written = {f"[{name}]" if ":" in name else name for name in names}
    return frozenset(f"{name}:{port}" for name in written) | (written if port == 80 else frozenset())  # noqa: PLR2004


def index_url(host: str, port: int, simple: str) -> str:
    """Return the address of the index, ending in a slash."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{quote(simple)}"


def read_fallback(url: str) -> str:
    """Return the URL of another index, ending in a slash; raises Misconfigured for what is none, or has a secret."""
    remedy = f"write the address of a simple index, such as {PYPI}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        valid = False
        parts = urlsplit("")
    if "@" in parts.netloc or parts.query or parts.fragment:
        what = "has a user, a password, a query or a fragment, any of which may be a secret"
        raise Misconfigured(Problem(subject="--fallback", what=what, remedy=remedy))
    if not valid or " " in url:
        raise Misconfigured(Problem(subject="--fallback", what="is not an http or https URL", remedy=remedy))
    return url if url.endswith("/") else f"{url}/"


def with_loopback(no_proxy: str) -> str:
    """Return a value of NO_PROXY by which no proxy is asked for the gateway."""
    hosts = [host.strip() for host in no_proxy.split(",") if host.strip()]
    return ",".join(hosts if LOOPBACK in hosts or "*" in hosts else [*hosts, LOOPBACK])
