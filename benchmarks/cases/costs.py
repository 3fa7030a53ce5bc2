"""What a process costs its machine: the first milliseconds, and memory where there is much."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.lab import Lab, Row, Sample, cpu, median
from benchmarks.seeds import new_repository, seeded_repository
from benchmarks.wheels import make_wheels, write_large_wheel

__all__ = ["ceiling", "large", "memory", "start"]

_HEAVY = ("boto3", "rich", "jinja2")
_MEGABYTE = 1e6


def start(lab: Lab) -> list[Row]:
    """Start and end: `--help`, `--version`, and the refusal of a bad file bound for S3."""
    bad = lab.directory() / "demo-1.0-py3-none-any.whl"
    bad.write_bytes(b"this is no archive")
    refused = lab.tool.ours("publish", "-r", "s3://nowhere", str(bad))
    rows = []
    for what, command, goal, fails in (
        ("`--help`", lab.tool.ours("--help"), 80, False),
        ("`--version`", lab.tool.ours("--version"), 80, False),
        ("refusing a bad file for S3", refused, 160, True),
    ):
        bare = [str(lab.tool.python), "-c", "pass"]
        pairs = [(lab.run(bare), lab.run(command, fails=fails)) for _ in range(lab.size(15, 2))]
        own = (median([each for _, each in pairs], cpu) - median([each for each, _ in pairs], cpu)) * 1000
        heavy = _heavy_imports(lab, command, fails=fails) if not fails else []
        rows.append(
            Row(
                work=what,
                goal=f"≤ {goal} ms CPU over a bare interpreter" + ("" if fails else "; no boto3, rich or jinja2"),
                measured=f"{own:.0f} ms" + ("" if fails else f"; imported of these: {', '.join(heavy) or 'none'}"),
                met=own <= goal and not heavy,
            )
        )
    return rows


def _heavy_imports(lab: Lab, words: Sequence[str], *, fails: bool) -> list[str]:
    output = lab.run([str(lab.tool.python), "-X", "importtime", *words], fails=fails).output
    return [name for name in _HEAVY if re.search(rf"\| +{name}$", output, re.MULTILINE)]


def memory(lab: Lab) -> list[Row]:
    """Measure the largest resident set: a 3 GiB wheel, adoption of 100,000 files, reindex of 10,000 projects."""
    big = write_large_wheel(lab.directory() / "big-1.0-py3-none-any.whl", "big", "1.0", lab.size(3 << 30, 64 << 20))
    bucket = new_repository(lab)
    published = lab.run(lab.tool.ours("publish", "-q", "-r", f"s3://{bucket}", str(big)), delay=0)
    big.unlink()
    rows = [_memory_row(f"publish a wheel of {lab.size(3, 0) or 1 / 16:g} GiB", 100, published)]

    projects = lab.size(1000, 10)
    bucket = lab.bucket()
    lab.load(bucket, "known", str(projects), "100")
    lab.run(lab.tool.ours("init", "-q", f"s3://{bucket}", "--adopt", "--set", "simple="), delay=0)
    adopted = lab.run(lab.tool.ours("reindex", "-q", "--adopt", "-r", f"s3://{bucket}"), delay=0)
    note = "files with a trusted digest and a sidecar"
    rows.append(_memory_row(f"`reindex --adopt` of {projects * 100:,} files", 400, adopted, note))
    lab.drop(bucket)

    few, many = lab.size(1000, 20), lab.size(10_000, 100)
    peaks = []
    for count in (few, many):
        bucket = seeded_repository(lab, count, "10")
        peaks.append(lab.run(lab.tool.ours("reindex", "-q", "-r", f"s3://{bucket}"), delay=0).peak / _MEGABYTE)
        lab.drop(bucket)
    rows.append(
        Row(
            work=f"`reindex` of {few:,} and of {many:,} projects × 10 files",
            goal="flat: ≤ 1.25 × the memory for ten times the projects",
            measured=f"{peaks[0]:.0f} MB and {peaks[1]:.0f} MB: {peaks[1] / peaks[0]:.2f} ×",
            met=peaks[1] <= 1.25 * peaks[0],
        )
    )
    return rows


def _memory_row(work: str, goal: int, sample: Sample, note: str = "") -> Row:
    found = sample.peak / _MEGABYTE
    return Row(work=work, goal=f"≤ {goal} MB", measured=f"{found:.0f} MB", met=found <= goal, note=note)


def large(lab: Lab) -> list[Row]:
    """Publish one wheel more into a project of 50,000 files."""
    count = lab.size(50_000, 500)
    bucket = seeded_repository(lab, 1, str(count))
    samples = []
    for number in range(lab.size(3, 1)):
        wheels = make_wheels(lab.directory(), "proj-00000", f"2.{number}", 1)
        samples.append(lab.run(lab.tool.upload(bucket, wheels), delay=0))
    used, resident = median(samples, cpu), median(samples, lambda sample: sample.peak) / _MEGABYTE
    work = f"a manifest of {count:,} files, one wheel more"
    return [
        Row(work=work, goal="CPU ≤ 2 s", measured=f"{used:.2f} s", met=used <= 2),
        Row(work=work, goal="≤ 230 MB", measured=f"{resident:.0f} MB", met=resident <= 230),
    ]


def ceiling(lab: Lab) -> list[Row]:
    """Measure what the server itself can do, so that one can tell whether it bounds a figure."""
    bucket = lab.bucket()
    lab.load(bucket, "container", str(lab.size(2000, 50)), "1024")
    target = str(lab.directory())
    words = ("fetch", "-q", "demo", "--from", f"{lab.endpoint}/{bucket}/index.html", "--into", target)
    found = lab.run(lab.tool.ours(*words), delay=0)
    return [
        Row(
            work="the server of these benchmarks",
            measured=f"{found.total / found.server_cpu:,.0f} requests a second at most, by its CPU time for "
            f"{found.total:,} GETs of 6 KiB with TLS over {found.connections} connections",
        )
    ]
