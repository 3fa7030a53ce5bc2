"""Reading for others: objects passed on to a reader as they are, presigned links, and what clients need to sign."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from bucketwheel.places import AWS_HOSTS
from bucketwheel.storage import CredentialsInfo, Passed, SigningClient, Span
from bucketwheel.storage.s3.bucket import Bucket
from bucketwheel.storage.s3.errors import Rejection, failure_in_words

__all__ = [
    "ReadRequest",
    "credentials_info",
    "own_url",
    "pass_object_on",
    "presigner",
    "presigning_client",
    "signing_client",
]

# A 404 of another code than NoSuchKey, such as NoSuchBucket, is no answer about the object.
_UNREAD: Final = frozenset({"NoSuchKey", "304", "403", "412", "416"})
_UNSEEN: Final = frozenset({"304", "400", "403", "404"})  # the answer to HEAD has no body to say more
_REGION_TOLD: Final = frozenset({"301", "400", "403", "404"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What a reader asks for, as `storage.PassesOn` has it."""

    span: Span | None = None
    known: str = ""
    same_as: str = ""
    headers_only: bool = False


@contextmanager
def pass_object_on(
    bucket: Bucket,
    key: str,
    wanted: ReadRequest,
    *,
    refused: Callable[[Rejection], None],
    opened: Callable[[Any], io.BufferedReader],
) -> Iterator[Passed | None]:
    """Open an object for a reader by one GET or HEAD; None: it is absent.

    `refused` is called for an answer that does not tell absent from forbidden, and raises for the latter. `opened`
    makes a stream of the body of an answer.
    """
    answer = _asked(bucket, key, wanted)
    if not isinstance(answer, Rejection):
        passed = _passed(answer)
        if wanted.headers_only:
            yield passed
            return
        with closing(answer["Body"]) as body:
            yield replace(passed, body=opened(body))
        return
    match answer.status:
        case HTTPStatus.NOT_MODIFIED:
            yield Passed(etag=wanted.known, size=0, end=0, unchanged=True)
        case HTTPStatus.PRECONDITION_FAILED:  # another object by now: its whole
            whole = ReadRequest(known=wanted.known)
            with pass_object_on(bucket, key, whole, refused=refused, opened=opened) as all_of_it:
                yield all_of_it
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            head = ReadRequest(headers_only=True)
            with pass_object_on(bucket, key, head, refused=refused, opened=opened) as seen:
                yield seen and Passed(etag=seen.etag, size=seen.size, end=0, out_of_range=True)
        case HTTPStatus.NOT_FOUND:
            yield None
        case _:
            refused(answer)
            yield None


def _asked(bucket: Bucket, key: str, wanted: ReadRequest) -> Any:  # noqa: ANN401 - the SDK's answer
    conditions = {"IfNoneMatch": wanted.known} if wanted.known else {}
    if wanted.headers_only:
        return bucket.ask("head_object", expected=_UNSEEN, Key=key, **conditions)
    if wanted.span is not None:
        conditions["Range"] = _range(wanted.span)
        if wanted.same_as:
            conditions["IfMatch"] = wanted.same_as
    return bucket.ask("get_object", expected=_UNREAD, Key=key, **conditions)


def _range(span: Span) -> str:
    if span.first is None:
        return f"bytes=-{span.last}"
    return f"bytes={span.first}-{'' if span.last is None else span.last}"


def _passed(answer: Mapping[str, Any]) -> Passed:
    start, size = 0, int(answer["ContentLength"])
    end = size
    if "ContentRange" in answer:  # bytes 5-9/100
        span, _, whole = answer["ContentRange"].removeprefix("bytes ").partition("/")
        start, size = int(span.partition("-")[0]), int(whole)
        end = int(span.partition("-")[2]) + 1
    return Passed(etag=answer["ETag"], size=size, start=start, end=end, modified=answer.get("LastModified"))


def presigner(bucket: Bucket, *, seconds: int) -> Callable[[str], str]:
    """Return what makes a link to read one object, by its key; each is signed here."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - loaded only where S3 is used

    _credentials(bucket)
    client = presigning_client(bucket.session, bucket.name, _region(bucket), bucket.client.meta.endpoint_url)

    def link(key: str) -> str:
        arguments = {"Bucket": bucket.name, "Key": key}
        try:
            return str(client.generate_presigned_url("get_object", Params=arguments, ExpiresIn=seconds))
        except BotoCoreError as error:
            raise failure_in_words(error, bucket.call("get_object", key)) from None

    return link


def presigning_client(session: Any, name: str, region: str, endpoint_url: str) -> Any:  # noqa: ANN401 - the SDK's
    """Return a client that presigns for the bucket's own region.

    By itself the SDK takes the global host, which redirects for some regions; but the signature is for one host only.
    """
    from botocore.config import Config  # noqa: PLC0415 - loaded only where S3 is used

    endpoint = urlsplit(endpoint_url)
    style = "auto"
    if endpoint.netloc.endswith(AWS_HOSTS):
        endpoint = endpoint._replace(netloc=_regional_host(region))
        style = "path" if "." in name else "virtual"
    config = Config(signature_version="s3v4", s3={"addressing_style": style})  # type: ignore[arg-type]  # a literal
    return session.client("s3", region_name=region, endpoint_url=endpoint.geturl(), config=config)


def credentials_info(bucket: Bucket) -> CredentialsInfo:
    """Return what the SDK knows of the credentials."""
    credentials = _credentials(bucket)
    token = credentials.get_frozen_credentials().token
    return CredentialsInfo(temporary=token is not None, ends=getattr(credentials, "_expiry_time", None))


def signing_client(bucket: Bucket) -> SigningClient:
    """Resolve credentials, and find the region and the address of a bucket."""
    frozen = _credentials(bucket).get_frozen_credentials()
    region = _region(bucket)
    variables = {
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        **({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}),
    }
    url = own_url(bucket.name, region, bucket.client.meta.endpoint_url)
    return SigningClient(url=url, region=region, credentials=variables)


def own_url(name: str, region: str, endpoint_url: str) -> str:
    """Return the address of a bucket with its region in it, by which every client of the bucket names it."""
    parts = urlsplit(endpoint_url)
    host = parts.netloc.rpartition("@")[2]
    if host.endswith(AWS_HOSTS):
        host = _regional_host(region)
        if "." not in name:  # a certificate for *.s3… covers no dot
            return f"{parts.scheme}://{name}.{host}"
    return f"{parts.scheme}://{host}/{name}"


def _regional_host(region: str) -> str:
    return f"s3.{region}.{'amazonaws.com.cn' if region.startswith('cn-') else 'amazonaws.com'}"


def _region(bucket: Bucket) -> str:
    """Return the region that the bucket is in; another service than AWS takes any."""
    chosen = bucket.client.meta.region_name
    host = urlsplit(bucket.client.meta.endpoint_url).netloc
    if host.endswith(AWS_HOSTS):
        answer = bucket.ask("head_bucket", expected=_REGION_TOLD)
        chosen = (answer.region if isinstance(answer, Rejection) else answer.get("BucketRegion")) or chosen
    return "us-east-1" if chosen in {None, "aws-global"} else str(chosen)


def _credentials(bucket: Bucket) -> Any:  # noqa: ANN401 - the SDK's
    from botocore.exceptions import BotoCoreError, NoCredentialsError  # noqa: PLC0415 - loaded only where S3 is used

    call = bucket.call("get_object", "")
    try:
        found = bucket.session.get_credentials()
        frozen = found and found.get_frozen_credentials()
    except BotoCoreError as error:
        raise failure_in_words(error, call) from None
    if frozen is None:
        raise failure_in_words(NoCredentialsError(), call)
    return found
