"""The policies of docs/reading.md, on a server that evaluates them: what readers may do, and nothing more.

The JSON is read from the page. The server knows users, addresses, and that no request here comes from a VPC endpoint.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

import bucketwheel
from bucketwheel.hosting import Hosting
from bucketwheel.hosting.permissions import policy_of_readers
from bucketwheel.places import Connection, S3Place
from support.archives import make_wheel
from support.ministack import run_ministack
from support.private_index import PAGE, block

PAGES_AND_FILES = (
    *("simple/", "simple/index.json", "simple/demo-pkg/", "simple/demo-pkg/index.json"),
    *("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl", "simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl.metadata"),
    "_bucketwheel/repository.json",
)
MANIFEST = "_bucketwheel/manifests/demo-pkg.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that looks at policies, with a repository in s3://my-bucket/python."""

    url: str

    def client(self, service: str, key: str = "test", secret: str = "test") -> Any:  # noqa: ANN401, S107 - the SDK's
        """Return a client of the SDK."""
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret)
        return session.client(service, endpoint_url=self.url, region_name="us-east-1")  # type: ignore[call-overload]

    def anonymous(self, key: str) -> int:
        """Read an object without credentials; return the status."""
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)) as connection:
            connection.request("GET", f"/my-bucket/python/{key}")
            return connection.getresponse().status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Publish to a server that looks at policies."""
    directory = tmp_path_factory.mktemp("ministack")
    with run_ministack(directory, services="s3,iam,sts", AUTH="true") as running:
        assert running.endpoint_url is not None
        server = Server(url=running.endpoint_url)
        server.client("s3").create_bucket(Bucket="my-bucket")
        settings = bucketwheel.Settings(
            repository=S3Place(bucket="my-bucket", prefix="python/"),
            connection=Connection(region="us-east-1", endpoint_url=server.url),
        )
        bucketwheel.publish(make_wheel(directory / "dist"), settings)
        server.client("s3").delete_public_access_block(Bucket="my-bucket")
        yield server


def status(read: Any, key: str) -> int:  # noqa: ANN401 - the SDK's
    """Read an object; return the status."""
    try:
        answer = read.get_object(Bucket="my-bucket", Key=f"python/{key}")
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def test_developers_read_pages_and_files_and_no_more(server: Server) -> None:
    """Without the policy nothing; with it no manifest, and no write. It is enough for a gateway."""
    iam = server.client("iam")
    iam.create_user(UserName="developer")
    made = iam.create_access_key(UserName="developer")["AccessKey"]
    keys = made["AccessKeyId"], made["SecretAccessKey"]
    reader = server.client("s3", *keys)
    assert {status(reader, key) for key in PAGES_AND_FILES} == {403}
    iam.put_user_policy(UserName="developer", PolicyName="read", PolicyDocument=block(PAGE, "policy: developers"))
    # For users, not for buckets, this server forgets the slash at the end of a key: the root is simple/index.json too.
    keys_of_objects = [key for key in PAGES_AND_FILES if key != "simple/"]
    assert {key: status(reader, key) for key in keys_of_objects} == dict.fromkeys(keys_of_objects, 200)
    assert status(reader, MANIFEST) == 403
    assert reader.list_objects_v2(Bucket="my-bucket", Prefix="python/simple/absent")["KeyCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.put_object(Bucket="my-bucket", Key="python/simple/x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.delete_object(Bucket="my-bucket", Key="python/simple/demo-pkg/index.json")


def test_everybody_reads_a_public_bucket(server: Server) -> None:
    """Without credentials, and no manifest."""
    s3 = server.client("s3")
    assert {server.anonymous(key) for key in PAGES_AND_FILES} == {403}
    s3.put_bucket_policy(Bucket="my-bucket", Policy=block(PAGE, "policy: public"))
    try:
        assert {server.anonymous(key) for key in PAGES_AND_FILES} == {200}
        assert server.anonymous(MANIFEST) == 403
    finally:
        s3.delete_bucket_policy(Bucket="my-bucket")


def test_only_our_network_reads(server: Server) -> None:
    """From elsewhere than the page's endpoint or addresses nothing; from our own address all that readers need."""
    s3 = server.client("s3")
    policy = block(PAGE, "policy: network")
    condition = re.search(r'`("IpAddress": \{.*?\})`', PAGE)
    assert condition is not None
    by_address = re.sub(r'"StringEquals": \{.*?\}', condition[1], policy)
    from_here = by_address.replace("198.51.100.0/24", "127.0.0.1/32")
    assert json.loads(from_here) != json.loads(by_address) != json.loads(policy)
    try:
        for text, expected in ((policy, 403), (by_address, 403), (from_here, 200)):
            s3.put_bucket_policy(Bucket="my-bucket", Policy=text)
            assert {server.anonymous(key) for key in PAGES_AND_FILES} == {expected}
            assert server.anonymous(MANIFEST) == 403
    finally:
        s3.delete_bucket_policy(Bucket="my-bucket")


def test_every_policy_is_that_of_the_role_of_readers() -> None:
    """As `infra --reader` makes it, without the manifests; the others only say for whom and from where."""
    names = re.findall(r"<!-- (policy: \w+) -->", PAGE)
    assert names == ["policy: developers", "policy: public", "policy: network"]
    role: Any = policy_of_readers(Hosting(bucket="my-bucket", prefix="python/"))
    assert json.loads(block(PAGE, "policy: developers")) == role
    for name in names:
        statements = json.loads(block(PAGE, name))["Statement"]
        granted = [{key: each[key] for key in ("Effect", "Action", "Resource")} for each in statements]
        assert granted == [{key: each[key] for key in granted[0]} for each in role["Statement"]], name
