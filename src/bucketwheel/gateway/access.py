"""Who may ask: the names by which the gateway is known, and the secrets that open it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Access", "basic_of", "digest_of", "read_tokens"]


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret; digests are compared, so that the time of it tells nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of who may ask."""

    hosts: frozenset[str] | None
    """The values of Host that mean this gateway; None behind a proxy, which has a name of its own.

    Without this rule a web page could have its own name point here, and read everything (DNS rebinding).
    """
    digests: tuple[bytes, ...] = field(default=(), repr=False)
    """Of the secrets, any of which opens; none: it is open to everybody who reaches it."""

    def knows_host(self, hosts: Sequence[str]) -> bool:
        """Return whether the Host headers of a request, of which there must be one, mean this gateway."""
        return len(hosts) == 1 and (self.hosts is None or hosts[0].lower() in self.hosts)

    def opens(self, authorization: str) -> bool:
        """Return whether an Authorization header has a secret that opens: as password of any user, or bearer."""
        if not self.digests:
            return True
        given = digest_of(_secret(authorization))
        # All of them, so that the time does not tell which was right.
        return sum(hmac.compare_digest(given, digest) for digest in self.digests) > 0


def _secret(authorization: str) -> str:
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else basic_of(authorization)[1]


def basic_of(authorization: str) -> tuple[str, str]:
    """Return the user and the password of basic authentication; both empty for any other."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def read_tokens(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the tokens of a file: one a line, without comments and empty lines."""
    return tuple(line for each in lines if (line := each.strip()) and not line.startswith("#"))
