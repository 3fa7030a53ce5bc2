"""What happens on the way to S3 and back, seen through the events of the SDK."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from bucketwheel.events import Report, RequestSent

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.hooks import BaseEventHooks
    from botocore.model import OperationModel

__all__ = ["Watch"]

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
