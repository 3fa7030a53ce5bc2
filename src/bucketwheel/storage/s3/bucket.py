"""One bucket and the client for it: calls, retries, a report of each request, and errors in words."""

from __future__ import annotations

import random
import shlex
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.events import Report, RequestSent, Warned, Writing
from bucketwheel.names import printable
from bucketwheel.network import connection_cause
from bucketwheel.parallel import Workers, attempts, stop_if_interrupted
from bucketwheel.places import AWS_HOSTS, Connection, S3Place
from bucketwheel.storage.s3.certificates import read_certificates_once
from bucketwheel.storage.s3.errors import (
    ApiCall,
    Rejection,
    asks_to_slow_down,
    connection_broke,
    failure_in_words,
    no_listing,
    not_s3,
    outcome_unknown,
    rejection,
    rejection_in_words,
)
from bucketwheel.storage.s3.listing import take_entries
from bucketwheel.storage.sdk import open_session

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

__all__ = ["AnswerBroken", "Bucket", "RequestMonitor", "connect_bucket", "tries"]

_CONNECT_TIMEOUT: Final = 10
_READ_TIMEOUT: Final = 20
_SDK_ATTEMPTS: Final = 3
# What every answer of S3 has. The page of a console or a login portal, at an endpoint mistaken for S3, does not.
_ALWAYS_IN_ANSWER: Final = {
    "GetObject": "ETag",
    "HeadObject": "ETag",
    "PutObject": "ETag",
    "ListObjectsV2": "IsTruncated",
    "CreateMultipartUpload": "UploadId",
    "UploadPart": "ETag",
}
_WRITES: Final = {"PutObject", "CompleteMultipartUpload", "DeleteObject", "CreateBucket"}
_LEAVE_SOMETHING: Final = _WRITES | {"CreateMultipartUpload"}  # no object yet, but parts that are kept and paid for


class AnswerBroken(Unavailable):
    """The body of an answer began and did not end; the SDK repeats requests, not the reading of what they bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket and the one client for it, which all threads share."""

    name: str
    client: BaseClient
    monitor: RequestMonitor
    connections: threading.Semaphore
    """Limits the requests at once to the connections that the client keeps."""
    profile: str | None = None
    first_wait: threading.Lock = field(default_factory=threading.Lock)
    """Held from the first time that S3 asks to slow down."""
    create_command: str = ""
    """The command that makes it, with the whole place and its connection."""
    session: Any = None
    """The SDK's session, which has the credentials."""

    def ask(self, method: str, *, expected: frozenset[str] = frozenset(), **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's arguments and answers
        """Make one call and return its answer, or the Rejection if its code or status is among those expected.

        The call is repeated while patience lasts if nothing was decided (409) and if S3 asks to slow down. Raises
        Denied or Unavailable in words, and OutcomeUnknown for a write that some attempt may have made.
        """
        if threading.current_thread() is not threading.main_thread():
            return self._ask(method, expected, arguments)
        # Ctrl-C reaches the main thread only, and nothing can interrupt the look-up of a host's name there.
        with Workers(1) as workers:
            return workers.start(partial(self._ask, method, expected, arguments)).result()

    def _ask(self, method: str, expected: frozenset[str], arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ask
        call = self.call(method, arguments.get("Key", arguments.get("Prefix", "")))
        self.monitor.answer_lost = False
        answer: Any = None
        for _ in attempts():
            answer = self._send(method, call, arguments)
            if not isinstance(answer, Rejection):
                if _ALWAYS_IN_ANSWER.get(call.operation, "ResponseMetadata") not in answer:
                    if "Body" in answer:
                        answer["Body"].close()
                    # A 200 whose headers broke off: a write may have been made.
                    self.monitor.answer_lost = True
                    raise self._outcome(call, not_s3(self.client.meta.endpoint_url, call))
                return answer
            # Other services may reject too: the SDK asks them for credentials.
            if answer.operation == call.operation and expected & {answer.code, str(answer.status)}:
                return answer
            if asks_to_slow_down(answer):
                self._say_waiting()
            elif answer.status != HTTPStatus.CONFLICT or not call.key:
                break
            if "Body" in arguments:
                arguments["Body"].seek(0)
        raise self._outcome(call, rejection_in_words(answer, call))

    def pages(self, method: str, *markers: str, **arguments: Any) -> Iterator[Any]:  # noqa: ANN401 - see ask
        """Make the calls of a listing and return its pages; the markers are the arguments that say where to go on."""
        position: dict[str, Any] = {}
        while True:
            page = self.ask(method, **arguments, **position)
            yield page
            if not page.get("IsTruncated"):
                return
            position = {marker: page[f"Next{marker}"] for marker in markers if f"Next{marker}" in page}
            if len(position) < len(markers):  # the answer to another call: some stores overlook what they do not know
                raise no_listing(self.call(method, arguments.get("Prefix", "")))

    def call(self, method: str, key: str) -> ApiCall:
        """Describe a call of a method for a key."""
        operation = self.client.meta.method_to_api_mapping[method]
        return ApiCall(
            operation=operation,
            bucket=self.name,
            key=key,
            profile=self.profile,
            create_bucket=self.create_command,
        )

    @contextmanager
    def reading(self, call: ApiCall) -> Iterator[None]:
        """Raise AnswerBroken for what breaks while an answer's body is read."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - loaded only where S3 is used
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see above

        try:
            yield
        except BotoCoreError as error:
            raise AnswerBroken(str(failure_in_words(error, call))) from None
        except (HTTPError, OSError):  # of TLS, which the SDK lets through
            raise AnswerBroken(str(connection_broke(call))) from None

    def url(self, key: str) -> str:
        """Return the URL at which the store serves a key: in AWS under the bucket's own host, if certified."""
        parts = urlsplit(self.client.meta.endpoint_url)
        host = parts.netloc.rpartition("@")[2]
        if host.endswith(AWS_HOSTS) and "." not in self.name:
            return f"{parts.scheme}://{self.name}.{host}/{quote(key)}"
        return f"{parts.scheme}://{host}/{self.name}/{quote(key)}"

    def create(self) -> bool:
        """Make the bucket in the connection's region; False: it is ours already."""
        region = self.client.meta.region_name
        # us-east-1 is the one region that a request must not name (API Reference, CreateBucket).
        unnamed = region in {None, "us-east-1", "aws-global"}
        place = {} if unnamed else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        answer = self.ask("create_bucket", expected=frozenset({"BucketAlreadyOwnedByYou"}), **place)
        return not isinstance(answer, Rejection)

    def _send(self, method: str, call: ApiCall, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - see ask
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see reading

        stop_if_interrupted()
        if call.operation in _LEAVE_SOMETHING:
            self.monitor.write_begins(call.key)
        try:
            with self.connections:
                return getattr(self.client, method)(Bucket=self.name, **arguments)
        except ClientError as error:
            return rejection(error.response, error.operation_name)
        except BotoCoreError as error:
            raise self._outcome(call, failure_in_words(error, call)) from None
        except RecursionError:
            # For a redirect that names no region the SDK asks for the region, gets another redirect, and so on.
            raise not_s3(self.client.meta.endpoint_url, call) from None

    def _say_waiting(self) -> None:
        if self.first_wait.acquire(blocking=False):  # never released: it is said once
            self.monitor.report(Warned(message="waiting for S3 (slow down)"))

    def _outcome(self, call: ApiCall, error: Unavailable) -> Unavailable:
        """Return the error, or OutcomeUnknown for a write if an attempt whose answer was lost may have made it."""
        return outcome_unknown(call) if self.monitor.answer_lost and call.operation in _WRITES else error


def connect_bucket(place: S3Place, connection: Connection, *, jobs: int, report: Report) -> Bucket:
    """Make the client for a bucket, without sending anything; raises Denied for a connection that cannot be made."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see reading

    try:
        session = open_session(connection)
        client = session.client("s3", endpoint_url=connection.endpoint_url, config=_config(connection, jobs))
    except BotoCoreError as error:
        call = ApiCall(operation="connecting", bucket=place.bucket, profile=connection.profile)
        raise failure_in_words(error, call) from None
    except ValueError:
        raise Denied(
            f"the endpoint URL given for {printable(str(place))} cannot be used; correct --endpoint-url"
        ) from None
    monitor = RequestMonitor(report, place.prefix)
    monitor.attach(client.meta.events)
    read_certificates_once(client)
    _sign_in_python(client.meta.events)
    return Bucket(
        name=place.bucket,
        client=client,
        monitor=monitor,
        connections=threading.Semaphore(jobs),
        profile=None if session.profile_name == "default" else session.profile_name,
        create_command=_create_command(place, connection),
        session=session,
    )


def _create_command(place: S3Place, connection: Connection) -> str:
    options = {
        "--endpoint-url": connection.endpoint_url,
        "--region": connection.region,
        "--profile": connection.profile,
    }
    given = (word for option, value in options.items() if value is not None for word in (option, value))
    return shlex.join(["bucketwheel", "init", str(place), "--create-bucket", *given])


def _config(connection: Connection, jobs: int) -> Config:
    from botocore import UNSIGNED  # noqa: PLC0415 - see connect_bucket
    from botocore.config import Config  # noqa: PLC0415 - see connect_bucket

    return Config(
        signature_version=UNSIGNED if connection.no_sign_request else "s3v4",
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        max_pool_connections=jobs,
        retries={"mode": "standard", "total_max_attempts": _SDK_ATTEMPTS},
        # The signature covers the body's SHA-256 checksum, so over TLS the body need not be hashed again to sign it.
        s3={"payload_signing_enabled": (connection.endpoint_url or "").startswith("http:")},
        # Stores differ in the checksum they send with a range; readers of whole objects verify these themselves.
        response_checksum_validation="when_required",
    )


def _sign_in_python(events: BaseEventHooks) -> None:
    """Sign by the SDK's own code, also where awscrt is installed (for CloudFront) and the SDK would prefer that.

    It signs the same, but takes away our exceptions: it prints what reading a body raises, Ctrl-C too, and goes on.
    """
    from botocore import auth  # noqa: PLC0415 - see connect_bucket

    # Beside the SDK's: other clients in this process keep theirs.
    auth.AUTH_TYPE_MAPS["bucketwheel-s3v4"] = auth.S3SigV4Auth
    auth.AUTH_TYPE_MAPS["bucketwheel-s3v4-query"] = auth.S3SigV4QueryAuth
    signers = {"s3v4": "bucketwheel-s3v4", "s3v4-query": "bucketwheel-s3v4-query"}

    def choose(signature_version: object, **_: object) -> str | None:
        return signers.get(str(signature_version))

    events.register_first("choose-signer.s3", choose)  # type: ignore[arg-type]  # the answer counts


def tries(count: int) -> Iterator[int]:
    """Count, pausing in between for up to a time that doubles: full jitter spreads contenders out."""
    for number in range(count):
        if number:
            time.sleep(random.uniform(0, min(5, 0.05 * 2**number)))  # noqa: S311 - jitter is no secret
        yield number


_SMALL_BODY: Final = 1 << 20


class RequestMonitor(threading.local):
    """Reports every attempt of every call of one client, in the thread that makes it."""

    answer_lost = False
    """Whether an attempt since the last reset may have taken effect, though no answer confirms it."""

    def __init__(self, report: Report, prefix: str) -> None:
        super().__init__()
        self.report = report
        self._prefix = prefix
        self._target = self._verb = ""
        self._sent = 0.0
        self._sending = False

    def attach(self, events: BaseEventHooks) -> None:
        """Register for a client's events; once, while __init__ runs in each thread."""
        events.register("before-parameter-build.s3", self._call_begins)
        events.register("request-created.s3", self._attempt_begins)
        events.register("before-send.s3", self._sending_begins)
        events.register("before-parse.s3", self._answer_came)
        events.register("response-received.s3", self._attempt_ended)

    def is_sending(self) -> bool:
        """Return whether a request of this thread is on its way: what reads its body now sends it."""
        return self._sending

    def _sending_begins(self, **_: object) -> None:
        self._sending = True

    def write_begins(self, key: str) -> None:
        """Report that a write may happen from now on."""
        self.report(Writing(target=key.removeprefix(self._prefix)))

    def _call_begins(self, params: Mapping[str, Any], **_: object) -> None:
        listed = f"list {params.get('Prefix', '').removeprefix(self._prefix)}".rstrip()
        self._target = params["Key"].removeprefix(self._prefix) if "Key" in params else listed

    def _attempt_begins(self, request: AWSRequest, **_: object) -> None:
        self._verb = str(request.method)
        self._sent = time.monotonic()
        # "Expect: 100-continue" costs a round trip. A big file is worth it, because a refusal saves sending it; a
        # manifest or page is not, because its swap is seldom lost.
        small = int(request.headers.get("Content-Length") or _SMALL_BODY + 1) <= _SMALL_BODY
        if small or "If-Match" in request.headers:
            del request.headers["Expect"]

    def _answer_came(
        self,
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: object,
    ) -> None:
        """Turn an answer that was cut short into a server error: the SDK takes an empty body for an empty listing.

        Of a listing the entries are taken out here, and given to the SDK as it would have read them.
        """
        headers = response_dict["headers"]
        # HTTP/1.1 cannot tell headers that broke off from headers that ended, but S3 gives every object a length.
        of_object = operation_model.name in {"GetObject", "HeadObject"}
        whole = response_dict["status_code"] != HTTPStatus.NOT_MODIFIED  # which has no body, so perhaps no length
        if of_object and whole and "ETag" in headers and "Content-Length" not in headers:
            response_dict["status_code"], response_dict["body"] = HTTPStatus.INTERNAL_SERVER_ERROR, b""
            return
        body = response_dict["body"]
        if not isinstance(body, bytes) or self._verb == "HEAD":
            return
        if len(body) != int(headers.get("Content-Length", len(body))):
            response_dict["status_code"] = HTTPStatus.INTERNAL_SERVER_ERROR  # as the SDK does with half of an XML
        if operation_model.name == "ListObjectsV2":
            entries, response_dict["body"] = take_entries(body)
            if entries:
                customized_response_dict["Contents"] = entries

    def _attempt_ended(
        self, parsed_response: Mapping[str, Any] | None, exception: Exception | None, **_: object
    ) -> None:
        from botocore.exceptions import (  # noqa: PLC0415 - loaded only where S3 is used
            ConnectTimeoutError,
            EndpointConnectionError,
            ProxyConnectionError,
        )

        self._sending = False
        status = parsed_response["ResponseMetadata"]["HTTPStatusCode"] if parsed_response else 0
        milliseconds = round((time.monotonic() - self._sent) * 1000)
        reason = "" if exception is None else connection_cause(exception)
        self.report(
            RequestSent(verb=self._verb, target=self._target, status=status, milliseconds=milliseconds, reason=reason)
        )
        never_sent = isinstance(exception, ConnectTimeoutError | EndpointConnectionError | ProxyConnectionError)
        server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
        if server_error or (exception is not None and not never_sent):
            self.answer_lost = True
