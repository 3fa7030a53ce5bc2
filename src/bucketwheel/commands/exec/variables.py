"""The variables by which clients find the index: for uv, pip, pdm, pipenv and poetry, whatever the command is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bucketwheel.gateway.addresses import with_loopback
from bucketwheel.gateway.local import LocalGateway

__all__ = ["Choice", "DirectIndex", "Surroundings", "surroundings"]

_UV_OTHERS = ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_SESSION = "AWS_SESSION_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectIndex:
    """An index that uv reads by itself, with requests that it signs."""

    url: str
    bucket_url: str = ""
    """What it signs requests to; empty: none."""
    region: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user chose."""

    source: str
    """The name of the index in the project's own files."""
    only: bool = False
    fallback: str | None = None
    """The index for other names, where the user named one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The environment of the command."""

    variables: Mapping[str, str] = field(repr=False)
    removed: tuple[str, ...] = ()
    """Those of the user's variables that would let another index answer for our names."""


def surroundings(
    environ: Mapping[str, str], choice: Choice, *, gateway: LocalGateway | None, direct: DirectIndex | None
) -> Surroundings:
    """Return the environment for a command."""
    variables = dict(environ)
    harmful = ["PIP_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY", *(_UV_OTHERS if choice.only else ())]
    removed = tuple(name for name in harmful if variables.pop(name, ""))
    if gateway is not None:
        variables |= _for_clients(gateway, choice.source)
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = with_loopback(variables.get(name, ""))
    if direct is not None:
        variables |= _for_uv(direct.url, choice, variables) | _signing(direct, variables)
        if direct.credentials and _SESSION not in direct.credentials:
            variables.pop(_SESSION, None)
    elif gateway is not None:
        variables |= _for_uv(gateway.url, choice, variables) | _secret_for_uv(gateway, choice.source)
    return Surroundings(variables=variables, removed=removed)


def _for_clients(gateway: LocalGateway, source: str) -> dict[str, str]:
    index = gateway.url_with_password
    poetry = f"POETRY_HTTP_BASIC_{_shouted(source)}"
    return {
        "PIP_INDEX_URL": index,
        "PDM_PYPI_URL": index,
        "PIPENV_PYPI_MIRROR": index.rstrip("/"),  # it appends a slash of its own
        f"{poetry}_USERNAME": gateway.user,
        f"{poetry}_PASSWORD": gateway.password,
    }


def _for_uv(url: str, choice: Choice, variables: Mapping[str, str]) -> dict[str, str]:
    """Name the index for uv, before all others: of several the first that has a name answers for it."""
    index = f"{choice.source}={url}"
    if choice.only:
        return {"UV_DEFAULT_INDEX": index}
    others = {} if choice.fallback is None else {"UV_DEFAULT_INDEX": choice.fallback}
    return {"UV_INDEX": " ".join(filter(None, [index, variables.get("UV_INDEX", "")])), **others}


def _secret_for_uv(gateway: LocalGateway, source: str) -> dict[str, str]:
    name = f"UV_INDEX_{_shouted(source)}"
    return {f"{name}_USERNAME": gateway.user, f"{name}_PASSWORD": gateway.password}


def _signing(direct: DirectIndex, variables: Mapping[str, str]) -> dict[str, str]:
    if not direct.bucket_url:
        return {}
    features = dict.fromkeys(filter(None, [*variables.get("UV_PREVIEW_FEATURES", "").split(","), "s3-endpoint"]))
    return {
        "UV_S3_ENDPOINT_URL": direct.bucket_url,
        "UV_PREVIEW_FEATURES": ",".join(features),
        "AWS_REGION": direct.region,
        **direct.credentials,
    }


def _shouted(name: str) -> str:
    return re.sub("[^A-Z0-9]", "_", name.upper())
