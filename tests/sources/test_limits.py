"""The limits that a fetch has unless the caller sets others."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from bucketwheel.sources.limits import Limits

_SECURITY = Path(__file__).parents[2] / "docs" / "SECURITY.md"
_ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<limit>[^|]+) \|$", re.MULTILINE)


def test_the_defaults_are_those_that_the_documentation_promises() -> None:
    """A limit that is changed or lifted by mistake is noticed, in the code and in docs/SECURITY.md."""
    limits = Limits()
    assert asdict(limits) == {
        "answer_seconds": 30,
        "connect_seconds": 10,
        "pace_bytes": 20 << 10,
        "pace_seconds": 20,
        "tries": 4,
        "longest_wait": 10,
        "redirects": 5,
        "page_bytes": 16 << 20,
        "file_bytes": 5 << 30,
        "spare_bytes": 100 << 20,
    }
    section = _SECURITY.read_text("utf-8").partition("## Limits when fetching")[2].partition("## ")[0]
    rows = {found["what"]: found["limit"] for found in _ROW.finditer(section)}
    assert {
        "time until a source answers, with redirects and retries": f"{limits.answer_seconds} s",
        "speed after that": f"at least {limits.pace_bytes >> 10} KiB in every {limits.pace_seconds} s",
        "size of a page": f"{limits.page_bytes >> 20} MiB",
        "size of a file": f"{limits.file_bytes >> 30} GiB",
        "free disk space that must remain": f"{limits.spare_bytes >> 20} MiB",
        "redirects": f"{limits.redirects}",
    }.items() <= rows.items()
