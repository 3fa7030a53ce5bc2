"""The tools that are measured, each in an environment of its own with its bytecode compiled, and their commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

__all__ = ["ROOT", "Tool", "aria2", "here", "install", "peers"]

ROOT = Path(__file__).resolve().parent.parent
_HOME = ROOT / ".venv" / "benchmarks"

# The newest versions that run. stick needs an old twine, and both old ones setuptools with pkg_resources.
_PEERS = {
    "s3pypi": ("s3pypi==2.0.1",),
    "stick": ("stick==0.5.4", "twine<6", "setuptools<81"),
    "dumb-pypi": ("dumb-pypi==1.15.0",),
    "wheelhouse-uploader": ("wheelhouse-uploader==0.10.3", "setuptools<81"),
}
_OURS = (f"{ROOT}[web]", "trustme")  # trustme makes the certificates of a run

_VERSIONS = """
import importlib.metadata as metadata, json, platform, sys
found = {name: metadata.version(name) for name in sys.argv[1:]}
for name in ("boto3", "urllib3"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that is installed."""

    name: str
    python: Path
    """The interpreter of its environment; aria2 has none, and this is its program."""
    versions: str
    """In words: its own, and those of the libraries that make its speed."""

    def upload(self, bucket: str, files: Sequence[Path]) -> list[str]:
        """Return the command that publishes files to the index in a bucket."""
        names = [str(file) for file in files]
        if self.name == "bucketwheel":
            return self.ours("publish", "-q", "-r", f"s3://{bucket}", *names)
        program = str(self.python.parent / self.name)
        return [program, "upload", "--bucket", bucket, *names]

    def ours(self, *words: str) -> list[str]:
        """Return a command of bucketwheel."""
        return [str(self.python.parent / "bucketwheel"), *words]

    def probe(self, module: str, *words: str) -> list[str]:
        """Return the command that runs a program of this folder in its environment."""
        return [str(self.python), str(ROOT / "benchmarks" / f"{module}.py"), *words]


def install() -> Tool:
    """Install bucketwheel as a user would, from this clone, and return it."""
    python = _environment("bucketwheel", _OURS)
    # The version stays the same while the code changes.
    _pip(python, "install", "--force-reinstall", "--no-deps", str(ROOT))
    return Tool(name="bucketwheel", python=python, versions=_versions(python, "bucketwheel"))


def here() -> Tool:
    """Return the bucketwheel of the environment that this runs in."""
    python = Path(sys.executable)
    return Tool(name="bucketwheel", python=python, versions=_versions(python, "bucketwheel"))


def peers(names: Iterable[str] = tuple(_PEERS)) -> dict[str, Tool]:
    """Install the peers and return them by name."""
    found = {}
    for name in names:
        python = _environment(name, _PEERS[name])
        found[name] = Tool(name=name, python=python, versions=_versions(python, name))
    return found


def aria2() -> Tool | None:
    """Return aria2, if this machine has it."""
    program = which("aria2c")
    if program is None:
        return None
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[2]
    return Tool(name="aria2", python=Path(program), versions=f"aria2 {version}")


def _environment(name: str, requirements: Sequence[str]) -> Path:
    """Make an environment unless it is there already; pip compiles what it installs, as uv does not by default."""
    home = _HOME / name
    python, state = home / "bin" / "python", home / "state"
    if not state.is_file() or state.read_text() != repr(requirements):
        print(f"+ setting up {home.relative_to(ROOT)}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        _pip(python, "install", *requirements)
        state.write_text(repr(requirements))
    return python


def _pip(python: Path, *words: str) -> None:
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check", "--compile"]
    subprocess.run([str(python), "-m", "pip", words[0], *quiet, *words[1:]], check=True)


def _versions(python: Path, name: str) -> str:
    output = subprocess.run([str(python), "-c", _VERSIONS, name], check=True, capture_output=True, text=True).stdout
    return ", ".join(f"{each} {version}" for each, version in json.loads(output).items())
