"""Verdicts on archives in memory, and the reasons for which an archive or a file is refused."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bucketwheel.distributions import Contents, validate, validate_archive
from bucketwheel.errors import Refused
from bucketwheel.names import distribution_name

__all__ = ["SDIST", "WHEEL", "refusals", "validated"]

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
SDIST = "demo_pkg-1.0.tar.gz"


def validated(body: bytes, filename: str) -> Contents:
    """Validate an archive under this name."""
    return validate_archive(distribution_name(filename), io.BytesIO(body), len(body))


def refusals(archive: Path | bytes, filename: str = "") -> list[str]:
    """Validate a file, or an archive under this name, that must be refused; return every reason."""
    with pytest.raises(Refused) as refused:
        validate(archive) if isinstance(archive, Path) else validated(archive, filename)
    assert all(problem.remedy for problem in refused.value.problems)
    return [problem.what for problem in refused.value.problems]
