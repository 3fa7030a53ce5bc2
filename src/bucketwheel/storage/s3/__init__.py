"""A repository in an S3 bucket, with or without a prefix.

Conditions make every write safe (User Guide, "Conditional requests"): If-None-Match creates, If-Match replaces and
removes exactly what was read. S3 verifies the SHA-256 that the index publishes.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from bucketwheel.errors import Denied, Unavailable
from bucketwheel.events import Report
from bucketwheel.names import Sha256
from bucketwheel.parallel import stop_if_interrupted
from bucketwheel.places import Connection, Place, S3Place
from bucketwheel.storage import (
    CredentialsInfo,
    Key,
    KeyRefused,
    ListEntry,
    Object,
    ObjectHeaders,
    ObjectInfo,
    ObjectVersion,
    Passed,
    ServedHeaders,
    SigningClient,
    Span,
    Storage,
    SwapLost,
    UnfinishedUpload,
)
from bucketwheel.storage.progress import Progress
from bucketwheel.storage.s3.bucket import AnswerBroken, Bucket, connect_bucket, tries
from bucketwheel.storage.s3.errors import ApiCall, Rejection, rejection_in_words
from bucketwheel.storage.s3.multipart import add_in_parts, add_one_part, copy_object, one_service
from bucketwheel.storage.s3.reading import ReadRequest, credentials_info, pass_object_on, presigner, signing_client
from bucketwheel.storage.transfer import Origin, Slice, open_body

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody

__all__ = ["S3Storage", "connect", "put_object_arguments"]

_LARGEST_PUT: Final = 1 << 30
_PART_SIZE: Final = 64 << 20
_BUFFER: Final = 1 << 17
_READ_TRIES: Final = 3
# Codes and statuses that S3Storage handles itself, by what they mean there.
_TAKEN: Final = frozenset({"412"})
_CHANGED: Final = frozenset({"412", "NoSuchKey"})
_UNREAD: Final = frozenset({"NoSuchKey", "403", "416"})
_UNSEEN: Final = frozenset({"400", "403", "404"})  # the answer to HEAD has no body to say more
_HIDDEN: Final = frozenset({"AccessDenied"})
# MinIO and what stands on it (JuiceFS) keep an object with a body at no key that ends in a slash.
_NO_SLASH: Final = frozenset({"XMinioInvalidObjectName", "XMinioObjectExistsAsDirectory", "InvalidArgument", "405"})


def connect(place: S3Place, connection: Connection, *, jobs: int, report: Report) -> S3Storage:
    """Make the storage of a place without sending anything; raises Denied for a connection that cannot be made."""
    return S3Storage(bucket=connect_bucket(place, connection, jobs=jobs, report=report), prefix=place.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Storage:
    """Objects of a bucket whose keys begin with a prefix; a version is an ETag."""

    bucket: Bucket
    prefix: str = ""
    largest_put: int = _LARGEST_PUT
    """Larger files are uploaded in parts."""
    part_size: int = _PART_SIZE
    page_size: int = 1000

    def address(self, key: str) -> str:
        """Return the URL at the endpoint, or at the bucket's own host in AWS."""
        return self.bucket.url(self.prefix + key)

    def read(self, key: Key) -> Object | None:
        """Read an object by GET; absent is only NoSuchKey, or what a listing confirms."""
        for _ in tries(_READ_TRIES - 1):
            with suppress(AnswerBroken):
                return self._read(key)
        return self._read(key)

    def stat(self, key: Key) -> ObjectInfo | None:
        """Return what HEAD tells, with the digest if S3 keeps one of the whole object."""
        answer = self._head(key)
        return None if answer is None else _object_info(answer)

    @contextmanager
    def open(self, key: Key, start: int = 0, end: int | None = None) -> Iterator[BinaryIO]:
        """Stream the bytes by GET; if the connection breaks, reading from the stream raises Unavailable."""
        if end is not None and end <= start:
            raise ValueError("a range of no bytes cannot be asked for")
        whole = start == 0 and end is None
        call = self._call("get_object", key)
        span = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        answer = self._get(key, **span)
        if answer is None:
            raise Unavailable(f"{call.target} no longer exists; run the same command again")
        if isinstance(answer, Rejection):  # the range begins after the last byte
            yield io.BytesIO()
            return
        with self._streamed(key, answer) as stream:
            yield stream

    @contextmanager
    def open_whole(self, key: Key) -> Iterator[tuple[ObjectInfo, BinaryIO] | None]:
        """Stream the bytes by GET, whose answer tells all that HEAD tells."""
        answer = self._get(key, ChecksumMode="ENABLED")
        if answer is None:
            yield None
            return
        with self._streamed(key, answer) as stream:
            yield _object_info(answer), stream

    @contextmanager
    def _streamed(self, key: Key, answer: Any) -> Iterator[BinaryIO]:  # noqa: ANN401 - the SDK's answer
        with closing(answer["Body"]) as body:
            yield self._stream(key, self._call("get_object", key), body)

    @contextmanager
    def pass_on(
        self, key: Key, *, span: Span | None = None, known: str = "", same_as: str = "", headers_only: bool = False
    ) -> Iterator[Passed | None]:
        """Open an object for a reader by one GET or HEAD."""
        opened = partial(self._stream, key, self._call("get_object", key))
        wanted = ReadRequest(span=span, known=known, same_as=same_as, headers_only=headers_only)
        refused = partial(self._confirm_absent, key)
        with pass_object_on(self.bucket, self.prefix + key, wanted, refused=refused, opened=opened) as passed:
            yield passed

    def _stream(self, key: Key, call: ApiCall, body: StreamingBody) -> io.BufferedReader:
        moved = Progress(self.bucket.monitor.report, key).add
        return io.BufferedReader(_AnswerBody(self.bucket, call, body, moved), _BUFFER)

    def credentials_info(self) -> CredentialsInfo:
        """Return what the SDK knows of the credentials."""
        return credentials_info(self.bucket)

    def presigner(self, *, seconds: int) -> Callable[[Key], str]:
        """Return what makes links, each signed without asking S3."""
        link = presigner(self.bucket, seconds=seconds)
        return lambda key: link(self.prefix + key)

    def client(self) -> SigningClient:
        """Return what another client needs to read the bucket with these credentials."""
        return signing_client(self.bucket)

    def list(self, prefix: str) -> Iterator[ListEntry]:
        """List the objects by ListObjectsV2."""
        pages = self.bucket.pages(
            "list_objects_v2", "ContinuationToken", Prefix=self.prefix + prefix, MaxKeys=self.page_size
        )
        for page in pages:
            for item in page.get("Contents", ()):
                if item["Key"] == self.prefix:  # the folder itself, as a console makes it: no key is empty
                    continue
                yield ListEntry(
                    key=Key(item["Key"].removeprefix(self.prefix)),
                    size=item["Size"],
                    version=ObjectVersion(item["ETag"]),
                    etag=item["ETag"],
                )

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Create an object by PutObject with If-None-Match; a large file in parts.

        False may also mean that an earlier attempt created it.
        """
        arguments = put_object_arguments(headers, marks)
        progress = Progress(self.bucket.monitor.report, key)
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
                    put_args=arguments,
                    progress=progress,
                )
            sent = Slice(stream, 0, size, progress.reached(counts=self.bucket.monitor.is_sending))
            answer = self._put(key, sent, size, sha256, expected=_TAKEN, IfNoneMatch="*", **arguments)
        return not isinstance(answer, Rejection)

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Replace an object by PutObject with If-Match, or create it with If-None-Match."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        arguments = put_object_arguments(headers, marks) | condition
        sha256 = hashlib.sha256(body).hexdigest()
        answer = self._put(key, io.BytesIO(body), len(body), sha256, expected=_CHANGED, **arguments)
        if isinstance(answer, Rejection):
            certain = answer.status == HTTPStatus.PRECONDITION_FAILED and not self.bucket.monitor.answer_lost
            raise SwapLost(key, refused=f"{key} {expected}" if certain else "")
        return ObjectVersion(answer["ETag"])

    def remove(self, key: Key, *, expected: ObjectVersion) -> None:
        """Remove an object by DeleteObject with If-Match."""
        answer = self.bucket.ask("delete_object", expected=_CHANGED, Key=self.prefix + key, IfMatch=expected)
        if isinstance(answer, Rejection) and answer.status == HTTPStatus.PRECONDITION_FAILED:
            raise SwapLost(key)

    def above(self) -> Sequence[tuple[Place, Storage]]:
        """Return the shorter prefixes; their storages have the same client."""
        segments = self.prefix.split("/")[:-1]
        prefixes = ["".join(f"{each}/" for each in segments[:depth]) for depth in reversed(range(len(segments)))]
        return [(S3Place(bucket=self.bucket.name, prefix=each), replace(self, prefix=each)) for each in prefixes]

    def in_parts(self, size: int, source: Storage | None) -> bool:
        """Return whether a file is too large for one request, or S3 copies it, which it does as one part."""
        copied = isinstance(source, S3Storage) and one_service(source.bucket, self.bucket)
        return copied or size > self.largest_put

    def add_one_part(self, key: Key, body: bytes, *, headers: ObjectHeaders, marks: Mapping[str, str]) -> bool:
        """Create an object by CompleteMultipartUpload with If-None-Match."""
        return add_one_part(self.bucket, self.prefix + key, body, put_args=put_object_arguments(headers, marks))

    def copy(
        self, key: Key, origin: Origin, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool | None:
        """Copy an object by UploadPartCopy, completed with If-None-Match; None if one S3 does not serve both."""
        source = origin.storage
        if not isinstance(source, S3Storage) or not one_service(source.bucket, self.bucket):
            return None
        return copy_object(
            (source.bucket, source.prefix + origin.key),
            (self.bucket, self.prefix + key),
            seen=origin.seen,
            sha256=sha256,
            put_args=put_object_arguments(headers, marks),
        )

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return the ETag of an object put in one request, unless a KMS key encrypts it (API Reference, Object)."""
        return ObjectVersion(f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')

    def headers(self, key: Key) -> ServedHeaders | None:
        """Return the headers that HEAD tells."""
        answer = self._head(key)
        if answer is None:
            return None
        return ServedHeaders(
            content_type=answer.get("ContentType", ""),
            cache_control=answer.get("CacheControl", ""),
            content_encoding=answer.get("ContentEncoding", ""),
        )

    def unfinished_uploads(self) -> Iterator[UnfinishedUpload]:
        """List the uploads by ListMultipartUploads."""
        for page in self.bucket.pages("list_multipart_uploads", "KeyMarker", "UploadIdMarker", Prefix=self.prefix):
            for upload in page.get("Uploads", ()):
                key = Key(upload["Key"].removeprefix(self.prefix))
                yield UnfinishedUpload(key=key, begun=upload["Initiated"], id=upload["UploadId"])

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Free the parts by AbortMultipartUpload."""
        gone = frozenset({"NoSuchUpload"})
        self.bucket.ask("abort_multipart_upload", expected=gone, Key=self.prefix + upload.key, UploadId=upload.id)

    def overwritten(self, prefix: str) -> Iterator[Key]:
        """List keys by ListObjectVersions; in a bucket without versioning each key has one version."""
        etags: dict[str, set[str]] = defaultdict(set)
        within = self.prefix + prefix
        for page in self.bucket.pages("list_object_versions", "KeyMarker", "VersionIdMarker", Prefix=within):
            for version in page.get("Versions", ()):
                etags[version["Key"]].add(version["ETag"])
        yield from (Key(key.removeprefix(self.prefix)) for key, versions in etags.items() if len(versions) > 1)

    def _call(self, method: str, key: Key) -> ApiCall:
        return self.bucket.call(method, self.prefix + key)

    def _read(self, key: Key) -> Object | None:
        answer = self._get(key, ChecksumMode="ENABLED")
        if answer is None:
            return None
        with self.bucket.reading(self._call("get_object", key)), closing(answer["Body"]) as body:
            whole = body.read()
        return Object(body=whole, version=ObjectVersion(answer["ETag"]), marks=answer["Metadata"])

    def _get(self, key: Key, **arguments: str) -> Any | None:  # noqa: ANN401 - the SDK's answer
        """Return the answer to GET, None for absent, or the Rejection of a range that begins after the end."""
        answer = self.bucket.ask("get_object", expected=_UNREAD, Key=self.prefix + key, **arguments)
        if not isinstance(answer, Rejection) or answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return answer
        if answer.status == HTTPStatus.FORBIDDEN:
            self._confirm_absent(key, answer)
        return None

    def _head(self, key: Key) -> Any | None:  # noqa: ANN401 - the SDK's answer
        """Return the answer to HEAD; None for absent."""
        answer = self.bucket.ask("head_object", expected=_UNSEEN, Key=self.prefix + key, ChecksumMode="ENABLED")
        if not isinstance(answer, Rejection):
            return answer
        if answer.status != HTTPStatus.NOT_FOUND:
            self._confirm_absent(key, answer)
        return None

    def _confirm_absent(self, key: Key, refused: Rejection) -> None:
        """Ask a listing for a key that S3 refuses to show, which it does for absent ones too; raise if it exists."""
        listing = self._call("list_objects_v2", key)
        reading = replace(listing, operation=refused.operation)
        page = self.bucket.ask("list_objects_v2", expected=_HIDDEN, Prefix=self.prefix + key, MaxKeys=1)
        if isinstance(page, Rejection):
            raise Denied(
                f"AWS denies {reading.action} on {reading.arn} and {listing.action} on {listing.arn}, so we cannot "
                f"know whether {reading.target} exists; allow both in a policy of these credentials"
            )
        if any(item["Key"] == self.prefix + key for item in page.get("Contents", ())):
            raise rejection_in_words(refused, reading)

    def _put(
        self, key: Key, body: BinaryIO | Slice, size: int, sha256: str, *, expected: frozenset[str], **arguments: object
    ) -> Any:  # noqa: ANN401 - the SDK's answer
        answer = self.bucket.ask(
            "put_object",
            expected=expected | _NO_SLASH if key.endswith("/") else expected,
            Key=self.prefix + key,
            Body=body,
            ContentLength=size,
            ChecksumAlgorithm="SHA256",  # some stores (Ceph 20) verify the digest only where its algorithm is named too
            ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode("ascii"),
            **arguments,
        )
        if isinstance(answer, Rejection) and not expected & {answer.code, str(answer.status)}:
            raise KeyRefused(
                f"the store cannot keep {self._call('put_object', key).target}, because the key ends in a slash; "
                "choose others with `bucketwheel init --set pages=index.html`, then run `bucketwheel reindex`"
            )
        return answer


class _AnswerBody(io.RawIOBase):
    """The body of an answer; what breaks while it is read is raised as AnswerBroken."""

    def __init__(self, bucket: Bucket, call: ApiCall, body: StreamingBody, moved: Callable[[int], None]) -> None:
        self._bucket = bucket
        self._call = call
        self._body = body
        self._moved = moved

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read on; at the end, refuse a body that is shorter than was announced."""
        stop_if_interrupted()
        with self._bucket.reading(self._call):
            count = self._body.readinto(buffer)  # type: ignore[arg-type]  # the stubs ask for a file here
        self._moved(count)
        return count


def put_object_arguments(headers: ObjectHeaders, marks: Mapping[str, str]) -> dict[str, Any]:
    """Return how an object is kept and served, in the types that boto3 asks for."""
    return {
        # BucketKeyEnabled is the one boolean among them.
        **{name: value == "true" if name == "BucketKeyEnabled" else value for name, value in headers.put_args.items()},
        "ContentType": headers.content_type,
        "CacheControl": headers.cache_control,
        "Metadata": dict(marks),
    }


def _object_info(answer: Mapping[str, Any]) -> ObjectInfo:
    """Read what the answer to HEAD or GET tells about an object."""
    return ObjectInfo(
        version=ObjectVersion(answer["ETag"]),
        size=answer["ContentLength"],
        marks=answer["Metadata"],
        sha256=_whole_sha256(answer),
        modified=answer.get("LastModified"),
    )


def _whole_sha256(answer: Mapping[str, Any]) -> Sha256 | None:
    """Read the digest of all bytes; an object sent in parts has one of digests (User Guide, "Checking integrity")."""
    checksum = answer.get("ChecksumSHA256", "-")
    if "-" in checksum or answer.get("ChecksumType") == "COMPOSITE":
        return None
    return Sha256(base64.b64decode(checksum).hex())
