"""Programs of the tests that run in Node: what evaluates policies, runs the function of CloudFront, reads Terraform.

BUCKETWHEEL_TEST_NODE_MODULES     where the packages of tests/node are installed, if not in `node` of this environment
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

__all__ = ["needs_node", "node_environment", "node_program", "run_in_node"]

PROGRAMS = Path(__file__).parents[1] / "node"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None and not os.environ.get("CI"), reason="Node is not on this machine"
)


def run_in_node(program: str, given: object) -> Any:  # noqa: ANN401 - JSON
    """Run one of the programs of tests/node: text or JSON in, JSON out."""
    text = given if isinstance(given, str) else json.dumps(given)
    ran = subprocess.run(
        node_program(program),
        input=text,
        env=node_environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def node_program(program: str) -> list[str]:
    """Return the command that runs one of the programs of tests/node."""
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("Node is not on this machine, and a run with CI=true leaves nothing out; install Node")
    return [node, str(PROGRAMS / program)]


def node_environment() -> dict[str, str]:
    """Return the environment in which the programs find their packages."""
    modules = Path(os.environ.get("BUCKETWHEEL_TEST_NODE_MODULES") or Path(sys.prefix, "node", "node_modules"))
    if not modules.is_dir():
        raise RuntimeError(f"{modules} is not there; `python3 tests/run.py` installs it")
    return {**os.environ, "NODE_PATH": str(modules)}
