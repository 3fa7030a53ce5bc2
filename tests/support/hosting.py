"""Hosts that the tests render, and their templates, read again."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import yaml

from bucketwheel.format.layout import Layout
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.cloudformation import render_cloudformation

__all__ = ["ACCOUNT", "BUCKET", "FULL", "PROVIDER", "PUBLIC", "combinations", "read_template", "resolved"]

BUCKET, ACCOUNT = "my-bucket", "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"

FULL = Hosting(
    bucket=BUCKET,
    prefix="python/",
    domain="pypi.example.com",
    certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a1b2c3d",
    zone="Z0123456789ABCDEFGHIJ",
    github="my-organisation/my-package",
    environment="release",
    readers=(f"arn:aws:iam::{ACCOUNT}:role/developers",),
    basic_auth=True,
)
"""Everything that can be behind CloudFront."""
PUBLIC = replace(FULL, domain=None, certificate_arn=None, zone=None, basic_auth=False, public=True)


def combinations() -> list[Hosting]:
    """Return a host for each combination of options."""
    domains: list[dict[str, Any]] = [
        {"domain": None, "certificate_arn": None, "zone": None},
        {"zone": None},
        {},
    ]
    jobs: list[dict[str, Any]] = [
        {"github": None, "environment": None},
        {"environment": None},
        {},
        {"github_provider_arn": PROVIDER},
    ]
    others: list[dict[str, Any]] = [
        {"readers": readers, "prefix": prefix, "layout": layout}
        for readers, prefix, layout in product(((), FULL.readers), ("", "python/"), _layouts())
    ]
    behind = [
        replace(FULL, basic_auth=auth, **domain, **github, **other)
        for auth, domain, github, other in product((False, True), domains, jobs, others)
    ]
    return behind + [replace(PUBLIC, **github, **other) for github, other in product(jobs, others)]


def _layouts() -> list[Layout]:
    return [Layout(), Layout(pages="index.html", simple="", pages_cache_control="public, max-age=60")]


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as the long ones."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, object]:
    assert isinstance(node, yaml.ScalarNode)
    value = loader.construct_scalar(node)
    name = "Ref" if suffix == "Ref" else f"Fn::{suffix}"
    return {name: str(value).split(".", 1) if suffix == "GetAtt" else value}


_Loader.add_multi_constructor("!", _function)


def read_template(hosting: Hosting) -> Any:  # noqa: ANN401 - a template
    """Return the document of the CloudFormation template."""
    return yaml.load(render_cloudformation(hosting), Loader=_Loader)  # noqa: S506 - a SafeLoader


def resolved(value: Any) -> Any:  # noqa: ANN401 - any part of a template
    """Put made-up ARNs in place of references, as a stack would."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text.replace("${AWS::AccountId}", ACCOUNT).replace("${Distribution}", "E2QWRUHAPOMQZL")
        case {"Ref": "AWS::AccountId"}:
            return ACCOUNT
        case {"Ref": "GitHubProvider"}:
            return PROVIDER
        case dict():
            return {key: resolved(each) for key, each in value.items()}
        case list():
            return [resolved(each) for each in value]
    return value
