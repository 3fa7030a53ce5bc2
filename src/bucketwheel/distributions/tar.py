"""Tar archives, read so strictly that every reader must see the same members.

The formats in use: POSIX ustar and pax (IEEE 1003.1, "pax Interchange Format"), GNU tar with its long names, and
the older ones that all of them extend. Reading stops with Broken where readers are known to differ: two sizes for
one member (CVE-2025-62518), sparse files, links with contents, damage that some take for the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from bucketwheel.distributions.inflate import GzipStream
from bucketwheel.distributions.observations import LARGEST_NAMES, LONGEST_NAME, MOST_MEMBERS, Broken, listed

__all__ = ["LINKS", "MemberType", "TarMember", "tar_members"]


class MemberType(Enum):
    """The types that matter; SPECIAL are devices and pipes."""

    FILE = auto()
    DIRECTORY = auto()
    HARD_LINK = auto()
    SYMBOLIC_LINK = auto()
    SPECIAL = auto()


LINKS = frozenset({MemberType.HARD_LINK, MemberType.SYMBOLIC_LINK})


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member; its contents, if any, are `size` bytes."""

    path: str
    type: MemberType
    size: int
    target: str
    """A link's target, as written; empty for all other members."""


_BLOCK = 512
_TYPES = {
    b"0": MemberType.FILE,
    b"\0": MemberType.FILE,
    b"7": MemberType.FILE,
    b"5": MemberType.DIRECTORY,
    b"1": MemberType.HARD_LINK,
    b"2": MemberType.SYMBOLIC_LINK,
    b"3": MemberType.SPECIAL,
    b"4": MemberType.SPECIAL,
    b"6": MemberType.SPECIAL,
}
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"


def tar_members(stream: GzipStream) -> Iterator[TarMember]:
    """Yield one member after another; the stream is then at the member's contents.

    Raises Broken for what is damaged, and for what readers would understand differently.
    """
    extended: dict[str, str] = {}
    count = length_of_names = 0
    while (block := stream.read(_BLOCK)).strip(b"\0"):
        header = _header(block)
        end = stream.position + -(-header.size // _BLOCK) * _BLOCK
        if header.type in {_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK}:
            extended |= _extended(header.type, _extended_body(stream, header.size))
        else:
            member = _member(header, extended)
            extended = {}
            count += 1
            length_of_names += len(member.path) + len(member.target)
            if count > MOST_MEMBERS or length_of_names > LARGEST_NAMES:
                raise Broken(f"has more than {MOST_MEMBERS} members, or names that are too long", "split it up")
            yield member
        stream.skip_to(end)
    if any(piece.strip(b"\0") for piece in stream.rest()):
        raise Broken("has data after the end of its tar archive")


# Headers: one block each

_SIZE, _CHECKSUM = 124, 148
_NUMBERS = ((100, 108), (108, 116), (116, 124), (_SIZE, 136), (136, 148), (_CHECKSUM, 156), (329, 337), (337, 345))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The fields of one block that matter here."""

    type: bytes
    path: str
    target: str
    size: int


def _header(block: bytes) -> _Header:
    if len(block) != _BLOCK:
        raise Broken("is cut off in the middle of its tar archive")
    # Readers that need other fields stop at the first number they cannot read, and some take that for the end.
    numbers = {start: _number(block[start:end]) for start, end in _NUMBERS}
    if numbers[_CHECKSUM] != sum(block[:148] + b" " * 8 + block[156:]) or numbers[_SIZE] < 0:
        raise Broken("has a damaged tar header")
    name, has_prefix = _text(block[:100]), block[257:263] == b"ustar\0"
    if block[345] and not has_prefix:
        raise Broken(f"has a member whose name readers see differently: {listed([name])}")  # GNU tar has times there
    prefix = _text(block[345:500]) if has_prefix else ""
    path = f"{prefix}/{name}" if prefix else name
    return _Header(type=block[156:157], path=path, target=_text(block[157:257]), size=numbers[_SIZE])


def _text(field: bytes) -> str:
    """Decode a name, padded with NUL; most readers would not see what comes after a NUL in it."""
    name = field.rstrip(b"\0").decode("utf-8", "surrogateescape")
    _refuse_nul(name)
    return name


def _refuse_nul(name: str) -> None:
    if "\0" in name:
        raise Broken(f"has a member with a NUL byte in its name: {listed([name])}")


def _number(field: bytes) -> int:
    """Read an octal number, or GNU tar's binary one for a number that is too large for that, or negative."""
    if field.startswith(b"\x80"):
        return int.from_bytes(field[1:], "big")
    if field.startswith(b"\xff"):
        return int.from_bytes(field, "big", signed=True)
    digits, _, padding = field.partition(b"\0")
    if digits.strip(b" ").strip(b"01234567") or padding.strip(b" \0"):
        raise Broken("has a damaged tar header")
    return int(digits.strip(b" ") or b"0", 8)


def _member(header: _Header, extended: Mapping[str, str]) -> TarMember:
    path = extended.get("path", header.path)
    if header.type == _GNU_SPARSE or any(key.startswith("GNU.sparse.") for key in extended):
        raise Broken(f"has a sparse file, which PyPI does not take: {listed([path])}")
    member_type = _TYPES.get(header.type)
    if member_type is None:
        raise Broken(f"has a member of a type that readers do not agree on: {listed([path])}")
    if member_type == MemberType.FILE and path.endswith("/"):
        member_type = MemberType.DIRECTORY  # as tar wrote it before directories had a type of their own
    size = str(header.size)
    if extended.get("size", size) != size or (header.size and member_type != MemberType.FILE):
        raise Broken(f"has a member whose end readers see in different places: {listed([path])}")
    target = extended.get("linkpath", header.target)
    for name in (path, target):
        _refuse_nul(name)
    if not path or max(len(path), len(target)) > LONGEST_NAME:
        raise Broken(f"has a member without a proper name: {listed([path])}")
    return TarMember(path=path, type=member_type, size=header.size, target=target if member_type in LINKS else "")


# Extended headers: names and more for the next member

_LARGEST_EXTENDED = 1 << 16  # bytes; real ones stay below 4 KiB


def _extended_body(stream: GzipStream, size: int) -> bytes:
    if size > _LARGEST_EXTENDED:
        raise Broken(f"has a tar header that announces {size} bytes of names")
    body = stream.read(size)
    if len(body) != size:
        raise Broken("is cut off in the middle of its tar archive")
    return body


def _extended(header_type: bytes, body: bytes) -> dict[str, str]:
    """Read an extended header; the keys are pax's."""
    if header_type == _GNU_NAME:
        return {"path": _text(body)}
    if header_type == _GNU_LINK:
        return {"linkpath": _text(body)}
    records = dict(_pax_records(body))
    if header_type == _PAX:
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
