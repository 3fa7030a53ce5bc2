"""The permissions that commands need on a repository, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.hosting import Hosting

__all__ = ["COMMANDS", "Document", "Statement", "policy", "policy_of_commands", "policy_of_readers"]

Statement: TypeAlias = Mapping[str, object]
Document: TypeAlias = Mapping[str, object]

_READ = ("s3:GetObject", "s3:ListBucket")
_WRITE = (*_READ, "s3:PutObject")
# What begins an upload in parts must be able to abort it: large files, copies, the proof of a store.
_PARTS = (*_WRITE, "s3:AbortMultipartUpload")
_REMOVE = "s3:DeleteObject"
_USERS = (
    "cloudfront:DescribeKeyValueStore",
    *(
        f"cloudfront-keyvaluestore:{name}"
        for name in ("DeleteKey", "DescribeKeyValueStore", "GetKey", "ListKeys", "PutKey")
    ),
)
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "init": _WRITE,
    "publish": _PARTS,
    "promote": _PARTS,
    "yank": _WRITE,
    "unyank": _WRITE,
    "hide": _WRITE,
    "unhide": _WRITE,
    "status": _WRITE,
    "delete": (*_WRITE, _REMOVE),
    "prune": (*_PARTS, _REMOVE, "s3:ListBucketMultipartUploads"),
    "reindex": (*_WRITE, _REMOVE),
    "check": (*_READ, "s3:ListBucketMultipartUploads", "s3:ListBucketVersions"),
    "show": _READ,
    "fetch": _READ,
    "exec": _READ,
    "serve": _READ,
    "authorize": _READ,
    "user": (*_READ, *_USERS),
}
"""The actions of each command, with all its options."""

_OF_THE_BUCKET = ("s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions")
_INVALIDATE = "cloudfront:CreateInvalidation"


def policy_of_commands(
    hosting: Hosting, commands: Collection[str], *, distribution: object = None, users: object = None
) -> Document:
    """Return the policy that lets these commands do their work on the repository.

    `distribution` is the ARN of what is in front of the bucket, `users` that of the store of users.
    """
    wanted = {action for command in commands for action in COMMANDS[command]}
    bucket = f"arn:aws:s3:::{hosting.bucket}"
    objects = sorted(action for action in wanted if action.startswith("s3:") and action not in _OF_THE_BUCKET)
    listings = sorted(action for action in wanted if action in _OF_THE_BUCKET)
    statements = []
    if objects:
        used = SETTINGS_KEY if set(commands) == {"user"} else "*"
        statements.append(_allow("UseTheObjects", objects, f"{bucket}/{hosting.prefix}{used}"))
    if listings:
        statements.append(_allow("TellAbsentFromForbidden", listings, bucket))
    if hosting.keeps_pages and distribution is not None and "s3:PutObject" in wanted:
        statements.append(_allow("InvalidatePages", [_INVALIDATE], distribution))
    if users is not None and "user" in commands:
        statements.append(_allow("ChangeTheUsers", _USERS, users))
    key = hosting.layout.put_args.get("SSEKMSKeyId", "")
    if key.startswith("arn:") and "s3:GetObject" in wanted:
        statements.append(_allow("UseTheKey", ["kms:Decrypt", "kms:GenerateDataKey"], key))
    return policy(statements)


def policy_of_readers(hosting: Hosting) -> Document:
    """Return the policy of who installs from the bucket: the pages, the files and the settings, but no manifest."""
    bucket = f"arn:aws:s3:::{hosting.bucket}"
    objects = [f"{bucket}/{hosting.prefix}{key}" for key in (f"{hosting.layout.simple}*", SETTINGS_KEY)]
    return policy(
        [
            _allow("ReadPagesAndFiles", ["s3:GetObject"], objects),
            _allow("TellAbsentFromForbidden", ["s3:ListBucket"], bucket),
        ]
    )


def policy(statements: Sequence[Statement]) -> Document:
    """Return the document of a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(sid: str, actions: Sequence[str], resource: object) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": actions[0] if len(actions) == 1 else list(actions),
        "Resource": resource,
    }
