"""An index from a plain list, beside dumb-pypi, whose job that is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lab import Lab, Row, Sample, cpu, median, ratio
from benchmarks.tools import Tool

__all__ = ["from_list"]

_FILES = 100
_NOTE = (
    f"whole time on {os.cpu_count()} processors, into a directory; bucketwheel uses several, dumb-pypi one; "
    "CPU is user and system time of all processes of a run"
)


def from_list(lab: Lab) -> list[Row]:
    """Make an index of 1,000 × 100 files from a list, beside dumb-pypi."""
    projects = lab.size(1000, 20)
    of_all = _write_list(lab, projects, _FILES)
    one_more = _write_list(lab, projects, _FILES, more=1)
    work = f"an index of {projects:,} × {_FILES} files"
    rows: list[Row] = []
    rows.append(_compared(lab, work, 3, of_all, ()))
    rows.append(_compared(lab, f"{work}, no JSON a version", 5, of_all, ("--no-per-release-json",)))
    ours, theirs = lab.directory(), lab.directory()
    peer = lab.peers.get("dumb-pypi")
    lab.run(_ours(lab, of_all, ours))
    if peer is not None:
        lab.run(_theirs(peer, of_all, theirs))
    for what, goal, body in (("nothing changed", 5, of_all), ("one file more", None, one_more)):
        previous = ("--previous-package-list-json", str(of_all))
        again = [lab.run(_ours(lab, body, ours))]
        others = [] if peer is None else [lab.run(_theirs(peer, body, theirs, previous))]
        rows.append(_row(f"{work}, {what}", goal, again, others))
    return rows


def _compared(lab: Lab, work: str, goal: int, body: Path, words: Sequence[str]) -> Row:
    peer = lab.peers.get("dumb-pypi")
    directory = lab.directory()
    commands = [lambda: _ours(lab, body, _emptied(directory), words)]
    if peer is not None:
        commands.append(lambda: _theirs(peer, body, _emptied(directory), words))
    ours, *theirs = lab.interleave(3, *commands)
    return _row(work, goal, ours, [each for samples in theirs for each in samples])


def _emptied(directory: Path) -> Path:
    """Remove what the run before wrote: where directories are memory, every run then has the same memory."""
    shutil.rmtree(directory)
    directory.mkdir()
    return directory


def _row(work: str, goal: int | None, ours: Sequence[Sample], theirs: Sequence[Sample]) -> Row:
    used = f"{median(ours):.1f} s, {median(ours, cpu):.1f} s CPU"
    if not theirs:
        return Row(work=work, measured=used)
    times = ratio(theirs, ours)
    measured = f"{times:.2f} × faster than dumb-pypi (CPU {ratio(theirs, ours, cpu):.2f} ×); {used}"
    met = None if goal is None else times >= goal
    stated = "" if goal is None else f"≥ {goal} × faster than dumb-pypi"
    return Row(work=work, goal=stated, measured=measured, met=met, note=_NOTE)


def _ours(lab: Lab, body: Path, directory: Path, words: Sequence[str] = ()) -> list[str]:
    return [*lab.tool.ours("from-list", "-q"), *_options(body, directory), *words]


def _theirs(peer: Tool, body: Path, directory: Path, words: Sequence[str] = ()) -> list[str]:
    return [str(peer.python), "-m", "dumb_pypi.main", *_options(body, directory), *words]


def _options(body: Path, directory: Path) -> list[str]:
    return ["--package-list-json", str(body), "--packages-url", "../../pool", "--output-dir", str(directory)]


def _write_list(lab: Lab, projects: int, files: int, *, more: int = 0) -> Path:
    path = lab.directory() / "list"
    names = [(project, file) for project in range(projects) for file in range(files)]
    names += [(0, files + number) for number in range(more)]
    with path.open("w", encoding="utf-8") as target:
        for project, file in names:
            filename = f"proj_{project:05}-1.{file}.0-py3-none-any.whl"
            line = {
                "filename": filename,
                "hash": f"sha256={hashlib.sha256(filename.encode()).hexdigest()}",
                "requires_python": ">=3.9",
                "upload_timestamp": 1_700_000_000 + project * 1000 + file,
                "uploaded_by": "bench",
            }
            target.write(f"{json.dumps(line)}\n")
    return path
