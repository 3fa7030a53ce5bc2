"""The real tools that filled buckets before us, each in an environment of its own, made once a run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from support.clients import clean_environment
from support.ministack import TestBucket

__all__ = ["S3PYPI", "STICK", "OldTool", "install_tool", "mirror"]

S3PYPI = ("s3pypi==2.0.1",)
# Of 2020: it needs a twine whose packages have attributes, and a setuptools that still has pkg_resources.
STICK = ("stick==0.5.4", "twine<6", "setuptools<81")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldTool:
    """A program that is installed."""

    program: Path

    def run(self, bucket: TestBucket, *args: str, **variables: str) -> str:
        """Run it against a bucket, as its users do; it must succeed. Returns what it said."""
        assert bucket.connection.endpoint_url is not None
        finished = subprocess.run(
            [str(self.program), *args],
            env=self._environment(bucket.connection.endpoint_url) | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    def _environment(self, endpoint_url: str) -> dict[str, str]:
        return clean_environment(self.program.parent) | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def install_tool(directory: Path, name: str, requirements: tuple[str, ...]) -> OldTool:
    """Make an environment with a tool in it, from the package index that this machine uses."""
    home = directory / name
    for command in (
        ["venv", "--quiet", str(home)],
        ["pip", "install", "--quiet", "--python", str(home), *requirements],
    ):
        subprocess.run([find_uv_bin(), *command], check=True, timeout=300)
    scripts = "Scripts" if os.name == "nt" else "bin"
    return OldTool(program=home / scripts / name)


def mirror(bucket: TestBucket, directory: Path) -> None:
    """Copy a bucket to a directory; a page whose key ends in a slash becomes what a host shows there."""
    storage = bucket.storage()
    for entry in storage.list(""):
        stored = storage.read(entry.key)
        assert stored is not None
        path = directory / (f"{entry.key}index.html" if entry.key.endswith("/") else entry.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.body)
