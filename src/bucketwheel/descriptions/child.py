"""The process that renders descriptions: a line of JSON in, a line out, until its input ends."""

from __future__ import annotations

import json
import sys
import time
import warnings
from contextlib import suppress

from bucketwheel.descriptions import CPU_SECONDS, LONGEST_HTML
from bucketwheel.format.views.safe_html import safe_html

__all__ = ["main"]

_MOST_MEMORY = 1024**3

try:
    import resource
except ImportError:  # Windows: what started us ends us after a time
    resource = None  # type: ignore[assignment]


def main() -> None:
    """Answer requests."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    warnings.simplefilter("ignore")
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_AS", _MOST_MEMORY)
    from readme_renderer import markdown, rst  # noqa: F401, PLC0415 - of the extra; before the first request

    answer: dict[str, object] = {"ready": True}
    while True:
        with suppress(BrokenPipeError):
            answers.write(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            answers.flush()
        line = requests.readline()
        if not line:
            return
        _limit("RLIMIT_CPU", int(time.process_time()) + 1 + CPU_SECONDS)
        answer = {"html": _rendered(**json.loads(line))}


def _rendered(kind: str, variant: str, text: str) -> str | None:
    from readme_renderer import markdown, rst  # noqa: PLC0415 - of the extra

    try:
        html = rst.render(text) if kind == "rst" else markdown.render(text, variant)
        safe = safe_html(html or "")
    except Exception:  # noqa: BLE001 - RecursionError, MemoryError and whatever else: it is shown as text then
        return None
    return safe if safe and len(safe.encode("utf-8", "replace")) <= LONGEST_HTML else None


def _limit(name: str, most: int) -> None:
    """Take a limit where the system has it, and never more than the limit that we were given."""
    if resource is not None:
        with suppress(AttributeError, OSError, ValueError):
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
