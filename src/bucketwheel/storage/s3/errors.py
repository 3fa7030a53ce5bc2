"""Errors of S3 and its SDK in words, each with one remedy.

Exceptions of the SDK are recognised by the names of their classes, so that nothing here imports it and a name that one
of its versions lacks does no harm. Their own texts are not shown: they may contain a URL with a signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from bucketwheel.errors import Denied, NoBucket, OutcomeUnknown, Unavailable
from bucketwheel.names import printable
from bucketwheel.network import connection_cause

__all__ = [
    "ApiCall",
    "Rejection",
    "asks_to_slow_down",
    "connection_broke",
    "failure_in_words",
    "no_listing",
    "not_s3",
    "outcome_unknown",
    "rejection",
    "rejection_in_words",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """A call of the S3 API: the facts that the words of an error need."""

    operation: str
    """The name of the API call: `PutObject` …."""
    bucket: str
    key: str = ""
    """The whole key, with the repository's prefix; empty for calls about the bucket."""
    profile: str | None = None
    create_bucket: str = ""
    """The command that makes the bucket, with the whole place and its connection."""

    @property
    def target(self) -> str:
        """The URL of the object or bucket."""
        return printable(f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}")

    @property
    def action(self) -> str:
        """The permission for it in a policy (Service Authorization Reference, Amazon S3)."""
        return f"s3:{_ACTIONS.get(self.operation, self.operation)}"

    @property
    def arn(self) -> str:
        """The name of the object or bucket in a policy."""
        of_object = self.key and self.operation not in _ABOUT_THE_BUCKET
        return printable(f"arn:aws:s3:::{self.bucket}/{self.key}" if of_object else f"arn:aws:s3:::{self.bucket}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """An answer of AWS that says no."""

    status: int
    code: str
    """The error's name, or the status again where the answer had no body (HEAD)."""
    message: str = ""
    operation: str
    """The call that was rejected: ours, or one that the SDK made for it (`AssumeRole` …)."""
    region: str = ""
    """The region of the bucket, if the answer names it."""


_ACTIONS: Final = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListObjectsV2": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "UploadPartCopy": "PutObject",
}
_ABOUT_THE_BUCKET: Final = {"ListObjectsV2", "ListMultipartUploads", "ListObjectVersions"}

_FORBIDDEN: Final = "AWS denies {action} on {arn}; allow it in a policy of these credentials"
_EXPIRED: Final = "the AWS session has expired, so {target} cannot be reached; {log_in}"
_REGION: Final = "the bucket {bucket} is in another region ({region}); set --region to it"
_BUSY: Final = "S3 asks to slow down ({code}) at {operation} of {target}; run the same command again with fewer --jobs"
_NO_CONDITIONS: Final = (
    "the store has no conditional {operation}, which {target} needs; use a store that has (AWS S3 and newer Ceph do)"
)

_DENIED: Final[Mapping[str, str]] = {
    "AccessDenied": _FORBIDDEN,
    "403": _FORBIDDEN,
    "NoSuchBucket": ("there is no bucket {bucket}; check its name, or make it with `{create_bucket}`"),
    "BucketAlreadyExists": "the bucket name {bucket} belongs to another account; choose another",
    "InvalidBucketName": "{bucket} cannot be the name of a bucket; choose another",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InvalidToken": "AWS does not accept the session token for {target}; {log_in}",
    "InvalidAccessKeyId": "AWS does not know the access key used for {target}; use credentials that are valid",
    "InvalidClientTokenId": "AWS does not know the access key used for {target}; use credentials that are valid",
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key used for {target}; set both again, without spaces around them"
    ),
    "RequestTimeTooSkewed": "the clock of this machine is too far from S3's to reach {target}; set it right",
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidLocationConstraint": "S3 has no region of this name for {bucket}; correct --region",
    "AccessControlListNotSupported": "the bucket {bucket} accepts no ACLs; remove ACL from `put-args`",
    "NotImplemented": _NO_CONDITIONS,
    "501": _NO_CONDITIONS,
}
_UNAVAILABLE: Final[Mapping[str, str]] = {
    "SlowDown": _BUSY,
    "503": _BUSY,
    "429": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "TooManyRequestsException": _BUSY,
    "TooManyRequests": _BUSY,  # R2, GCS
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "RequestThrottled": _BUSY,
    "BadDigest": (
        "the bytes for {target} changed after they were checked, or on the way; "
        "leave files alone while they are published, and run the same command again"
    ),
    "NoSuchUpload": "the upload of {target} was aborted by another program; run the same command again",
}
_PUT_ARGS: Final = "S3 refuses {operation} of {target} ({code}: {message}); correct `put-args`"
_KMS: Final = "the KMS key for {target} cannot be used ({code}); enable it, or name another in `put-args`"
_OTHER_SERVICE: Final = (
    "AWS refuses {rejected} ({code}), which gets the credentials for {target}; correct the profile or role"
)
# Listings that some stores lack, the statuses with which they say so, and codes that say something else.
_RARE_LISTINGS: Final = {"ListMultipartUploads", "ListObjectVersions"}
_NO_SUCH_CALL: Final = {400, 404, 405, 501}
_NO_LISTING: Final = "the store at {target} has no {operation}; use its own tools for that"
_CERTAIN: Final = _DENIED.keys() - {"NotImplemented", "501"}
_OTHER: Final = "S3 answered {answer} to {operation} of {target}; run the same command again with -v to see more"

_BROKE: Final = "the connection broke at {operation} of {target}; run the same command again"
_UNREACHED: Final = "{host} cannot be reached ({cause}); check the network and {address}"

_FAILURES: Final[Mapping[str, tuple[type[Unavailable], str]]] = {
    "NoCredentialsError": (
        Denied,
        "no AWS credentials were found for {target}; name a profile that has some: --profile",
    ),
    "PartialCredentialsError": (Denied, "the AWS credentials for {target} lack {cred_var}; set it"),
    "ProfileNotFound": (
        Denied,
        "the AWS configuration has no profile {profile}; choose one that `aws configure list-profiles` shows",
    ),
    "SSOError": (Denied, _EXPIRED),
    "TokenRetrievalError": (Denied, _EXPIRED),
    "LoginError": (Denied, "the AWS session has expired, so {target} cannot be reached; run `aws login`"),
    "CredentialRetrievalError": (
        Denied,
        "the AWS credentials for {target} cannot be obtained ({provider}); `aws sts get-caller-identity` shows why",
    ),
    "ConfigParseError": (Denied, "the AWS configuration file {path} cannot be read; correct it"),
    "ConfigNotFound": (Denied, "the AWS configuration file {path} is not there; correct AWS_CONFIG_FILE"),
    "InvalidRegionError": (Denied, "{region_name} is not a region; correct --region"),
    "ParamValidationError": (Denied, "the AWS SDK refuses {operation} of {target} ({parameters}); correct `put-args`"),
    "SSLError": (
        Unavailable,
        (
            "no secure connection to {host} ({cause}); check --endpoint-url, "
            "or set AWS_CA_BUNDLE to the certificate file of its authority"
        ),
    ),
    "ProxyConnectionError": (Unavailable, "the proxy for {bucket} cannot be reached; correct HTTPS_PROXY"),
    "EndpointConnectionError": (Unavailable, _UNREACHED),
    "ConnectTimeoutError": (Unavailable, _UNREACHED),
    "ReadTimeoutError": (
        Unavailable,
        "{host} did not answer {operation} of {target} in time; run the same command again",
    ),
    "FlexibleChecksumError": (Unavailable, "the bytes of {target} changed on the way; run the same command again"),
    "HTTPClientError": (Unavailable, _BROKE),
    "IncompleteReadError": (Unavailable, _BROKE),
}
_GAVE_UP: Final = (
    "the AWS SDK gave up at {operation} of {target} ({name}); run the same command again with -v to see more"
)

_REGION_IN_HOST: Final = re.compile(r"s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com")

# AWS says which permission, on what, is lacking: "… is not authorized to perform: kms:GenerateDataKey on resource: …".
_LACKING: Final = re.compile(r'perform: (?P<action>[\w-]+:\w+) on resource: "?(?P<arn>arn:[^\s"]+)')
_QUERY: Final = re.compile(r"\?\S*")
_LONGEST_MESSAGE: Final = 200


def rejection(response: Mapping[str, Any], operation: str) -> Rejection:
    """Read the parsed answer that a ClientError carries."""
    error = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    return Rejection(
        status=status,
        code=str(error.get("Code") or status),
        message=str(error.get("Message", "")),
        operation=operation,
        region=str(metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region") or error.get("Region") or ""),
    )


def asks_to_slow_down(answer: Rejection) -> bool:
    """Return whether the same call may succeed a little later, because too many came at once."""
    return _UNAVAILABLE.get(answer.code) == _BUSY


def rejection_in_words(answer: Rejection, call: ApiCall) -> Unavailable:
    """Return the error for what AWS refused, with its remedy."""
    if call.operation in _RARE_LISTINGS and answer.status in _NO_SUCH_CALL and answer.code not in _CERTAIN:
        return no_listing(call)
    facts = _facts(call) | {
        "answer": printable(answer.code if answer.code == str(answer.status) else f"{answer.status} {answer.code}"),
        "code": printable(answer.code),
        "message": printable(_QUERY.sub("", answer.message)[:_LONGEST_MESSAGE]),
        "rejected": printable(answer.operation),
        "region": printable(answer.region or "S3 does not say which"),
    }
    if lacking := _LACKING.search(answer.message):
        facts |= {name: printable(text) for name, text in lacking.groupdict().items()}
    if words := _UNAVAILABLE.get(answer.code):
        return Unavailable(words.format_map(facts))
    if answer.operation != call.operation and _DENIED.get(answer.code) != _EXPIRED:
        return Denied(_OTHER_SERVICE.format_map(facts))
    if words := _DENIED.get(answer.code):
        return (NoBucket if answer.code == "NoSuchBucket" else Denied)(words.format_map(facts))
    if answer.code.startswith("KMS."):
        return Denied(_KMS.format_map(facts))
    if answer.code.startswith("Invalid") and call.operation in {"PutObject", "CreateMultipartUpload"}:
        return Denied(_PUT_ARGS.format_map(facts))
    return Unavailable(_OTHER.format_map(facts))


def failure_in_words(error: Exception, call: ApiCall) -> Unavailable:
    """Return the error for a call that got no answer at all, with its remedy."""
    details: Mapping[str, Any] = getattr(error, "kwargs", {})
    host, cause = _host(str(details.get("endpoint_url") or "S3")), connection_cause(error)
    region = _REGION_IN_HOST.search(host)
    facts = _facts(call) | {
        "host": host,
        "cause": cause,
        "address": f"--region ({region['region']})" if region and cause == "name not found" else "--endpoint-url",
        "parameters": ", ".join(re.findall(r'(?:in input: "|for parameter )(\w+)', str(details.get("report", "")))),
        "name": type(error).__name__,
    }
    for name in ("cred_var", "path", "profile", "provider", "region_name"):
        facts[name] = printable(str(details.get(name, "")))
    for kind in type(error).__mro__:
        if kind.__name__ in _FAILURES:
            branch, words = _FAILURES[kind.__name__]
            return branch(words.format_map(facts))
    return Unavailable(_GAVE_UP.format_map(facts))


def no_listing(call: ApiCall) -> Denied:
    """Return the error for a store that cannot list what was asked for."""
    return Denied(_NO_LISTING.format_map(_facts(call)))


def connection_broke(call: ApiCall) -> Unavailable:
    """Return the error for an answer that began and did not end."""
    return Unavailable(_BROKE.format_map(_facts(call)))


def not_s3(endpoint_url: str, call: ApiCall) -> Denied:
    """Return the error for a server that is not S3."""
    return Denied(f"the server for {call.target} at {_host(endpoint_url)} is not S3; correct --endpoint-url")


def outcome_unknown(call: ApiCall) -> OutcomeUnknown:
    """Return the error for a write whose answer was lost."""
    return OutcomeUnknown(
        f"no answer came to {call.operation} of {call.target}, so it may have happened or still happen; "
        "run the same command again to find out"
    )


def _facts(call: ApiCall) -> dict[str, str]:
    return {
        "operation": call.operation,
        "bucket": printable(call.bucket),
        "target": call.target,
        "action": call.action,
        "arn": call.arn,
        "create_bucket": printable(call.create_bucket or f"bucketwheel init s3://{call.bucket} --create-bucket"),
        "log_in": f"run `aws sso login --profile {printable(call.profile)}`" if call.profile else "get new credentials",
    }


def _host(url: str) -> str:
    """Return scheme and host of a URL, without what may be secret in it."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url)
