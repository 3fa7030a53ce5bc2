"""The cost of an installed bucketwheel for the build of another project: nothing."""

from __future__ import annotations

import json
import os
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

from support.hosts import Host

# hatchling looks at the plugins of others only where a project asks for one that is not its own.
STRANGER = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "stranger"
version = "1.0"

[tool.hatch.build.hooks.strangers-own]
"""

PLUGIN = """
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.plugin import hookimpl

class StrangersHook(BuildHookInterface):
    PLUGIN_NAME = "strangers-own"

@hookimpl
def hatch_register_build_hook():
    return StrangersHook
"""

BUILD = """
import importlib.util, json, sys
from hatchling.build import build_wheel
wheel = build_wheel("dist")
print(json.dumps({"wheel": wheel, "loaded": sorted(sys.modules), "hatch": importlib.util.find_spec("hatch")}))
"""

HATCHLING = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")
"""hatchling, and what it needs."""


def test_a_strangers_project_builds_where_hatch_is_not(host: Host) -> None:
    """Our hooks are loaded in an environment with hatchling and bucketwheel and nothing else, and load nothing more."""
    python = _environment(host.home / "builds", *HATCHLING, "bucketwheel")
    (host.project / "pyproject.toml").write_text(STRANGER)
    (host.project / "stranger").mkdir()
    (host.project / "stranger" / "__init__.py").touch()

    run = host.using(python).python("-c", BUILD)
    assert run.code == 0, run.said
    told = json.loads(run.out)
    loaded = set(told["loaded"])
    assert told["wheel"] == "stranger-1.0-py2.py3-none-any.whl"
    assert told["hatch"] is None
    assert "strangers_plugin" in loaded
    assert {name for name in loaded if name.startswith("bucketwheel")} == {
        "bucketwheel",
        "bucketwheel.frontends",
        "bucketwheel.frontends.hatch_hooks",
    }
    assert not loaded & {"hatch", "boto3", "click", "rich", "urllib3"}


def _environment(home: Path, *names: str) -> Path:
    """Make an environment with these distributions of this one, and a stranger's plugin; returns its Python."""
    venv.create(home, symlinks=os.name != "nt")
    places = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    for name in names:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (packages / top).symlink_to(str(found.locate_file(top)))
    (packages / "strangers_plugin.py").write_text(PLUGIN)
    information = packages / "strangers_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[hatch]\nstrangers-own = strangers_plugin\n")
    return Path(sysconfig.get_path("scripts", "venv", places), "python")
