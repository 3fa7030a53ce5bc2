"""The function of CloudFront, taken from the rendered template and run in Node."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from bucketwheel.hosting import Hosting
from support.hosting import read_template
from support.node import run_in_node

__all__ = ["answers", "basic", "code_of", "request"]


def code_of(hosting: Hosting) -> str:
    """Return the function in the CloudFormation template."""
    code = read_template(hosting)["Resources"]["Function"]["Properties"]["FunctionCode"]
    assert isinstance(code, str)
    return code


def request(uri: str, method: str = "GET", **headers: object) -> dict[str, Any]:
    """Return a request as CloudFront describes it; a header is a text, or all that CloudFront says of it."""
    described = {
        name: {"value": value} if isinstance(value, str) else value
        for name, value in headers.items()
        if value is not None
    }
    return {"method": method, "uri": uri, "querystring": {}, "headers": described, "cookies": {}}


def answers(
    hosting: Hosting, *requests: dict[str, Any], users: Mapping[str, str] | None = None, store: bool = True
) -> list[Any]:
    """Run the function for each request; return its answers, or the request with the URI of the object."""
    given = {"code": code_of(hosting), "users": (users or {}) if store else None, "requests": requests}
    answered = run_in_node("function.cjs", given)
    assert isinstance(answered, list)
    return answered


def basic(user: str, token: str) -> str:
    """Return the header with a name and a token."""
    return f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"
