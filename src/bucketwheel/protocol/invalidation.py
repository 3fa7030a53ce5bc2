"""Tell CloudFront which pages have changed, where it keeps pages.

It is the last thing that a run does: the release is committed, so a failure is a warning.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from urllib.parse import quote

from bucketwheel.errors import BucketwheelError
from bucketwheel.events import Report, Warned
from bucketwheel.format.settings import RepositorySettings
from bucketwheel.places import Connection, S3Place
from bucketwheel.storage import Key

__all__ = ["ChangedPages", "invalidate", "paths_of"]

_MOST_PATHS = 1000
"""CloudFront takes 3,000 in all that are under way."""


@dataclass(slots=True)
class ChangedPages:
    """The pages that a run has changed, or may have."""

    keys: set[Key] = field(default_factory=set)
    settings: RepositorySettings | None = None
    """Those of the repository that has the pages; None: none has changed."""

    def add(self, key: Key, settings: RepositorySettings) -> None:
        """Note a page before it is written, because an answer may be lost."""
        self.settings = settings
        self.keys.add(key)


def paths_of(changed: ChangedPages, place: S3Place, simple: str) -> tuple[str, ...]:
    """Return both spellings of each page: as clients ask for it, and the key that the function makes of that."""
    spellings = {spelling for key in changed.keys for spelling in (key, key.rpartition("/")[0] + "/")}
    if len(spellings) > _MOST_PATHS:
        within = simple if all(key.startswith(simple) for key in changed.keys) else ""
        return (f"/{quote(place.prefix + within)}*",)
    return tuple(sorted(f"/{quote(place.prefix + spelling.removeprefix('/'))}" for spelling in spellings))


def invalidate(changed: ChangedPages, place: S3Place, connection: Connection, report: Report) -> None:
    """Invalidate the pages in one call, if the settings name a distribution and caches keep pages."""
    settings = changed.settings
    if settings is None or settings.cloudfront_distribution is None or not settings.layout.seconds_in_caches:
        return
    from bucketwheel.storage.cloudfront import create_invalidation  # noqa: PLC0415 - loads the SDK

    distribution, paths = settings.cloudfront_distribution, paths_of(changed, place, settings.layout.simple)
    try:
        create_invalidation(distribution, paths, connection)
    except BucketwheelError as error:
        options = () if connection.profile is None else ("--profile", connection.profile)
        command = ["aws", "cloudfront", "create-invalidation", "--distribution-id", distribution, "--paths", *paths]
        report(
            Warned(
                message=f"CloudFront still shows old pages ({error}); everything is committed; "
                f"to show the new pages now run: {shlex.join([*command, *options])}"
            )
        )
