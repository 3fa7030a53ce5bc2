"""The commands `infra cloudformation` and `infra terraform`: what they read, refuse and write."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.cloudformation import render_cloudformation
from bucketwheel.hosting.permissions import policy_of_commands
from support.command_line import CommandRun, run_command
from support.ministack import TestBucket
from support.releasing import release_files
from support.tampering import change_settings


def run_infra(language: str, *arguments: str) -> CommandRun:
    """Run the command."""
    return run_command("infra", language, *arguments)


def of(bucket: TestBucket) -> list[str]:
    """Return the options that name a repository and reach it."""
    assert bucket.connection.endpoint_url is not None
    return ["-r", str(bucket.place), "--endpoint-url", bucket.connection.endpoint_url, "--region", "us-east-1"]


@pytest.mark.parametrize("language", ["cloudformation", "terraform"])
def test_everything_wrong_is_told_at_once(language: str) -> None:
    """With exit status 2, and nothing on standard output."""
    wrong = {
        "--bucket": "My_Bucket",
        "--domain": "not a domain",
        "--certificate-arn": "arn:aws:acm:eu-central-1:123456789012:certificate/x",
        "--hosted-zone": "/hostedzone/Z1",
        "--github": "my-organisation/*",
        "--environment": "release:ref",
        "--github-provider-arn": "arn:aws:iam::1:oidc-provider/example.com",
        "--reader": "*",
    }
    ran = run_infra(language, *(word for pair in wrong.items() for word in pair))
    assert (ran.code, ran.answer) == (2, "")
    for option in wrong:
        assert f"error: {option} " in ran.notices


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--domain", "pypi.example.com"], "--domain needs a certificate"),
        (["--hosted-zone", "Z0123"], "--hosted-zone needs a domain"),
        (["--environment", "release"], "--environment needs a repository on GitHub"),
        (["--public", "--basic-auth"], "--basic-auth needs CloudFront"),
    ],
)
def test_what_goes_together_is_given_together(options: list[str], said: str) -> None:
    """A half of a pair is wrong usage."""
    ran = run_infra("cloudformation", "--bucket", "my-bucket", *options)
    assert ran.code == 2
    assert said in ran.notices


def test_a_new_bucket_needs_nothing_of_aws() -> None:
    """The text is that of a repository with the usual settings; its prefix is that of the settings."""
    ran = run_infra("cloudformation", "-r", "s3://other/python", "--bucket", "my-bucket")
    assert ran.code == 0
    assert ran.answer == render_cloudformation(Hosting(bucket="my-bucket", prefix="python/"))


def test_a_bucket_that_is_not_there_yet_has_the_usual_settings(bucket: TestBucket) -> None:
    """As named by the repository's address."""
    elsewhere = ["-r", "s3://no-such-bucket/python", *of(bucket)[2:]]
    ran = run_infra("cloudformation", *elsewhere)
    assert ran.answer == render_cloudformation(Hosting(bucket="no-such-bucket", prefix="python/"))


def test_the_text_follows_the_settings_of_the_repository(bucket: TestBucket, tmp_path: Path) -> None:
    """The page style, the path of the index, and whether the publisher must invalidate pages."""
    release_files(bucket.storage())
    ran = run_infra("cloudformation", *of(bucket), "--github", "a/b")
    assert '"pages": "slash"' in ran.answer
    assert "CreateInvalidation" not in ran.answer
    change_settings(
        bucket.storage(),
        lambda found: replace(found, pages="both", cache_control="max-age=60", base_url="https://x.y/"),
    )
    target = tmp_path / "new" / "stack.yaml"
    ran = run_infra(
        *("cloudformation", *of(bucket), "--github", "a/b", "-o", str(target), "--domain", "pypi.example.com"),
        *("--certificate-arn", "arn:aws:acm:us-east-1:123456789012:certificate/0a1b"),
    )
    assert ran.answer == ""
    text = target.read_text(encoding="utf-8")
    assert '"pages": "both"' in text
    assert "CreateInvalidation" in text
    assert "init --set base-url=https://pypi.example.com/" in ran.notices


def test_terraform_imports_what_exists(bucket: TestBucket, tmp_path: Path) -> None:
    """The bucket that has a repository, and the distribution that its settings name."""
    assert "import {" not in run_infra("terraform", "--bucket", "my-bucket").answer
    release_files(bucket.storage())
    change_settings(bucket.storage(), lambda found: replace(found, cloudfront_distribution="E2QWRUHAPOMQZL"))
    ran = run_infra("terraform", *of(bucket), "-o", str(tmp_path / "host"))
    assert ran.code == 0
    main = (tmp_path / "host" / "main.tf").read_text(encoding="utf-8")
    assert f'id = "{bucket.place.bucket}"' in main
    assert 'id = "E2QWRUHAPOMQZL"' in main
    assert sorted(path.name for path in (tmp_path / "host").iterdir()) == ["main.tf", "outputs.tf", "variables.tf"]


def test_a_public_bucket_is_told_to_be_listed_by_everybody() -> None:
    """In words, before anybody makes it."""
    ran = run_infra("cloudformation", "--bucket", "my-bucket", "--public", "--json")
    assert "everybody will be able to read and to list the bucket my-bucket" in ran.notices
    assert "AWS::CloudFront" not in json.loads(ran.answer)["template"]


def test_a_directory_is_not_hosted(tmp_path: Path) -> None:
    """Only buckets are."""
    ran = run_infra("terraform", "-r", str(tmp_path / "repository"))
    assert ran.code == 2
    assert "is a directory" in ran.notices


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It names the file."""
    (tmp_path / "file").touch()
    ran = run_infra("cloudformation", "--bucket", "my-bucket", "-o", str(tmp_path / "file" / "stack.yaml"))
    assert ran.code == 1
    assert "file" in ran.notices


def test_the_policy_of_commands_is_printed(bucket: TestBucket) -> None:
    """What they need together, on this repository; and to invalidate pages, if its settings say that it must."""
    release_files(bucket.storage())
    ran = run_infra("iam-policy", "show", "publish", *of(bucket))
    hosting = Hosting(bucket=bucket.place.bucket, prefix=bucket.place.prefix)
    assert ran.document == policy_of_commands(hosting, ["publish"])
    assert policy_of_commands(hosting, ["show"]) != policy_of_commands(hosting, ["publish"])
    change_settings(
        bucket.storage(),
        lambda found: replace(found, cache_control="max-age=60", cloudfront_distribution="E2QWRUHAPOMQZL"),
    )
    statement = run_infra("iam-policy", "publish", *of(bucket)).document["Statement"][-1]
    assert statement["Action"] == "cloudfront:CreateInvalidation"
    assert statement["Resource"].endswith(":distribution/E2QWRUHAPOMQZL")
    assert "cloudfront" not in run_infra("iam-policy", "show", *of(bucket)).answer


@pytest.mark.parametrize(
    ("commands", "said"), [(["publish", "dance"], "dance needs no permissions"), ([], "is missing")]
)
def test_only_commands_have_a_policy(commands: list[str], said: str) -> None:
    """The message lists those that have."""
    ran = run_infra("iam-policy", *commands, "-r", "s3://my-bucket")
    assert ran.code == 2
    assert said in ran.notices
    assert "publish" in ran.notices
