"""How long uploads through the gateway take beside one publish of the same files, and what a large upload costs.

    python3 tests/run.py --collect-only -q   # once: sets up .venv
    .venv/bin/python benchmarks/uploads.py [RUNS]

16 wheels of 1 MiB, of one project, are sent by 16 connections at once to `bucketwheel serve`, and published by
`bucketwheel publish`, in turn; each request to the S3 server (ministack) is delayed by 30 ms. The goal is a ratio of at
most 3, pair by pair. Then a file of 1 GiB is uploaded to a directory; the memory may grow by less than 64 MiB.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.gateway import KEYS, LARGE, ROUND_TRIP, peak, serving  # noqa: E402

import bucketwheel  # noqa: E402 - the tests' support is beside, not on the path
from bucketwheel.places import DirectoryPlace, S3Place  # noqa: E402
from support.archives import make_wheel  # noqa: E402
from support.ministack import S3Server, fresh_bucket, run_ministack  # noqa: E402
from support.uploading import BOUNDARY, TOKEN, basic, form_of  # noqa: E402
from support.wire import run_wire  # noqa: E402

WHEELS, SIZE = 16, 1 << 20


def main(runs: int) -> None:
    """Time both ways in turn, and print medians, ratio and memory."""
    os.environ.update(KEYS, BUCKETWHEEL_UPLOAD_TOKEN=TOKEN)
    with tempfile.TemporaryDirectory() as scratch, run_ministack(Path(scratch)) as server:
        time_uploads(Path(scratch), server, runs)
        measure_memory(Path(scratch))


def time_uploads(scratch: Path, server: S3Server, runs: int) -> None:
    """Upload all wheels and publish them, in pairs, each time to another prefix of a bucket."""
    dist = scratch / "dist"
    made = [make_wheel(dist, version=f"1.{number}", members={"data": os.urandom(SIZE)}) for number in range(WHEELS)]
    pairs = []
    with fresh_bucket(server) as bucket, run_wire(server.endpoint_url or "", lambda _: time.sleep(ROUND_TRIP)) as wire:
        for number in range(runs):
            options = []
            for kind in ("uploads", "publish"):  # each a repository in which the project is known
                place = S3Place(bucket=bucket.place.bucket, prefix=f"{kind}-{number}/")
                settings = bucketwheel.Settings(repository=place, connection=bucket.connection)
                bucketwheel.publish(make_wheel(scratch / "first", version="0.1"), settings)
                options.append(["-r", str(place), "--endpoint-url", wire.url, "--region", "us-east-1"])
            pairs.append((time_posts(options[0], made), time_publish(options[1], made)))
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(through / direct for through, direct in pairs)
    print(f"{WHEELS} wheels of 1 MiB: uploads {ours:.2f} s, publish {theirs:.2f} s, ratio {ratio:.2f} (goal 3)")


def time_posts(options: list[str], made: list[Path]) -> float:
    """Return the seconds until all uploads are answered, of a gateway that runs."""
    forms = [form_of(path) for path in made]
    with serving(["-q", *options]) as (_, url), ThreadPoolExecutor(WHEELS) as pool:
        start = time.perf_counter()
        statuses = list(pool.map(lambda form: post(url, form), forms))
        seconds = time.perf_counter() - start
    if statuses != [200] * WHEELS:
        sys.exit(f"not all were released: {statuses}")
    return seconds


def time_publish(options: list[str], made: list[Path]) -> float:
    """Return the seconds of a whole process that publishes."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "bucketwheel", "publish", "-q", *options, *map(str, made)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def post(url: str, form: bytes) -> int:
    """Send a form by a connection of its own; return the status."""
    parts = urlsplit(url)
    headers = {"Authorization": basic(), "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=300)) as connection:
        connection.request("POST", "/legacy/", form, headers)
        return connection.getresponse().status


def measure_memory(scratch: Path) -> None:
    """Upload a large wheel, and print by how much the gateway's memory grew."""
    root = scratch / "repository"
    bucketwheel.publish(make_wheel(scratch / "one"), bucketwheel.Settings(repository=DirectoryPlace(path=root)))
    large = make_wheel(scratch / "large", "large", members={"data": os.urandom(LARGE)})
    with serving(["-q", "-r", str(root)]) as (process, url):
        post(url, form_of(make_wheel(scratch / "two", version="2.0")))
        before = peak(process.pid)
        status = send_large(url, large)
        print(f"1 GiB, answered {status}: memory grew by {peak(process.pid) - before:.0f} MiB (goal below 64)")


def send_large(url: str, path: Path) -> int:
    """Send a large file piece by piece, in the form of a small one."""
    small = make_wheel(path.parent / "small", "large")
    content = small.read_bytes()
    head, _, tail = form_of(small).rpartition(content)
    digests: tuple[Any, Any] = (hashlib.sha256(), hashlib.blake2b(digest_size=32))
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            for digest in digests:
                digest.update(piece)
    before: tuple[Any, Any] = (hashlib.sha256(content), hashlib.blake2b(content, digest_size=32))
    for digest, old in zip(digests, before, strict=True):
        head = head.replace(old.hexdigest().encode(), digest.hexdigest().encode())
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=600)) as connection, path.open("rb") as file:
        connection.putrequest("POST", "/legacy/")
        connection.putheader("Authorization", basic())
        connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        connection.putheader("Content-Length", str(len(head) + path.stat().st_size + len(tail)))
        connection.endheaders()
        connection.send(head)
        while piece := file.read(1 << 20):
            connection.send(piece)
        connection.send(tail)
        return connection.getresponse().status


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
