"""The page docs/api.md, written from the code: `python tests/support/api_page.py` writes it again."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import bucketwheel

__all__ = ["PAGE", "api_page"]

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_INTRODUCTION = """# The Python API

Everything here is imported from `bucketwheel`. All of it is typed. What is not on this page can change in any release.

```python
import bucketwheel

settings = bucketwheel.load_settings(options={"repository": "s3://my-bucket/python"})
publication = bucketwheel.publish("dist", settings, report=print)
print(publication.index_url)
```

Each function takes `Settings`, reads or changes one repository, and returns what it did. It prints nothing: events go
to `report`; their classes are in `bucketwheel.events`. What goes wrong is raised as a `BucketwheelError`, which says
what happened and what to do.

<!-- Written from the code by `python tests/support/api_page.py`. -->
"""


def api_page() -> str:
    """Write the page."""
    publics = {name: getattr(bucketwheel, name) for name in dir(bucketwheel)}
    errors = [name for name, it in publics.items() if isinstance(it, type) and issubclass(it, Exception)]
    functions = [name for name, it in publics.items() if isinstance(it, FunctionType)]
    types = [name for name in publics if name not in {*errors, *functions}]
    return "\n".join(
        [
            _INTRODUCTION,
            *_section("Functions", map(_function, functions)),
            *_section("Types", (_type(name, publics[name]) for name in types)),
            *_section("Errors", map(_error, errors)),
        ]
    )


def _section(title: str, parts: Iterator[str]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from parts


def _function(name: str) -> str:
    node = _definition(name)
    assert isinstance(node, ast.FunctionDef)
    assert node.returns is not None
    arguments = list(_arguments(node.args))
    line = f"def {name}({', '.join(arguments)}) -> {ast.unparse(node.returns)}"
    if len(line) > 100:
        line = line.replace(", ".join(arguments), "\n" + "".join(f"    {argument},\n" for argument in arguments), 1)
    return f"### `{name}`\n\n```python\n{line}\n```\n\n{_text(getattr(bucketwheel, name))}\n"


def _arguments(arguments: ast.arguments) -> Iterator[str]:
    required: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    for argument, default in zip(arguments.args, [*required, *arguments.defaults], strict=True):
        yield _argument(argument, default)
    if arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _argument(argument, default)


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")


def _type(name: str, it: object) -> str:
    node = _definition(name)
    if not isinstance(node, ast.ClassDef):
        return f"### `{name}`\n\n`{ast.unparse(node)}`\n\n{_explained(name)}\n"
    assert isinstance(it, type)
    lines = [f"### `{name}`\n", _text(it), ""]
    rows = [f"| `{field}` | {meaning} |" for field, meaning in _attributes(node, it)]
    return "\n".join([*lines, "| attribute | meaning |", "|---|---|", *rows, ""] if rows else lines)


def _error(name: str) -> str:
    it = getattr(bucketwheel, name)
    return f"### `{name}`\n\n{_text(it)}\n"


def _attributes(node: ast.ClassDef, it: type) -> Iterator[tuple[str, str]]:
    """Yield the fields and properties of a class, with what stands below each of them."""
    defaults = {field.name: field.default for field in dataclasses.fields(it)} if dataclasses.is_dataclass(it) else {}
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = defaults.get(statement.target.id, dataclasses.MISSING)
            value = "" if default is dataclasses.MISSING else f" = {default!r}"
            field = f"{ast.unparse(statement.target)}: {ast.unparse(statement.annotation)}{value}"
            yield field.replace("|", "\\|"), _string(following)
        elif isinstance(statement, ast.FunctionDef) and _is_public_property(statement):
            assert statement.returns is not None
            field = f"{statement.name}: {ast.unparse(statement.returns)}"
            yield field.replace("|", "\\|"), " ".join((ast.get_docstring(statement) or "").split())


def _is_public_property(node: ast.FunctionDef) -> bool:
    return not node.name.startswith("_") and any(ast.unparse(by) == "property" for by in node.decorator_list)


def _explained(name: str) -> str:
    """Return the text below the definition of a type alias."""
    body = _tree(_home(name)).body
    return _string(body[body.index(_definition(name)) + 1])


def _string(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def _text(it: object) -> str:
    return inspect.cleandoc(it.__doc__ or "")


def _definition(name: str) -> ast.stmt:
    for node in _tree(_home(name)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            return node
    raise LookupError(name)


@cache
def _home(name: str) -> str:
    """Return the module of a public name, as the stub says."""
    stub = ast.parse(Path(bucketwheel.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
    return next(str(node.module) for node in imports if name in {alias.name for alias in node.names})


@cache
def _tree(module: str) -> ast.Module:
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return ast.parse(Path(found.origin).read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(api_page(), encoding="utf-8")
