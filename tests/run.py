"""Set up everything the tests need in `.venv`, then check format, lint and types, and run the tests.

    python3 tests/run.py [PYTEST ARGUMENT]…

Needs Python 3.11 or newer and a package index, nothing else. A second run sets up only what changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
SERVERS = HOME / "servers"


def main(arguments: list[str]) -> int:
    """Run the checks in order and stop at the first that fails; the tests come last."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said in words, not by a syntax error of a dependency
        print("the tests need Python 3.11 or newer; run this file with one")
        return 2
    set_up()
    python = str(program(HOME, "python"))
    for check in (
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["pytest", *arguments],
    ):
        print("+", " ".join(check), flush=True)
        status = subprocess.run([python, "-m", *check], cwd=ROOT, env=environment(), check=False).returncode
        if status:
            return status
    return 0


def set_up() -> None:
    """Install the project and its development tools, and the S3 server apart from them: it pins what they use."""
    stamp, state = HOME / "state", hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == state:
        return
    shutil.rmtree(HOME, ignore_errors=True)
    for home, wanted in ((HOME, ["--editable", ".", "--group", "dev"]), (SERVERS, ["--group", "servers"])):
        print("+ setting up", home.relative_to(ROOT), flush=True)
        venv.create(home, with_pip=True)
        install(home, ["--upgrade", "pip>=25.1"])  # the first to know dependency groups
        install(home, wanted)
    stamp.write_text(state)


def install(home: Path, wanted: list[str]) -> None:
    """Install into one of the environments."""
    command = [str(program(home, "python")), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    subprocess.run(command, cwd=ROOT, check=True)


def program(home: Path, name: str) -> Path:
    """Where an environment keeps its programs."""
    return home / ("Scripts" if os.name == "nt" else "bin") / name


def environment() -> dict[str, str]:
    """The environment as it is, with the programs of `.venv` first."""
    path = os.pathsep.join([str(program(HOME, "")), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(HOME)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
