"""The dependencies of requirements, as pip itself finds them: through the gateway, without installing anything."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bucketwheel.errors import Misconfigured, Problem, Refused
from bucketwheel.gateway.addresses import with_loopback
from bucketwheel.gateway.local import LocalGateway
from bucketwheel.names import printable

__all__ = ["Resolved", "resolve_dependencies"]

_LAST_LINES = 8
# What would let pip look elsewhere, or ask.
_NOT_FOR_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_REQUIRE_HASHES")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What pip would install."""

    ours: tuple[str, ...]
    """Requirements for what the repository has, each with its version."""
    others: tuple[str, ...]
    """Those for what comes from elsewhere."""


def resolve_dependencies(requirements: Iterable[str], gateway: LocalGateway) -> Resolved:
    """Ask pip what it would install here; raises Refused with pip's own words where nothing fits."""
    with tempfile.TemporaryDirectory(prefix="bucketwheel-") as scratch:
        wanted, report = Path(scratch, "requirements.txt"), Path(scratch, "report.json")
        wanted.write_text("".join(f"{each}\n" for each in requirements), encoding="utf-8")
        options = ["--dry-run", "--ignore-installed", "--no-input", "--disable-pip-version-check", "--quiet"]
        finished = subprocess.run(  # noqa: S603 - pip, with files of ours
            [*_pip(), "install", *options, "--report", str(report), "--requirement", str(wanted)],
            env=_environment(gateway),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if finished.returncode or not report.is_file():
            lines = finished.stdout.replace(gateway.password, "****").splitlines()[-_LAST_LINES:]
            what = f"finds no versions that fit: {' '.join(printable(line) for line in lines)}"
            remedy = "correct the requirements, or name an index for the rest by --fallback"
            raise Refused(Problem(subject="pip", what=what, remedy=remedy))
        return _read(json.loads(report.read_text(encoding="utf-8")), urlsplit(gateway.url).netloc)


def _read(report: Mapping[str, Any], netloc: str) -> Resolved:
    ours: list[str] = []
    others: list[str] = []
    for item in report["install"]:
        pinned = f"{item['metadata']['name']}=={item['metadata']['version']}"
        host = urlsplit(item["download_info"]["url"]).netloc.rpartition("@")[2]
        (ours if host == netloc else others).append(pinned)
    return Resolved(ours=tuple(sorted(ours)), others=tuple(sorted(others)))


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip"):
        return [found]
    remedy = "install pip, or name the dependencies as requirements"
    raise Misconfigured(Problem(subject="--with-dependencies", what="needs pip, which is not there", remedy=remedy))


def _environment(gateway: LocalGateway) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.upper() not in _NOT_FOR_PIP}
    no_proxy = {name: with_loopback(kept.get(name, "")) for name in ("NO_PROXY", "no_proxy")}
    return {**kept, **no_proxy, "PIP_INDEX_URL": gateway.url_with_password, "PIP_CONFIG_FILE": os.devnull}
