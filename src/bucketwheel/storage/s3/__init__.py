"""A repository in an S3 bucket, under a prefix or not.

Conditions make every write safe (User Guide, "Conditional requests"): If-None-Match creates, If-Match replaces and
removes exactly what was read. S3 verifies the SHA-256 that the index publishes.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.events import Report
from bucketwheel.names import Sha256
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage import (
    Key,
    ListEntry,
    Object,
    ObjectHeaders,
    ObjectInfo,
    ObjectVersion,
    ServedHeaders,
    SwapLost,
    UnfinishedUpload,
)
from bucketwheel.storage.s3.bucket import AnswerBroken, Bucket, connect_bucket, tries
from bucketwheel.storage.s3.errors import Asked, Rejection, rejection_in_words
from bucketwheel.storage.s3.multipart import add_in_parts, copy_object, in_reach
from bucketwheel.storage.transfer import Origin, open_body

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody

__all__ = ["S3Storage", "connect", "etag_of", "headers_in", "overwritten_keys", "unfinished_uploads"]


def etag_of(body: bytes) -> ObjectVersion:
    """The ETag of an object put in one request, unless a KMS key encrypts it (API Reference, Object)."""
    return ObjectVersion(f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


def headers_in(answer: Mapping[str, Any]) -> ServedHeaders:
    """The headers in an answer to HEAD."""
    return ServedHeaders(
        content_type=answer.get("ContentType", ""),
        cache_control=answer.get("CacheControl", ""),
        content_encoding=answer.get("ContentEncoding", ""),
    )


def unfinished_uploads(bucket: Bucket, prefix: str) -> Iterator[UnfinishedUpload]:
    """ListMultipartUploads, page by page."""
    position: dict[str, Any] = {}
    while True:
        page = bucket.ask("list_multipart_uploads", Prefix=prefix, **position)
        for upload in page.get("Uploads", ()):
            yield UnfinishedUpload(key=Key(upload["Key"].removeprefix(prefix)), begun=upload["Initiated"])
        if not page.get("IsTruncated"):
            return
        position = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def overwritten_keys(bucket: Bucket, prefix: str, within: str) -> Iterator[Key]:
    """ListObjectVersions, page by page: the same bytes again, after a removal perhaps, are no overwriting."""
    position: dict[str, Any] = {}
    etags: dict[str, set[str]] = defaultdict(set)
    while True:
        page = bucket.ask("list_object_versions", Prefix=prefix + within, **position)
        for version in page.get("Versions", ()):
            etags[version["Key"]].add(version["ETag"])
        if not page.get("IsTruncated"):
            break
        position = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    yield from (Key(key.removeprefix(prefix)) for key, seen in etags.items() if len(seen) > 1)


_LARGEST_PUT: Final = 1 << 30
_PART_SIZE: Final = 64 << 20
_BUFFER: Final = 1 << 17
_READ_TRIES: Final = 3
_TAKEN: Final = frozenset({"412"})
_CHANGED: Final = frozenset({"412", "NoSuchKey"})
_UNREAD: Final = frozenset({"NoSuchKey", "403", "416"})
_UNSEEN: Final = frozenset({"400", "403", "404"})  # the answer to HEAD has no body to say more
_HIDDEN: Final = frozenset({"AccessDenied"})


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Storage:
    """Objects of a bucket whose keys begin with a prefix; a version is an ETag."""

    bucket: Bucket
    prefix: str = ""
    largest_put: int = _LARGEST_PUT
    """Files of more bytes go up in parts."""
    part_size: int = _PART_SIZE
    page_size: int = 1000

    def address(self, key: str) -> str:
        """Path style at an endpoint of one's own, the bucket's host at AWS."""
        return self.bucket.url(self.prefix + key)

    def read(self, key: Key) -> Object | None:
        """GET; absent is only NoSuchKey, or what a listing confirms."""
        for _ in tries(_READ_TRIES - 1):
            with suppress(AnswerBroken):
                return self._read(key)
        return self._read(key)

    def stat(self, key: Key) -> ObjectInfo | None:
        """HEAD; the digest where S3 keeps one of the whole object."""
        answer = self._head(key)
        if answer is None:
            return None
        return ObjectInfo(
            version=ObjectVersion(answer["ETag"]),
            size=answer["ContentLength"],
            marks=answer["Metadata"],
            sha256=_whole_sha256(answer),
            modified=answer.get("LastModified"),
        )

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """GET of a range; where the connection breaks, reading from the stream raises Unavailable."""
        if end is not None and end <= start:
            raise ValueError("a range of no bytes cannot be asked for")
        whole = start == 0 and end is None
        asked = self._asked("get_object", key)
        span = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        answer = self._get(key, **span)
        if answer is None:
            raise Unavailable(f"{asked.target} is not there any more; run the same command again")
        if isinstance(answer, Rejection):  # the range begins after the last byte
            yield io.BytesIO()
            return
        with closing(answer["Body"]) as body:
            yield io.BufferedReader(_Answer(self.bucket, asked, body), _BUFFER)

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """ListObjectsV2, page by page."""
        position: dict[str, Any] = {}
        while True:
            page = self.bucket.ask("list_objects_v2", Prefix=self.prefix + prefix, MaxKeys=self.page_size, **position)
            for item in page.get("Contents", ()):
                yield ListEntry(
                    key=Key(item["Key"].removeprefix(self.prefix)),
                    size=item["Size"],
                    version=ObjectVersion(item["ETag"]),
                    etag=item["ETag"],
                )
            if not page["IsTruncated"]:
                return
            position = {"ContinuationToken": page["NextContinuationToken"]}

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """PutObject with If-None-Match; large files in parts. False may also mean that an earlier attempt made it."""
        with open_body(body) as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            if isinstance(body, Path) and size > self.largest_put:
                return add_in_parts(
                    self.bucket,
                    self.prefix + key,
                    body,
                    sha256=sha256,
                    part_size=self.part_size,
                    put_args=_put_args(headers, marks),
                )
            answer = self._put(key, stream, size, sha256, headers, marks, expected=_TAKEN, IfNoneMatch="*")
        return not isinstance(answer, Rejection)

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """PutObject with If-Match, or If-None-Match to create."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        sha256 = Sha256(hashlib.sha256(body).hexdigest())
        answer = self._put(key, io.BytesIO(body), len(body), sha256, headers, marks, expected=_CHANGED, **condition)
        if isinstance(answer, Rejection):
            raise SwapLost(key)
        return ObjectVersion(answer["ETag"])

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """DeleteObject with If-Match."""
        answer = self.bucket.ask("delete_object", expected=_CHANGED, Key=self.prefix + key, IfMatch=expected)
        if isinstance(answer, Rejection) and answer.status == HTTPStatus.PRECONDITION_FAILED:
            raise SwapLost(key)

    def copy(
        self, key: Key, origin: Origin, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool | None:
        """UploadPartCopy, completed with If-None-Match."""
        there = origin.storage
        if not isinstance(there, S3Storage) or not in_reach(there.bucket, self.bucket):
            return None
        return copy_object(
            (there.bucket, there.prefix + origin.key),
            (self.bucket, self.prefix + key),
            seen=origin.seen,
            sha256=sha256,
            put_args=_put_args(headers, marks),
        )

    def version_of(self, body: bytes) -> ObjectVersion:
        """The MD5 of an object that was put in one request, unless KMS encrypts it."""
        return etag_of(body)

    def headers(self, key: Key) -> ServedHeaders | None:
        """HEAD."""
        answer = self._head(key)
        return None if answer is None else headers_in(answer)

    def unfinished_uploads(self) -> Iterator[UnfinishedUpload]:
        """ListMultipartUploads."""
        return unfinished_uploads(self.bucket, self.prefix)

    def overwritten(self, prefix: str) -> Iterator[Key]:
        """ListObjectVersions; in a bucket without versioning each key has one."""
        return overwritten_keys(self.bucket, self.prefix, prefix)

    def _head(self, key: Key) -> Any | None:  # noqa: ANN401 - the SDK's answer
        """The answer to HEAD; None for absent."""
        answer = self.bucket.ask("head_object", expected=_UNSEEN, Key=self.prefix + key, ChecksumMode="ENABLED")
        if not isinstance(answer, Rejection):
            return answer
        if answer.status != HTTPStatus.NOT_FOUND:
            self._confirm_absent(key, answer)
        return None

    def _asked(self, method: str, key: Key) -> Asked:
        return self.bucket.asked(method, self.prefix + key)

    def _get(self, key: Key, **arguments: str) -> Any | None:  # noqa: ANN401 - the SDK's answer
        """The answer to GET, None for absent, or the Rejection of a range that begins after the end."""
        answer = self.bucket.ask("get_object", expected=_UNREAD, Key=self.prefix + key, **arguments)
        if not isinstance(answer, Rejection) or answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return answer
        if answer.status == HTTPStatus.FORBIDDEN:
            self._confirm_absent(key, answer)
        return None

    def _read(self, key: Key) -> Object | None:
        answer = self._get(key, ChecksumMode="ENABLED")
        if answer is None:
            return None
        with self.bucket.reading(self._asked("get_object", key)), closing(answer["Body"]) as body:
            whole = body.read()
        return Object(body=whole, version=ObjectVersion(answer["ETag"]), marks=answer["Metadata"])

    def _put(
        self,
        key: Key,
        body: BinaryIO,
        size: int,
        sha256: Sha256,
        headers: ObjectHeaders,
        marks: Mapping[str, str],
        *,
        expected: frozenset[str],
        **condition: str,
    ) -> Any:  # noqa: ANN401 - the SDK's answer
        return self.bucket.ask(
            "put_object",
            expected=expected,
            Key=self.prefix + key,
            Body=body,
            ContentLength=size,
            ChecksumAlgorithm="SHA256",  # some stores (Ceph 20) verify the digest only where its algorithm is named too
            ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode("ascii"),
            **_put_args(headers, marks),
            **condition,
        )

    def _confirm_absent(self, key: Key, refused: Rejection) -> None:
        """Ask the listing about a key that S3 refused to show, as it does absent ones; raises unless it is absent."""
        listing = self._asked("list_objects_v2", key)
        reading = replace(listing, operation=refused.operation)
        page = self.bucket.ask("list_objects_v2", expected=_HIDDEN, Prefix=self.prefix + key, MaxKeys=1)
        if isinstance(page, Rejection):
            raise Denied(
                f"AWS denies {reading.action} on {reading.arn} and {listing.action} on {listing.arn}, so whether "
                f"{reading.target} exists cannot be known; allow both in a policy of these credentials"
            )
        if any(item["Key"] == self.prefix + key for item in page.get("Contents", ())):
            raise rejection_in_words(refused, reading)


class _Answer(io.RawIOBase):
    """The body of an answer, whose failures are ours."""

    def __init__(self, bucket: Bucket, asked: Asked, body: StreamingBody) -> None:
        self._bucket = bucket
        self._asked = asked
        self._body = body

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on; at the end, refuse a body that is shorter than was announced."""
        with self._bucket.reading(self._asked):
            return self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs ask for a file here


def connect(place: S3Place, connection: Connection, *, jobs: int, report: Report) -> S3Storage:
    """Make a storage of a bucket, without sending anything; raises Denied for a connection that cannot be made."""
    return S3Storage(bucket=connect_bucket(place, connection, jobs=jobs, report=report), prefix=place.prefix)


def put_object_arguments(put_args: Mapping[str, str]) -> dict[str, str | bool]:
    """Give judged arguments the types that boto3 asks for: BucketKeyEnabled is the one boolean among them."""
    return {name: value == "true" if name == "BucketKeyEnabled" else value for name, value in put_args.items()}


def _put_args(headers: ObjectHeaders, marks: Mapping[str, str]) -> dict[str, Any]:
    return {
        **put_object_arguments(headers.put_args),
        "ContentType": headers.content_type,
        "CacheControl": headers.cache_control,
        "Metadata": dict(marks),
    }


def _whole_sha256(answer: Mapping[str, Any]) -> Sha256 | None:
    """The digest of all bytes; that of an object sent in parts is one of digests (User Guide, "Checking integrity")."""
    checksum = answer.get("ChecksumSHA256", "-")
    if "-" in checksum or answer.get("ChecksumType") == "COMPOSITE":
        return None
    return Sha256(base64.b64decode(checksum).hex())
