"""The protocol with one rule taken out: lines of the real code, and what stands there instead."""

from __future__ import annotations

import inspect
import textwrap
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import pytest

from support.memory import MemoryStorage

__all__ = ["Edit", "Wrong", "blind", "take_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Lines that keep a rule, with what a programmer might have written who does not know it."""

    of: Callable[..., object]
    """A function or method of a module's top level."""
    right: str
    """Whole lines of it; they stand there exactly once."""
    wrong: str
    """As if at the left margin; empty: the lines are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A protocol that looks right."""

    name: str
    meets: str
    """The scenario in which its rule matters."""
    breaks: str
    """The invariant that breaks first; where chance decides which, all that may be."""
    edits: tuple[Edit, ...]


def blind(where: str) -> Edit:
    """A store that takes no notice of what was seen at some keys: what a plain PUT does."""
    return Edit(
        of=MemoryStorage._compare,
        right="if (found and found.version) != seen:",
        wrong=f"if (found and found.version) != seen and not ({where}):",
    )


def take_out(edits: tuple[Edit, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Break a rule for everybody who calls these functions, until the test ends."""
    merged: dict[FunctionType, list[Edit]] = defaultdict(list)
    for edit in edits:
        assert isinstance(edit.of, FunctionType)
        merged[edit.of].append(edit)
    for function, its_edits in merged.items():
        lines = inspect.getsource(function).splitlines()
        for edit in its_edits:
            lines = _edited(lines, edit)
        monkeypatch.setattr(function, "__code__", _compiled(function, "\n".join(lines)).__code__)


def _edited(lines: list[str], edit: Edit) -> list[str]:
    right = [line.strip() for line in edit.right.strip().splitlines()]
    found = [
        number
        for number in range(len(lines))
        if [line.strip() for line in lines[number : number + len(right)]] == right
    ]
    assert len(found) == 1, f"{edit.of.__qualname__} has changed; where is its rule now?\n{edit.right}"
    first, after = found[0], found[0] + len(right)
    margin = lines[first][: -len(lines[first].lstrip())]
    wrong = textwrap.indent(textwrap.dedent(edit.wrong).strip("\n"), margin).splitlines()
    return lines[:first] + wrong + lines[after:]


def _compiled(function: FunctionType, source: str) -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    code = compile(textwrap.dedent(source), f"<wrong {function.__qualname__}>", "exec")
    exec(code, function.__globals__, namespace)  # noqa: S102 - our own source, with an error put in
    return namespace[function.__name__]
