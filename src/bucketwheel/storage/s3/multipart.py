"""An object made of parts: it appears at the end, whole, and never over something else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from bucketwheel.errors import Unavailable
from bucketwheel.names import Sha256, printable
from bucketwheel.storage import ObjectInfo
from bucketwheel.storage.s3.bucket import Bucket, tries
from bucketwheel.storage.s3.errors import Rejection
from bucketwheel.storage.transfer import Slice, bytes_changed, open_body

__all__ = ["Parts", "add_in_parts", "assemble", "copy_object", "in_reach"]

_BLOCK: Final = 1 << 20
_PARTS_AT_ONCE: Final = 8
_TRIES: Final = 3

Parts: TypeAlias = tuple[dict[str, Any], ...]
"""What CompleteMultipartUpload must name of each part."""


def add_in_parts(
    bucket: Bucket, key: str, path: Path, *, sha256: Sha256, part_size: int, put_args: Mapping[str, Any]
) -> bool:
    """Create an object from a file that has this digest, sent in parts at once; False: the key is taken.

    S3 verifies the SHA-256 of every part; that the parts make up the file is verified here, on the same bytes.
    """

    def send(upload: str) -> Parts:
        return _Sending(bucket=bucket, key=key, upload=upload, path=path, part_size=part_size).send(sha256)

    return assemble(bucket, key, put_args=put_args, send=send) is True


def assemble(
    bucket: Bucket, key: str, *, put_args: Mapping[str, Any], send: Callable[[str], Parts | None]
) -> bool | None:
    """Create an object from the parts that `send` brings into the upload of an id; False: the key is taken.

    Where `send` gives up it returns None, and so does this. Whatever goes wrong, the upload is aborted. (User Guide,
    "Uploading and copying objects using multipart upload".)
    """
    for _ in tries(_TRIES):
        begun = bucket.ask("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **put_args)
        upload = begun["UploadId"]
        created = False
        try:
            parts = send(upload)
            if parts is None:
                return None
            created = _complete(bucket, key, upload, parts)
        finally:
            if not created:
                _abort(bucket, key, upload)
        if created:
            return True
        if not isinstance(bucket.ask("head_object", Key=key, expected=frozenset({"403", "404"})), Rejection):
            return False
    raise Unavailable(f"others keep writing s3://{printable(bucket.name)}/{printable(key)}; run the same command again")


def _complete(bucket: Bucket, key: str, upload: str, parts: Parts) -> bool:
    """Create the object; False: taken (412), nothing decided (409), or the upload is gone, perhaps completed."""
    answer = bucket.ask(
        "complete_multipart_upload",
        expected=frozenset({"412", "409", "NoSuchUpload"}),
        Key=key,
        UploadId=upload,
        MultipartUpload={"Parts": parts},
        IfNoneMatch="*",
    )
    return not isinstance(answer, Rejection)


def _abort(bucket: Bucket, key: str, upload: str) -> None:
    """Free the parts, as far as that can be done: what went wrong before is what matters."""
    with suppress(Unavailable):
        bucket.ask("abort_multipart_upload", expected=frozenset({"NoSuchUpload"}), Key=key, UploadId=upload)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    bucket: Bucket
    key: str
    upload: str
    path: Path
    part_size: int

    def send(self, sha256: Sha256) -> Parts:
        """Send the parts of the file, several at once."""
        whole = hashlib.sha256()
        sending: list[Future[dict[str, Any]]] = []
        pool = ThreadPoolExecutor(_PARTS_AT_ONCE)
        try:
            with open_body(self.path) as file:
                for start in range(0, self.path.stat().st_size, self.part_size):
                    digest = _digest(Slice(file, start, start + self.part_size), whole)
                    if len(sending) >= _PARTS_AT_ONCE:  # hash no further ahead than that, and learn early of a failure
                        sending[-_PARTS_AT_ONCE].result()
                    sending.append(pool.submit(self._send_part, len(sending) + 1, start, digest))
            if whole.hexdigest() != sha256:
                raise bytes_changed(str(self.path))
            return tuple(future.result() for future in sending)
        finally:
            pool.shutdown(cancel_futures=True)

    def _send_part(self, number: int, start: int, digest: str) -> dict[str, Any]:
        with open_body(self.path) as file:
            body = Slice(file, start, min(start + self.part_size, self.path.stat().st_size))
            answer = self.bucket.ask(
                "upload_part",
                Key=self.key,
                UploadId=self.upload,
                PartNumber=number,
                Body=body,
                ContentLength=len(body),
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=digest,
            )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}


def _digest(part: Slice, whole: hashlib._Hash) -> str:
    """A part's SHA-256 as S3 writes it; the whole file's learns of its bytes too."""
    digest = hashlib.sha256()
    while block := part.read(_BLOCK):
        digest.update(block)
        whole.update(block)
    return base64.b64encode(digest.digest()).decode("ascii")


_LARGEST_PART: Final = 5 << 30
# No permission to read there, gone or changed since, or a store that cannot: reading it ourselves shows which.
_NOT_TO_BE_COPIED: Final = frozenset({"400", "403", "404", "412", "501"})
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")


def in_reach(source: Bucket, target: Bucket) -> bool:
    """Whether one S3 serves both buckets: the same endpoint, or AWS in any of its regions."""
    hosts = [urlsplit(bucket.client.meta.endpoint_url).netloc for bucket in (source, target)]
    return hosts[0] == hosts[1] or any(all(host.endswith(aws) for host in hosts) for aws in _AWS)


def copy_object(
    source: tuple[Bucket, str],
    target: tuple[Bucket, str],
    *,
    seen: ObjectInfo,
    sha256: Sha256,
    put_args: Mapping[str, Any],
) -> bool | None:
    """Create an object from exactly what was seen; False: the key is taken; None: S3 does not or cannot prove it right.

    Not by CopyObject, whose If-None-Match several stores ignore: by an upload of one part, of which S3 tells the
    SHA-256 before the object is there (User Guide, "Uploading and copying objects using multipart upload").
    """
    (from_bucket, from_key), (bucket, key) = source, target
    if not 0 < seen.size <= _LARGEST_PART:
        return None

    def copy(upload: str) -> Parts | None:
        answer = bucket.ask(
            "upload_part_copy",
            expected=_NOT_TO_BE_COPIED,
            Key=key,
            UploadId=upload,
            PartNumber=1,
            CopySource={"Bucket": from_bucket.name, "Key": from_key},
            CopySourceIfMatch=seen.version,
        )
        if isinstance(answer, Rejection):
            return None
        part = answer.get("CopyPartResult", {})
        if "ETag" not in part:  # the answer broke off: a copy that cannot be named cannot be completed
            return None
        told = {"ChecksumSHA256": part["ChecksumSHA256"]} if "ChecksumSHA256" in part else {}
        arrived = Sha256(base64.b64decode(part["ChecksumSHA256"]).hex()) if told else seen.sha256
        return ({"PartNumber": 1, "ETag": part["ETag"], **told},) if arrived == sha256 else None

    return assemble(bucket, key, put_args=put_args, send=copy)
