"""What the headers of a request ask for: the form of a page (PEP 691), a part of a file, a state that is known."""

from __future__ import annotations

import re

from bucketwheel.storage import Span

__all__ = ["known_etag", "prefers_json", "read_range"]

_JSON = ("application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json")
_HTML = ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)
_ETAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e]*")\Z')


def prefers_json(accept: str) -> bool:
    """Return whether a client would rather have JSON; HTML is for those that do not say, or accept neither."""
    weights = _weights(accept)
    anything = weights.get("*/*", 0.0)
    json = max(weights.get(each, weights.get("application/*", anything)) for each in _JSON)
    html = max(weights.get(each, weights.get(f"{each.partition('/')[0]}/*", anything)) for each in _HTML)
    return json > html


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for choice in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in choice.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            weights[media_type] = min(1.0, max(0.0, float(weight)))
        except ValueError:
            continue  # whatever it means, it is no wish that we know
    return weights


def read_range(header: str) -> Span | None:
    """Return the one span of bytes that a Range asks for; None for none, and for what may be answered by the whole."""
    match = _RANGE.match(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    if first is None:
        return Span(first=None, last=last) if last else None
    return Span(first=first, last=last) if last is None or last >= first else None


def known_etag(header: str) -> str:
    """Return the one ETag of a condition; empty for none, for several, and for a date."""
    match = _ETAG.match(header.strip())
    return match[1] if match else ""
