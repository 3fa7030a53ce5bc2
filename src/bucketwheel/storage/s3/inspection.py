"""What an S3 bucket tells beyond its objects: how they are served, uploads without an end, and earlier versions."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bucketwheel.storage import Key, ObjectVersion
from bucketwheel.storage.inspection import Headers, UnfinishedUpload
from bucketwheel.storage.s3.bucket import Bucket

__all__ = ["etag_of", "headers_in", "overwritten_keys", "unfinished_uploads"]


def etag_of(body: bytes) -> ObjectVersion:
    """The ETag of an object put in one request, unless a KMS key encrypts it (API Reference, Object)."""
    return ObjectVersion(f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


def headers_in(answer: Mapping[str, Any]) -> Headers:
    """The headers in an answer to HEAD."""
    return Headers(
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
