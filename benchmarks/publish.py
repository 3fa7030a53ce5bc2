"""How long a publish takes beside s3pypi, in the same run and over the same wire.

    python3 tests/run.py --collect-only -q   # once: sets up .venv
    .venv/bin/python benchmarks/publish.py [RUNS]

Both publish the same wheels to the same S3 server (ministack) in turn, each request delayed by 30 ms; a run is a whole
process, from its start to its end. What counts is the ratio, pair by pair: the times are this machine's.
s3pypi writes no JSON page, no metadata and no root page, and takes no care of other publishers.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.archives import make_wheel  # noqa: E402 - the tests' support lies beside, not on the path
from support.ministack import run_ministack  # noqa: E402
from support.wire import run_wire  # noqa: E402

PEER = "s3pypi==2.0.1"
ROUND_TRIP = 0.03


def main(runs: int) -> None:
    """Time both tools in turn, and print each one's median and the ratio."""
    with tempfile.TemporaryDirectory() as scratch, run_ministack(Path(scratch)) as server:
        peer = install_peer(Path(scratch) / "peer")
        with run_wire(server.endpoint_url or "", lambda _: time.sleep(ROUND_TRIP)) as wire:
            environ = environment(wire.url, peer)
            for label, count in (("1 wheel into an existing project", 1), ("10 wheels into an existing project", 10)):
                pairs = [pair(Path(scratch) / f"{count}-{run}", count, run, environ) for run in range(runs)]
                ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
                ratio = statistics.median(own / other for own, other in pairs)
                print(f"{label}: bucketwheel {ours:.2f} s, s3pypi {theirs:.2f} s, ratio {ratio:.2f}", flush=True)


def pair(directory: Path, count: int, run: int, environ: dict[str, str]) -> tuple[float, float]:
    """Publish a first version with each tool, and time the second."""
    bucket = f"bench-{count}-{run}"
    subprocess.run([sys.executable, "-c", MAKE_BUCKET, bucket], env=environ, check=True)
    versions = []
    for version in ("1.0", "1.1"):
        (directory / version).mkdir(parents=True)
        versions.append(
            [str(make_wheel(directory / version, version=version, tag=f"py3{n}-none-any")) for n in range(count)]
        )
    ours = [sys.executable, "-m", "bucketwheel", "publish", "-q", "-r", f"s3://{bucket}/ours"]
    theirs = ["s3pypi", "upload", "--bucket", bucket, "--prefix", "theirs"]
    for command in (ours, theirs):
        subprocess.run(
            [*command, *versions[0]], env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    return timed([*ours, *versions[1]], environ), timed([*theirs, *versions[1]], environ)


def timed(command: list[str], environ: dict[str, str]) -> float:
    """Wall seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def install_peer(home: Path) -> Path:
    """Install the peer into an environment of its own, and return where its programs lie."""
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(programs / "python"), PEER], check=True)
    return programs


def environment(endpoint: str, peer: Path) -> dict[str, str]:
    """The environment of both: dummy credentials, and the wire as the endpoint."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETWHEEL_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "PATH": os.pathsep.join([str(peer), os.environ.get("PATH", "")]),
    }


MAKE_BUCKET = "import boto3, sys; boto3.client('s3').create_bucket(Bucket=sys.argv[1])"

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
