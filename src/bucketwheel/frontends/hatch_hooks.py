"""What Hatch and hatchling find under the entry point `hatch`.

hatchling loads this in every build on the machine, also where Hatch is not installed: nothing but the marker may be
imported before somebody asks for a publisher.
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
    from bucketwheel.frontends.hatch import S3Publisher  # noqa: PLC0415  # needs Hatch, which a build does without

    return S3Publisher
