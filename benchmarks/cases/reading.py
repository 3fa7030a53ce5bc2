"""Reading what is there: rebuild pages, list a bucket, adopt a foreign index, fetch from one."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks.lab import FAR, Lab, Row, Sample, cpu, median, ratio
from benchmarks.seeds import seeded_repository

__all__ = ["adopt", "fetch", "listing", "reindex"]

_SHARE = 25
"""The part of its work that stick is given: its requests are exactly linear in the files, and all take an hour."""


def reindex(lab: Lab) -> list[Row]:
    """Rebuild the index of 1,000 × 10 files where nothing changed, beside stick."""
    projects, files = lab.size(1000, 50), lab.size(10, 2)
    bucket = seeded_repository(lab, projects, str(files))
    ours = [lab.run(lab.tool.ours("reindex", "-q", "-r", f"s3://{bucket}")) for _ in range(lab.size(3, 1))]
    most = round(1.03 * projects)
    rows = [
        Row(
            work=f"`reindex` of {projects:,} × {files}, nothing changed",
            goal=f"≤ {most:,} requests",
            measured=f"{ours[-1].verbs} requests, {median(ours, cpu):.1f} s CPU",
            met=ours[-1].total <= most,
        )
    ]
    if peer := lab.peers.get("stick"):
        theirs_bucket = lab.bucket()
        lab.load(theirs_bucket, "stick-files", str(projects // _SHARE), str(files))
        theirs = lab.run([str(peer.python.parent / "stick"), "reindex", "--bucket", theirs_bucket])
        times = theirs.seconds * _SHARE / median(ours)
        rows.append(
            Row(
                work=f"`reindex` of {projects:,} × {files}, nothing changed",
                goal="≥ 20 × stick",
                measured=f"{times:.0f} × stick, which makes {theirs.total * _SHARE:,} requests",
                met=times >= 20,
                note=f"stick was given 1/{_SHARE} of the projects; its time and its requests are multiplied",
            )
        )
    return rows


def listing(lab: Lab) -> list[Row]:
    """List 100,000 keys, beside a regular expression over the same answers."""
    count = lab.size(100_000, 3000)
    bucket = lab.bucket()
    lab.load(bucket, "stick-files", str(count // 100), "100")
    ours, theirs = lab.interleave(
        5,
        lambda: lab.tool.probe("probe", "list", bucket, lab.endpoint),
        lambda: lab.tool.probe("probe", "expression", bucket, lab.endpoint),
        delay=0,
    )
    share = _printed(ours) / _printed(theirs)
    return [
        Row(
            work=f"listing {count:,} keys",
            goal="≤ 1.5 × the CPU of a regular expression over the XML",
            measured=f"{share:.2f} × (both with boto3's own work for the requests)",
            met=share <= 1.5,
        )
    ]


def _printed(samples: list[Sample]) -> float:
    return statistics.median(float(sample.output.split()[0]) for sample in samples)


def adopt(lab: Lab) -> list[Row]:
    """Adopt 10,000 foreign wheels, with and without digests that S3 verified."""
    projects, files = lab.size(500, 10), lab.size(20, 3)
    rows = []
    for kind, goal, what, note in (
        ("foreign", 2.2, "as s3pypi leaves them", ""),
        ("known", 0.3, "with a trusted digest and a sidecar", _ASKED_ONCE),
    ):
        bucket = lab.bucket()
        lab.load(bucket, kind, str(projects), str(files))
        lab.run(lab.tool.ours("init", "-q", f"s3://{bucket}", "--adopt", "--set", "simple="), delay=0)
        found = lab.run(lab.tool.ours("reindex", "-q", "--adopt", "-r", f"s3://{bucket}"), delay=0)
        wheels = projects * files
        own = round(found.total / wheels, 2)  # as it is shown: what the repository costs once is no wheel's
        rows.append(
            Row(
                work=f"`reindex --adopt` of {wheels:,} foreign wheels in {projects:,} projects, {what}",
                goal=f"≤ {goal} requests a wheel",
                measured=f"{own:.2f} requests a wheel: {found.verbs}; {found.peak / 1e6:.0f} MB",
                met=own <= goal,
                note=note,
            )
        )
    return rows


_ASKED_ONCE = (
    "the floor is 1 a wheel and 4 a project: a listing shows neither a digest that S3 verified nor what Python a wheel "
    "requires, so each wheel is asked for once; what a page of another tool says of bytes proves nothing"
)


def fetch(lab: Lab) -> list[Row]:
    """Fetch 1,000 wheels of 100 KiB, near and far, beside wheelhouse-uploader and aria2."""
    count, size = lab.size(1000, 30), 100 << 10
    bucket = lab.bucket()
    lab.load(bucket, "container", str(count), str(size))
    url = f"{lab.endpoint}/{bucket}/index.html"

    def ours() -> list[str]:
        return lab.tool.ours("fetch", "-q", "demo", "--from", url, "--into", str(lab.directory()))

    commands: dict[str, Callable[[], list[str]]] = {"bucketwheel": ours}
    if wheelhouse := lab.peers.get("wheelhouse-uploader"):
        words = [str(wheelhouse.python), "-m", "wheelhouse_uploader", "fetch", "--local-folder"]
        commands["wheelhouse-uploader"] = lambda: [*words, str(lab.directory()), "demo", url]
    if program := lab.peers.get("aria2"):
        names = lab.directory() / "urls"
        names.write_text("".join(f"{lab.endpoint}/{bucket}/demo-1.{n}-py3-none-any.whl\n" for n in range(count)))
        words2 = [str(program.python), "--quiet", "--max-concurrent-downloads=16", f"--input-file={names}"]
        words2 += [f"--ca-certificate={lab.certificate}"] if lab.certificate else []
        commands["aria2"] = lambda: [*words2, f"--dir={lab.directory()}"]
    rows = []
    for delay, goals in ((FAR, {"wheelhouse-uploader": 6, "aria2": 0.9}), (0.0, {"wheelhouse-uploader": 1.2})):
        found = dict(zip(commands, lab.interleave(3, *commands.values(), delay=delay), strict=True))
        rows += [_fetched(count, delay, name, goals.get(name), found) for name in commands if name != "bucketwheel"]
        if len(commands) == 1:
            own = found["bucketwheel"][-1]
            rows.append(Row(work=_fetch_work(count, delay), measured=f"no peer; {own.total} requests"))
    return rows


def _fetch_work(count: int, delay: float) -> str:
    return f"`fetch` of {count:,} × 100 KiB at {delay * 1000:.0f} ms"


def _fetched(count: int, delay: float, name: str, goal: float | None, found: dict[str, list[Sample]]) -> Row:
    times = ratio(found[name], found["bucketwheel"])
    return Row(
        work=_fetch_work(count, delay),
        goal=f"≥ {goal} × {name}" if goal else "",
        measured=f"{times:.2f} × {name} (CPU {ratio(found[name], found['bucketwheel'], cpu):.2f} ×)",
        met=times >= goal if goal else None,
        note=f"{name} compares no digest; we compare each",
    )
