"""Ctrl-C: at once, and no half-written file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from bucketwheel.errors import Unavailable
from bucketwheel.sources.files import save
from bucketwheel.sources.limits import Limits
from support.archives import make_wheel
from support.fetching import Fetching, sha256_link
from support.http_server import Exchange, WebServer, answer, broken_off, html, silence

FETCH = """
import sys
from pathlib import Path
from bucketwheel.commands.fetch import fetch
fetch("demo-pkg", sources=[sys.argv[1]], into=Path(sys.argv[2]))
"""


def test_what_comes_from_a_store_is_interrupted_too(tmp_path: Path) -> None:
    """Between two blocks: bytes come without end, and the user loses patience meanwhile."""
    stopped = Event()

    def read(size: int) -> bytes:
        stopped.set()
        return bytes(min(size, 10))

    with pytest.raises(Unavailable, match=r"^demo was not fetched: interrupted$"), (tmp_path / "x").open("wb") as file:
        save(read, file, subject="demo", size=None, limits=Limits(), stopped=stopped)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT to send to one process on Windows")
def test_an_interrupt_ends_a_fetch_at_once_and_leaves_nothing_half_done(site: WebServer, tmp_path: Path) -> None:
    """While one file trickles in at a pace that is allowed, another is silent, and a third has come."""
    done, trickling, silent = (make_wheel(tmp_path / "made", "demo-pkg", version) for version in ("1.0", "2.0", "3.0"))
    dist = tmp_path / "dist"

    def trickle(exchange: Exchange) -> None:
        broken_off(b"", promised=10_000_000)(exchange)
        while not exchange.site.ending.wait(0.1):
            exchange.wfile.write(bytes(5000))

    site.put(f"/f/{done.name}", answer(done.read_bytes()))
    site.put(f"/f/{trickling.name}", trickle)
    site.put(f"/f/{silent.name}", silence)
    url = site.put("/", html(*(sha256_link(path, "f/") for path in (done, trickling, silent))))
    process = subprocess.Popen([sys.executable, "-c", FETCH, url, str(dist)], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while len(site.asked) < 4 or not (dist / done.name).exists():
            assert time.monotonic() < deadline, site.paths()
            time.sleep(0.05)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
        assert time.monotonic() - began < 3
        assert b"KeyboardInterrupt" in error
    finally:
        process.kill()
        process.wait()
    assert [path.name for path in dist.iterdir()] == [done.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no locks that outlive the closing of a file")
def test_what_a_killed_fetch_left_is_removed_by_the_next(site: WebServer, fetching: Fetching) -> None:
    """Not while it runs, though: its half of a file is locked."""
    made = fetching.dist.parent / "made"
    slow, other = (make_wheel(made, "demo-pkg", version) for version in ("1.0", "2.0"))

    def half(exchange: Exchange) -> None:
        broken_off(slow.read_bytes()[:50], promised=slow.stat().st_size)(exchange)
        silence(exchange)

    site.put(f"/f/{slow.name}", half)
    site.put(f"/f/{other.name}", answer(other.read_bytes()))
    url, next_url = (site.put(f"/{path.name}/", html(sha256_link(path, "/f/"))) for path in (slow, other))
    process = subprocess.Popen([sys.executable, "-c", FETCH, url, str(fetching.dist)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while len(site.asked) < 2:
            assert time.monotonic() < deadline, site.paths()
            time.sleep(0.05)
        fetching(next_url)
        assert [path.name for path in fetching.dist.glob("*.whl")] == [other.name]
        (part,) = fetching.dist.glob(".*.part")
    finally:
        process.kill()
        process.wait()
    fetching(next_url)
    assert fetching.there() == [other.name]
    assert part.name.startswith(f".{slow.name}.")


def test_only_what_a_fetch_leaves_is_removed(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Other programs and people have files called .part too, and a link may lead anywhere."""
    others = [
        "demo_pkg-1.0.tar.gz.0123abcd.part",
        ".notes.0123abcd.part",
        f".{wheel.name}.part",
        f".{wheel.name}.x.part",
    ]
    fetching.dist.mkdir()
    for name in others:
        (fetching.dist / name).write_bytes(b"mine")
    (fetching.dist / f".{wheel.name}.0123abcd.part").symlink_to(fetching.dist / others[0])
    (fetching.dist / f".{wheel.name}.01234567.part").mkdir()
    fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    kept = [f".{wheel.name}.0123abcd.part", f".{wheel.name}.01234567.part"]
    assert fetching.there() == sorted([*others, *kept, wheel.name])
