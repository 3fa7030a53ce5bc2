"""An object copied by S3 itself: its bytes never pass through here, and what arrives is known to be what was meant."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from bucketwheel.names import Sha256
from bucketwheel.storage import Seen
from bucketwheel.storage.s3.bucket import Bucket
from bucketwheel.storage.s3.errors import Rejection
from bucketwheel.storage.s3.multipart import Parts, assemble

__all__ = ["copy_object", "in_reach"]

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
    seen: Seen,
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
