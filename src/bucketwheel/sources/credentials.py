"""Who we are to a server: the user and password of a source's own URL, else netrc. Never shown, never passed on."""

from __future__ import annotations

import base64
import netrc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bucketwheel.events import Report, Warned
from bucketwheel.names import shown
from bucketwheel.sources.urls import UserInfo, WebUrl

__all__ = ["Credentials", "basic_auth", "read_netrc"]


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
        report(Warned(message=f"{shown(str(path))} cannot be read as a netrc file{where}; going on without it"))
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
