"""One bucket as we talk to it: the client, what is tried again, what each request tells, and errors in words."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.events import Report, RequestSent
from bucketwheel.names import printable
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage.s3.errors import (
    Asked,
    Rejection,
    failure_in_words,
    not_s3,
    outcome_unknown,
    rejection,
    rejection_in_words,
)

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

__all__ = ["AnswerBroken", "Bucket", "Watch", "connect_bucket", "tries"]

_SMALL: Final = 1 << 20
# Of what a listing tells we use key, size and ETag; parsing the rest takes two thirds of the time for a page.
_UNUSED_IN_LISTINGS: Final = re.compile(
    rb"<(LastModified|StorageClass|Owner|ChecksumAlgorithm|ChecksumType)>.*?</\1>", re.DOTALL
)

_OF_OBJECTS = {"GetObject", "HeadObject"}


class Watch(threading.local):
    """Sees every attempt of every call of one client, in the thread that makes it."""

    answer_lost = False
    """Whether an attempt since this was last reset may have taken effect, though no answer said so."""

    def __init__(self, report: Report, prefix: str) -> None:
        super().__init__()
        self._report = report
        self._prefix = prefix
        self._target = self._verb = ""
        self._sent = 0.0

    def attach(self, events: BaseEventHooks) -> None:
        """Begin to watch a client's events."""
        events.register("before-parameter-build.s3", self._call_begins)
        events.register("request-created.s3", self._attempt_begins)
        events.register("before-parse.s3", self._answer_came)
        events.register("response-received.s3", self._attempt_ended)

    def _call_begins(self, params: Mapping[str, Any], **_: object) -> None:
        listed = f"list {params.get('Prefix', '').removeprefix(self._prefix)}".rstrip()
        self._target = params["Key"].removeprefix(self._prefix) if "Key" in params else listed

    def _attempt_begins(self, request: AWSRequest, **_: object) -> None:
        self._verb = str(request.method)
        self._sent = time.monotonic()
        # To ask first whether the body is wanted costs a round trip; only a big body is worth that.
        if int(request.headers.get("Content-Length") or _SMALL + 1) <= _SMALL:
            del request.headers["Expect"]

    def _answer_came(self, operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
        """Treat an answer that was cut short as an error of the server: the SDK takes nothing for an empty listing."""
        headers = response_dict["headers"]
        # Nothing in HTTP/1.1 tells headers that broke off from headers that ended, but S3 gives every object a length.
        if operation_model.name in _OF_OBJECTS and "ETag" in headers and "Content-Length" not in headers:
            response_dict["status_code"], response_dict["body"] = HTTPStatus.INTERNAL_SERVER_ERROR, b""
            return
        body = response_dict["body"]
        if not isinstance(body, bytes) or self._verb == "HEAD":
            return
        expected = int(headers.get("Content-Length", len(body)))
        if len(body) != expected:
            response_dict["status_code"] = HTTPStatus.INTERNAL_SERVER_ERROR  # as the SDK does with half of an XML
        if operation_model.name == "ListObjectsV2":
            response_dict["body"] = _UNUSED_IN_LISTINGS.sub(b"", body)

    def _attempt_ended(
        self, parsed_response: Mapping[str, Any] | None, exception: Exception | None, **_: object
    ) -> None:
        from botocore.exceptions import (  # noqa: PLC0415 - loaded only where S3 is used
            ConnectTimeoutError,
            EndpointConnectionError,
            ProxyConnectionError,
        )

        status = parsed_response["ResponseMetadata"]["HTTPStatusCode"] if parsed_response else 0
        milliseconds = round((time.monotonic() - self._sent) * 1000)
        self._report(RequestSent(verb=self._verb, target=self._target, status=status, milliseconds=milliseconds))
        never_sent = isinstance(exception, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError)
        server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
        if server_error or (exception is not None and not never_sent):
            self.answer_lost = True


_CONNECT_TIMEOUT: Final = 10
_READ_TIMEOUT: Final = 20
_SDK_ATTEMPTS: Final = 3
_CONFLICT_TRIES: Final = 8
# What no answer of S3 lacks; the page of a console or a login portal does, at an endpoint mistaken for S3.
_ALWAYS_SAID: Final = {
    "GetObject": "ETag",
    "HeadObject": "ETag",
    "PutObject": "ETag",
    "ListObjectsV2": "IsTruncated",
    "CreateMultipartUpload": "UploadId",
    "UploadPart": "ETag",
}
_WRITES: Final = {"PutObject", "CompleteMultipartUpload", "DeleteObject", "CreateBucket"}


class AnswerBroken(Unavailable):
    """The body of an answer began and did not end; the SDK repeats requests, not the reading of what they bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket and the one client for it, which all threads share."""

    name: str
    client: BaseClient
    watch: Watch
    connections: threading.Semaphore
    """How many requests may be under way at once: no more than the client keeps connections."""
    profile: str | None = None

    def ask(self, method: str, *, expected: frozenset[str] = frozenset(), **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's arguments and answers
        """Make one call and return its answer, or the Rejection if its code or status is among those expected.

        409 means that nothing was decided: asked again, a bounded number of times. Raises Denied or Unavailable in
        words, and OutcomeUnknown for a write that some attempt may have made.
        """
        asked = self.asked(method, arguments.get("Key", arguments.get("Prefix", "")))
        self.watch.answer_lost = False
        answer: Any = None
        for _ in tries(_CONFLICT_TRIES):
            answer = self._call(method, asked, arguments)
            if not isinstance(answer, Rejection):
                if _ALWAYS_SAID.get(asked.operation, "ResponseMetadata") not in answer:
                    if "Body" in answer:
                        answer["Body"].close()
                    raise not_s3(self.client.meta.endpoint_url, asked)
                return answer
            # Not only S3 may say no: the SDK asks other services for credentials.
            if answer.operation == asked.operation and expected & {answer.code, str(answer.status)}:
                return answer
            if answer.status != HTTPStatus.CONFLICT or not asked.key:
                break
            if "Body" in arguments:
                arguments["Body"].seek(0)
        raise self._truth(asked, rejection_in_words(answer, asked))

    def asked(self, method: str, key: str) -> Asked:
        """What a call of a method for a key asks, for words about it."""
        operation = self.client.meta.method_to_api_mapping[method]
        return Asked(operation=operation, bucket=self.name, key=key, profile=self.profile)

    @contextmanager
    def reading(self, asked: Asked) -> Iterator[None]:
        """Turn what breaks while an answer's body is read into AnswerBroken."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - loaded only where S3 is used

        try:
            yield
        except (BotoCoreError, OSError) as error:
            raise AnswerBroken(str(failure_in_words(error, asked))) from None

    def url(self, key: str) -> str:
        """Where the store itself serves a key: at AWS under the bucket's own host, if its certificate covers that."""
        parts = urlsplit(self.client.meta.endpoint_url)
        host = parts.netloc.rpartition("@")[2]
        if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "." not in self.name:
            return f"{parts.scheme}://{self.name}.{host}/{quote(key)}"
        return f"{parts.scheme}://{host}/{self.name}/{quote(key)}"

    def create(self) -> bool:
        """Make the bucket in the connection's region; False: it is ours already."""
        region = self.client.meta.region_name
        # us-east-1 is the one region that must not be named (API Reference, CreateBucket).
        where = {} if region in {None, "us-east-1", "aws-global"} else {"LocationConstraint": region}
        answer = self.ask(
            "create_bucket",
            expected=frozenset({"BucketAlreadyOwnedByYou"}),
            **({"CreateBucketConfiguration": where} if where else {}),
        )
        return not isinstance(answer, Rejection)

    def _call(self, method: str, asked: Asked, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ask
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see reading

        try:
            with self.connections:
                return getattr(self.client, method)(Bucket=self.name, **arguments)
        except ClientError as error:
            return rejection(error.response, error.operation_name)
        except BotoCoreError as error:
            raise self._truth(asked, failure_in_words(error, asked)) from None
        except RecursionError:
            # The SDK asks a redirect that names no region for the region, which is redirected, and so on.
            raise not_s3(self.client.meta.endpoint_url, asked) from None

    def _truth(self, asked: Asked, error: Unavailable) -> Unavailable:
        """A write fails only if no attempt of it can have taken effect; else nobody knows."""
        return outcome_unknown(asked) if self.watch.answer_lost and asked.operation in _WRITES else error


def connect_bucket(place: S3Place, connection: Connection, *, jobs: int, report: Report) -> Bucket:
    """Make the client for a bucket, without sending anything; raises Denied for a connection that cannot be made."""
    import boto3  # noqa: PLC0415 - a quarter of a second that only S3 is worth
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see above

    try:
        session = boto3.Session(profile_name=connection.profile, region_name=connection.region)
        client = session.client("s3", endpoint_url=connection.endpoint_url, config=_config(connection, jobs))
    except BotoCoreError as error:
        asked = Asked(operation="connecting", bucket=place.bucket, profile=connection.profile)
        raise failure_in_words(error, asked) from None
    except ValueError:
        raise Denied(
            f"no S3 can be at the endpoint URL given for {printable(str(place))}; correct --endpoint-url"
        ) from None
    watch = Watch(report, place.prefix)
    watch.attach(client.meta.events)
    return Bucket(
        name=place.bucket,
        client=client,
        watch=watch,
        connections=threading.Semaphore(jobs),
        profile=None if session.profile_name == "default" else session.profile_name,
    )


def _config(connection: Connection, jobs: int) -> Config:
    from botocore import UNSIGNED  # noqa: PLC0415 - see connect_bucket
    from botocore.config import Config  # noqa: PLC0415 - see connect_bucket

    return Config(
        signature_version=UNSIGNED if connection.no_sign_request else "s3v4",
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        max_pool_connections=jobs,
        retries={"mode": "standard", "total_max_attempts": _SDK_ATTEMPTS},
        s3={
            # The signature covers the SHA-256 checksum of the body: over TLS that need not be hashed once more for it.
            "payload_signing_enabled": (connection.endpoint_url or "").startswith("http:"),
        },
        # Stores differ in what they send with a range; whole objects are verified where they are read.
        response_checksum_validation="when_required",
    )


def tries(count: int) -> Iterator[int]:
    """Count, pausing in between for up to a time that doubles: full jitter spreads contenders out."""
    for number in range(count):
        if number:
            time.sleep(random.uniform(0, min(5, 0.05 * 2**number)))  # noqa: S311 - jitter is no secret
        yield number
