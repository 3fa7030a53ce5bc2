"""A project of a user, and the two generations of setuptools."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from uv import find_uv_bin

from support.hosts import Host

OLDEST_SETUPTOOLS = "65.5.0" if sys.version_info < (3, 12) else "66.1.0"
"""Python 3.11 brings 65.5 along; 66.1 is the first that runs on Python 3.12."""

OLDEST_HATCH = "1.10.0"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Give an empty directory, and hosts that read only what is in it."""
    made = Host(project=tmp_path / "project", home=tmp_path / "home")
    made.project.mkdir()
    made.home.mkdir()
    return made


@pytest.fixture(scope="session")
def oldest_setuptools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python with the oldest setuptools that we support; all else it takes from this environment."""
    return _python_with(tmp_path_factory.mktemp("setuptools"), f"setuptools=={OLDEST_SETUPTOOLS}", "wheel<0.46")


@pytest.fixture(scope="session")
def oldest_hatch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python with the oldest Hatch that we support; all else it takes from this environment."""
    return _python_with(tmp_path_factory.mktemp("hatch"), f"hatch=={OLDEST_HATCH}")


def _python_with(home: Path, *packages: str) -> Path:
    """Make an environment in which these packages come before those of this one."""
    venv.create(home)
    places = {"base": str(home), "platbase": str(home)}
    python = Path(sysconfig.get_path("scripts", "venv", places), Path(sys.executable).name)
    subprocess.run([find_uv_bin(), "pip", "install", "--quiet", "--python", python, *packages], check=True)
    ours = sysconfig.get_path("purelib")
    below = Path(sysconfig.get_path("purelib", "venv", places), "zz_this_environment.pth")
    below.write_text(f"import site; site.addsitedir({ours!r})\n", encoding="utf-8")
    return python


@pytest.fixture(params=["newest", "oldest"])
def setup_python(request: pytest.FixtureRequest) -> Path:
    """Give the Python of either setuptools."""
    if request.param == "newest":
        return Path(sys.executable)
    oldest: Path = request.getfixturevalue("oldest_setuptools")
    return oldest


@pytest.fixture(params=["newest", "oldest"])
def hatch_python(request: pytest.FixtureRequest) -> Path:
    """Give the Python of either Hatch."""
    if request.param == "newest":
        return Path(sys.executable)
    oldest: Path = request.getfixturevalue("oldest_hatch")
    return oldest
