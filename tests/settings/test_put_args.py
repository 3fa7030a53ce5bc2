"""Which arguments of PutObject are let through."""

from __future__ import annotations

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout
from bucketwheel.format.settings import HARMLESS, validate_put_args
from bucketwheel.storage.s3 import put_object_arguments


@pytest.mark.parametrize(
    "put_args",
    [
        {},
        {"ACL": "bucket-owner-full-control"},
        {
            "GrantRead": 'id="abc", id="def"',
            "GrantReadACP": "id=a",
            "GrantWriteACP": "id=a",
            "GrantFullControl": "id=a",
        },
        {"ServerSideEncryption": "AES256"},
        {
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "arn:aws:kms:eu-west-1:111122223333:key/1",
            "SSEKMSEncryptionContext": "eyJhIjoiYiJ9",
            "BucketKeyEnabled": "true",
        },
        {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": "alias/pypi"},
        {"StorageClass": "STANDARD_IA", "Tagging": "team=a&cost=b"},
        {"StorageClass": "GLACIER_IR"},
        {"StorageClass": "a-class-of-ceph"},
        {"ExpectedBucketOwner": "111122223333"},
    ],
)
def test_what_says_how_an_object_is_kept_is_harmless(put_args: dict[str, str]) -> None:
    """Access, encryption, storage class and tags touch neither bytes nor conditions."""
    assert validate_put_args(put_args) == ()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Bucket", "is set by bucketwheel itself for every object"),
        ("Key", "is set by bucketwheel itself for every object"),
        ("Body", "is set by bucketwheel itself for every object"),
        ("WriteOffsetBytes", "is set by bucketwheel itself for every object"),
        ("IfMatch", "would replace the conditions that keep publishers from overwriting each other"),
        ("IfNoneMatch", "would replace the conditions that keep publishers from overwriting each other"),
        ("ChecksumAlgorithm", "would replace the sha256 that the store verifies"),
        ("ChecksumSHA256", "would replace the sha256 that the store verifies"),
        ("ContentMD5", "would replace the sha256 that the store verifies"),
        ("Metadata", "would replace the marks by which bucketwheel knows its objects"),
        ("CacheControl", "would contradict how long caches may keep each kind of object"),
        ("Expires", "would contradict how long caches may keep each kind of object"),
        ("ContentType", "would serve pages and files in another form than clients expect"),
        ("ContentEncoding", "would serve pages and files in another form than clients expect"),
        ("ContentDisposition", "would serve pages and files in another form than clients expect"),
        ("WebsiteRedirectLocation", "would send clients away from every page and file"),
        ("SSECustomerKey", "would require its key for every read, so that no client could install"),
        ("SSECustomerAlgorithm", "would require its key for every read, so that no client could install"),
        ("ObjectLockMode", "would keep every page and manifest that is replaced"),
        ("ObjectLockRetainUntilDate", "would keep every page and manifest that is replaced"),
        ("RequestPayer", "would count for writing only, so that every read would be refused"),
    ],
)
def test_what_would_break_the_protocol_is_refused_with_its_reason(name: str, what: str) -> None:
    """Each refusal says what would go wrong."""
    (problem,) = validate_put_args({name: "x"})
    assert (problem.subject, problem.what) == (f"put-args.{name}", what)


def test_every_argument_that_boto3_knows_is_judged() -> None:
    """No argument of the installed boto3 is taken for a mistyped name: each is harmless, or refused for a reason."""
    client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106 - no secret
    shape = client.meta.service_model.operation_model("PutObject").input_shape
    assert shape is not None
    arguments = shape.members
    unexplained = [
        name
        for name in arguments
        if name not in HARMLESS and "is not an argument" in str(validate_put_args({name: "x"})[0])
    ]
    assert unexplained == []
    assert set(HARMLESS) <= set(arguments)


@pytest.mark.parametrize(
    ("put_args", "message"),
    [
        (
            {"StorageClass": "DEEP_ARCHIVE"},
            (
                "put-args.StorageClass is an archive, from which objects cannot be read at once; "
                "choose a class such as STANDARD, STANDARD_IA or GLACIER_IR"
            ),
        ),
        (
            {"ACL": "public-read-write"},
            (
                "put-args.ACL has an unknown value; choose one of private, public-read, authenticated-read, "
                "aws-exec-read, bucket-owner-read, bucket-owner-full-control"
            ),
        ),
        ({"BucketKeyEnabled": "yes"}, "put-args.BucketKeyEnabled has an unknown value; choose one of true, false"),
        ({"Tagging": ""}, "put-args.Tagging cannot be sent as a header; write printable ASCII text"),
        ({"Tagging": "a=1\r\nx-amz-acl: y"}, "put-args.Tagging cannot be sent as a header; write printable ASCII text"),
        ({"GrantRead": "id=é"}, "put-args.GrantRead cannot be sent as a header; write printable ASCII text"),
        ({"acl": "private"}, "put-args.acl is not an argument of PutObject that can be set; write ACL"),
        (
            {"STORAGECLASS": "x"},
            "put-args.STORAGECLASS is not an argument of PutObject that can be set; write StorageClass",
        ),
        (
            {"sse-kms-key-id": "x"},
            "put-args.sse-kms-key-id is not an argument of PutObject that can be set; write SSEKMSKeyId",
        ),
        (
            {"ACL": "private", "GrantRead": "id=x"},
            "put-args.ACL cannot be set together with Grant…; keep one of the two",
        ),
        (
            {"SSEKMSKeyId": "x", "ServerSideEncryption": "AES256"},
            'put-args.SSEKMSKeyId needs encryption by KMS; set ServerSideEncryption = "aws:kms" beside it',
        ),
    ],
)
def test_what_s3_would_refuse_is_said_before(put_args: dict[str, str], message: str) -> None:
    """Archives, unknown names and values, and pairs that exclude each other never reach the store."""
    assert [str(problem) for problem in validate_put_args(put_args)] == [message]


def test_all_problems_are_found_at_once_under_the_path_as_typed() -> None:
    """Every argument is judged, whatever is wrong with the others."""
    problems = validate_put_args({"Body": "x", "ACL": "x", "SSEKMSKeyId": "x"}, "tool.bucketwheel.put-args")
    assert [problem.subject for problem in problems] == [
        "tool.bucketwheel.put-args.Body",
        "tool.bucketwheel.put-args.ACL",
        "tool.bucketwheel.put-args.SSEKMSKeyId",
    ]


def test_boto3_gets_its_one_boolean() -> None:
    """Arguments travel as texts, and boto3 refuses a text for BucketKeyEnabled."""
    headers = Layout(put_args={"BucketKeyEnabled": "false", "ACL": "private"}).html()

    assert put_object_arguments(headers, {"a": "b"}) == {
        "BucketKeyEnabled": False,
        "ACL": "private",
        "ContentType": "text/html; charset=utf-8",
        "CacheControl": "public, max-age=0, must-revalidate",
        "Metadata": {"a": "b"},
    }
    assert put_object_arguments(Layout(put_args={"BucketKeyEnabled": "true"}).html(), {})["BucketKeyEnabled"] is True


@given(st.dictionaries(st.text() | st.sampled_from(sorted(HARMLESS)), st.text()))
def test_any_table_of_texts_can_be_judged(put_args: dict[str, str]) -> None:
    """Nothing raises, and every message can be printed."""
    assert all(str(problem).isprintable() for problem in validate_put_args(put_args))
