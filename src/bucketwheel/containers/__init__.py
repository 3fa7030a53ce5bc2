"""A CI container's pages and listings → links → artifacts of one project.

Pure: bytes and names in, facts out. Nothing here opens a URL; `bucketwheel.download` and `bucketwheel.fetch` do.
"""

from __future__ import annotations

from bucketwheel.containers.index_page import IndexPage, Link, ProjectLink, UnreadablePage, Unusable
from bucketwheel.containers.reading import read_index
from bucketwheel.containers.selection import Artifact, Contradiction, Misnamed, Selection, Wanted, reconcile, select

__all__ = [
    "Artifact",
    "Contradiction",
    "IndexPage",
    "Link",
    "Misnamed",
    "ProjectLink",
    "Selection",
    "UnreadablePage",
    "Unusable",
    "Wanted",
    "read_index",
    "reconcile",
    "select",
]
