"""The house rules about who may import whom, read from the source."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "bucketwheel"

# From the top of the house to the ground. A module imports from its own package or from floors below only.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("frontends",),
    ("__init__",),
    ("commands",),
    ("gateway",),
    ("protocol",),
    ("signing",),
    ("sources", "distributions", "config", "hosting", "descriptions", "portions"),
    ("format",),
    ("storage",),
    ("parallel", "places", "network", "children"),
    ("names",),
    ("errors", "events"),
)

PURE = {
    *("errors", "events", "names", "places", "format", "protocol.plan"),
    *("config.keys", "config.values", "config.resolution", "sources.pages", "sources.urls", "sources.select"),
    *("sources.locations", "signing.publishers", "signing.status"),
    *("commands.check.references", "commands.check.findings", "commands.check.unreferenced", "commands.check.views"),
    *("commands.adopt.differences", "commands.adopt.reconciliation", "commands.authorize.requirements"),
    "hosting",
    *("gateway.paths", "gateway.headers", "gateway.access", "gateway.addresses"),
}
EFFECTS = {"os", "time", "logging", "random", "socket", "urllib.request", "urllib3", "subprocess", "boto3", "botocore"}

BOTO3_MAY_BE_IN = "storage"
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc", "managers", "manager"}


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(SOURCE.rglob("*.py"))


def home(path: Path) -> str:
    """The floor's name of a module: its top-level module or package."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    """A module's full name below the package; a package's own is that of its folder."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def is_pure(path: Path) -> bool:
    """Whether a module, or a package around it, has promised to decide and never do."""
    name = dotted(path)
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


def verb(path: Path) -> str | None:
    """The verb whose code this is; None outside of commands."""
    parts = dotted(path).split(".")
    return parts[1] if parts[0] == "commands" and len(parts) > 1 else None


def imported(path: Path) -> set[str]:
    """The full names that a module imports anywhere in it, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def floor(name: str) -> int:
    """How high a home stands: 0 is the top."""
    return next(number for number, homes in enumerate(FLOORS) if name in homes)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path) -> None:
    """A module imports its own package and lower floors, never a neighbour or a floor above."""
    here = home(path)
    if here == "__init__":
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "bucketwheel" or len(parts) == 1:
            continue
        there = parts[1]
        if not ((SOURCE / there).is_dir() or (SOURCE / f"{there}.py").is_file()):
            assert here in {"frontends", "__main__"}, f"only doors use the public surface: {name}"
            continue
        if there == here:
            continue
        assert floor(there) > floor(here), f"{here} imports {there}"


@pytest.mark.parametrize("path", [path for path in modules() if is_pure(path)], ids=dotted)
def test_pure_modules_touch_nothing(path: Path) -> None:
    """What decides imports no clock, chance, network or system."""
    assert {name for name in imported(path) if name.split(".")[0] in EFFECTS or name in EFFECTS} == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_storage_knows_boto3(path: Path) -> None:
    """boto3 and botocore are imported under storage/ only, and never when a module is loaded."""
    used = {name for name in imported(path) if name.split(".")[0] in {"boto3", "botocore"}}
    assert not used or home(path) == BOTO3_MAY_BE_IN
    top = {
        alias.name.split(".")[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not top & {"boto3", "botocore"}


def test_only_the_pages_for_people_know_jinja2() -> None:
    """Nothing else renders by templates, so that no other command pays for the engine."""
    users = {dotted(path) for path in modules() if any(name.split(".")[0] == "jinja2" for name in imported(path))}
    assert users == {"format.views.people"}


def test_swap_is_called_by_the_protocol_only() -> None:
    """Nobody but the commit, the catalogue, the refresh of pages and the proof of the store replaces an object.

    An index made from a list has no manifests, and so its own order of writes.
    """
    callers = {
        dotted(path)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "swap" and home(path) != "storage"
    }
    repositories = {f"protocol.{each}" for each in ("catalogue", "commit", "proof", "refresh", "repository")}
    assert callers == {*repositories, "commands.from_list"}


def test_no_module_is_named_for_nothing() -> None:
    """Nothing is called utils, helpers, common, core, base or misc."""
    assert {path.stem for path in modules()} & FORBIDDEN_NAMES == set()


def test_every_home_has_a_floor() -> None:
    """A new module finds its place in the house before it is merged."""
    known = {name for homes in FLOORS for name in homes}
    assert {home(path) for path in modules()} - known == set()


def test_the_house_is_typed_and_annotated_lazily() -> None:
    """Each module says `from __future__ import annotations`; Python 3.11 is the floor."""
    assert sys.version_info >= (3, 11)
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert "from __future__ import annotations" in text or "\nimport" not in text, path


def test_the_architecture_page_names_every_module() -> None:
    """A newcomer finds each module of the tree in docs/architecture.md."""
    page = (SOURCE.parent.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", prose))))
    names = {path.parent.name if path.stem == "__init__" else path.stem for path in modules()}
    assert names - named - {"bucketwheel"} == set()
