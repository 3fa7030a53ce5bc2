"""The real hosts of our doors, as subprocesses that see nothing of this machine's own configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.clients import clean_environment

__all__ = ["Host", "HostRun", "released"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRun:
    """How a host ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Return both streams."""
        return self.out + self.err


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A project's directory, in which hosts are run as its owner would."""

    project: Path
    home: Path
    """The home directory of the run, with all its configuration."""
    variables: Mapping[str, str] = field(default_factory=dict)
    interpreter: Path = Path(sys.executable)

    def at(self, directory: Path) -> Host:
        """Run in another directory."""
        return replace(self, project=directory)

    def having(self, **variables: str) -> Host:
        """Run with these variables in the environment."""
        return replace(self, variables={**self.variables, **variables})

    def using(self, interpreter: Path) -> Host:
        """Run another Python."""
        return replace(self, interpreter=interpreter)

    def hatch(self, *args: str) -> HostRun:
        """Run Hatch; its own config.toml is `hatch.toml` in the home directory."""
        return self.having(**self.hatch_variables()).python("-m", "hatch", *args)

    def hatch_variables(self) -> dict[str, str]:
        """Return the variables that keep Hatch's files in the home directory."""
        config = self.home / "hatch.toml"
        config.touch()
        places = {"HATCH_DATA_DIR": str(self.home / "data"), "HATCH_CACHE_DIR": str(self.home / "cache")}
        return {"HATCH_CONFIG": str(config), **places}

    def setup_py(self, *args: str) -> HostRun:
        """Run the project's setup.py."""
        return self.python("setup.py", *args)

    def python(self, *args: str) -> HostRun:
        """Run Python."""
        finished = subprocess.run(
            [str(self.interpreter), *args],
            cwd=self.project,
            env={**clean_environment(self.home), **_NO_AWS, **self.variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return HostRun(code=finished.returncode, out=finished.stdout, err=finished.stderr)


_NO_AWS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def released(repository: Path) -> set[str]:
    """Return all file names in the manifests of a directory repository."""
    manifests = (repository / "_bucketwheel" / "manifests").glob("*.json")
    return {file["filename"] for manifest in manifests for file in json.loads(manifest.read_bytes())["files"]}
