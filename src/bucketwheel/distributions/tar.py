"""The records of a tar archive, read so strictly that every reader must see the same members.

The formats in use: POSIX ustar and pax (IEEE 1003.1, "pax Interchange Format"), GNU tar with its long names, and
the older ones that all of them extend. Where readers are known to differ, reading ends with Broken: two sizes for
one member (CVE-2025-62518), sparse files, links with contents, damage that some take for the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import BinaryIO

from bucketwheel.distributions.findings import LARGEST_NAMES, LONGEST_NAME, MOST_MEMBERS, Broken, listed
from bucketwheel.distributions.inflate import GZIP, PIECE, inflated, inflation_limit

__all__ = ["GzipStream", "Kind", "TarMember", "tar_members"]

_MAGIC = b"\x1f\x8b"


class GzipStream:
    """What a gzipped file holds, to be read once.

    Raises Broken for a damaged file, and for one that unpacks to far more than its size.
    """

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.position = 0
        self._pieces = _unpacked(file, length)
        self._buffer = b""

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end only."""
        parts = []
        while piece := self._take(size):
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    def skip_to(self, position: int) -> None:
        """Go forward to this position; raises Broken where the end comes before."""
        while self.position < position:
            if not self._take(position - self.position):
                raise Broken("is cut off in the middle of its tar archive")

    def rest(self) -> Iterator[bytes]:
        """Read on to the end, which is where the CRC is checked."""
        while piece := self._take(PIECE):
            yield piece

    def _take(self, size: int) -> bytes:
        """Take up to `size` bytes; none at the end only."""
        available = self._buffer or next(self._pieces, b"")
        taken, self._buffer = available[:size], available[size:]
        self.position += len(taken)
        return taken


def _unpacked(file: BinaryIO, length: int) -> Iterator[bytes]:
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        raise Broken("is not a gzipped tar archive", "build it again, or download it again")
    file.seek(0)
    left_over = yield from inflated(file, length, GZIP, inflation_limit(length))
    file.seek(length - left_over)
    while padding := file.read(PIECE):
        if padding.strip(b"\0"):
            # Another gzip member, say: some readers go on with it, some do not.
            raise Broken("has data after the end of its gzip stream")


class Kind(Enum):
    """What a member is; SPECIAL are devices and pipes."""

    FILE = auto()
    DIRECTORY = auto()
    HARD_LINK = auto()
    SYMBOLIC_LINK = auto()
    SPECIAL = auto()


_BLOCK = 512
_SIZE, _CHECKSUM = 124, 148
_NUMBERS = ((100, 108), (108, 116), (116, 124), (_SIZE, 136), (136, 148), (_CHECKSUM, 156), (329, 337), (337, 345))
_LARGEST_HEADER = 1 << 16  # names and extended headers; real ones stay below 4 KiB
_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"5": Kind.DIRECTORY,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMBOLIC_LINK,
    b"3": Kind.SPECIAL,
    b"4": Kind.SPECIAL,
    b"6": Kind.SPECIAL,
}
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member; its contents, if any, are `size` bytes."""

    path: str
    kind: Kind
    size: int
    target: str
    """Where a link leads to, as written; empty for everything else."""


def tar_members(stream: GzipStream) -> Iterator[TarMember]:
    """Yield one member after another; while one is looked at, the stream stands at its contents.

    Raises Broken for what is damaged, and for what readers would understand differently.
    """
    names: dict[str, str] = {}
    count = length_of_names = 0
    while (block := stream.read(_BLOCK)).strip(b"\0"):
        header = _header(block)
        end = stream.position + -(-header.size // _BLOCK) * _BLOCK
        if header.kind in {_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK}:
            names |= _names(header.kind, _header_body(stream, header.size))
        else:
            member = _member(header, names)
            names = {}
            count += 1
            length_of_names += len(member.path) + len(member.target)
            if count > MOST_MEMBERS or length_of_names > LARGEST_NAMES:
                raise Broken(f"has more than {MOST_MEMBERS} members, or names that are too long", "split it up")
            yield member
        stream.skip_to(end)
    if any(piece.strip(b"\0") for piece in stream.rest()):
        raise Broken("has data after the end of its tar archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The fields of one block that matter here."""

    kind: bytes
    name: str
    linkname: str
    size: int


def _header(block: bytes) -> _Header:
    if len(block) != _BLOCK:
        raise Broken("is cut off in the middle of its tar archive")
    # Readers that go by other fields stop at the first number they cannot read, and some take that for the end.
    numbers = {start: _number(block[start:end]) for start, end in _NUMBERS}
    if numbers[_CHECKSUM] != sum(block[:148] + b" " * 8 + block[156:]) or numbers[_SIZE] < 0:
        raise Broken("has a damaged tar header")
    name, prefix = _text(block[:100]), _text(block[345:500])
    if prefix and block[257:263] != b"ustar\0":
        raise Broken(f"has a member whose name readers see differently: {listed([name])}")  # GNU tar keeps times there
    return _Header(
        kind=block[156:157],
        name=f"{prefix}/{name}" if prefix else name,
        linkname=_text(block[157:257]),
        size=numbers[_SIZE],
    )


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """Read an octal number, or GNU tar's binary one for what is too large for that, or negative."""
    if field.startswith(b"\x80"):
        return int.from_bytes(field[1:], "big")
    if field.startswith(b"\xff"):
        return int.from_bytes(field, "big", signed=True)
    digits, _, padding = field.partition(b"\0")
    if digits.strip(b" ").strip(b"01234567") or padding.strip(b" \0"):
        raise Broken("has a damaged tar header")
    return int(digits.strip(b" ") or b"0", 8)


def _header_body(stream: GzipStream, size: int) -> bytes:
    if size > _LARGEST_HEADER:
        raise Broken(f"has a tar header that announces {size} bytes of names")
    body = stream.read(size)
    if len(body) != size:
        raise Broken("is cut off in the middle of its tar archive")
    return body


def _names(kind: bytes, body: bytes) -> dict[str, str]:
    """Read what an extended header says about the next member, under pax's names."""
    if kind == _GNU_NAME:
        return {"path": _text(body)}
    if kind == _GNU_LINK:
        return {"linkpath": _text(body)}
    records = dict(_pax_records(body))
    if kind == _PAX:
        return records
    if not records.keys().isdisjoint({"path", "linkpath", "size"}):
        raise Broken("has a global tar header that gives all members one name or size")
    return {}


def _pax_records(body: bytes) -> Iterator[tuple[str, str]]:
    """Take records apart: a length in decimal, a space, `key=value` and a line feed."""
    at = 0
    while at < len(body) and body[at]:
        digits = body[at : at + 8].split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() else 0
        record = body[at + len(digits) + 1 : at + length]
        key, _, value = record.partition(b"=")
        if not value.endswith(b"\n") or at + length > len(body):
            raise Broken("has a damaged extended tar header")
        yield key.decode("utf-8", "surrogateescape"), value[:-1].decode("utf-8", "surrogateescape")
        at += length


def _member(header: _Header, names: Mapping[str, str]) -> TarMember:
    path = names.get("path", header.name)
    target = names.get("linkpath", header.linkname)
    if header.kind == _GNU_SPARSE or any(key.startswith("GNU.sparse.") for key in names):
        raise Broken(f"has a sparse file, which PyPI does not take: {listed([path])}")
    kind = _KINDS.get(header.kind)
    if kind is None:
        raise Broken(f"has a member of a kind that readers do not agree on: {listed([path])}")
    if kind == Kind.FILE and path.endswith("/"):
        kind = Kind.DIRECTORY  # as tar wrote it before directories had a kind of their own
    if names.get("size", str(header.size)) != str(header.size) or (header.size and kind != Kind.FILE):
        raise Broken(f"has a member whose end readers see in different places: {listed([path])}")
    if not path or "\0" in path + target or len(path) > LONGEST_NAME or len(target) > LONGEST_NAME:
        raise Broken(f"has a member without a proper name: {listed([path])}")
    is_link = kind in {Kind.HARD_LINK, Kind.SYMBOLIC_LINK}
    return TarMember(path=path, kind=kind, size=header.size, target=target if is_link else "")
