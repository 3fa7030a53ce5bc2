"""Fill the blanks of a template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

__all__ = ["filled"]

_BLANK = re.compile(r"@([A-Z_]+)@")


def filled(text: str, values: Mapping[str, object]) -> str:
    """Fill the blanks `@NAME@` of a template: texts as they are, all else as JSON; each as far in as its line."""
    lines = "\n".join(_filled_line(line, values) for line in text.splitlines())
    return re.sub(r"[ ]+$", "", lines, flags=re.MULTILINE)


def _filled_line(line: str, values: Mapping[str, object]) -> str:
    margin = "\n" + line[: len(line) - len(line.lstrip())]

    def value(match: re.Match[str]) -> str:
        found = values[match[1]]
        if isinstance(found, str):
            return found.rstrip("\n").replace("\n", margin)
        return json.dumps(found, indent=2).replace("\n", f"{margin}  ")

    return _BLANK.sub(value, line)
