"""What a check can find: one table of everything, with how grave it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["GRAVITIES", "Finding", "Gravity", "in_order"]

Gravity: TypeAlias = Literal["error", "warning", "note"]
"""error: clients fail, or what was released is in danger. warning: clients see what is old, or something is to be done
soon. note: it only lies there."""

GRAVITIES: Mapping[str, Gravity] = {
    "manifest-damaged": "error",
    "manifest-missing": "error",
    "file-missing": "error",
    "file-differs": "error",
    "file-encoded": "error",
    "sidecar-missing": "error",
    "sidecar-differs": "error",
    "page-missing": "error",
    "page-edited": "error",
    "page-ahead": "error",
    "root-missing": "error",
    "root-incomplete": "error",
    "root-edited": "error",
    "store-unsafe": "error",
    "client-unreachable": "error",
    "client-forbidden": "error",
    "client-page-missing": "error",
    "client-page-differs": "error",
    "client-page-type": "error",
    "client-file-missing": "error",
    "client-file-encoded": "error",
    "store-unproven": "warning",
    "file-changed": "warning",
    "file-lost": "warning",
    "file-overwritten": "warning",
    "file-foreign": "warning",
    "page-behind": "warning",
    "root-dangling": "warning",
    "headers-wrong": "warning",
    "client-page-old": "warning",
    "client-page-caching": "warning",
    "orphan": "note",
    "file-unnamed": "note",
    "sidecar-unnamed": "note",
    "deleted-remains": "note",
    "page-retired": "note",
    "leftovers": "note",
    "upload-unfinished": "note",
}
"""Every kind of finding by its code, which scripts may rely on."""

_ORDER = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be."""

    code: str
    """One of `GRAVITIES`."""
    subject: str
    """Where: a key, a project, a URL or the repository; fit to be shown."""
    what: str
    """What is wrong with it, continuing the subject."""
    remedy: str
    """The command that mends it, or what to do where no command can; never empty."""

    @property
    def gravity(self) -> Gravity:
        """How grave it is."""
        return GRAVITIES[self.code]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The gravest first, then by where they are; each once."""
    order = {finding: (_ORDER.index(finding.gravity), finding.subject, finding.code) for finding in findings}
    return tuple(sorted(order, key=order.__getitem__))
