"""The policies of the template, evaluated: who may do what, and that each statement is needed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bucketwheel.format.layout import Layout
from bucketwheel.hosting import Hosting
from support.hosting import ACCOUNT, BUCKET, FULL, PROVIDER, PUBLIC, read_template, resolved
from support.node import needs_node, run_in_node

pytestmark = needs_node

PUBLISHER, OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/publisher", f"arn:aws:iam::{ACCOUNT}:role/operator"
READER, STRANGER = f"arn:aws:iam::{ACCOUNT}:role/reader", "arn:aws:iam::999999999999:role/stranger"
CLOUDFRONT = "cloudfront.amazonaws.com"
OURS = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E2QWRUHAPOMQZL"
ANOTHER = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1ANOTHER"
SUBJECT, AUDIENCE = "token.actions.githubusercontent.com:sub", "token.actions.githubusercontent.com:aud"

PAGE, WHEEL, MANIFEST = "simple/demo/", "simple/demo/demo-1.0-py3-none-any.whl", "_bucketwheel/manifests/demo.json"
CREATE, SWAP = {"s3:if-none-match": "*"}, {"s3:if-match": '"etag"'}
WHOLE, PART = {"s3:ObjectCreationOperation": "true"}, {"s3:ObjectCreationOperation": "false"}
ALLOWED, DENIED = True, False
FILES = [WHEEL, f"{WHEEL}.metadata", f"{WHEEL}.asc", f"{WHEEL}.provenance", "simple/demo/demo-1.0.tar.gz", "a.zip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A request, and whether it is allowed."""

    who: str | None
    """None: nobody known."""
    action: str
    key: str | None
    """None: the bucket itself."""
    allowed: bool
    context: tuple[tuple[str, str], ...] = ()
    tls: bool = True


def row(who: str | None, action: str, key: str | None, allowed: bool, *, tls: bool = True, **context: str) -> Row:  # noqa: FBT001 - the verdict of a table
    """Return a row; names of context keys have `_` for `:`."""
    return Row(who=who, action=action, key=key, allowed=allowed, context=tuple(context.items()), tls=tls)


def put(key: str, allowed: bool, who: str = PUBLISHER, **conditions: str) -> Row:  # noqa: FBT001 - see row
    """Return the row of a PutObject."""
    return Row(who=who, action="s3:PutObject", key=key, allowed=allowed, context=tuple(conditions.items()))


WRITING = [
    put(PAGE, DENIED, **WHOLE),
    put(PAGE, ALLOWED, **WHOLE, **CREATE),
    put(PAGE, ALLOWED, **WHOLE, **SWAP),
    put(MANIFEST, DENIED, **WHOLE),
    put(MANIFEST, ALLOWED, **WHOLE, **SWAP),
    *(put(key, DENIED, **WHOLE) for key in FILES),
    *(put(key, ALLOWED, **WHOLE, **CREATE) for key in FILES),
    *(put(key, DENIED, **WHOLE, **SWAP) for key in FILES),
    # Who may do everything may not do this either.
    put(PAGE, DENIED, OPERATOR, **WHOLE),
    put(WHEEL, DENIED, OPERATOR, **WHOLE, **SWAP),
    # The creation of an upload in parts, and its parts; then its completion.
    put(WHEEL, ALLOWED, **PART),
    put(WHEEL, DENIED, **WHOLE),
    put(WHEEL, ALLOWED, **WHOLE, **CREATE),
    # A copy has no conditions.
    put("simple/demo/copy.json", DENIED, **WHOLE),
    # Other folders of the bucket have other rules.
    put("../other/file.whl", ALLOWED, OPERATOR, **WHOLE),
    row(PUBLISHER, "s3:GetObject", MANIFEST, ALLOWED),
    row(PUBLISHER, "s3:GetObject", MANIFEST, DENIED, tls=False),
    row(OPERATOR, "s3:ListBucket", None, DENIED, tls=False),
    row(PUBLISHER, "s3:ListBucket", None, ALLOWED),
    row(PUBLISHER, "s3:AbortMultipartUpload", WHEEL, ALLOWED),
    row(PUBLISHER, "s3:DeleteObject", WHEEL, DENIED),
    row(PUBLISHER, "s3:PutBucketPolicy", None, DENIED),
    row(READER, "s3:GetObject", WHEEL, ALLOWED),
    row(READER, "s3:GetObject", "_bucketwheel/repository.json", ALLOWED),
    row(READER, "s3:ListBucket", None, ALLOWED),
    put("simple/demo/new.json", DENIED, READER, **WHOLE, **CREATE),
]


def through(distribution: str, action: str, key: str | None, allowed: bool) -> Row:  # noqa: FBT001 - see row
    """Return the row of a request that a distribution makes."""
    return Row(who=CLOUDFRONT, action=action, key=key, allowed=allowed, context=(("aws:SourceArn", distribution),))


BEHIND = [
    *WRITING,
    row(READER, "s3:GetObject", MANIFEST, DENIED),
    *(through(OURS, "s3:GetObject", key, ALLOWED) for key in (PAGE, WHEEL, "simple/index.json", "other.html")),
    through(OURS, "s3:GetObject", MANIFEST, DENIED),
    through(OURS, "s3:GetObject", "_bucketwheel/repository.json", DENIED),
    through(OURS, "s3:GetObject", "../elsewhere", DENIED),
    through(OURS, "s3:ListBucket", None, ALLOWED),
    through(OURS, "s3:PutObject", "simple/x", DENIED),
    through(ANOTHER, "s3:GetObject", PAGE, DENIED),
    through(ANOTHER, "s3:ListBucket", None, DENIED),
    *(row(who, "s3:GetObject", PAGE, DENIED) for who in (None, STRANGER)),
    *(row(who, "s3:ListBucket", None, DENIED) for who in (None, STRANGER)),
]

OPEN = [
    *WRITING,
    row(None, "s3:GetObject", WHEEL, ALLOWED),
    row(None, "s3:GetObject", WHEEL, DENIED, tls=False),
    row(None, "s3:GetObject", "../elsewhere", DENIED),
    row(None, "s3:ListBucket", None, ALLOWED),
    row(None, "s3:PutObject", "simple/x", DENIED),
    *(row(who, "s3:GetObject", MANIFEST, DENIED) for who in (None, STRANGER)),
    row(STRANGER, "s3:GetObject", "_bucketwheel/repository.json", DENIED),
    # As docs/hosting.md says: a publisher of the account must read them, and a policy cannot tell who is one.
    row(READER, "s3:GetObject", MANIFEST, ALLOWED),
]

TRUST = f"repo:{FULL.github}:environment:release"
TOKENS = {
    TRUST: True,
    "repo:my-organisation/my-package:environment:other": False,
    "repo:my-organisation/my-package:ref:refs/tags/v1": False,
    "repo:my-organisation/my-package:pull_request": False,
    "repo:fork/my-package:environment:release": False,
    "repo:my-organisation/my-package2:environment:release": False,
}
TAGS = {
    "repo:my-organisation/my-package:ref:refs/tags/v1": True,
    "repo:my-organisation/my-package:ref:refs/heads/main": False,
    "repo:my-organisation/my-package:pull_request": False,
    "repo:fork/my-package:ref:refs/tags/v1": False,
}


def role_policy(template: Any, name: str) -> Any:  # noqa: ANN401 - a template
    """Return the policy of a role."""
    return template["Resources"][name]["Properties"]["Policies"][0]["PolicyDocument"]


def verdicts(template: Any, rows: list[Row], prefix: str) -> list[bool]:  # noqa: ANN401 - a template
    """Evaluate all requests."""
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    identities = {
        PUBLISHER: role_policy(template, "Publisher"),
        READER: role_policy(template, "Reader"),
        OPERATOR: everything,
        STRANGER: everything,
    }
    policy = template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]
    requests = [
        {
            "principal": each.who,
            "action": each.action,
            "resource": f"arn:aws:s3:::{BUCKET}"
            + ("" if each.key is None else f"/{prefix}{each.key}".replace(f"{prefix}../", "")),
            "account": ACCOUNT,
            "context": {
                "aws:SecureTransport": str(each.tls).lower(),
                "aws:PrincipalAccount": account_of(each.who),
                **dict(each.context),
            },
            "identity": identities.get(each.who or ""),
            "policy": policy,
        }
        for each in rows
    ]
    return [verdict == "Allowed" for verdict in run_in_node("policies.cjs", requests)]


def account_of(who: str | None) -> str:
    """Return the value of aws:PrincipalAccount, which is there for everybody."""
    return "anonymous" if who is None else who.split(":")[4] if who.startswith("arn:") else "aws"


def reduced(template: Any, *resources: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a template
    """Yield the template without each statement of the policies of these resources in turn."""
    for name in resources:
        for number, statement in enumerate(_document(template["Resources"], name)["Statement"]):
            less = copy.deepcopy(template)
            del _document(less["Resources"], name)["Statement"][number]
            yield f"{name}: {statement['Sid']}", less


def _document(resources: Any, name: str) -> Any:  # noqa: ANN401 - a template
    properties = resources[name]["Properties"]
    return properties["PolicyDocument"] if name == "BucketPolicy" else properties["Policies"][0]["PolicyDocument"]


@pytest.mark.parametrize(
    ("hosting", "rows"),
    [(FULL, BEHIND), (replace(FULL, prefix="", layout=Layout(simple="")), None), (PUBLIC, OPEN)],
    ids=["behind CloudFront", "a whole bucket", "public"],
)
def test_each_request_is_allowed_or_not(hosting: Hosting, rows: list[Row] | None) -> None:
    """A table of principal, action, key and headers. At a bucket's root nothing of it is elsewhere."""
    rows = rows or [each for each in BEHIND if not (each.key or "").startswith("../") and each.who != READER]
    found = verdicts(resolved(read_template(hosting)), rows, hosting.prefix)
    wrong = [each for each, allowed in zip(rows, found, strict=True) if allowed != each.allowed]
    assert wrong == []


@pytest.mark.parametrize(("hosting", "rows"), [(FULL, BEHIND), (PUBLIC, OPEN)], ids=["behind CloudFront", "public"])
def test_each_statement_is_needed(hosting: Hosting, rows: list[Row]) -> None:
    """Without any one of them a row of the table is wrong. On a public bucket roles need no right to read."""
    resources = ("BucketPolicy",) if hosting.public else ("BucketPolicy", "Publisher", "Reader")
    for name, less in reduced(resolved(read_template(hosting)), *resources):
        found = verdicts(less, rows, hosting.prefix)
        assert any(allowed != each.allowed for each, allowed in zip(rows, found, strict=True)), name


@pytest.mark.parametrize(
    ("hosting", "tokens"), [(FULL, TOKENS), (replace(FULL, environment=None), TAGS)], ids=["environment", "tags"]
)
def test_only_our_jobs_take_the_role(hosting: Hosting, tokens: dict[str, bool]) -> None:
    """Neither forks, nor pull requests, nor other environments, nor tokens for another audience."""
    trust = resolved(read_template(hosting))["Resources"]["Publisher"]["Properties"]["AssumeRolePolicyDocument"]
    asked = [*((subject, "sts.amazonaws.com", right) for subject, right in tokens.items())]
    asked += [(next(iter(tokens)), "another.example.com", False)]
    requests = [
        {
            "principal": PROVIDER,
            "action": "sts:AssumeRoleWithWebIdentity",
            "resource": PUBLISHER,
            "account": ACCOUNT,
            "context": {SUBJECT: subject, AUDIENCE: audience},
            "identity": None,
            "policy": trust,
        }
        for subject, audience, _ in asked
    ]
    assert [each == "Allowed" for each in run_in_node("policies.cjs", requests)] == [right for *_, right in asked]


def test_only_the_readers_that_are_named_take_their_role() -> None:
    """By their ARNs, and no job of GitHub."""
    trust = read_template(FULL)["Resources"]["Reader"]["Properties"]["AssumeRolePolicyDocument"]
    [statement] = trust["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"AWS": list(FULL.readers)}, "sts:AssumeRole")
