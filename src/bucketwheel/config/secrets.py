"""Secrets where none may be: in the keys and URLs of settings.

Credentials come from the AWS chain only; what a settings file says is read by everybody who has the project.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

__all__ = ["holds_secret", "names_secret", "without_secret"]

_SECRET = re.compile("secret|passw|token|credential|signature|accesskey|apikey")
_USERINFO = re.compile(r"(?<=://)(?P<user>[^:/?#]*):?(?P<password>[^/?#]*)@")
_VARIABLES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})*")


def names_secret(key: str) -> bool:
    """Whether a key asks for a secret, however it is spelled: `aws_secret_access_key`, `SessionToken` …."""
    return _SECRET.search(re.sub("[^a-z]", "", key.lower())) is not None


def holds_secret(url: str) -> bool:
    """Whether a URL carries a password, a token or a signature; `${VAR}` in the place of one is none."""
    userinfo = _USERINFO.search(url)
    if userinfo and not _VARIABLES.fullmatch(userinfo["password"] or userinfo["user"]):
        return True
    query = url.partition("?")[2].partition("#")[0]
    return any(names_secret(name) and not _VARIABLES.fullmatch(value) for name, value in parse_qsl(query))


def without_secret(url: str) -> str:
    """Put `${VAR}` in the place of a user and password, and drop a query, so that the URL may be shown and pasted."""
    return _USERINFO.sub("${INDEX_USER}:${INDEX_PASSWORD}@", url).partition("?")[0]
