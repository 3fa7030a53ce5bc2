"""A fetch as a test needs it: a directory to fetch into, an environment of its own, events kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from bucketwheel.commands.fetch import Fetched, fetch
from bucketwheel.events import Event, RequestSent, Stage, Warned
from bucketwheel.places import Connection
from bucketwheel.sources.limits import Limits

__all__ = ["HASTY", "QUICK", "Fetching", "sha256_link"]

QUICK = Limits(longest_wait=0.01, page_bytes=1 << 20, file_bytes=1 << 20)
"""Limits for servers that answer: no time is lost between tries, and a file need not be large to be too large."""

HASTY = replace(QUICK, answer_seconds=1, pace_seconds=0.5)
"""Limits under which a server that sends nothing is given up in a second."""


@dataclass(slots=True, kw_only=True)
class Fetching:
    """Calls of `fetch`, all into one directory."""

    dist: Path
    environ: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __call__(
        self,
        *sources: str,
        project: str = "demo-pkg",
        version: str | None = None,
        limits: Limits = QUICK,
        connection: Connection = Connection(),  # noqa: B008 - frozen
        jobs: int = 4,
    ) -> tuple[Fetched, ...]:
        """Fetch, with everything else as the test left it."""
        return fetch(
            project,
            version=version,
            sources=sources,
            into=self.dist,
            connection=connection,
            limits=limits,
            jobs=jobs,
            report=self.events.append,
            environ=self.environ,
        )

    def there(self) -> list[str]:
        """List everything that is in the directory, also what should not be there."""
        return sorted(path.name for path in self.dist.iterdir()) if self.dist.exists() else []

    def requests(self) -> list[tuple[str, int]]:
        """Return what was asked for, as the events show it, and the status of each answer."""
        return [(event.target, event.status) for event in self.events if isinstance(event, RequestSent)]

    def warnings(self) -> list[str]:
        """Return what the user was warned of."""
        return [event.message for event in self.events if isinstance(event, Warned)]

    def stages(self) -> list[Stage]:
        """Return which steps of long work began."""
        return [event for event in self.events if isinstance(event, Stage)]


def sha256_link(path: Path, prefix: str = "") -> str:
    """Write an anchor for a file as PEP 503 pages have it, with its digest."""
    return f'<a href="{prefix}{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
