"""A logo from a file on this machine."""

from __future__ import annotations

from pathlib import Path

from bucketwheel.errors import Misconfigured, Problem
from bucketwheel.format.views.logo import InvalidLogo, Logo, read_logo
from bucketwheel.names import printable

__all__ = ["logo_file"]


def logo_file(path: Path, option: str, remedy: str) -> Logo:
    """Read the picture that a user named by an option; raises Misconfigured for one that no page may show."""
    try:
        return read_logo(path.read_bytes())
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    except InvalidLogo as error:
        what = str(error)
    raise Misconfigured(Problem(subject=f"{option}{printable(str(path))}", what=what, remedy=remedy))
