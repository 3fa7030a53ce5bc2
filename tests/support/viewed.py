"""Projects for the views: files, releases and facts with as few words as a test needs."""

from __future__ import annotations

from bucketwheel.format.views.projects import CoreFacts, ViewedFile, ViewedProject, by_version
from bucketwheel.names import ProjectName

__all__ = ["HOSTILE", "viewed", "viewed_file"]

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\x07\"'&]]>"
"""What no view may show as it is."""


def viewed_file(
    filename: str,
    *,
    yanked: str | None = None,
    upload_time: str | None = "2026-01-02T03:04:05.123456Z",
    size: int | None = 10,
    requires_python: str | None = ">=3.9",
) -> ViewedFile:
    """Return a file with a digest."""
    return ViewedFile(
        filename=filename,
        url=f"../../simple/demo/{filename}",
        hashes={"sha256": "ab" * 32},
        size=size,
        upload_time=upload_time,
        requires_python=requires_python,
        yanked=yanked,
    )


def viewed(*versions: str, facts: CoreFacts | None = None, yanked: tuple[str, ...] = ()) -> ViewedProject:
    """Return the project demo with one wheel a version."""
    files = (
        (each, viewed_file(f"demo-{each}-py3-none-any.whl", yanked="bad" if each in yanked else None))
        for each in versions
    )
    return ViewedProject(
        project=ProjectName("demo"), releases=by_version(files), revision=7, facts=facts or CoreFacts()
    )
