"""The README's ways to install bucketwheel for Hatch, and to install from an index with uv and poetry, run for real.

Only the addresses are others: the index is a directory that a server of ours shows, bucketwheel is this clone's wheel.
BUCKETWHEEL_TEST_HOSTS=all also installs poetry and Hatch from the package index, which takes a minute.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.archives import make_wheel
from support.clients import clean_environment
from support.hosts import released
from support.index_server import IndexServer, serve_index
from support.old_tools import install_tool

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INDEX_URL = "https://my-bucket.s3.eu-central-1.amazonaws.com/python/simple/"
PROJECT = """
[project]
name = "consumer"
version = "1.0"
requires-python = ">=3.11"
"""
PUBLISHED = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "demo-pkg"
version = "1.0"

[tool.hatch.build.targets.wheel]
bypass-selection = true

[tool.bucketwheel]
repository = "./repository"
"""


needs_installing = pytest.mark.skipif(
    os.environ.get("BUCKETWHEEL_TEST_HOSTS") != "all", reason="installs other tools: with --thorough only"
)


def snippet(word: str) -> str:
    """Return the README's block of TOML that has this word."""
    (block,) = (block for block in BLOCKS if word in block)
    return str(block)


def run(directory: Path, *command: str, **variables: str) -> str:
    """Run a program as a user without any configuration; it must succeed. Returns what it said."""
    home = directory.parent / "home"
    home.mkdir(exist_ok=True)
    # The package index that this machine uses, for the tools that install others.
    index = {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    settings = {"UV_NO_SYSTEM_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    finished = subprocess.run(
        command,
        cwd=directory,
        env=clean_environment(home) | index | settings | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture
def consumer(tmp_path: Path) -> Path:
    """Give the directory of a project that needs my-package."""
    directory = tmp_path / "consumer"
    directory.mkdir()
    return directory


def publish(wheel: Path, repository: Path) -> None:
    """Publish a wheel by the command line."""
    run(wheel.parent, sys.executable, "-m", "bucketwheel", "publish", str(wheel), "-r", str(repository))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexServer]:
    """Publish my-package to a directory, and serve that."""
    publish(make_wheel(tmp_path / "made", "my-package", "1.5"), tmp_path / "repository")
    with serve_index(tmp_path / "repository") as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[IndexServer]:
    """Serve an index with a newer my-package, from which it must not come."""
    publish(make_wheel(tmp_path / "made", "my-package", "9.0"), tmp_path / "elsewhere")
    with serve_index(tmp_path / "elsewhere") as server:
        yield server


def test_uv_installs_from_the_index_that_the_snippet_names(
    consumer: Path, index: IndexServer, elsewhere: IndexServer
) -> None:
    """Although the default index has a newer release of that name, which is not even looked at."""
    text = snippet("explicit = true")
    assert INDEX_URL in text
    text = text.replace(INDEX_URL, f"{index.url}simple/")
    (consumer / "pyproject.toml").write_text(f'{PROJECT}dependencies = ["my-package"]\n{text}')
    variables = {"UV_DEFAULT_INDEX": f"{elsewhere.url}simple/", "UV_NO_CACHE": "1", "UV_PYTHON": sys.executable}
    run(consumer, find_uv_bin(), "sync", **variables)
    said = run(consumer, find_uv_bin(), "pip", "list", "--format", "freeze")
    assert "my-package==1.5" in said
    assert f'source = {{ registry = "{index.url}simple/" }}' in (consumer / "uv.lock").read_text("utf-8")
    assert elsewhere.requests == []


@needs_installing
def test_poetry_installs_from_the_index_that_the_snippet_names(
    consumer: Path, index: IndexServer, tmp_path: Path
) -> None:
    """From this source and no other, into an environment of the project."""
    poetry = install_tool(tmp_path, "poetry", ("poetry>=2.1",)).program
    text = snippet("[[tool.poetry.source]]")
    assert INDEX_URL in text
    (consumer / "pyproject.toml").write_text(
        f"{PROJECT}\n[tool.poetry]\npackage-mode = false\n{text.replace(INDEX_URL, f'{index.url}simple/')}"
    )
    settings = {
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_CACHE_DIR": str(tmp_path / "cache"),
        "POETRY_NO_INTERACTION": "1",
    }
    said = run(consumer, str(poetry), "install", **settings)
    assert "Installing my-package (1.5)" in said
    assert f"{index.url}simple" in (consumer / "poetry.lock").read_text("utf-8")
    assert index.asked_for("my_package-1.5-py3-none-any.whl")


@pytest.fixture(scope="module")
def our_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this clone's wheel."""
    made = tmp_path_factory.mktemp("ours")
    run(made, sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(made), str(ROOT))
    (wheel,) = made.glob("bucketwheel-*.whl")
    return wheel


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Give the directory of a project that Hatch builds, and that is published to a directory."""
    directory = tmp_path / "published"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(PUBLISHED)
    return directory


@needs_installing
def test_uvx_runs_hatch_with_bucketwheel(published: Path, our_wheel: Path) -> None:
    """The README's line for a Hatch that is not installed; nothing is installed that stays."""
    (line,) = re.findall(r"`uvx (--with bucketwheel hatch publish -p s3)`", README)
    wheel = make_wheel(published / "dist")
    options = line.replace("bucketwheel", str(our_wheel)).split()
    said = run(published, find_uv_bin(), "tool", "run", *options, UV_PYTHON=sys.executable)
    assert f"dist/{wheel.name} ... success" in said
    assert released(published / "repository") == {wheel.name}


@needs_installing
def test_hatch_installs_what_the_project_requires(published: Path, our_wheel: Path, tmp_path: Path) -> None:
    """`hatch build` installs bucketwheel into the environment of Hatch, and `hatch publish -p s3` finds it there."""
    hatch = str(install_tool(tmp_path, "hatch", ("hatch", "pip")).program)
    text = snippet("[tool.hatch.env]").replace('"bucketwheel"', f'"bucketwheel @ {our_wheel.as_uri()}"')
    (published / "pyproject.toml").write_text(f"{PUBLISHED}\n{text}")
    run(published, hatch, "build")
    said = run(published, hatch, "publish", "-p", "s3")
    built = {path.name for path in (published / "dist").iterdir() if path.name.startswith("demo_pkg-1.0")}
    assert len(built) == 2
    assert all(f"dist/{name} ... success" in said for name in built)
    assert released(published / "repository") == built
