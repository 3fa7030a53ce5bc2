"""Memory and time stay bounded, even if an archive claims or unpacks to gigabytes."""

from __future__ import annotations

import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bucketwheel.distributions import validate
from bucketwheel.errors import Refused
from distributions.tar_bytes import gzipped, member, tar, tar_header
from distributions.zip_bytes import RawMember, raw_zip
from support.archives import make_sdist, make_wheel, metadata_text

_MIB = 1 << 20


@contextmanager
def _within(*, seconds: float) -> Iterator[None]:
    """Bound the time of this process, so that a busy machine makes no difference."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


@contextmanager
def _in_memory(*, mebibytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * _MIB


def _endless_deflate(mebibytes: int) -> bytes:
    """Deflate this many MiB of zeros in no time: blocks that end in a full flush can be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = compressor.compress(bytes(_MIB)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + b"\x03\x00"


def _endless_gzip(beginning: bytes, mebibytes: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = compressor.compress(beginning) + compressor.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + first + _endless_deflate(mebibytes) + bytes(8)


def _wheel(tmp_path: Path, *members: RawMember) -> Path:
    path = tmp_path / "demo_pkg-1.0-py3-none-any.whl"
    path.write_bytes(raw_zip(members))
    return path


def test_a_bomb_that_says_so_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """The directory's sizes are added up first: 4 GiB from 4 MiB is more than any real wheel has."""
    bomb = RawMember(name=b"demo_pkg/zeros", body=b"", packed=_endless_deflate(4000), size=4000 * _MIB)
    path = _wheel(tmp_path, bomb)
    with _in_memory(mebibytes=4), _within(seconds=2), pytest.raises(Refused, match="is a decompression bomb"):
        validate(path)


def test_a_bomb_that_hides_its_size_is_stopped(tmp_path: Path) -> None:
    """Not a byte more is unpacked than both headers announce."""
    bomb = RawMember(name=b"x-1.dist-info/METADATA", body=b"", packed=_endless_deflate(4000), size=1000)
    path = _wheel(tmp_path, bomb)
    with _in_memory(mebibytes=4), _within(seconds=2), pytest.raises(Refused, match="holds more than it may"):
        validate(path)


@pytest.mark.parametrize(
    "beginning",
    [b"", tar_header(b"demo_pkg-1.0/zeros", b"0")[:124] + b"77777777777\0", tar(content={})],
    ids=["nothing but zeros", "half a header", "an archive that has ended"],
)
def test_an_sdist_that_unpacks_without_end_is_stopped(beginning: bytes, tmp_path: Path) -> None:
    """Reading stops at fifty times its size, or 64 MiB."""
    path = tmp_path / "demo_pkg-1.0.tar.gz"
    path.write_bytes(_endless_gzip(beginning, 4000))
    with _in_memory(mebibytes=4), _within(seconds=5), pytest.raises(Refused):
        validate(path)


def test_a_member_without_end_is_stopped(tmp_path: Path) -> None:
    """The contents of a member are skipped piece by piece, up to the same limit."""
    header = bytearray(tar_header(b"demo_pkg-1.0/zeros", b"0"))
    header[124:136] = b"77777777777\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "demo_pkg-1.0.tar.gz"
    path.write_bytes(_endless_gzip(bytes(header), 4000))
    with _in_memory(mebibytes=4), _within(seconds=5), pytest.raises(Refused, match="holds more than it may"):
        validate(path)


def test_deep_directories_are_validated_in_bounded_time(tmp_path: Path) -> None:
    """A hundred kilobytes can unpack to thousands of members, each of them two thousand directories deep."""
    deep = [member("demo_pkg-1.0/" + "x/" * 2035 + str(number)) for number in range(10_000)]
    link = member("demo_pkg-1.0/link", tarfile.SYMTYPE, "setup.py")
    path = tmp_path / "demo_pkg-1.0.tar.gz"
    path.write_bytes(gzipped(tar(link, *deep, form=tarfile.GNU_FORMAT)))
    with _within(seconds=8):
        validate(path)


def test_valid_large_files_stream(tmp_path: Path) -> None:
    """A file's size does not show in memory, packed or not."""
    zeros = bytes(60 * _MIB)
    paths = [
        make_wheel(tmp_path, members={"demo_pkg/zeros": zeros}),
        make_sdist(tmp_path, members={"zeros": zeros}),
        make_sdist(tmp_path, members={"zeros": zeros}, filename="demo_pkg-1.0.zip"),
    ]
    del zeros
    with _in_memory(mebibytes=8), _within(seconds=20):
        for path in paths:
            validate(path)


@pytest.mark.parametrize(
    ("member", "body"),
    [
        ("METADATA", metadata_text("demo-pkg", "1.0").encode().split(b"\n\n")[0] + b"\n" + b"a:\n" * 340_000),
        ("METADATA", b"Name:" + b"\n " * 500_000),
        ("METADATA", b"Requires-Python: " + b">=3," * 250_000),
        ("METADATA", b"Version: " + b"1." * 500_000),
        ("METADATA", b"Version: 1.0" + b"a" * 1_000_000),
        ("METADATA", b"\r" * 1_000_000),
        ("WHEEL", b"Tag: " + b".".join([b"py3"] * 9_000) + b"-none-any\n"),
        ("WHEEL", b"Tag: " + b"-".join([b".".join([b"a%d" % n for n in range(300)])] * 3) + b"\n"),
        ("entry_points.txt", b"[a]\nb = c\n" + b" \n" * 400_000),
        ("entry_points.txt", b"".join(b"[a%d]\n" % at for at in range(80_000))),
        ("RECORD", b"," * 1_000_000),
        ("RECORD", b"".join(b"a%d,,\n" % at for at in range(100_000))),
    ],
)
def test_texts_are_read_in_bounded_time(member: str, body: bytes, tmp_path: Path) -> None:
    """No text inside an archive can make reading it slow."""
    path = make_wheel(tmp_path, members={f"demo_pkg-1.0.dist-info/{member}": body})
    with _within(seconds=20), suppress(Refused):
        validate(path)
