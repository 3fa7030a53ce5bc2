"""ZIP archives written record by record, so that a test can damage any one of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

__all__ = ["RawMember", "described", "raw_members", "raw_zip", "unicode_path", "zip64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMember:
    """One member; a value that is None is the one of an valid archive."""

    name: bytes
    body: bytes
    method: int = 8
    flags: int = 0
    needed: int = 20
    mode: int = 0o100644
    size: int | None = None
    packed: bytes | None = None
    local_name: bytes | None = None
    local: Mapping[str, int] = field(default_factory=dict)
    """Replaces fields of the local header: flags, method, crc, packed, size."""
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    trailer: bytes = b""
    """Follows the data: a data descriptor, or bytes that must not be there."""


def raw_members(content: Mapping[str, bytes]) -> list[RawMember]:
    """Make valid members, to be changed with `dataclasses.replace`."""
    return [RawMember(name=name.encode(), body=body) for name, body in content.items()]


def raw_zip(
    members: Sequence[RawMember],
    *,
    prefix: bytes = b"",
    between: bytes = b"",
    suffix: bytes = b"",
    comment: bytes = b"",
    with_zip64: bool = False,
    **end: int,
) -> bytes:
    """Write an archive; `end` replaces fields of the end record: disk, count, size, start, comment_size."""
    body, directory = prefix, b""
    for member in members:
        directory += _central(member, len(body))
        body += _local(member)
    body += between
    numbers = (len(members), len(directory), len(body))
    usual = dict(zip(("disk", "count", "size", "start", "comment_size"), (0, *numbers, len(comment)), strict=True))
    disk, count, size, start, comment_size = (usual | end).values()
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", disk, disk, count, count, size, start, comment_size)
    return body + directory + (_end64(*numbers) if with_zip64 else b"") + record + comment + suffix


def zip64(*values: int) -> bytes:
    """Make a ZIP64 extra field."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def unicode_path(name: bytes, claimed: bytes) -> bytes:
    """Make an Info-ZIP extra field that gives a member a second name."""
    body = struct.pack("<BL", 1, zlib.crc32(name)) + claimed
    return struct.pack("<HH", 0x7075, len(body)) + body


def described(member: RawMember) -> RawMember:
    """Move sizes and CRC after the data, as a writer does that cannot seek."""
    values = (zlib.crc32(member.body), len(_packed(member)), len(member.body))
    trailer = struct.pack("<4sLLL", b"PK\x07\x08", *values)
    return replace(member, flags=member.flags | 8, local={"crc": 0, "packed": 0, "size": 0}, trailer=trailer)


def _packed(member: RawMember) -> bytes:
    if member.packed is not None:
        return member.packed
    if member.method != 8:
        return member.body
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(member.body) + compressor.flush()


def _local(member: RawMember) -> bytes:
    body, name, extra = _packed(member), member.local_name or member.name, member.local_extra
    usual = {"flags": member.flags, "method": member.method, "crc": zlib.crc32(member.body), "packed": len(body)}
    flags, method, crc, packed, size = {**usual, "size": _size(member), **member.local}.values()
    numbers = (20, flags, method, 0, 0x21, crc, packed, size, len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers) + name + extra + body + member.trailer


def _central(member: RawMember, offset: int) -> bytes:
    texts = (member.name, member.central_extra, member.comment)
    numbers = (0x314, member.needed, member.flags, member.method, 0, 0x21, zlib.crc32(member.body))
    sizes = (len(_packed(member)), _size(member), *map(len, texts))
    header = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers, *sizes, 0, 0, member.mode << 16, offset)
    return header + b"".join(texts)


def _size(member: RawMember) -> int:
    return len(member.body) if member.size is None else member.size


def _end64(count: int, size: int, start: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
