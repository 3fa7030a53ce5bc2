"""What was measured, kept by case in `results.json`, and shown as tables in docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.lab import Row
from benchmarks.tools import ROOT, Tool

__all__ = ["keep", "render", "show"]

_KEPT = ROOT / "benchmarks" / "results.json"
_PAGE = ROOT / "docs" / "benchmarks.md"
_INTRODUCTION = ROOT / "benchmarks" / "introduction.md"
_VERDICTS = {True: "met", False: "**not met**", None: ""}


def keep(case: str, title: str, rows: Iterable[Row], tools: Iterable[Tool]) -> None:
    """Replace what is kept of a case, and write the page again."""
    kept = _read()
    kept[case] = {
        "title": title,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": _machine(),
        "versions": [tool.versions for tool in tools],
        "rows": [asdict(row) for row in rows],
    }
    _KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def render(order: Iterable[str]) -> None:
    """Write the page from what is kept, the cases in this order."""
    kept = _read()
    parts = [_INTRODUCTION.read_text(encoding="utf-8").rstrip()]
    parts += [_section(name, kept[name]) for name in order if name in kept]
    _PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def show(rows: Iterable[Row]) -> None:
    """Print rows for a person."""
    for row in rows:
        verdict = "" if row.met is None else "  [met]" if row.met else "  [NOT MET]"
        goal = f"  (goal: {row.goal})" if row.goal else ""
        print(f"{row.work}: {row.measured}{goal}{verdict}", flush=True)


def _read() -> dict[str, Any]:
    return dict(json.loads(_KEPT.read_text(encoding="utf-8"))) if _KEPT.is_file() else {}


def _section(name: str, case: Mapping[str, Any]) -> str:
    lines = [f"## {name}", "", case["title"], ""]
    lines += ["| work | goal | measured | |", "|---|---|---|---|"]
    rows = [Row(**row) for row in case["rows"]]
    lines += [f"| {row.work} | {row.goal} | {row.measured} | {_VERDICTS[row.met]} |" for row in rows]
    notes = dict.fromkeys(row.note for row in rows if row.note)
    lines += ["", *(f"- {note[0].upper()}{note[1:]}." for note in notes)] if notes else []
    lines += ["", f"Measured on {case['date']} at {case['commit']}: {case['machine']}. {'; '.join(case['versions'])}."]
    return "\n".join(lines)


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return found.stdout.strip() or "an unknown commit"


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = models[0] if models else model
    load = f", load {os.getloadavg()[0]:.1f} before the end" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} × {model}, {platform.system()}, Python {platform.python_version()}{load}"
