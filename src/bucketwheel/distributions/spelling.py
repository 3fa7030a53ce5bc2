"""How the standards spell a distribution's file name, and the other spellings that installers still take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bucketwheel.distributions.findings import Finding, Oddity, listed
from bucketwheel.names import DistributionName

__all__ = ["judge_spelling"]

_GENERIC_LINUX = re.compile(r"linux_(?!armv[67]l)")  # these two have no manylinux, and PyPI takes them


def judge_spelling(name: DistributionName) -> Iterator[Finding]:
    """Find what is unusual about a file's name, before anybody looks inside."""
    project = name.project.replace("-", "_")
    if name.kind == "sdist" and name.filename != (expected := f"{project}-{name.version}.tar.gz"):
        yield Oddity(what=f"would be called {expected} by PEP 625")
    if name.kind == "wheel" and not name.filename.startswith(f"{project}-"):
        yield Oddity(what=f"would begin with {project}- by the binary distribution format specification")
    if generic := sorted({tag.platform for tag in name.tags if _GENERIC_LINUX.match(tag.platform)}):
        yield Oddity(what=f"is for {listed(generic)}, which does not say what C library it needs, as manylinux does")
