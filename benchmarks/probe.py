"""Programs that measure themselves within bucketwheel's environment, without its start.

probe.py list BUCKET ENDPOINT      CPU seconds of a listing by bucketwheel
probe.py expression BUCKET ENDPOINT   of the same requests with boto3, whose answers a regular expression takes apart
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

_ENTRY = re.compile(rb"<Key>([^<]*)</Key>.*?<ETag>([^<]*)</ETag>.*?<Size>(\d+)</Size>", re.DOTALL)
_ENTRIES = re.compile(rb"<Contents>.*</Contents>", re.DOTALL)


def by_bucketwheel(bucket: str, endpoint: str) -> Callable[[], int]:
    """Return a call that lists a bucket and counts its keys."""
    from bucketwheel.events import ignore  # noqa: PLC0415 - only where it is measured
    from bucketwheel.places import Connection, S3Place  # noqa: PLC0415
    from bucketwheel.storage.opening import open_storage  # noqa: PLC0415

    storage = open_storage(S3Place(bucket=bucket), Connection(endpoint_url=endpoint), jobs=16, report=ignore)
    next(storage.list("nothing begins so"), None)  # connect
    return lambda: sum(1 for entry in storage.list("") if entry.key and entry.etag and entry.size >= 0)


def by_expression(bucket: str, endpoint: str) -> Callable[[], int]:
    """Return a call that makes the same requests, and finds keys, ETags and sizes by a regular expression."""
    import boto3  # noqa: PLC0415 - see above

    client = boto3.client("s3", endpoint_url=endpoint)
    found: list[tuple[bytes, ...]] = []

    def take(response_dict: dict[str, Any], **_: object) -> None:
        body = response_dict["body"]
        found.extend(_ENTRY.findall(body))
        response_dict["body"] = _ENTRIES.sub(b"", body)

    client.meta.events.register("before-parse.s3.ListObjectsV2", take)
    client.list_objects_v2(Bucket=bucket, Prefix="nothing begins so")  # connect

    def listed() -> int:
        position: dict[str, Any] = {}
        while True:
            page = client.list_objects_v2(Bucket=bucket, **position)
            if not page["IsTruncated"]:
                return len(found)
            position = {"ContinuationToken": page["NextContinuationToken"]}

    return listed


def main(kind: str, bucket: str, endpoint: str) -> None:
    """Print what one listing cost, in CPU seconds, and how many keys it found."""
    listed = (by_bucketwheel if kind == "list" else by_expression)(bucket, endpoint)
    start = time.process_time()
    count = listed()
    print(time.process_time() - start, count)


if __name__ == "__main__":
    main(*sys.argv[1:])
