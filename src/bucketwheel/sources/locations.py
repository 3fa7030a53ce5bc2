"""Locations to fetch from, as users write them: URLs, buckets and directories, with `${VAR}` for secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.names import printable
from bucketwheel.places import InvalidPlace, Place, parse_place
from bucketwheel.sources.urls import InvalidUrl, UserInfo, WebUrl, read_url

__all__ = ["Source", "WebSource", "read_sources", "values_to_hide"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*@)?")
_SECRETS = re.compile(r"(?<=://).*@|[?#].*", re.DOTALL)
_WEB = re.compile(r"https?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSource:
    """A page to start from."""

    url: WebUrl
    user: UserInfo | None = field(repr=False)


Source: TypeAlias = WebSource | Place


def read_sources(texts: Sequence[str], environ: Mapping[str, str], base: Path) -> tuple[Source, ...]:
    """Read the places to search; raises Misconfigured with every problem, naming variables and never their values."""
    if not texts:
        remedy = "name a page, an index, a bucket or a directory there, or with --from"
        raise Misconfigured(Problem(subject="artifact-indexes", what="names no place to fetch from", remedy=remedy))
    sources: list[Source] = []
    problems: list[Problem] = []
    for text in texts:
        subject = printable(_SECRETS.sub("", text))
        missing = [name for name in dict.fromkeys(_VARIABLE.findall(text)) if not environ.get(name)]
        if missing:
            what = f"needs {' and '.join(missing)}, which the environment does not have"
            problems.append(Problem(subject=subject, what=what, remedy="set it where this command runs"))
            continue
        try:
            sources.append(_read_source(_expanded(text, environ), base))
        except (InvalidUrl, InvalidPlace) as error:
            remedy = "write https://…, s3://bucket/prefix or a directory"
            problems.append(Problem(subject=subject, what=str(error), remedy=remedy))
    if problems:
        raise Misconfigured(*problems)
    return tuple(sources)


def values_to_hide(texts: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, str]:
    """Map the values of variables to what to show in their place: any of them may be a token."""
    hidden: dict[str, str] = {}
    for name in dict.fromkeys(_VARIABLE.findall(" ".join(texts))):
        value = environ.get(name, "")
        hidden[value] = f"${{{name}}}"
        with suppress(InvalidUrl):  # most are only a part of a URL
            hidden[str(read_url(value)[0])] = f"${{{name}}}"
    return hidden


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        return environ[found[1]]

    def within_userinfo(found: re.Match[str]) -> str:
        # A token with a slash or an @ in it must not become a part of the host. What is encoded already stays so.
        return quote(environ[found[1]], safe="%:")

    authority = _AUTHORITY.match(text)
    if authority is None or authority[2] is None:
        return _VARIABLE.sub(value, text)
    return authority[1] + _VARIABLE.sub(within_userinfo, authority[2]) + _VARIABLE.sub(value, text[authority.end() :])


def _read_source(text: str, base: Path) -> Source:
    if not _WEB.match(text):
        return parse_place(text, base)
    url, user = read_url(text)
    return WebSource(url=url, user=user)
