"""URLs of the web: reading, following and showing them.

A `WebUrl` is taken apart once, by strict rules, and put together again from the parts: so the origin that we compare
is the server that gets the request, however the text was written (`http://evil:80@good/`). Users and passwords are
split off at the start, so that nothing that carries a `WebUrl` can leak them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit

from bucketwheel.names import printable

__all__ = ["InvalidUrl", "UserInfo", "WebUrl", "filename_of", "follow", "read_url", "showable"]

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w-]([\w.-]*[\w-])?\.?\Z")
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class InvalidUrl(ValueError):
    """A text that is not a URL we would ask; the message continues the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """A user and password, as they stand before the `@` of a URL, decoded; never shown."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebUrl:
    """An http or https URL without user, password and fragment."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    path: str
    """As written, percent-encoded; begins with a slash."""
    query: str = field(default="", repr=False)
    """Often a signature, so it is sent and never shown."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return scheme, host and port: who gets a credential (RFC 6454)."""
        return (self.scheme, self.host, self.port)

    @property
    def request(self) -> str:
        """Return the whole URL, for requests only: its query may be a secret."""
        # S3 reads a bare plus in a path as a space; every server reads %2B as a plus.
        address = str(self).replace("+", "%2B")
        return f"{address}?{self.query}" if self.query else address

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def read_url(text: str) -> tuple[WebUrl, UserInfo | None]:
    """Read a URL, and the user and password in it; raises InvalidUrl for anything but http and https."""
    _refuse_controls(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidUrl("is not a URL") from error
    if parts.scheme not in _PORTS:
        raise InvalidUrl("is neither an http nor an https URL")
    if not (_IPV6 if ":" in host else _HOST).match(host):
        raise InvalidUrl("names no host")
    url = WebUrl(
        scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=parts.path or "/", query=parts.query
    )
    credentials = parts.netloc.rpartition("@")[0]
    user, _, password = credentials.partition(":")
    return url, UserInfo(user=unquote(user), password=unquote(password)) if credentials else None


def follow(base: WebUrl, reference: str) -> WebUrl:
    """Resolve what a page or a redirect names; raises InvalidUrl for what must not be followed from there."""
    _refuse_controls(reference)
    try:
        resolved = urljoin(base.request, reference)
    except ValueError as error:
        raise InvalidUrl("is not a URL") from error
    url, credentials = read_url(resolved)
    if credentials is not None:
        raise InvalidUrl("contains a user or password, which only the URL of a source may")
    if base.scheme == "https" and url.scheme == "http":
        raise InvalidUrl("leads from https to http")
    return url


def filename_of(path: str) -> str:
    """Return the last segment of a URL's path, percent-decoded once, not validated; empty for a directory."""
    return unquote(path.rpartition("/")[2])


def showable(url: WebUrl, hidden: Mapping[str, str]) -> str:
    """Write a URL for messages and logs: no user, password or query, and no value of an environment variable.

    `hidden` maps such values to what to show for them, so that `https://ci/${TOKEN}/` stays as the user typed it.
    """
    spellings = {spelling: name for value, name in hidden.items() for spelling in (value, quote(value)) if value}
    if not spellings:
        return printable(str(url))
    longest_first = sorted(spellings, key=len, reverse=True)
    return printable(re.sub("|".join(map(re.escape, longest_first)), lambda found: spellings[found[0]], str(url)))


def _refuse_controls(text: str) -> None:
    # urlsplit silently drops tabs, line breaks and leading control characters, which could hide where a URL leads.
    if _CONTROLS.search(text):
        raise InvalidUrl("has control characters")
