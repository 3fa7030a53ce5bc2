"""The storage of a place, of which only its own kind is loaded; S3's loads the SDK."""

from __future__ import annotations

from bucketwheel.events import Report
from bucketwheel.places import Connection, DirectoryPlace, Place, S3Place
from bucketwheel.storage import Storage

__all__ = ["create_bucket", "open_storage"]


def open_storage(place: Place, connection: Connection, *, jobs: int, report: Report) -> Storage:
    """Open the storage of a place, which `jobs` threads will use at once, without sending anything.

    Raises Denied for a profile, region or endpoint that cannot be used.
    """
    if isinstance(place, DirectoryPlace):
        from bucketwheel.storage.directory import DirectoryStorage  # noqa: PLC0415 - S3 needs none of it

        return DirectoryStorage(root=place.path, report=report)
    from bucketwheel.storage.s3 import connect  # noqa: PLC0415 - a directory needs none of it

    return connect(place, connection, jobs=jobs, report=report)


def create_bucket(place: S3Place, connection: Connection, *, report: Report) -> bool:
    """Make the bucket of a place in the connection's region; False: it is ours already. Raises Denied, Unavailable."""
    from bucketwheel.storage.s3.bucket import connect_bucket  # noqa: PLC0415 - see above

    return connect_bucket(place, connection, jobs=1, report=report).create()
