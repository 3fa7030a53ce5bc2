"""What CloudFront is told: the function that picks the object, and what it keeps and adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

from bucketwheel.hosting import Hosting

__all__ = ["CACHE", "RESPONSE", "function_code", "template"]

CACHE: Mapping[str, object] = {
    # A higher minimum would overrule what the objects say; a fresh project must not stay absent.
    "MIN_TTL": 0,
    "DEFAULT_TTL": 0,
    "MAX_TTL": 31536000,
    "ERROR_TTL": 1,
}
"""Seconds for which CloudFront keeps an object, and an error."""

RESPONSE: Mapping[str, object] = {
    # Scripts are those of the pages for people: no distribution is served as one.
    "CSP": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "VARY": "Accept",
}
"""Headers of all answers."""


def function_code(hosting: Hosting) -> str:
    """Return the function for the requests of viewers."""
    prefix = f"/{hosting.prefix}"
    site = {"prefix": prefix, "simple": f"{prefix}{hosting.layout.simple}", "pages": hosting.layout.pages}
    code = template("function/route.js").replace("@SITE@", json.dumps(site))
    if not hosting.basic_auth:
        return code + template("function/open.js")
    return "import cf from 'cloudfront';\n\n" + code + template("function/basic_auth.js")


def template(name: str) -> str:
    """Return one of the templates of the package."""
    return files("bucketwheel.hosting").joinpath(name).read_text(encoding="utf-8")
