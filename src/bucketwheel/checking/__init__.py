"""What a check judges: a listing and manifests in, findings out. Pure; `bucketwheel.verbs.check` looks and asks."""

from __future__ import annotations

from bucketwheel.checking.findings import GRAVITIES, Finding, Gravity, in_order

__all__ = ["GRAVITIES", "Finding", "Gravity", "in_order"]
