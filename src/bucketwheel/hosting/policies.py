"""The policies of the bucket and of the roles: who may read and write what."""

from __future__ import annotations

from dataclasses import dataclass

from bucketwheel.hosting import Hosting
from bucketwheel.hosting.permissions import Document, Statement, policy

__all__ = ["References", "bucket_policy", "trust_in_github", "trust_in_principals"]

# What is created once and never changed (docs/bucket-format.md).
_FILES = ("*.whl", "*.tar.gz", "*.zip", "*.metadata", "*.asc", "*.provenance")
# The creation of an upload in parts and its parts take the same permission and can have no condition.
_OBJECTS_ONLY = {"s3:ObjectCreationOperation": "true"}
_GITHUB = "token.actions.githubusercontent.com"
_CLOUDFRONT = {"Service": "cloudfront.amazonaws.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What is known only when it is made, as the language of a template refers to it."""

    distribution: object
    """The ARN of the distribution."""
    account: object
    """The number of the account."""
    provider: object
    """The ARN of the account's provider for GitHub."""


def bucket_policy(hosting: Hosting, references: References) -> Document:
    """Return the policy of the bucket: for everybody the rules of writing, then those who read."""
    bucket = f"arn:aws:s3:::{hosting.bucket}"
    objects = f"{bucket}/{hosting.prefix}"
    return policy(
        [
            _deny("TlsOnly", "s3:*", [bucket, f"{bucket}/*"], {"Bool": {"aws:SecureTransport": "false"}}),
            *_rules_of_writing(objects),
            *(_everybody(bucket, objects, references) if hosting.public else _cloudfront(bucket, objects, references)),
        ]
    )


def _rules_of_writing(objects: str) -> list[Statement]:
    absent = {"s3:if-none-match": "true"}
    return [
        _deny(
            "NoPlainOverwrite",
            "s3:PutObject",
            f"{objects}*",
            {"Null": {**absent, "s3:if-match": "true"}, "Bool": _OBJECTS_ONLY},
        ),
        _deny(
            "FilesNeverChange",
            "s3:PutObject",
            [f"{objects}{files}" for files in _FILES],
            {"Null": absent, "Bool": _OBJECTS_ONLY},
        ),
    ]


def _cloudfront(bucket: str, objects: str, references: References) -> list[Statement]:
    ours = {"StringEquals": {"aws:SourceArn": references.distribution}}
    records = _deny("CloudFrontReadsNoRecords", "s3:GetObject", f"{objects}_bucketwheel/*", {})
    return [
        _allow("CloudFrontReads", "s3:GetObject", f"{objects}*", _CLOUDFRONT, ours),
        {**records, "Principal": _CLOUDFRONT},
        _allow("CloudFrontTellsAbsentFromForbidden", "s3:ListBucket", bucket, _CLOUDFRONT, ours),
    ]


def _everybody(bucket: str, objects: str, references: References) -> list[Statement]:
    others = {"StringNotEquals": {"aws:PrincipalAccount": references.account}}
    return [
        _allow("EverybodyReads", "s3:GetObject", f"{objects}*", "*", {}),
        _deny("OthersReadNoRecords", "s3:GetObject", f"{objects}_bucketwheel/*", others),
        _allow("EverybodyTellsAbsentFromForbidden", "s3:ListBucket", bucket, "*", {}),
    ]


def trust_in_github(hosting: Hosting, references: References) -> Document:
    """Return who may take the role of the publisher: jobs of one repository, by the tokens that GitHub gives them."""
    audience = {f"{_GITHUB}:aud": "sts.amazonaws.com"}
    subject = {f"{_GITHUB}:sub": hosting.subject}
    if hosting.environment is None:
        condition = {"StringEquals": audience, "StringLike": subject}
    else:
        condition = {"StringEquals": {**audience, **subject}}
    provider = hosting.github_provider_arn or references.provider
    return policy(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": condition,
            }
        ]
    )


def trust_in_principals(principals: tuple[str, ...]) -> Document:
    """Return who may take the role of readers."""
    return policy([{"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}])


def _allow(sid: str, action: str, resource: object, principal: object, condition: Statement) -> Statement:
    return _statement("Allow", sid, action, resource, principal, condition)


def _deny(sid: str, action: str, resource: object, condition: Statement) -> Statement:
    return _statement("Deny", sid, action, resource, "*", condition)


def _statement(
    effect: str, sid: str, action: str, resource: object, principal: object, condition: Statement
) -> Statement:
    statement: Statement = {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": resource,
    }
    return {**statement, "Condition": condition} if condition else statement
