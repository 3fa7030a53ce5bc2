"""Any damage to an archive gets a verdict; and what is accepted, other readers see as we do."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bucketwheel.distributions import Contents
from bucketwheel.distributions.inflate import PIECE, RAW_DEFLATE, GzipStream, inflated
from bucketwheel.distributions.tar import tar_members
from bucketwheel.distributions.zip import read_listing
from bucketwheel.errors import Refused
from distributions.tar_bytes import gzipped, tar
from distributions.verdicts import SDIST, WHEEL, validated
from distributions.zip_bytes import described, raw_members, raw_zip
from support.archives import make_sdist, make_wheel, metadata_text, record_text

Edits: TypeAlias = Sequence[tuple[str, int, int, bytes]]

_INFO = "demo_pkg-1.0.dist-info"
_EXAMPLES = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _verdict(filename: str, body: bytes) -> Contents | None:
    try:
        return validated(body, filename)
    except Refused:
        return None


def _wheels() -> list[bytes]:
    content = {
        f"{_INFO}/METADATA": metadata_text("demo-pkg", "1.0").encode(),
        f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
    }
    valid = raw_members(content | {f"{_INFO}/RECORD": record_text(content, f"{_INFO}/RECORD").encode()})
    with tempfile.TemporaryDirectory() as directory:
        usual = make_wheel(Path(directory)).read_bytes()
    return [usual, raw_zip(valid, with_zip64=True), raw_zip([described(member) for member in valid])]


def _sdist() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return gzip.decompress(make_sdist(Path(directory)).read_bytes())


_SOUNDWHEELS = _wheels()
_SOUND_TARS = [_sdist(), tar(form=tarfile.GNU_FORMAT), tar(form=tarfile.USTAR_FORMAT)]

_POSITION = st.integers(0, 0xFFFF)  # taken modulo the length, so that an example stays small
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "copy", "truncate"]), _POSITION, _POSITION, st.binary(max_size=32)
    ),
    max_size=4,
)


def _damaged(body: bytes, edits: Edits) -> bytes:
    """Overwrite, cut, insert, copy or truncate, a few times."""
    for kind, here, there, new in edits:
        at, source = here % (len(body) + 1), there % (len(body) + 1)
        end = at if kind in {"insert", "copy"} else at + len(new)
        inserted = {"set": new, "insert": new, "copy": body[source : source + 32]}.get(kind, b"")
        body = body[:at] + inserted + (b"" if kind == "truncate" else body[end:])
    return body


@_EXAMPLES
@given(st.sampled_from(range(3)), _EDITS)
def test_a_damaged_wheel_is_refused_or_the_same_to_all_readers(which: int, edits: Edits) -> None:
    """No exception but ours, and Python's own reader finds the same members with the same contents."""
    body = _damaged(_SOUNDWHEELS[which], edits)
    if _verdict(WHEEL, body) is None:
        return
    with zipfile.ZipFile(io.BytesIO(body)) as theirs:
        assert theirs.testzip() is None
        members = read_listing(io.BytesIO(body), len(body)).members
        assert sorted(member.name for member in members) == sorted(theirs.namelist())
        assert {member.name: member.size for member in members} == {i.filename: i.file_size for i in theirs.infolist()}


@_EXAMPLES
@given(st.sampled_from(range(3)), _EDITS)
def test_a_damaged_tar_archive_is_refused_or_the_same_to_all_readers(which: int, edits: Edits) -> None:
    """No exception but ours, and Python's own reader finds the same members with the same sizes."""
    body = _resealed(_damaged(_SOUND_TARS[which], edits))
    compressed = gzipped(body)
    if _verdict(SDIST, compressed) is None:
        return
    with tarfile.open(fileobj=io.BytesIO(body)) as theirs:
        expected = [(member.name.rstrip("/"), member.size) for member in theirs]
    stream = GzipStream(io.BytesIO(compressed), len(compressed))
    assert [(member.path.rstrip("/"), member.size) for member in tar_members(stream)] == expected


def _resealed(body: bytes) -> bytes:
    """Make the checksum of every tar header right again, as an attacker would."""
    blocks = [body[at : at + 512] for at in range(0, len(body), 512)]
    return b"".join(
        block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:]) + block[156:]
        if block[257:262] == b"ustar" and len(block) == 512
        else block
        for block in blocks
    )


@_EXAMPLES
@given(_EDITS)
def test_a_damaged_gzip_file_is_refused_or_holds_the_same(edits: Edits) -> None:
    """No exception but ours, and no damage to the contents goes unseen."""
    body = _damaged(gzipped(_SOUND_TARS[0]), edits)
    if _verdict(SDIST, body) is not None:
        assert gzip.decompress(body) == _SOUND_TARS[0]


@_EXAMPLES
@given(st.binary(max_size=300), st.sampled_from([WHEEL, SDIST, "demo_pkg-1.0.zip"]))
def test_any_bytes_are_verdict(body: bytes, filename: str) -> None:
    """Noise is refused, under any name."""
    assert _verdict(filename, body) is None


_LINES = st.lists(
    st.sampled_from(
        [
            "Name: demo-pkg",
            "Version: 1.0",
            "Metadata-Version: 2.1",
            "Requires-Python: >=3",
            "",
            " x",
            "\r",
            "\x0c",
            "From x",
            "Wheel-Version: 1.0",
            "Tag: py3-none-any",
            "Tag: -",
            "Content-Type: multipart/x; boundary=",
            "[console_scripts]",
            "[DEFAULT]",
            "a = b:c",
            "a,sha256=x,1",
            '"',
            f"{_INFO}/RECORD,,",
            "=",
            "[",
            "Content-Transfer-Encoding: base64",
        ]
    )
    | st.text(max_size=12),
    max_size=12,
).map("\n".join)


@_EXAMPLES
@given(
    st.sampled_from(["METADATA", "WHEEL", "RECORD", "entry_points.txt"]),
    _LINES.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=100),
)
def test_any_text_inside_a_wheel_is_verdict(member: str, body: bytes) -> None:
    """The files that describe a wheel may hold anything; no exception but ours comes of it."""
    with tempfile.TemporaryDirectory() as directory:
        wheel = make_wheel(Path(directory), members={f"{_INFO}/{member}": body}).read_bytes()
    contents = _verdict(WHEEL, wheel)
    if member == "METADATA" and contents is not None:
        assert contents.metadata == body


@pytest.mark.parametrize("size", [*range(PIECE - 3, PIECE + 300, 9), 2 * PIECE])
def test_all_that_was_compressed_comes_out(size: int) -> None:
    """Zlib may still have output when its input has ended, at any size of the pieces."""
    packed = zlib.compress(bytes(size), 9, wbits=RAW_DEFLATE)
    assert sum(map(len, inflated(io.BytesIO(packed), len(packed), RAW_DEFLATE, size))) == size
