"""The one call to CloudFront that a change of pages needs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from bucketwheel.errors import Unavailable
from bucketwheel.names import printable
from bucketwheel.places import Connection
from bucketwheel.storage.sdk import open_session

__all__ = ["create_invalidation"]


def create_invalidation(distribution: str, paths: Sequence[str], connection: Connection) -> None:
    """Make CloudFront fetch these paths again; raises Unavailable in a few words."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - few repositories need it

    batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": uuid4().hex}
    try:
        client = open_session(connection).client("cloudfront")
        client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)
    except ClientError as error:
        raise Unavailable(printable(str(error.response.get("Error", {}).get("Code", "refused")))) from None
    except BotoCoreError as error:
        raise Unavailable(type(error).__name__) from None
