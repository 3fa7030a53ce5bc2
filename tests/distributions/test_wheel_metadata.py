"""A wheel's METADATA, read without the rest of the archive."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from bucketwheel.distributions import read_wheel_metadata, validate
from bucketwheel.errors import Refused
from bucketwheel.names import distribution_name
from distributions.zip_bytes import RawMember, raw_members, raw_zip
from support.archives import make_wheel, metadata_text, zipped

NAME = distribution_name("demo_pkg-1.0-py3-none-any.whl")
DIST_INFO = "demo_pkg-1.0.dist-info"
GOOD = metadata_text("demo-pkg", "1.0").encode()


class Counted(io.BytesIO):
    """A file that counts the stretches that are read."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.reads: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and remember how much."""
        data = super().read(size)
        self.reads.append(len(data))
        return data


def test_it_is_the_same_as_in_a_full_validation(tmp_path: Path) -> None:
    """Byte for byte, with the same Requires-Python."""
    wheel = make_wheel(tmp_path, requires_python=">=3.9", members={"demo_pkg/data": b"x" * 100_000})
    result = validate(wheel)
    contents = read_wheel_metadata(NAME, io.BytesIO(wheel.read_bytes()), result.size)
    assert (contents.metadata, contents.requires_python) == (result.metadata, ">=3.9")


def test_the_rest_is_not_read(tmp_path: Path) -> None:
    """The tail, the directory and the member: thousands of other members cost nothing."""
    wheel = make_wheel(tmp_path, members={f"demo_pkg/{number}.py": b"" for number in range(2000)})
    file = Counted(wheel.read_bytes())
    read_wheel_metadata(NAME, file, wheel.stat().st_size)
    assert len(file.reads) <= 4


def zip64(tmp_path: Path) -> bytes:
    """A member whose header has 64-bit sizes."""
    path = tmp_path / "zip64.whl"
    with zipfile.ZipFile(path, "w") as archive, archive.open(f"{DIST_INFO}/METADATA", "w", force_zip64=True) as member:
        member.write(GOOD)
    return path.read_bytes()


def test_large_sizes_in_headers_are_read_too(tmp_path: Path) -> None:
    """As some build tools write them for any member."""
    body = zip64(tmp_path)
    assert read_wheel_metadata(NAME, io.BytesIO(body), len(body)).metadata == GOOD


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not a ZIP archive"),
        (b"just text", "is not a ZIP archive"),
        (zipped({f"{DIST_INFO}/RECORD": b""}), "no file that could be its METADATA"),
        (zipped({f"{DIST_INFO}/metadata": GOOD}), "no file that could be its METADATA"),
        (zipped({f"demo_pkg/{DIST_INFO}/METADATA": GOOD}), "no file that could be its METADATA"),
        (zipped({f"{DIST_INFO}/METADATA": GOOD, f"{DIST_INFO}/Metadata": GOOD}), "several files that could be"),
        (zipped({f"{DIST_INFO}/METADATA": metadata_text("other", "1.0").encode()}), "something else"),
        (zipped({f"{DIST_INFO}/METADATA": metadata_text("demo-pkg", "2.0").encode()}), "something else"),
        (zipped({f"{DIST_INFO}/METADATA": b"Name: demo-pkg\n" * 200_000}), "more than 1048576 bytes"),
    ],
)
def test_what_is_unsound_is_refused(body: bytes, why: str) -> None:
    """Metadata that readers could differ about are never shown."""
    with pytest.raises(Refused, match=why):
        read_wheel_metadata(NAME, io.BytesIO(body), len(body))


def test_headers_that_disagree_are_refused(tmp_path: Path) -> None:
    """The local header says another name than the directory does."""
    body = make_wheel(tmp_path).read_bytes()
    name = f"{DIST_INFO}/METADATA".encode()
    at = body.index(name)
    other = body[:at] + name.replace(b"METADATA", b"METADATB") + body[at + len(name) :]
    with pytest.raises(Refused, match="contradict one another"):
        read_wheel_metadata(NAME, io.BytesIO(other), len(other))


def test_other_members_are_not_validated() -> None:
    """An adopted wheel that no new publish would accept still gets its metadata."""
    unreadable = RawMember(name=b"demo_pkg/data", body=b"", method=12)
    body = raw_zip([unreadable, *raw_members({f"{DIST_INFO}/METADATA": GOOD})])
    assert read_wheel_metadata(NAME, io.BytesIO(body), len(body)).metadata == GOOD
