"""The entry point `hatch`, which Hatch and hatchling load.

hatchling loads it in every build on the machine, also without Hatch: it may import only the marker until a publisher
is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from bucketwheel.frontends.hatch import S3Publisher

__all__ = ["hatch_register_publisher"]


@hookimpl
def hatch_register_publisher() -> type[S3Publisher]:
    """Register the publisher that `hatch publish -p s3` names."""
    from bucketwheel.frontends.hatch import S3Publisher  # noqa: PLC0415  # needs Hatch, which a build may not have

    return S3Publisher
