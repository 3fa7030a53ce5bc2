"""The end record and the central directory of a ZIP archive (APPNOTE.TXT 4.3.12 to 4.3.16)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken
from bucketwheel.distributions.members import LARGEST_NAMES, MOST_MEMBERS
from bucketwheel.distributions.zip_fields import ZIP64_MARK, extra_fields, member_name, read_exactly, real_sizes

__all__ = ["CentralRecord", "Directory", "find_directory", "read_directory"]

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_END64_SIZE = 44  # what follows the field itself, without extensible data
_RECORD = struct.Struct("<4s6H3L5H2L")
_RECORD_SIGNATURE = b"PK\x01\x02"
_LONGEST_COMMENT = 0xFFFF
_COUNT_MARK = 0xFFFF
_NEWEST_VERSION = 63  # of the specification, times ten; deflate needs 20 and ZIP64 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Where the central directory lies, by the one end record."""

    count: int
    size: int
    start: int
    commented: bool
    """The archive has a comment: the last place where foreign bytes may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralRecord:
    """One member, as the central directory has it."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    mode: int
    """The file's type and permissions as on Unix; 0 where the archive does not say."""
    header_start: int
    commented: bool


def find_directory(file: BinaryIO, length: int) -> Directory:
    """Find the central directory; raises Broken where two readers could find two."""
    tail_start = max(0, length - _END.size - _LONGEST_COMMENT)
    tail = read_exactly(file, tail_start, length - tail_start)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END.size > len(tail):
        raise Broken("is not a ZIP archive, or is cut off", "build it again, or download it again")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(tail, at)
    end = tail_start + at
    if end + _END.size + comment != length:
        raise Broken("has data after the end of its ZIP archive, or is cut off")
    if disk or first_disk or here != count:
        raise Broken("is a ZIP archive in several parts")
    if end >= _LOCATOR.size and read_exactly(file, end - _LOCATOR.size, 4) == _LOCATOR_SIGNATURE:
        end, count, size, start = _zip64_end(file, end, (count, size, start))
    if start + size != end:
        raise Broken("has data before its ZIP archive, or between its records")
    if count > MOST_MEMBERS or size > LARGEST_NAMES:
        raise Broken(f"has more than {MOST_MEMBERS} members, or a directory of them that is too large", "split it up")
    return Directory(count=count, size=size, start=start, commented=comment > 0)


def _zip64_end(file: BinaryIO, end: int, plain: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Read the ZIP64 end record, which lies directly before its locator; the plain one must not contradict it."""
    _, disk, end64, disks = _LOCATOR.unpack(read_exactly(file, end - _LOCATOR.size, _LOCATOR.size))
    if end64 + _END64.size + _LOCATOR.size != end or disk or disks > 1:
        raise Broken("has a ZIP64 end record that is not where it must be")
    signature, size64, _, _, disk, first_disk, here, count, size, start = _END64.unpack(
        read_exactly(file, end64, _END64.size)
    )
    if signature != _END64_SIGNATURE or size64 != _END64_SIZE or disk or first_disk or here != count:
        raise Broken("has a damaged ZIP64 end record")
    marks = (_COUNT_MARK, ZIP64_MARK, ZIP64_MARK)
    for value, value64, mark in zip(plain, (count, size, start), marks, strict=True):
        if value not in {value64, mark}:
            raise Broken("has two end records that contradict one another")
    return end64, count, size, start


def read_directory(file: BinaryIO, directory: Directory) -> Iterator[CentralRecord]:
    """Read the central directory: exactly as many records as the end record says, in exactly its size."""
    body = read_exactly(file, directory.start, directory.size)
    at = 0
    for _ in range(directory.count):
        if body[at : at + 4] != _RECORD_SIGNATURE or at + _RECORD.size > len(body):
            raise Broken("has a damaged central directory")
        fields = _RECORD.unpack_from(body, at)
        _, _, needed, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size = fields[:13]
        disk, _, attributes, header_start = fields[13:]
        name_at = at + _RECORD.size
        extra_at = name_at + name_size
        at = extra_at + extra_size + comment_size
        if disk:
            raise Broken("has a damaged central directory")
        if needed & 0xFF > _NEWEST_VERSION:
            raise Broken("has a member that asks for a newer ZIP reader than installers have")
        raw_name, extra = body[name_at:extra_at], extra_fields(body[extra_at : extra_at + extra_size])
        size, packed, header_start = real_sizes((size, packed, header_start), extra)
        yield CentralRecord(
            raw_name=raw_name,
            name=member_name(raw_name, flags, extra),
            flags=flags,
            method=method,
            crc=crc,
            compressed_size=packed,
            size=size,
            mode=attributes >> 16,
            header_start=header_start,
            commented=comment_size > 0,
        )
    if at != len(body):
        raise Broken("has a damaged central directory")
