"""How long pip downloads through the gateway beside the same from a public bucket, and what a large file costs.

    python3 tests/run.py --collect-only -q   # once: sets up .venv
    .venv/bin/python benchmarks/gateway.py [RUNS]

Both download the same 200 wheels of 100 KiB from the same S3 server (ministack) in turn, each request to it delayed by
30 ms. The goal is a ratio of at most 1.5, pair by pair. Then a file of 1 GiB is passed on from a directory and from S3;
the memory of the gateway may grow by less than 64 MiB.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import bucketwheel  # noqa: E402 - the tests' support is beside, not on the path
from bucketwheel.places import Connection, DirectoryPlace  # noqa: E402
from support.archives import make_wheel  # noqa: E402
from support.ministack import S3Server, fresh_bucket, run_ministack  # noqa: E402
from support.wire import run_wire  # noqa: E402

ROUND_TRIP = 0.03
WHEELS, SIZE = 200, 100 << 10
LARGE = 1 << 30
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def main(runs: int) -> None:
    """Time both ways in turn, and print medians, ratio and memory."""
    os.environ.update(KEYS)
    with tempfile.TemporaryDirectory() as scratch, run_ministack(Path(scratch)) as server:
        time_downloads(Path(scratch), server, runs)
        measure_memory(Path(scratch), server)


def time_downloads(scratch: Path, server: S3Server, runs: int) -> None:
    """Download all wheels through the gateway and from the bucket, in pairs."""
    made = [
        make_wheel(scratch / "dist", f"package-{number}", members={"data.bin": os.urandom(SIZE)})
        for number in range(WHEELS)
    ]
    with fresh_bucket(server) as bucket, run_wire(server.endpoint_url, lambda _: time.sleep(ROUND_TRIP)) as wire:
        settings = bucketwheel.Settings(repository=bucket.place, connection=bucket.connection)
        bucketwheel.publish(made, settings)
        public = f"{wire.url}/{bucket.place.bucket}/simple/"
        requirements = scratch / "requirements.txt"
        requirements.write_text("".join(f"package-{number}\n" for number in range(WHEELS)))
        pairs = []
        for _ in range(runs):
            direct = timed(pip(scratch, requirements, "--index-url", public))
            options = ["-r", str(bucket.place), "--endpoint-url", wire.url, "--region", "us-east-1", "--port", "0"]
            through = timed(
                [sys.executable, "-m", "bucketwheel", "exec", *options, "--only", "--", *pip(scratch, requirements)]
            )
            pairs.append((through, direct))
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(through / direct for through, direct in pairs)
    print(f"{WHEELS} wheels of 100 KiB: gateway {ours:.2f} s, bucket {theirs:.2f} s, ratio {ratio:.2f} (goal 1.5)")


def pip(scratch: Path, requirements: Path, *options: str) -> list[str]:
    """Return the command of a download."""
    target = scratch / f"target-{time.monotonic_ns()}"
    quiet = ["--quiet", "--no-cache-dir", "--no-deps", "--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", "download", *quiet, *options, "-d", str(target), "-r", str(requirements)]


def timed(command: list[str]) -> float:
    """Return the wall seconds of a whole process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    start = time.perf_counter()
    subprocess.run(command, env={**kept, "PIP_CONFIG_FILE": os.devnull}, check=True)
    return time.perf_counter() - start


def measure_memory(scratch: Path, server: S3Server) -> None:
    """Pass a large file on, and print by how much the gateway's memory grew."""
    root = scratch / "repository"
    bucketwheel.publish(make_wheel(scratch / "one"), bucketwheel.Settings(repository=DirectoryPlace(path=root)))
    large = root / "simple" / "demo-pkg" / "large-1.0.tar.gz"
    with large.open("wb") as file:
        file.truncate(LARGE)
    print(f"1 GiB from a directory: memory grew by {growth(['-r', str(root)]):.0f} MiB (goal below 64)")
    with fresh_bucket(server) as bucket:
        connection = Connection(region="us-east-1", endpoint_url=server.endpoint_url)
        bucketwheel.publish(
            make_wheel(scratch / "one"), bucketwheel.Settings(repository=bucket.place, connection=connection)
        )
        storage = bucket.storage()
        storage.bucket.client.upload_file(str(large), bucket.place.bucket, "simple/demo-pkg/large-1.0.tar.gz")  # type: ignore[attr-defined]
        options = ["-r", str(bucket.place), "--endpoint-url", str(server.endpoint_url), "--region", "us-east-1"]
        print(f"1 GiB from S3: memory grew by {growth(options):.0f} MiB (goal below 64)")


def growth(options: list[str]) -> float:
    """Return the MiB by which the memory of `serve` grows while it passes the large file on."""
    with serving(options) as (process, url):
        drain(f"{url}demo-pkg/")
        before = peak(process.pid)
        if drain(f"{url}demo-pkg/large-1.0.tar.gz") != LARGE:
            sys.exit("the file came with other bytes")
        return peak(process.pid) - before


@contextmanager
def serving(options: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a repository while the context lasts; give the process and its URL."""
    command = [sys.executable, "-m", "bucketwheel", "serve", *options, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline() if process.stdout is not None else ""
        try:
            yield process, said.removeprefix("serving at ").rstrip()
        finally:
            process.terminate()


def drain(url: str) -> int:
    """Read an address to its end; return the number of bytes."""
    count = 0
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server's
        while part := answer.read(1 << 20):
            count += len(part)
    return count


def peak(process: int) -> float:
    """Return the largest size of a process so far, in MiB (Linux only)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found is not None else 0.0


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
