"""Which further arguments of S3's PutObject are harmless: they say how an object is kept, never what it is.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. Each harmless one is an argument of
CreateMultipartUpload too, and fits distributions, manifests and pages alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from bucketwheel.errors import Problem

__all__ = ["HARMLESS", "judge_put_args", "put_object_arguments"]

_KMS = ("aws:kms", "aws:kms:dsse")

HARMLESS: Mapping[str, tuple[str, ...]] = {
    # public-read-write is left out: nobody may believe that strangers can or should write here.
    "ACL": (
        "private",
        "public-read",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ),
    "BucketKeyEnabled": ("true", "false"),
    "ExpectedBucketOwner": (),
    "GrantFullControl": (),
    "GrantRead": (),
    "GrantReadACP": (),
    "GrantWriteACP": (),
    "SSEKMSEncryptionContext": (),
    "SSEKMSKeyId": (),
    "ServerSideEncryption": ("AES256", *_KMS),
    # Any but the archives: other stores have classes of their own.
    "StorageClass": (),
    "Tagging": (),
}
"""The harmless arguments by their API names, with their values where S3 knows only these."""

_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")

# Names (a final * stands for any ending), what is wrong with them, and what to do instead.
_BREAKING: tuple[tuple[str, str, str], ...] = (
    ("Bucket Key Body WriteOffsetBytes", "is what bucketwheel itself says of every object", "remove it"),
    ("If*", "would take the place of the conditions that keep publishers from overwriting each other", "remove it"),
    ("Checksum* ContentMD5", "would take the place of the sha256 that the store verifies", "remove it"),
    ("Metadata", "would take the place of the marks by which bucketwheel knows its objects", "use Tagging instead"),
    (
        "CacheControl Expires",
        "would contradict how long each kind of object may be kept by caches",
        "remove it; `bucketwheel init URL --set cache-control=VALUE` changes that for pages",
    ),
    ("Content*", "would serve pages and files as something else than clients expect", "remove it"),
    ("WebsiteRedirectLocation", "would send clients away from every page and file", "remove it"),
    (
        "SSECustomer*",
        "would demand its key for every read, so that nobody could install",
        "remove it, and encrypt by ServerSideEncryption and SSEKMSKeyId",
    ),
    (
        "ObjectLock*",
        "would retain every page and manifest that is ever replaced",
        "remove it, and set a default retention on the bucket if one is needed",
    ),
    (
        "RequestPayer",
        "would count for writing only, and all reading would be refused",
        "remove it, and publish as the owner of the bucket",
    ),
)


def judge_put_args(put_args: Mapping[str, str], path: str = "put-args") -> tuple[Problem, ...]:
    """Find all that would break the protocol or be refused by S3; none: harmless. No value is ever shown.

    `path` is the table as the user knows it.
    """
    problems = [_argument_problem(name, value, path) for name, value in put_args.items()]
    return (*filter(None, problems), *_conflicts(put_args, path))


def put_object_arguments(put_args: Mapping[str, str]) -> dict[str, str | bool]:
    """Give judged arguments the types that boto3 asks for: BucketKeyEnabled is the one boolean among them."""
    return {name: value == "true" if name == "BucketKeyEnabled" else value for name, value in put_args.items()}


def _argument_problem(name: str, value: str, path: str) -> Problem | None:
    # What is not shaped like an argument's name may be a piece of somebody's secret.
    subject = f"{path}.{name}" if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) else path
    if name not in HARMLESS:
        return _refusal(name, subject)
    if name == "StorageClass" and value in _ARCHIVES:
        return Problem(
            subject=subject,
            what="names an archive, from which nothing can be read at once",
            remedy="choose a class such as STANDARD, STANDARD_IA or GLACIER_IR",
        )
    if HARMLESS[name] and value not in HARMLESS[name]:
        return Problem(
            subject=subject, what="has an unknown value", remedy=f"choose one of {', '.join(HARMLESS[name])}"
        )
    if not value or not value.isascii() or not value.isprintable():
        return Problem(subject=subject, what="cannot be sent as a header", remedy="write printable ASCII text")
    return None


def _refusal(name: str, subject: str) -> Problem:
    for names, what, remedy in _BREAKING:
        if any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in names.split()):
            return Problem(subject=subject, what=what, remedy=remedy)
    lowered = {known.lower(): known for known in HARMLESS}
    close = get_close_matches(name.lower(), lowered, n=1)
    return Problem(
        subject=subject,
        what="is not an argument of PutObject that can be set",
        remedy=f"write {lowered[close[0]]}" if close else f"choose from {', '.join(HARMLESS)}",
    )


def _conflicts(put_args: Mapping[str, str], path: str) -> Iterator[Problem]:
    """Pairs that S3 answers with 400 at the first write."""
    if "ACL" in put_args and any(name.startswith("Grant") for name in put_args):
        yield Problem(subject=f"{path}.ACL", what="cannot be set together with Grant…", remedy="keep one of the two")
    for name in ("SSEKMSKeyId", "SSEKMSEncryptionContext"):
        if name in put_args and put_args.get("ServerSideEncryption") not in _KMS:
            yield Problem(
                subject=f"{path}.{name}",
                what="needs encryption by KMS",
                remedy='set ServerSideEncryption = "aws:kms" beside it',
            )
