"""ZIP archives written record by record, so that a test can put one lie into them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

__all__ = ["RawMember", "described", "raw_members", "raw_zip", "unicode_path", "zip64"]

Chosen = TypeVar("Chosen", int, bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMember:
    """One member; what is None is what an honest archive has there."""

    name: bytes
    body: bytes
    method: int = 8
    flags: int = 0
    needed: int = 20
    mode: int = 0o100644
    size: int | None = None
    packed: bytes | None = None
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_crc: int | None = None
    local_packed_size: int | None = None
    local_size: int | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    central_size: int | None = None
    comment: bytes = b""
    trailer: bytes = b""
    """Follows the data: a data descriptor, or what has no business there."""


def raw_members(content: Mapping[str, bytes]) -> list[RawMember]:
    """Make honest members, to be changed with `dataclasses.replace`."""
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
    """Write an archive; `end` replaces fields of the end record: count, size, start, disk, comment_size."""
    body, directory = prefix, b""
    for member in members:
        directory += _central(member, len(body))
        body += _local(member)
    body += between
    fields = {
        "disk": 0,
        "count": len(members),
        "size": len(directory),
        "start": len(body),
        "comment_size": len(comment),
    }
    end64 = _end64(len(members), len(directory), len(body)) if with_zip64 else b""
    fields |= end
    record = struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        fields["disk"],
        fields["disk"],
        fields["count"],
        fields["count"],
        fields["size"],
        fields["start"],
        fields["comment_size"],
    )
    return body + directory + end64 + record + comment + suffix


def zip64(*values: int) -> bytes:
    """Make a ZIP64 extra field."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def unicode_path(name: bytes, claimed: bytes) -> bytes:
    """Make an Info-ZIP extra field that gives a member a second name."""
    body = struct.pack("<BL", 1, zlib.crc32(name)) + claimed
    return struct.pack("<HH", 0x7075, len(body)) + body


def described(member: RawMember) -> RawMember:
    """Move sizes and CRC behind the data, as a writer does that cannot seek."""
    packed = _packed(member)
    return replace(
        member,
        flags=member.flags | 8,
        local_crc=0,
        local_packed_size=0,
        local_size=0,
        trailer=struct.pack("<4sLLL", b"PK\x07\x08", zlib.crc32(member.body), len(packed), len(member.body)),
    )


def _packed(member: RawMember) -> bytes:
    if member.packed is not None:
        return member.packed
    if member.method != 8:
        return member.body
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(member.body) + compressor.flush()


def _local(member: RawMember) -> bytes:
    packed, name = _packed(member), _either(member.local_name, member.name)
    header = struct.pack(
        "<4s5H3L2H",
        b"PK\x03\x04",
        20,
        _either(member.local_flags, member.flags),
        _either(member.local_method, member.method),
        0,
        0x21,
        _either(member.local_crc, zlib.crc32(member.body)),
        _either(member.local_packed_size, len(packed)),
        _either(member.local_size, _either(member.size, len(member.body))),
        len(name),
        len(member.local_extra),
    )
    return header + name + member.local_extra + packed + member.trailer


def _central(member: RawMember, offset: int) -> bytes:
    header = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        0x314,
        member.needed,
        member.flags,
        member.method,
        0,
        0x21,
        zlib.crc32(member.body),
        len(_packed(member)),
        _either(member.central_size, _either(member.size, len(member.body))),
        len(member.name),
        len(member.central_extra),
        len(member.comment),
        0,
        0,
        member.mode << 16,
        offset,
    )
    return header + member.name + member.central_extra + member.comment


def _end64(count: int, size: int, start: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)


def _either(value: Chosen | None, otherwise: Chosen) -> Chosen:
    return otherwise if value is None else value
