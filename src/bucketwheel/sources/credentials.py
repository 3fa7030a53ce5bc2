"""Credentials for servers: from a source's URL or from netrc, and which server may see them."""

from __future__ import annotations

import base64
import netrc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bucketwheel.events import Report, Warned
from bucketwheel.names import printable
from bucketwheel.sources.urls import UserInfo, WebUrl

__all__ = ["Credentials", "basic_auth", "read_netrc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The users and passwords that belong to one source."""

    source: WebUrl
    """The URL that the user named; all other addresses were chosen by a page or a redirect."""
    given: UserInfo | None = field(repr=False)
    machines: Mapping[str, UserInfo] = field(repr=False)
    """Of netrc, by host."""

    def headers(self, url: WebUrl) -> dict[str, str]:
        """Make the headers for one request: a credential goes to its own origin, over http only to the source."""
        at_source = url.origin == self.source.origin
        known = self.given if at_source else None
        if known is None and (at_source or url.scheme == "https"):
            known = self.machines.get(url.host)
        return {"Authorization": basic_auth(known)} if known is not None else {}


def basic_auth(known: UserInfo) -> str:
    """Write a user and password as the value of a header (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{known.user}:{known.password}".encode()).decode("ascii")


def read_netrc(environ: Mapping[str, str], report: Report) -> Mapping[str, UserInfo]:
    """Read the machines of netrc (`NETRC`, else `~/.netrc`), without its default entry: that would go to any host."""
    path = _netrc_path(environ)
    if path is None:
        return {}
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, ValueError, netrc.NetrcParseError) as error:
        # The parser's own message may hold the token that it stumbled over.
        where = f", line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else ""
        report(Warned(message=f"{printable(str(path))} cannot be read as a netrc file{where}; going on without it"))
        return {}
    return {
        host.lower(): UserInfo(user=login or "", password=password or "")
        for host, (login, _, password) in hosts.items()
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
