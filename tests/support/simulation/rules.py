"""Rules of the protocol, each removed on purpose, as a programmer might write who does not know it.

A rule is found by its marker in the source, `# rule: …`, on the statement that keeps it or on the line above.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType

import pytest

import bucketwheel

__all__ = ["RemovedRule", "blind", "remove_rules"]

_TESTS = Path(__file__).parent.parent.parent
_PLACES = ((Path(bucketwheel.__file__).parent.parent, "bucketwheel"), (_TESTS, "support"))
_MARKER = "# rule: "


@dataclass(frozen=True, slots=True)
class RemovedRule:
    """A protocol that looks right, but lacks a rule."""

    name: str
    scenario: str
    """The scenario in which its rule matters."""
    breaks: str
    """The invariant that breaks first, or all that may, where chance decides which."""


def blind(where: str) -> dict[str, str]:
    """Edit the store so that it ignores conditions at some keys, as a plain PUT does."""
    return {"the store compares": f"if (found and found.version) != seen and not ({where}):"}


def remove_rules(edits: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace marked statements in the running code, until the test ends; of `if …:` only the first line."""
    by_function: dict[FunctionType, dict[str, str]] = defaultdict(dict)
    for marker, replacement in edits.items():
        assert marker in _functions(), f"nothing is marked '{_MARKER}{marker}'"
        by_function[_functions()[marker]][marker] = replacement
    for function, its_edits in by_function.items():
        source = textwrap.dedent(inspect.getsource(function))
        for marker, replacement in its_edits.items():
            source = _replaced(source, marker, replacement)
        monkeypatch.setattr(function, "__code__", _compiled(function, source).__code__)


@cache
def _functions() -> dict[str, FunctionType]:
    """Find the function or method around each marker."""
    found: dict[str, FunctionType] = {}
    for root, package in _PLACES:
        for path in sorted((root / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if _MARKER not in text or path == Path(__file__):
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            module = importlib.import_module(name)
            for number, line in enumerate(text.splitlines(), start=1):
                if _MARKER in line:
                    marker = line.partition(_MARKER)[2].strip()
                    assert marker not in found, f"two statements are marked '{_MARKER}{marker}'"
                    found[marker] = _around(module, ast.parse(text), number)
    return found


def _around(module: object, tree: ast.Module, line: int) -> FunctionType:
    owner: object = module
    body: list[ast.stmt] = tree.body
    while True:
        node = next(each for each in body if each.lineno <= line <= (each.end_lineno or 0))
        assert isinstance(node, ast.ClassDef | ast.FunctionDef), f"line {line} is in no function"
        owner = inspect.getattr_static(owner, node.name)
        if isinstance(node, ast.FunctionDef):
            assert isinstance(owner, FunctionType), f"{node.name} cannot be edited"
            return owner
        body = node.body


def _replaced(source: str, marker: str, replacement: str) -> str:
    lines = source.splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if text.endswith(f"{_MARKER}{marker}"))
    if lines[line - 1].strip().startswith(_MARKER):
        line += 1
    spans = [span for span in _statements(ast.parse(source)) if span[0] <= line <= span[1]]
    first, last = max(spans)  # the innermost begins last
    margin = lines[first - 1][: -len(lines[first - 1].lstrip())]
    wrong = textwrap.indent(textwrap.dedent(replacement).strip("\n") or "pass", margin)
    return "\n".join([*lines[: first - 1], wrong, *lines[last:]])


def _statements(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each statement; of a compound one those before its body."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            yield node.lineno, (body[0].lineno - 1 if body else node.end_lineno or node.lineno)


def _compiled(function: FunctionType, source: str) -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    code = compile(source, f"<{function.__qualname__} without a rule>", "exec")
    exec(code, function.__globals__, namespace)  # noqa: S102 - our own source, with an error put in
    return namespace[function.__name__]
