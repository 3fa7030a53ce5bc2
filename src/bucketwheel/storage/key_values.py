"""A KeyValueStore of CloudFront, which its functions read: keys and values, changed only as they were read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bucketwheel.errors import Denied, Misconfigured, OutcomeUnknown, Problem, Unavailable
from bucketwheel.events import Report, RequestSent, Writing, ignore
from bucketwheel.names import printable
from bucketwheel.network import connection_cause
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage.s3.errors import ApiCall, failure_in_words
from bucketwheel.storage.sdk import open_session

__all__ = ["CloudFront", "KeyValues", "NoStore"]

_GLOBAL_REGION: Final = "us-east-1"
_MOST_KEYS: Final = 50
_MISSING: Final = {"EntityNotFound", "ResourceNotFoundException"}
_DENIED: Final = {"AccessDenied", "AccessDeniedException"}
_BUSY: Final = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
_EXPIRED: Final = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN: Final = {
    *("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException"),
    *("SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken"),
}
_SERVER_ERROR: Final = 500


class NoStore(Denied):
    """A store that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFront:
    """The account's CloudFront, where the stores of a repository are found by their names."""

    place: S3Place
    """The repository, for the words of errors."""
    connection: Connection
    report: Report = ignore

    def find_store(self, name: str) -> str:
        """Return the ARN of a store; raises NoStore if the account has none of this name."""
        answer = self.ask(self.client("cloudfront"), "describe_key_value_store", Name=name)
        return str(answer["KeyValueStore"]["ARN"])

    def open_store(self, name: str) -> KeyValues:
        """Find a store; raises Misconfigured without what signs the requests to it."""
        from botocore.compat import HAS_CRT  # noqa: PLC0415 - see client

        if not HAS_CRT:
            what = "takes only signatures that a part of the AWS SDK makes"
            remedy = "install it: `pip install 'bucketwheel[edge]'`"
            raise Misconfigured(Problem(subject="CloudFront's store of users", what=what, remedy=remedy))
        arn = self.find_store(name)
        return KeyValues(arn=arn, client=self.client("cloudfront-keyvaluestore"), cloudfront=self)

    def client(self, service: str) -> Any:  # noqa: ANN401 - a client of the SDK
        """Make a client; nothing is sent yet."""
        from botocore.config import Config  # noqa: PLC0415 - few commands need it
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see above

        if self.connection.no_sign_request:
            raise Denied("CloudFront takes no request without credentials; drop no-sign-request")
        config = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
        try:
            # Tokens of STS's global endpoint are not valid under a signature that is for all regions.
            session = open_session(self.connection, sts_regional_endpoints="regional")
            region = session.region_name or _GLOBAL_REGION
            return session.client(service, region_name=region, config=config)  # type: ignore[call-overload]
        except BotoCoreError as error:
            raise failure_in_words(error, self._call("connecting")) from None

    def ask(self, client: Any, method: str, *, key: str = "", **arguments: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Make a call of the SDK; None: the key is missing, or a change was refused that may be made later."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see client

        operation, writes = client.meta.method_to_api_mapping[method], "IfMatch" in arguments
        began, status = time.monotonic(), 0
        try:
            answer = getattr(client, method)(**arguments)
            status = int(answer["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            if key and (_code(error) in _MISSING or (writes and _is_early(error, status))):
                return None
            if writes and status >= _SERVER_ERROR:
                raise _no_answer(operation) from None
            raise self._rejected(error, operation) from None
        except BotoCoreError as error:
            raise (_no_answer(operation) if writes else self._failed(error, operation)) from None
        finally:
            milliseconds = round(1000 * (time.monotonic() - began))
            self.report(RequestSent(verb=operation, target=key or "users", status=status, milliseconds=milliseconds))
        return answer

    def _rejected(self, error: Any, operation: str) -> Unavailable:  # noqa: ANN401 - a ClientError
        code = _code(error)
        shown = printable(code)
        if code in _MISSING:
            return NoStore(
                f"this AWS account has no store of users for {self.place}; choose another profile, or make the store: "
                "`bucketwheel infra cloudformation --basic-auth`"
            )
        if code in _DENIED:
            return Denied(
                f"CloudFront refuses {operation} ({shown}); give this role or user the permissions that "
                f"`bucketwheel infra iam-policy user -r {self.place}` prints"
            )
        if code in _EXPIRED:
            return Denied("the AWS credentials have expired; get new ones")
        if code in _UNKNOWN:
            return Denied(
                f"CloudFront does not know the AWS credentials ({shown}); those of a session must come from an "
                "endpoint of STS in a region: set AWS_STS_REGIONAL_ENDPOINTS=regional and get new ones"
            )
        return Unavailable(f"CloudFront answered {shown} to {operation}; run the same command again a little later")

    def _failed(self, error: Exception, operation: str) -> Unavailable:
        from botocore.exceptions import ConnectionError as NoConnection  # noqa: PLC0415 - see client
        from botocore.exceptions import HTTPClientError  # noqa: PLC0415 - see client

        if isinstance(error, NoConnection | HTTPClientError):
            cause = connection_cause(error)
            return Unavailable(
                f"CloudFront cannot be reached ({cause}); check the network and run the same command again"
            )
        return failure_in_words(error, self._call(operation))

    def _call(self, operation: str) -> ApiCall:
        bucket, profile = self.place.bucket, self.connection.profile
        return ApiCall(operation=operation, bucket=bucket, key=self.place.prefix.rstrip("/"), profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValues:
    """A store, and the client for it."""

    arn: str
    client: Any = field(repr=False)
    cloudfront: CloudFront

    def version(self) -> str:
        """Return the ETag of the whole store, which a change must name."""
        return str(self._ask("describe_key_value_store")["ETag"])

    def get(self, key: str) -> str | None:
        """Return the value of a key; None where there is none."""
        answer = self._ask("get_key", key=key, Key=key)
        return None if answer is None else str(answer["Value"])

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield all keys with their values."""
        position: dict[str, str] = {}
        while True:
            page = self._ask("list_keys", MaxResults=_MOST_KEYS, **position)
            yield from ((str(item["Key"]), str(item["Value"])) for item in page.get("Items", ()))
            if not page.get("NextToken"):
                return
            position = {"NextToken": page["NextToken"]}

    def replace(self, key: str, value: str | None, *, expected: str) -> bool:
        """Set the value of a key, None: remove it; False: the store has another ETag than expected, or is busy.

        Raises OutcomeUnknown if no answer came.
        """
        self.cloudfront.report(Writing(target=key))
        if value is None:
            return self._ask("delete_key", key=key, Key=key, IfMatch=expected) is not None
        return self._ask("put_key", key=key, Key=key, Value=value, IfMatch=expected) is not None

    def _ask(self, method: str, *, key: str = "", **arguments: Any) -> Any:  # noqa: ANN401 - see ask
        return self.cloudfront.ask(self.client, method, key=key, KvsARN=self.arn, **arguments)


def _code(error: Any) -> str:  # noqa: ANN401 - a ClientError
    return str(error.response.get("Error", {}).get("Code") or "no code")


def _is_early(error: Any, status: int) -> bool:  # noqa: ANN401 - a ClientError
    """Return whether the ETag was not that of the store, or too many asked; AWS documents 409 for the first.

    Others saw 400 with these words.
    """
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    return status in {409, 412} or "pre-condition" in message or _code(error) in _BUSY


def _no_answer(operation: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"no answer came to {operation}, so it may have happened or still happen")
