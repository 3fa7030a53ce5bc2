"""A ZIP archive's members, read so strictly that every reader must see the same ones.

Some readers go by the central directory at the end (pip), some by the local headers from the start (uv, while
the download still runs). An archive is sound here when both ways, and every byte in between, tell the same:
local headers and data lie side by side from the first byte on, the central directory follows at once, the
end record after it, and then nothing. The specification is PKWARE's APPNOTE.TXT; the rules beyond it are those
that PyPI enforces since uv's CVE-2025-54368.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, listed
from bucketwheel.distributions.inflate import inflation_limit
from bucketwheel.distributions.zip_directory import CentralRecord, find_directory, read_directory
from bucketwheel.distributions.zip_fields import UTF8_NAME, extra_fields, member_name, read_exactly, real_sizes

__all__ = ["ZipListing", "ZipMember", "read_listing", "read_member"]

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_LONGEST_DESCRIPTOR = 24
_DESCRIBED = 1 << 3
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_STORED, _DEFLATED = 0, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """One member: both of its headers agree on everything here."""

    name: str
    deflated: bool
    crc: int
    compressed_size: int
    size: int
    mode: int
    """The file's type and permissions as on Unix; 0 where the archive does not say."""
    data_start: int
    described: bool
    """Sizes and CRC stand behind the data (a data descriptor), where a streaming reader learns them late."""

    @property
    def is_directory(self) -> bool:
        """Whether the name says so, as every ZIP reader understands it."""
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipListing:
    """All members, in the order of their data."""

    members: tuple[ZipMember, ...]
    commented: bool
    """The archive or a member has a comment, the one place where bytes may be that nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LocalHeader:
    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    data_start: int


def read_listing(file: BinaryIO, length: int) -> ZipListing:
    """Read all records of a ZIP archive; raises Broken where two readers could see two different archives."""
    directory = find_directory(file, length)
    records = sorted(read_directory(file, directory), key=lambda record: record.header_start)
    borders = [*(record.header_start for record in records), directory.start]
    if borders[0] != 0:
        raise Broken("has data before its ZIP archive")
    members = tuple(
        read_member(file, record, next_start)
        for record, (_, next_start) in zip(records, pairwise(borders), strict=True)
    )
    unpacked = sum(member.size for member in members)
    if unpacked > inflation_limit(length):
        raise Broken(f"is a decompression bomb: {length} bytes claim to hold {unpacked}")
    return ZipListing(members=members, commented=directory.commented or any(record.commented for record in records))


def read_member(file: BinaryIO, record: CentralRecord, next_start: int) -> ZipMember:
    """Hold a central record against the local header it points to, and against the bytes up to the next one.

    Raises Broken where they disagree.
    """
    header = _local_header(file, record.header_start)
    if not _agree(header, record):
        raise Broken(f"has a member with two headers that contradict one another: {listed([record.name])}")
    if record.flags & _ENCRYPTED:
        raise Broken(f"has an encrypted member: {listed([record.name])}")
    if record.method not in {_STORED, _DEFLATED}:
        raise Broken(f"has a member that is neither stored nor deflated: {listed([record.name])}")
    if record.method == _STORED and header.compressed_size != record.compressed_size:
        # Nothing tells a streaming reader where such data end but a signature, which they may hold themselves.
        raise Broken(f"has a stored member whose size stands behind it: {listed([record.name])}")
    data_end = header.data_start + record.compressed_size
    if not _is_trailer(file, record, data_end, next_start - data_end):
        raise Broken(f"has data between its members, or members that overlap, after {listed([record.name])}")
    return ZipMember(
        name=record.name,
        deflated=record.method == _DEFLATED,
        crc=record.crc,
        compressed_size=record.compressed_size,
        size=record.size,
        mode=record.mode,
        data_start=header.data_start,
        described=bool(record.flags & _DESCRIBED),
    )


def _local_header(file: BinaryIO, start: int) -> _LocalHeader:
    signature, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack(
        read_exactly(file, start, _LOCAL.size)
    )
    if signature != _LOCAL_SIGNATURE:
        raise Broken("has a directory that points to something else than a member")
    name_start = start + _LOCAL.size
    names = read_exactly(file, name_start, name_size + extra_size)
    extra = extra_fields(names[name_size:])
    member_name(names[:name_size], flags, extra)
    size, packed = real_sizes((size, packed), extra)
    return _LocalHeader(
        raw_name=names[:name_size],
        flags=flags,
        method=method,
        crc=crc,
        compressed_size=packed,
        size=size,
        data_start=name_start + len(names),
    )


def _agree(header: _LocalHeader, record: CentralRecord) -> bool:
    """Whether both say the same; with a descriptor behind the data, the header in front may leave sizes at 0."""
    described = header.flags & _DESCRIBED
    pairs = (
        (header.crc, record.crc),
        (header.compressed_size, record.compressed_size),
        (header.size, record.size),
    )
    return (
        header.raw_name == record.raw_name
        and header.method == record.method
        and not (header.flags ^ record.flags) & (_ENCRYPTED | _DESCRIBED | UTF8_NAME)
        and all(early == late or (described and early == 0) for early, late in pairs)
    )


def _is_trailer(file: BinaryIO, record: CentralRecord, start: int, length: int) -> bool:
    """Whether what lies between a member's data and the next record is its data descriptor, or nothing."""
    if not record.flags & _DESCRIBED:
        return length == 0
    if not 0 < length <= _LONGEST_DESCRIPTOR:
        return False
    values = (record.crc, record.compressed_size, record.size)
    # APPNOTE.TXT 4.3.9: sizes of 32 or 64 bits, after a signature or not.
    forms = [struct.pack("<LQQ", *values)]
    if max(values) < 1 << 32:
        forms.append(struct.pack("<LLL", *values))
    trailer = read_exactly(file, start, length)
    return trailer.removeprefix(_DESCRIPTOR_SIGNATURE) in forms
