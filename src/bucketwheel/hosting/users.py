"""Who may read at the edge: names, tokens, and what CloudFront's store has of them, as function/basic_auth.js wants."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import printable

__all__ = ["INDEX_NAME", "SHORTEST_TOKEN", "client_lines", "entries", "entry", "tokens_of", "user_name", "user_token"]

SHORTEST_TOKEN = 22
"""The digest is fast, so a token must be too long to be guessed: 128 bits in base64."""
INDEX_NAME = "company"
"""The name of the index in the lines for uv and poetry."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
# What needs no quotes in a shell, a netrc and an option of poetry.
_TOKEN = re.compile(r"[A-Za-z0-9._+/=][A-Za-z0-9._+/=-]{21,199}\Z")
_ENTRY = re.compile(r"[^: ]+:[0-9a-f]{64}(:|\Z)")
_MOST_ENTRIES = 2


def user_name(text: str) -> str:
    """Return the name of a user; raises Misconfigured for one that the function would not let in."""
    if _NAME.match(text):
        return text
    remedy = "use up to 64 small letters, digits, dots, hyphens and underscores, a letter or digit first"
    raise Misconfigured(Problem(subject=printable(text) or "NAME", what="cannot be the name of a user", remedy=remedy))


def user_token(text: str) -> str:
    """Return a token that was made elsewhere; raises Misconfigured, which does not show it."""
    if _TOKEN.match(text):
        return text
    remedy = f"use at least {SHORTEST_TOKEN} random letters and digits, or let bucketwheel make it"
    raise Misconfigured(Problem(subject="the token", what="is too short or has other characters", remedy=remedy))


def entry(user: str, token: str, salt: str) -> str:
    """Return what the store has of one token."""
    return f"{salt}:{sha256(f'{salt}:{user}:{token}'.encode()).hexdigest()}"


def entries(value: str) -> tuple[str, ...]:
    """Return the entries of a user's value that let somebody in, the newest first."""
    return tuple(each for each in value.split(" ")[:_MOST_ENTRIES] if _ENTRY.match(each))


def tokens_of(user: str, value: str) -> int:
    """Return how many tokens let somebody in under a name of the store; another tool may have written it."""
    return len(entries(value)) if _NAME.match(user) else 0


def client_lines(user: str, token: str, index_url: str) -> Mapping[str, str]:
    """Return the line with which each client sends the token."""
    url = urlsplit(index_url)
    host = url.netloc.rpartition("@")[2]
    variable = f"UV_INDEX_{INDEX_NAME.upper()}"
    return {
        "netrc": f"machine {url.hostname} login {user} password {token}",
        "uv": f"export {variable}_USERNAME={user} {variable}_PASSWORD={token}",
        "poetry": f"poetry config http-basic.{INDEX_NAME} {user} {token}",
        "keyring": f"echo {token} | keyring set {shlex.quote(host)} {user}",
    }
