"""The CloudFormation template: valid for CloudFormation, and what a stack of it makes.

BUCKETWHEEL_TEST_HOSTS=all looks at every combination of options.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.cloudformation import render_cloudformation
from support.hosting import BUCKET, FULL, PROVIDER, PUBLIC, combinations, read_template, resolved
from support.ministack import run_ministack, server_program

SOME = [FULL, PUBLIC, Hosting(bucket=BUCKET), replace(FULL, environment=None, github_provider_arn=PROVIDER, zone=None)]
CHOSEN = combinations() if os.environ.get("BUCKETWHEEL_TEST_HOSTS") == "all" else SOME


def lint(directory: Path, *templates: str) -> tuple[int, str]:
    """Run cfn-lint on templates; return its status and what it says."""
    paths = [directory / f"{number}.yaml" for number in range(len(templates))]
    for path, template in zip(paths, templates, strict=True):
        path.write_text(template, encoding="utf-8")
    command = [server_program("cfn-lint"), "--non-zero-exit-code", "informational", "--", *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=800)
    return ran.returncode, ran.stdout + ran.stderr


def test_cloudformation_takes_each_combination_of_options(tmp_path: Path) -> None:
    """No error, no warning, no hint."""
    assert lint(tmp_path, *map(render_cloudformation, CHOSEN)) == (0, "")


def test_a_wrong_property_would_be_found(tmp_path: Path) -> None:
    """The test before this one sees more than YAML."""
    status, said = lint(tmp_path, render_cloudformation(FULL).replace("ViewerProtocolPolicy:", "ViewerPolicy:"))
    assert status != 0
    assert "ViewerPolicy" in said


# The stack -----------------------------------------------------------------------------------------------------------


class Stack:
    """What a stack made, as the services say."""

    def __init__(self, url: str, hosting: Hosting) -> None:
        """Make the stack."""
        self.url = url
        zone = self.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        self.hosting = hosting = replace(hosting, zone=zone.rpartition("/")[2])
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName="index", TemplateBody=render_cloudformation(hosting), Capabilities=["CAPABILITY_IAM"]
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName="index", WaiterConfig={"Delay": 1})
        described = cloudformation.describe_stacks(StackName="index")["Stacks"][0]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
        resources = cloudformation.describe_stack_resources(StackName="index")["StackResources"]
        self.ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}

    def client(self, service: str) -> Any:  # noqa: ANN401 - the SDK's
        """Return a client of the SDK."""
        key = "test"
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=key)
        return session.client(service, endpoint_url=self.url, region_name="us-east-1")  # type: ignore[call-overload]

    def property(self, resource: str, name: str) -> Any:  # noqa: ANN401 - a template
        """Return what the template says of a resource, with the stack's own ids."""
        text = json.dumps(resolved(read_template(self.hosting)["Resources"][resource]["Properties"][name]))
        return json.loads(
            text.replace("123456789012", "000000000000").replace("E2QWRUHAPOMQZL", self.ids["Distribution"])
        )


@contextmanager
def run_stack(directory: Path) -> Iterator[Stack]:
    """Make a stack with everything, except the provider for GitHub, which this server refuses to make."""
    with run_ministack(directory, services="s3,iam,sts,cloudformation,cloudfront,route53") as server:
        assert server.endpoint_url is not None
        yield Stack(server.endpoint_url, replace(FULL, github_provider_arn=PROVIDER))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Make a stack that the tests share and do not change."""
    with run_stack(tmp_path_factory.mktemp("ministack")) as made:
        yield made


def test_the_bucket_is_private_versioned_and_tidy(stack: Stack) -> None:
    """As S3 itself tells it."""
    s3 = stack.client("s3")
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    [ownership] = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert ownership["ObjectOwnership"] == "BucketOwnerEnforced"
    [rule] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    # This server's stacks have no lifecycle rules, so they are those of the template.
    rules = {each["Id"]: each for each in stack.property("Bucket", "LifecycleConfiguration")["Rules"]}
    assert rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
    assert rules["noncurrent-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy == stack.property("BucketPolicy", "PolicyDocument")


def test_the_distribution_reads_the_bucket_through_the_function(stack: Stack) -> None:
    """Signed, by TLS only, under our name; errors are kept for a second, and none is turned into another."""
    cloudfront = stack.client("cloudfront")
    config = cloudfront.get_distribution_config(Id=stack.ids["Distribution"])["DistributionConfig"]
    [origin] = config["Origins"]["Items"]
    assert origin["OriginAccessControlId"] == stack.ids["OriginAccessControl"]
    assert origin["DomainName"].startswith(f"{BUCKET}.s3.")
    assert origin.get("OriginPath", "") == ""
    behavior = config["DefaultCacheBehavior"]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["CachePolicyId"] == stack.ids["CachePolicy"]
    assert behavior["ResponseHeadersPolicyId"] == stack.ids["ResponseHeadersPolicy"]
    [function] = behavior["FunctionAssociations"]["Items"]
    assert (function["EventType"], function["FunctionARN"].rpartition("/")[2]) == ("viewer-request", FULL.name)
    errors = config["CustomErrorResponses"]["Items"]
    assert {(each["ErrorCode"], each["ErrorCachingMinTTL"]) for each in errors} == {(403, 1), (404, 1)}
    assert not any(each.get("ResponseCode") for each in errors)
    assert config["Aliases"]["Items"] == ["pypi.example.com"]
    assert config["ViewerCertificate"]["ACMCertificateArn"] == FULL.certificate_arn
    control = cloudfront.get_origin_access_control(Id=stack.ids["OriginAccessControl"])["OriginAccessControl"]
    assert control["OriginAccessControlConfig"]["SigningBehavior"] == "always"


def test_cloudfront_has_the_function_and_the_store(stack: Stack) -> None:
    """The code of the template is live, and the function reads the store of users."""
    cloudfront = stack.client("cloudfront")
    code = cloudfront.get_function(Name=FULL.name, Stage="LIVE")["FunctionCode"].read().decode()
    assert code == stack.property("Function", "FunctionCode")
    config = cloudfront.describe_function(Name=FULL.name, Stage="LIVE")["FunctionSummary"]["FunctionConfig"]
    assert config["Runtime"] == "cloudfront-js-2.0"
    [store] = config["KeyValueStoreAssociations"]["Items"]
    assert store["KeyValueStoreARN"] == cloudfront.describe_key_value_store(Name=FULL.name)["KeyValueStore"]["ARN"]


def test_cloudfront_keeps_what_objects_say_and_adds_headers(stack: Stack) -> None:
    """No header and no query is part of what is kept, or reaches the bucket."""
    cloudfront = stack.client("cloudfront")
    cache = cloudfront.get_cache_policy(Id=stack.ids["CachePolicy"])["CachePolicy"]["CachePolicyConfig"]
    assert (cache["MinTTL"], cache["DefaultTTL"], cache["MaxTTL"]) == (0, 0, 31536000)
    forwarded = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    assert (forwarded["EnableAcceptEncodingGzip"], forwarded["EnableAcceptEncodingBrotli"]) == (True, True)
    assert forwarded["HeadersConfig"]["HeaderBehavior"] == "none"
    assert forwarded["QueryStringsConfig"]["QueryStringBehavior"] == "none"
    found = cloudfront.get_response_headers_policy(Id=stack.ids["ResponseHeadersPolicy"])["ResponseHeadersPolicy"]
    headers = found["ResponseHeadersPolicyConfig"]
    assert headers["SecurityHeadersConfig"]["ContentTypeOptions"]["Override"] is True
    assert "default-src 'none'" in headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    [vary] = headers["CustomHeadersConfig"]["Items"]
    assert (vary["Header"], vary["Value"]) == ("Vary", "Accept")
    assert headers["CorsConfig"]["AccessControlAllowMethods"]["Items"] == ["GET", "HEAD"]


def test_iam_has_the_roles(stack: Stack) -> None:
    """With the policies of the template, and no right to delete."""
    iam = stack.client("iam")
    for role, name in (("Publisher", "publish"), ("Reader", "read")):
        found = iam.get_role(RoleName=stack.ids[role])["Role"]
        assert found["AssumeRolePolicyDocument"] == json.loads(
            json.dumps(
                resolved(read_template(stack.hosting)["Resources"][role]["Properties"]["AssumeRolePolicyDocument"])
            )
        )
        policy = iam.get_role_policy(RoleName=stack.ids[role], PolicyName=name)["PolicyDocument"]
        assert policy == stack.property(role, "Policies")[0]["PolicyDocument"]
        assert "Delete" not in json.dumps(policy)
    assert stack.outputs["PublisherRole"].endswith(stack.ids["Publisher"])


def test_the_domain_leads_to_the_distribution(stack: Stack) -> None:
    """By both kinds of addresses; the output is the address of the index."""
    found = stack.client("route53").list_resource_record_sets(HostedZoneId=stack.hosting.zone)["ResourceRecordSets"]
    ours = [each for each in found if each["Name"] == f"{FULL.domain}."]
    assert {each["Type"] for each in ours} == {"A", "AAAA"}
    targets = {each["AliasTarget"]["DNSName"].rstrip(".") for each in ours}
    assert targets == {stack.outputs["DistributionDomainName"]}
    assert stack.outputs["IndexUrl"] == "https://pypi.example.com/python/simple/"


def test_the_bucket_outlives_the_stack(tmp_path: Path) -> None:
    """The stack is deleted, and the bucket with its objects stays."""
    with run_stack(tmp_path) as stack:
        s3, cloudformation = stack.client("s3"), stack.client("cloudformation")
        s3.put_object(Bucket=BUCKET, Key="python/kept", Body=b"")
        cloudformation.delete_stack(StackName="index")
        cloudformation.get_waiter("stack_delete_complete").wait(StackName="index", WaiterConfig={"Delay": 1})
        assert s3.head_object(Bucket=BUCKET, Key="python/kept")["ContentLength"] == 0
