"""The rules for members' paths that wheels and sdists share: nothing lands outside, nothing lands twice."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from bucketwheel.distributions.findings import Finding, Flaw, Oddity, listed

__all__ = ["LARGEST_NAMES", "LARGEST_TEXT", "LONGEST_NAME", "MOST_MEMBERS", "clean", "judge_paths"]

MOST_MEMBERS = 100_000
"""More than any archive on PyPI has; beyond it memory would no longer be bounded."""

LONGEST_NAME = 4096
"""More than any file system takes as a path."""

LARGEST_NAMES = 64 << 20
"""The most that all names of an archive may have together, in bytes; they are held at once."""

LARGEST_TEXT = 1 << 20
"""The most that METADATA and its like may have, in bytes; the largest real ones have a fifth of it."""

# A drive letter makes a path absolute on Windows, and a backslash separates there.
_ELSEWHERE = re.compile(r"/|[A-Za-z]:|.*\\|(?:.*/)?\.\.(?:/|\Z)", re.DOTALL)


def judge_paths(paths: Sequence[str]) -> Iterator[Finding]:
    """Find members that installers would write to an unexpected place, or over one another."""
    if outside := [path for path in paths if _ELSEWHERE.match(path)]:
        yield Flaw(what=f"has members whose names lead out of the archive: {listed(outside)}")
    counts = Counter(clean(path) for path in paths)
    if doubled := [path for path, count in counts.items() if count > 1]:
        yield Flaw(what=f"has several members of one name, and readers differ in which one counts: {listed(doubled)}")
    folded = Counter(path.casefold() for path in counts)
    if colliding := [path for path in counts if folded[path.casefold()] > 1]:
        yield Oddity(
            what=f"has members that differ in case only, so that one overwrites the other on Windows and macOS:"
            f" {listed(colliding)}"
        )


def clean(path: str) -> str:
    """Give a path the one spelling of all that lead to the same place: no `./`, no `//`, no slash at the end."""
    return posixpath.normpath(path)
