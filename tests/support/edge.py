"""CloudFront's store of users in a server of the tests, before which the SDK finds a host for each account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from bucketwheel.commands.init import initialise
from bucketwheel.config.resolution import Settings
from bucketwheel.hosting import Hosting
from support.command_line import CommandRun, run_command
from support.ministack import S3Server, TestBucket, fresh_bucket
from support.wire import Wire, run_wire

__all__ = ["BASE_URL", "SERVICES", "EdgeUsers", "run_edge_users"]

SERVICES = "s3,sts,cloudfront,cloudfront-keyvaluestore"
BASE_URL = "https://pypi.example.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeUsers:
    """A repository, the store of its users, and the wire to that store."""

    bucket: TestBucket
    wire: Wire

    @property
    def settings(self) -> Settings:
        """The settings that reach the repository."""
        return Settings(repository=self.bucket.place, connection=self.bucket.connection)

    @property
    def options(self) -> list[str]:
        """The options that name the repository and reach it."""
        assert self.bucket.connection.endpoint_url is not None
        return ["-r", str(self.bucket.place), "--endpoint-url", self.bucket.connection.endpoint_url]

    def run(self, *words: str, typed: str = "") -> CommandRun:
        """Run `bucketwheel user …` in this process."""
        return run_command("user", *words, *self.options, typed=typed)

    @property
    def stored(self) -> dict[str, str]:
        """What the store has."""
        client = _client("cloudfront-keyvaluestore")
        pages = client.get_paginator("list_keys").paginate(KvsARN=self.arn)
        return {item["Key"]: item["Value"] for page in pages for item in page["Items"]}

    def put(self, **values: str) -> None:
        """Write to the store with another tool."""
        client = _client("cloudfront-keyvaluestore")
        version = client.describe_key_value_store(KvsARN=self.arn)["ETag"]
        puts = [{"Key": key, "Value": value} for key, value in values.items()]
        client.update_keys(KvsARN=self.arn, Puts=puts, IfMatch=version)

    @property
    def arn(self) -> str:
        """The name of the store in a policy."""
        return str(_client("cloudfront").describe_key_value_store(Name=self.name)["KeyValueStore"]["ARN"])

    @property
    def name(self) -> str:
        """The name of the store, as a template gives it."""
        place = self.bucket.place
        return Hosting(bucket=place.bucket, prefix=place.prefix).name


@contextmanager
def run_edge_users(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, *, base_url: str = BASE_URL
) -> Iterator[EdgeUsers]:
    """Create a repository and a store for its users.

    The SDK puts the account before the host of the store, so a name that leads nowhere is its host, and the wire is
    the proxy that knows the server.
    """
    assert server.endpoint_url is not None
    with fresh_bucket(server) as bucket, run_wire(server.endpoint_url) as wire:
        variables = {
            "AWS_ENDPOINT_URL_CLOUDFRONT": server.endpoint_url,
            "AWS_ENDPOINT_URL_CLOUDFRONT_KEYVALUESTORE": "http://edge.invalid",
            "AWS_DEFAULT_REGION": "us-east-1",
            "HTTP_PROXY": wire.url,
            "NO_PROXY": "127.0.0.1",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        users = EdgeUsers(bucket=bucket, wire=wire)
        initialise(users.settings, changes={"base-url": base_url} if base_url else {})
        _client("cloudfront").create_key_value_store(Name=users.name)
        yield users


def _client(service: str) -> Any:  # noqa: ANN401 - the SDK's
    return boto3.client(service)  # type: ignore[call-overload]
