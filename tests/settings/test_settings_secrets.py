"""Secrets in settings are refused, and no message ever shows one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bucketwheel.config.keys import KEYS
from bucketwheel.config.resolution import resolve
from bucketwheel.config.values import holds_secret, without_secret
from bucketwheel.errors import Misconfigured
from support.setting_layers import layers

CANARY = "c4n4ry"


def message_of(**tables: Mapping[str, object]) -> str:
    """Resolve tables that must not be accepted, and return what is said of them."""
    with pytest.raises(Misconfigured) as raised:
        resolve(layers(**tables))  # type: ignore[arg-type]  # the keyword names are the sources
    return str(raised.value)


@pytest.mark.parametrize("source", ["options", "hatch", "project", "user"])
@pytest.mark.parametrize(
    "key",
    [
        "aws_access_key_id",
        "aws-secret-access-key",
        "AWS_SECRET_ACCESS_KEY",
        "secretAccessKey",
        "secret",
        "token",
        "aws-session-token",
        "sessionToken",
        "password",
        "passwd",
        "credentials",
        "api-key",
    ],
)
def test_a_key_for_a_secret_is_refused(source: str, key: str) -> None:
    """However it is spelled, and wherever it is said: credentials come from the AWS chain only."""
    message = message_of(**{source: {key: CANARY}})
    assert "would be a secret, and bucketwheel takes none from its settings; remove it" in message
    assert CANARY not in message


def test_a_variable_for_a_secret_is_refused() -> None:
    """The AWS chain has variables of its own."""
    message = message_of(environment={"BUCKETWHEEL_SECRET_ACCESS_KEY": CANARY})
    assert message.startswith("BUCKETWHEEL_SECRET_ACCESS_KEY would be a secret")
    assert CANARY not in message


def test_a_secret_in_a_named_repository_is_refused() -> None:
    """Tables below are looked through too."""
    message = message_of(project={"repositories": {"x": {"url": "s3://bucket", "secret": CANARY}}})
    assert message.startswith("tool.bucketwheel.repositories.x.secret would be a secret")
    assert CANARY not in message


@pytest.mark.parametrize("source", ["options", "project"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repository", f"s3://key:{CANARY}@bucket/pypi"),
        ("repository", f"https://{CANARY}@bucket/"),
        ("repository", f"s3://bucket?X-Amz-Signature={CANARY}"),
        ("repository", f"file://user:{CANARY}@host/path"),
        ("repository", f"{CANARY}@bucket"),
        ("endpoint-url", f"https://key:{CANARY}@s3.example.com"),
        ("endpoint-url", f"https://{CANARY}@s3.example.com"),
        ("endpoint-url", f"https://key:{CANARY}@s3.example.com:port"),
        ("endpoint-url", f"https://s3.example.com/?token={CANARY}"),
        ("endpoint-url", f"https://s3.example.com/#{CANARY}"),
    ],
)
def test_credentials_in_a_repository_or_endpoint_are_refused_everywhere(source: str, key: str, value: str) -> None:
    """S3 has no use for them there, and they would be printed with the place."""
    assert CANARY not in message_of(**{source: {key: value}})


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{CANARY}@ci.example.com/wheels/",
        f"https://{CANARY}@ci.example.com/wheels/",
        f"https://{CANARY}:@ci.example.com/wheels/",
        f"https://${{USER}}:{CANARY}@ci.example.com/wheels/",
        f"https://user:${{TOKEN}}{CANARY}@ci.example.com/wheels/",
        f"${{SCHEME}}://user:{CANARY}@ci.example.com/wheels/",
        f"https://ci.example.com/wheels/?private_token={CANARY}",
        f"https://bucket.s3.amazonaws.com/?X-Amz-Signature={CANARY}#x",
        f"s3://key:{CANARY}@bucket/prefix",
    ],
)
def test_a_literal_secret_in_an_index_is_refused_in_files(url: str) -> None:
    """pyproject.toml is read by everybody who has the project."""
    message = message_of(project={"artifact-indexes": ["https://ci/", url]})
    assert message == (
        "tool.bucketwheel.artifact-indexes[1] contains a secret; "
        "write ${VAR} instead, set VAR where it runs, and change the secret"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://user:${TOKEN}@ci.example.com/wheels/",
        "https://${TOKEN}@ci.example.com/wheels/",
        "https://${USER}:${TOKEN}@ci.example.com/wheels/",
        "https://ci.example.com/wheels/?private_token=${TOKEN}",
        "https://ci.example.com/wheels/?private_token=${TOKEN}#wheels",
        "https://ci.example.com/@scope/wheels/?format=json#x@y",
        "${ARTIFACTS}",
        "${ARTIFACTS}/wheels",
    ],
)
def test_an_index_may_take_its_secret_from_a_variable(url: str) -> None:
    """`${VAR}` is left as it is: only who opens the URL fills it in."""
    assert resolve(layers(project={"artifact-indexes": [url]})).artifact_indexes == (url,)


def test_a_variable_may_hold_a_secret_and_does_not_show_it() -> None:
    """The environment is where secrets live; the settings' own description must not carry them on."""
    url = f"https://user:{CANARY}@ci.example.com/wheels/"
    settings = resolve(layers(environment={"BUCKETWHEEL_ARTIFACT_INDEXES": url}))
    assert settings.artifact_indexes == (url,)
    assert CANARY not in repr(settings)


@pytest.mark.parametrize("key", [key.name for key in KEYS])
@pytest.mark.parametrize(
    "value", [f"\x00{CANARY}", f"{CANARY}://{CANARY}:{CANARY}@{CANARY}", [CANARY, 1], {CANARY: {}, "x": CANARY}]
)
def test_no_value_is_ever_part_of_a_message(key: str, value: object) -> None:
    """A secret may stand in the wrong place, so values stay out of messages whatever is wrong with them."""
    if isinstance(value, dict) and key == "put-args":
        value = {"Nonsense": CANARY, "SSECustomerKey": CANARY, "ACL": CANARY}
    tables: dict[str, Mapping[str, object]] = {"project": {key: value}, "user": {"jobs": CANARY}}
    assert CANARY not in message_of(**tables)


def test_what_is_no_key_is_not_shown() -> None:
    """A URL that slipped into the place of a key, or a broken pair, may be the secret itself."""
    message = message_of(
        options={f"https://user:{CANARY}@host/?a": "b", "put-args": f"SSEKMSKeyId=a {CANARY}"},
        project={
            f"https://user:{CANARY}@host": 1,
            "repositories": {f"s3://{CANARY}": {}},
            "put-args": {f"s3://{CANARY}": "x"},
        },
    )
    assert CANARY not in message
    assert message.splitlines() == [
        (
            "--… is not a setting; remove it, or choose from repository, profile, region, endpoint-url, "
            "no-sign-request, single-writer, existing, dry-run, no-create, jobs, artifact-indexes, put-args, "
            "sign, identity, sign-with, signatures, signers, attestation-publishers, uploaded-by"
        ),
        "--put-args is not made of NAME=VALUE pairs; write such pairs, with white space between them",
        (
            "tool.bucketwheel.… is not a setting; remove it, or choose from repository, profile, region, endpoint-url, "
            "no-sign-request, single-writer, existing, dry-run, no-create, jobs, artifact-indexes, put-args, "
            "sign, identity, sign-with, signatures, signers, attestation-publishers, uploaded-by"
        ),
        (
            "tool.bucketwheel.put-args is not an argument of PutObject that can be set; choose from ACL, "
            "BucketKeyEnabled, ExpectedBucketOwner, GrantFullControl, GrantRead, GrantReadACP, GrantWriteACP, "
            "SSEKMSEncryptionContext, SSEKMSKeyId, ServerSideEncryption, StorageClass, Tagging"
        ),
        "tool.bucketwheel.repositories.… is not a name; use letters, digits, - and _, a letter or digit first",
    ]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        (f"https://user:{CANARY}@ci/wheels/", "https://${INDEX_USER}:${INDEX_PASSWORD}@ci/wheels/"),
        (f"https://{CANARY}@ci/wheels/?a=b", "https://${INDEX_USER}:${INDEX_PASSWORD}@ci/wheels/"),
        (f"https://ci/wheels/?token={CANARY}", "https://ci/wheels/"),
    ],
)
def test_a_url_without_its_secret_may_be_pasted(url: str, safe: str) -> None:
    """What replaces a secret passes our own check."""
    assert holds_secret(url)
    assert without_secret(url) == safe
    assert not holds_secret(safe)
