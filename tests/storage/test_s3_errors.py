"""Each thing that AWS or its SDK can say becomes one sentence with one remedy, and no secret."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from botocore import exceptions as sdk

from bucketwheel.errors import Denied, OutcomeUnknown, Unavailable
from bucketwheel.storage.s3.errors import (
    ApiCall,
    Rejection,
    failure_in_words,
    outcome_unknown,
    rejection,
    rejection_in_words,
)

PUT = ApiCall(operation="PutObject", bucket="packages", key="p/x.zip", profile="work")
GET = ApiCall(operation="GetObject", bucket="packages", key="p/x.zip")
LIST = ApiCall(operation="ListObjectsV2", bucket="packages", key="p/")
CANARY = "AKIACANARY0SECRET"


def said(asked: ApiCall, code: str, status: int = 400, message: str = "", **metadata: Any) -> Unavailable:  # noqa: ANN401 - as the SDK has it
    """Answer with an error as the SDK parses it."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, **metadata},
    }
    return rejection_in_words(rejection(response, asked.operation), asked)


@pytest.mark.parametrize(
    ("asked", "code", "status", "words"),
    [
        (
            PUT,
            "AccessDenied",
            403,
            "AWS denies s3:PutObject on arn:aws:s3:::packages/p/x.zip; allow it in a policy of these credentials",
        ),
        (
            LIST,
            "AccessDenied",
            403,
            "AWS denies s3:ListBucket on arn:aws:s3:::packages; allow it in a policy of these credentials",
        ),
        (
            PUT,
            "NoSuchBucket",
            404,
            (
                "there is no bucket packages; check its name, or make it with "
                "`bucketwheel init s3://packages --create-bucket`"
            ),
        ),
        (
            PUT,
            "ExpiredToken",
            400,
            (
                "the AWS session has expired, so s3://packages/p/x.zip cannot be reached; "
                "run `aws sso login --profile work`"
            ),
        ),
        (
            GET,
            "ExpiredToken",
            400,
            "the AWS session has expired, so s3://packages/p/x.zip cannot be reached; get new credentials",
        ),
        (
            GET,
            "InvalidAccessKeyId",
            403,
            "AWS does not know the access key used for s3://packages/p/x.zip; use credentials that are valid",
        ),
        (
            GET,
            "SignatureDoesNotMatch",
            403,
            (
                "the secret key does not belong to the access key used for s3://packages/p/x.zip; "
                "set both again, without spaces around them"
            ),
        ),
        (
            GET,
            "RequestTimeTooSkewed",
            403,
            "the clock of this machine is too far from S3's to reach s3://packages/p/x.zip; set it right",
        ),
        (
            PUT,
            "AccessControlListNotSupported",
            400,
            "the bucket packages accepts no ACLs; remove ACL from `put-args`",
        ),
        (
            PUT,
            "KMS.DisabledException",
            400,
            (
                "the KMS key for s3://packages/p/x.zip cannot be used (KMS.DisabledException); "
                "enable it, or name another in `put-args`"
            ),
        ),
        (
            ApiCall(operation="DeleteObject", bucket="packages", key="x"),
            "NotImplemented",
            501,
            (
                "the store has no conditional DeleteObject, which s3://packages/x needs; "
                "use a store that has (AWS S3 and newer Ceph do)"
            ),
        ),
        (
            ApiCall(operation="CreateBucket", bucket="packages"),
            "BucketAlreadyExists",
            409,
            "the bucket name packages belongs to another account; choose another",
        ),
    ],
)
def test_what_trying_again_does_not_help(asked: ApiCall, code: str, status: int, words: str) -> None:
    """A refusal names what was refused and the one thing to do."""
    error = said(asked, code, status)
    assert isinstance(error, Denied)
    assert str(error) == words


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (
            "SlowDown",
            503,
            (
                "S3 asks to slow down (SlowDown) at GetObject of s3://packages/p/x.zip; "
                "run the same command again with fewer --jobs"
            ),
        ),
        (
            "InternalError",
            500,
            (
                "S3 answered 500 InternalError to GetObject of s3://packages/p/x.zip; "
                "run the same command again with -v to see more"
            ),
        ),
        (
            "BadDigest",
            400,
            (
                "the bytes for s3://packages/p/x.zip changed after they were checked, or on the "
                "way; leave files alone while they are published, and run the same command again"
            ),
        ),
    ],
)
def test_what_trying_again_may_help(code: str, status: int, words: str) -> None:
    """Trouble of S3's own is unavailable, not denied."""
    error = said(GET, code, status)
    assert type(error) is Unavailable
    assert str(error) == words


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed", "301"])
def test_another_region_is_named_if_the_answer_names_it(code: str) -> None:
    """The region to set is in a header of S3's answer."""
    error = said(GET, code, 301, HTTPHeaders={"x-amz-bucket-region": "eu-central-1"})
    assert str(error) == "the bucket packages is in another region (eu-central-1); set --region to it"
    assert "(S3 does not say which)" in str(said(GET, code, 301))


def test_aws_knows_best_what_permission_is_lacking() -> None:
    """Where the answer names action and resource, as for a KMS key, these are shown."""
    message = (
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: kms:GenerateDataKey on resource: "
        "arn:aws:kms:eu-west-1:123456789012:key/0f because no identity-based policy allows the action"
    )
    assert str(said(PUT, "AccessDenied", 403, message)) == (
        "AWS denies kms:GenerateDataKey on arn:aws:kms:eu-west-1:123456789012:key/0f; "
        "allow it in a policy of these credentials"
    )


def test_arguments_that_s3_refuses_lead_to_the_setting() -> None:
    """What S3 finds wrong with a write is shown, and where to correct it; elsewhere the setting is not blamed."""
    assert str(said(PUT, "InvalidStorageClass", 400, "The storage class you specified is not valid")) == (
        "S3 refuses PutObject of s3://packages/p/x.zip "
        "(InvalidStorageClass: The storage class you specified is not valid); correct `put-args`"
    )
    assert "put-args" not in str(said(GET, "InvalidArgument"))


def test_a_refusal_on_the_way_to_credentials_is_no_refusal_of_s3() -> None:
    """STS says no to the role, not S3 to the object; an expired token is one whoever says so."""
    role = Rejection(status=403, code="AccessDenied", operation="AssumeRoleWithWebIdentity")
    assert str(rejection_in_words(role, GET)) == (
        "AWS refuses AssumeRoleWithWebIdentity (AccessDenied), which gets the credentials for "
        "s3://packages/p/x.zip; correct the profile or role"
    )
    expired = Rejection(status=400, code="ExpiredTokenException", operation="AssumeRoleWithWebIdentity")
    assert "the AWS session has expired" in str(rejection_in_words(expired, GET))


@pytest.mark.parametrize(
    ("error", "branch", "words"),
    [
        (
            sdk.NoCredentialsError(),
            Denied,
            "no AWS credentials were found for s3://packages/p/x.zip; name a profile that has some: --profile",
        ),
        (
            sdk.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            Denied,
            "the AWS credentials for s3://packages/p/x.zip lack AWS_SECRET_ACCESS_KEY; set it",
        ),
        (
            sdk.ProfileNotFound(profile="nope"),
            Denied,
            "the AWS configuration has no profile nope; choose one that `aws configure list-profiles` shows",
        ),
        (
            sdk.UnauthorizedSSOTokenError(),
            Denied,
            (
                "the AWS session has expired, so s3://packages/p/x.zip cannot be reached; "
                "run `aws sso login --profile work`"
            ),
        ),
        (
            sdk.CredentialRetrievalError(provider="custom-process", error_msg=CANARY),
            Denied,
            (
                "the AWS credentials for s3://packages/p/x.zip cannot be obtained (custom-process); "
                "`aws sts get-caller-identity` shows why"
            ),
        ),
        (
            sdk.EndpointConnectionError(endpoint_url=f"https://user:{CANARY}@s3.example/packages?X-Amz-Token={CANARY}"),
            Unavailable,
            "https://s3.example cannot be reached (no answer); check the network and --endpoint-url",
        ),
        (
            sdk.SSLError(endpoint_url=f"https://s3.example/?X-Amz-Signature={CANARY}", error=OSError(CANARY)),
            Unavailable,
            (
                "no secure connection to https://s3.example (no TLS); check --endpoint-url, "
                "or set AWS_CA_BUNDLE to the certificate file of its authority"
            ),
        ),
        (
            sdk.ProxyConnectionError(proxy_url=f"http://user:{CANARY}@proxy", error=CANARY),
            Unavailable,
            "the proxy for packages cannot be reached; correct HTTPS_PROXY",
        ),
        (
            sdk.ReadTimeoutError(endpoint_url=f"https://s3.example/?X-Amz-Signature={CANARY}"),
            Unavailable,
            (
                "https://s3.example did not answer PutObject of s3://packages/p/x.zip in time; "
                "run the same command again"
            ),
        ),
        (
            sdk.ConnectionClosedError(endpoint_url=f"https://s3.example/?X-Amz-Signature={CANARY}"),
            Unavailable,
            "the connection broke at PutObject of s3://packages/p/x.zip; run the same command again",
        ),
        (
            sdk.ParamValidationError(
                report=f'Unknown parameter in input: "Colour", must be one of: ACL\n'
                f"Invalid type for parameter Tagging, value: {CANARY}, type: <class 'int'>"
            ),
            Denied,
            "the AWS SDK refuses PutObject of s3://packages/p/x.zip (Colour, Tagging); correct `put-args`",
        ),
        (
            sdk.BotoCoreError(msg=CANARY),
            Unavailable,
            (
                "the AWS SDK gave up at PutObject of s3://packages/p/x.zip (BotoCoreError); "
                "run the same command again with -v to see more"
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_sdk_raises(error: sdk.BotoCoreError, branch: type[Unavailable], words: str) -> None:
    """No answer at all is said in words too, and none of its texts is repeated."""
    told = failure_in_words(error, PUT)
    assert type(told) is branch
    assert str(told) == words


@pytest.mark.parametrize(
    ("endpoint", "error", "words"),
    [
        ("https://s3.example", ConnectionRefusedError(), "(connection refused); check the network and --endpoint-url"),
        ("https://s3.example", socket.gaierror(-2), "(name not found); check the network and --endpoint-url"),
        ("https://s3.example", TimeoutError(), "(timed out); check the network and --endpoint-url"),
        ("https://s3.example", OSError(101, "No route"), "(No route); check the network"),
        (
            "https://b.s3.eu-centrall-1.amazonaws.com",
            socket.gaierror(-2),
            "and --region (eu-centrall-1)",
        ),
    ],
    ids=str,
)
def test_each_failure_to_connect_names_its_cause(endpoint: str, error: Exception, words: str) -> None:
    """Refused, not found and timed out need different remedies; a region that does not exist is a name not found."""
    outer = OSError()
    outer.__cause__ = error
    told = failure_in_words(sdk.EndpointConnectionError(endpoint_url=endpoint, error=outer), PUT)
    assert words in str(told)


def test_no_message_repeats_a_secret_or_a_control_character() -> None:
    """What S3 says is shown without queries and without what would act on a terminal."""
    error = said(PUT, "InvalidRequest", 400, f"see https://s3.example/x?X-Amz-Signature={CANARY} \x1b[31m")
    assert CANARY not in str(error)
    assert "\x1b" not in str(error)
    assert "see https://s3.example/x \\x1b[31m" in str(error)


def test_nobody_knows_is_said_as_such() -> None:
    """A write without an answer is neither done nor failed."""
    error = outcome_unknown(PUT)
    assert type(error) is OutcomeUnknown
    assert str(error) == (
        "no answer came to PutObject of s3://packages/p/x.zip, so it may have happened or still happen; "
        "run the same command again to find out"
    )
