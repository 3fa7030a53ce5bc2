"""The files for Terraform: parsed, formatted, and the same host as the CloudFormation template has."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.terraform import render_terraform
from support.hosting import ACCOUNT, BUCKET, FULL, PROVIDER, PUBLIC, combinations, read_template, resolved
from support.node import needs_node, run_in_node

pytestmark = needs_node

SOME = [
    *(FULL, PUBLIC, Hosting(bucket=BUCKET), replace(FULL, environment=None, github_provider_arn=PROVIDER, zone=None)),
    replace(FULL, bucket_exists=True, distribution="E2QWRUHAPOMQZL"),
]
CHOSEN = [*SOME, *combinations()] if os.environ.get("BUCKETWHEEL_TEST_HOSTS") == "all" else SOME
REFERENCES = {
    "${aws_cloudfront_distribution.index.arn}": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2QWRUHAPOMQZL",
    "${data.aws_caller_identity.current.account_id}": ACCOUNT,
    "${aws_iam_openid_connect_provider.github.arn}": PROVIDER,
}


def read(hostings: list[Hosting]) -> list[dict[str, Any]]:
    """Parse the files of each host."""
    files = {
        f"{number}/{name}": text
        for number, hosting in enumerate(hostings)
        for name, text in render_terraform(hosting, region="eu-central-1").items()
    }
    parsed = run_in_node("hcl.cjs", files)
    for name, text in files.items():
        assert parsed[name]["formatted"] == text, name
    return [
        {name: parsed[f"{number}/{name}"]["document"] for name in ("main.tf", "variables.tf", "outputs.tf")}
        for number in range(len(hostings))
    ]


def policy(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read a policy with made-up ARNs in place of references."""
    for reference, value in REFERENCES.items():
        text = text.replace(reference, value)
    return json.loads(text)


def test_both_languages_have_the_same_host() -> None:
    """Policies, function and cache values are equal; the files are formatted, for each combination of options."""
    for hosting, files in zip(CHOSEN, read(CHOSEN), strict=True):
        resources = files["main.tf"]["resource"]
        stack = resolved(read_template(hosting)["Resources"])
        bucket_policy = resources["aws_s3_bucket_policy"]["repository"][0]["policy"]
        assert policy(bucket_policy) == stack["BucketPolicy"]["Properties"]["PolicyDocument"]
        for role, name in (("Publisher", "publisher"), ("Reader", "reader")):
            assert (role in stack) == (name in resources.get("aws_iam_role", {}))
            if role in stack:
                expected = stack[role]["Properties"]
                [made], [attached] = resources["aws_iam_role"][name], resources["aws_iam_role_policy"][name]
                assert policy(made["assume_role_policy"]) == expected["AssumeRolePolicyDocument"]
                assert policy(attached["policy"]) == expected["Policies"][0]["PolicyDocument"]
        assert ("Distribution" in stack) == ("aws_cloudfront_distribution" in resources)
        if "Distribution" in stack:
            compare_cloudfront(resources, stack)


def compare_cloudfront(resources: Any, stack: Any) -> None:  # noqa: ANN401 - documents
    """Compare function, cache and headers."""
    [function], [cache] = (
        resources["aws_cloudfront_function"]["index"],
        resources["aws_cloudfront_cache_policy"]["index"],
    )
    assert function["code"].strip() == stack["Function"]["Properties"]["FunctionCode"].strip()
    config = stack["CachePolicy"]["Properties"]["CachePolicyConfig"]
    ttls = [config[name] for name in ("MinTTL", "DefaultTTL", "MaxTTL")]
    assert [cache[name] for name in ("min_ttl", "default_ttl", "max_ttl")] == ttls
    [headers] = resources["aws_cloudfront_response_headers_policy"]["index"]
    expected = stack["ResponseHeadersPolicy"]["Properties"]["ResponseHeadersPolicyConfig"]
    [security] = headers["security_headers_config"]
    [content] = security["content_security_policy"]
    said = expected["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert content["content_security_policy"] == said
    [distribution] = resources["aws_cloudfront_distribution"]["index"]
    errors = stack["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]
    found = [(each["error_code"], each["error_caching_min_ttl"]) for each in distribution["custom_error_response"]]
    assert found == [(each["ErrorCode"], each["ErrorCachingMinTTL"]) for each in errors]


def test_the_bucket_is_never_destroyed_and_what_exists_is_imported() -> None:
    """By provider aws 5 or newer, in the region of the settings."""
    new, existing = read([FULL, SOME[-1]])
    [bucket] = new["main.tf"]["resource"]["aws_s3_bucket"]["repository"]
    assert bucket["lifecycle"] == [{"prevent_destroy": True}]
    assert "import" not in new["main.tf"]
    assert {each["id"] for each in existing["main.tf"]["import"]} == {BUCKET, "E2QWRUHAPOMQZL"}
    assert new["main.tf"]["terraform"][0]["required_providers"][0]["aws"]["version"] == ">= 5.0"
    assert new["variables.tf"]["variable"]["region"][0]["default"] == "eu-central-1"
    assert set(new["outputs.tf"]["output"]) >= {"index_url", "distribution_id", "publisher_role", "reader_role"}
