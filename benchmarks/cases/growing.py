"""How cost grows with what is there, and what it comes to in dollars."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.lab import Lab, Row, Sample
from benchmarks.pictures import draw
from benchmarks.seeds import seeded_repository
from benchmarks.tools import ROOT
from benchmarks.wheels import make_wheels

__all__ = ["compression", "growth", "scale"]

# S3 Standard in us-east-1, in dollars; see docs/scale.md.
_DOLLARS: Mapping[str, float] = {"PUT": 5e-6, "POST": 5e-6, "LIST": 5e-6, "GET": 4e-7, "HEAD": 4e-7, "DELETE": 0}

_PANELS: Mapping[str, Callable[[Sample], float]] = {
    "requests": lambda sample: sample.total,
    "bytes up and down, in MB": lambda sample: (sample.bytes_up + sample.bytes_down) / 1e6,
    "CPU seconds": lambda sample: sample.cpu,
    "memory, in MB": lambda sample: sample.peak / 1e6,
}


def growth(lab: Lab) -> list[Row]:
    """Publish, rebuild and prune in ever larger projects and repositories, and draw how cost grows."""
    files = (1, 10, 100, 1000, 10_000, 50_000)[: lab.size(6, 3)]
    projects = (10, 100, 1000, 10_000)[: lab.size(4, 1)]
    total = lab.size(10_000, 100)
    versions = [count for count in (1, 10, 100, 1000, 10_000) if count <= total]
    by_files = _grow(lab, files, lambda count: (1, str(count)), ("publish",))
    by_versions = _grow(lab, versions, lambda count: (1, f"{total}@{count}"), ("publish",))
    by_projects = _grow(lab, projects, lambda count: (count, "10"), ("publish", "reindex", "prune"))
    pictures = (
        ("files", "files in the project", by_files),
        ("versions", f"versions of {total:,} files", by_versions),
        ("projects", "projects of 10 files", by_projects),
    )
    rows = []
    for name, across, found in pictures:
        if not lab.quick:
            panels = {
                panel: {what: [(size, of(sample)) for size, sample in line] for what, line in found.items()}
                for panel, of in _PANELS.items()
            }
            picture = draw(f"What a command costs, by {across}", across, panels)
            (ROOT / "docs" / f"growth-{name}.svg").write_text(picture, encoding="utf-8")
        rows += [_grown(what, across, line) for what, line in found.items()]
    return rows


def _grow(
    lab: Lab, sizes: Sequence[int], shape: Callable[[int], tuple[int, str]], commands: Sequence[str]
) -> dict[str, list[tuple[int, Sample]]]:
    found: dict[str, list[tuple[int, Sample]]] = {_LABELS[command]: [] for command in commands}
    for size in sizes:
        bucket = seeded_repository(lab, *shape(size))
        for command in commands:
            found[_LABELS[command]].append((size, lab.run(_command(lab, command, bucket), delay=0)))
        lab.drop(bucket)
    return found


_LABELS = {"publish": "publish one wheel", "reindex": "reindex, nothing changed", "prune": "prune, nothing expired"}


def _command(lab: Lab, command: str, bucket: str) -> list[str]:
    if command == "publish":
        return lab.tool.upload(bucket, make_wheels(lab.directory(), "proj-00000", "2.0", 1))
    if command == "prune":
        return lab.tool.ours("prune", "-q", "*", "--keep", "3", "--yes", "-r", f"s3://{bucket}")
    return lab.tool.ours(command, "-q", "-r", f"s3://{bucket}")


def _grown(what: str, across: str, line: list[tuple[int, Sample]]) -> Row:
    def figures(sample: Sample) -> str:
        moved = (sample.bytes_up + sample.bytes_down) / 1e6
        return f"{sample.total:,} requests, {moved:.2f} MB, {sample.cpu:.2f} s CPU, {sample.peak / 1e6:.0f} MB memory"

    measured = "; ".join(f"{size:,}: {figures(sample)}" for size, sample in line)
    return Row(work=f"{what}, by {across}", measured=measured)


def scale(lab: Lab) -> list[Row]:
    """Count what a publish, an install and a nightly prune cost in a repository of 100 to 1,000,000 files."""
    shapes = ((10, 10), (1000, 10), (10_000, 100))[: lab.size(3, 1)]
    return [row for projects, files in shapes for row in _scaled(lab, projects, files)]


def _scaled(lab: Lab, projects: int, files: int) -> Iterator[Row]:
    bucket = seeded_repository(lab, projects, str(files), bodies=projects * files <= 10_000)
    size = f"{projects * files:,} files in {projects:,} projects"
    published = lab.run(_command(lab, "publish", bucket), delay=0)
    yield Row(work=f"publish one wheel, {size}", measured=_cost(published))
    page = lab.read(f"{bucket}/simple/proj-00001/index.json") or b""
    html = lab.read(f"{bucket}/simple/proj-00001/") or b""
    yield Row(
        work=f"install one wheel, {size}",
        measured=f"3 GETs (page, `.metadata`, wheel): $ {3e3 * _DOLLARS['GET']:.4f} a thousand; the page has "
        f"{len(page) / 1e3:.1f} kB as JSON, {len(html) / 1e3:.1f} kB as HTML",
    )
    pruned = lab.run(_command(lab, "prune", bucket), delay=0)
    yield Row(work=f"`prune '*'`, nothing expired, {size}", measured=_cost(pruned))
    expiring = f"proj-000{'[0-9]' * 2}" if projects > 10 else "*"
    count = min(projects, 100)
    command = ["prune", "-q", expiring, "--all-releases", "--keep", str(files - 1), "--yes", "-r", f"s3://{bucket}"]
    pruned = lab.run(lab.tool.ours(*command), delay=0)
    yield Row(work=f"`prune` where each of {count} projects loses one version, {size}", measured=_cost(pruned))
    lab.drop(bucket)


def _cost(sample: Sample) -> str:
    dollars = sum(count * _DOLLARS[verb] for verb, count in sample.requests.items())
    moved = f"{sample.bytes_up / 1e3:,.0f} kB up, {sample.bytes_down / 1e3:,.0f} kB down"
    return f"{sample.verbs} requests; {moved}; $ {dollars:.6f}"


def compression(lab: Lab) -> list[Row]:
    """Compress manifests and pages as gzip would, to see what it saves and costs."""
    count = lab.size(10_000, 100)
    bucket = seeded_repository(lab, 1, str(count))
    rows = []
    for what, key in (
        ("manifest", "_bucketwheel/manifests/proj-00000.json"),
        ("JSON page", "simple/proj-00000/index.json"),
        ("HTML page", "simple/proj-00000/"),
    ):
        body = lab.read(f"{bucket}/{key}") or b""
        found = []
        for level in (1, 6):
            start = time.process_time()
            packed = gzip.compress(body, compresslevel=level, mtime=0)
            used = time.process_time() - start
            found.append(f"level {level}: {len(packed) / len(body):.0%}, {used * 1000:.0f} ms CPU")
        measured = f"{len(body) / count:.0f} bytes a file; {'; '.join(found)}"
        rows.append(Row(work=f"gzip of the {what} of {count:,} files", measured=measured))
    start = time.process_time()
    json.loads(lab.read(f"{bucket}/_bucketwheel/manifests/proj-00000.json") or b"{}")
    rows.append(
        Row(
            work=f"decoding the manifest of {count:,} files with `json`, for comparison",
            measured=f"{(time.process_time() - start) * 1000:.0f} ms CPU",
        )
    )
    return rows
