"""The protocol with one rule taken out: a piece of the real code, and what stands there instead."""

from __future__ import annotations

import inspect
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FunctionType

import pytest

__all__ = ["Edit", "take_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A piece of a function that keeps a rule, with what a programmer might have written who does not know it."""

    of: Callable[..., object]
    """A function or method of a module's top level."""
    right: str
    """Its text, line breaks and indentation included; must stand in it exactly once."""
    wrong: str


def take_out(edits: Iterable[Edit], monkeypatch: pytest.MonkeyPatch) -> None:
    """Break a rule for everybody who calls these functions, until the test ends."""
    together: dict[FunctionType, list[Edit]] = defaultdict(list)
    for edit in edits:
        assert isinstance(edit.of, FunctionType)
        together[edit.of].append(edit)
    for function, its_edits in together.items():
        source = inspect.getsource(function)
        for edit in its_edits:
            assert source.count(edit.right) == 1, f"{function.__qualname__} has changed; its rule is not:\n{edit.right}"
            source = source.replace(edit.right, edit.wrong)
        monkeypatch.setattr(function, "__code__", _compiled(function, source).__code__)


def _compiled(function: FunctionType, source: str) -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    code = compile(textwrap.dedent(source), f"<wrong {function.__qualname__}>", "exec")
    exec(code, function.__globals__, namespace)  # noqa: S102 - our own source, with an error put in
    return namespace[function.__name__]
