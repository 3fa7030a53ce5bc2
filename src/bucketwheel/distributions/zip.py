"""What the two kinds of ZIP headers have in common: names, sizes, extra fields (APPNOTE.TXT 4.4 and 4.5)."""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from bucketwheel.distributions.findings import (
    LARGEST_NAMES,
    LARGEST_TEXT,
    LONGEST_NAME,
    MOST_MEMBERS,
    Broken,
    Finding,
    Flaw,
    Oddity,
    listed,
)
from bucketwheel.distributions.inflate import PIECE, RAW_DEFLATE, inflated, inflation_limit

__all__ = [
    "UTF8_NAME",
    "ZIP64_MARK",
    "CentralRecord",
    "Directory",
    "ZipListing",
    "ZipMember",
    "contents",
    "extra_fields",
    "find_directory",
    "member_name",
    "read_directory",
    "read_exactly",
    "read_listing",
    "read_member",
    "real_sizes",
    "validate_listing",
    "whole_text",
]

UTF8_NAME = 1 << 11
ZIP64_MARK = 0xFFFFFFFF
"""Stands where a number did not fit and is in the ZIP64 extra field instead."""

_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def read_exactly(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read these bytes, all of them."""
    file.seek(offset)
    body = file.read(length)
    if len(body) != length:
        raise Broken("is cut off, or its records point beyond its end")
    return body


def extra_fields(extra: bytes) -> dict[int, bytes]:
    """Take a header's extra field apart; of the two that change what a header means there is one each."""
    found: dict[int, bytes] = {}
    for kind, body in _each_field(extra):
        if kind in found and kind in {_ZIP64_EXTRA, _UNICODE_PATH_EXTRA}:
            raise Broken("has a ZIP header with an extra field twice")
        found[kind] = body
    return found


def _each_field(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(extra):
        if len(extra) - at < 4:  # noqa: PLR2004  # two 16-bit numbers: kind and length
            raise Broken("has a damaged extra field in a ZIP header")
        kind, length = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if len(body) != length:
            raise Broken("has a damaged extra field in a ZIP header")
        yield kind, body
        at += 4 + length


def member_name(raw: bytes, flags: int, extra: dict[int, bytes]) -> str:
    """Decode a member's name; raises Broken for one that readers would decode differently."""
    if _CONTROL.search(raw) or not raw or len(raw) > LONGEST_NAME:
        raise Broken("has a member whose name is empty, too long or has control characters")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken("has a member whose name is not UTF-8") from error
    if not flags & UTF8_NAME and not name.isascii():
        # Such a name is code page 437 to those who follow the specification, and UTF-8 to others.
        raise Broken(f"has a member whose name is not marked as UTF-8: {listed([name])}")
    if (unicode_path := extra.get(_UNICODE_PATH_EXTRA)) is not None:
        expected = struct.pack("<BL", 1, zlib.crc32(raw)) + raw
        if unicode_path != expected:
            raise Broken(f"has a member with a second, other name in an extra field: {listed([name])}")
    return name


def real_sizes(fields: tuple[int, ...], extra: dict[int, bytes]) -> tuple[int, ...]:
    """Put in the ZIP64 values where a header's fields refer to them, in the order the specification gives."""
    body = extra.get(_ZIP64_EXTRA, b"")
    if len(body) % 8:
        raise Broken("has a damaged ZIP64 field")
    values = struct.unpack(f"<{len(body) // 8}Q", body)
    marked = fields.count(ZIP64_MARK)
    if not marked and values == fields[: len(values)]:
        return fields  # superfluous values repeat the header, as they must: some readers prefer them
    if marked != len(values):
        raise Broken("has a ZIP64 field that contradicts its header")
    remaining = iter(values)
    return tuple(next(remaining) if field == ZIP64_MARK else field for field in fields)


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


def contents(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    """Yield a member's bytes in pieces, never more of them than its header says.

    Raises Broken where size, CRC or compressed data are not right; so what came before counts only at the end.
    """
    file.seek(member.data_start)
    crc = size = 0
    for piece in _deflated(file, member) if member.deflated else _stored(file, member):
        size += len(piece)
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != member.size or crc != member.crc:
        raise Broken(f"has a member whose data are not what its header says: {listed([member.name])}")


def _stored(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    remaining = member.size
    while piece := file.read(min(PIECE, remaining)):
        remaining -= len(piece)
        yield piece


def _deflated(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    left_over = yield from inflated(file, member.compressed_size, RAW_DEFLATE, member.size)
    if left_over:
        # A streaming reader would take what is left for the next record.
        raise Broken(f"has a member whose compressed data end early: {listed([member.name])}")


def whole_text(file: BinaryIO, member: ZipMember, limit: int = LARGEST_TEXT) -> bytes:
    """Read a member that is looked at as a whole; raises Broken for one that is too large for that."""
    if member.size > limit:
        raise Broken(f"has more than {limit} bytes in {listed([member.name])}")
    return b"".join(contents(file, member))


def validate_listing(listing: ZipListing) -> Iterator[Finding]:
    """Find what is unusual about the archive as an archive."""
    if described := [member.name for member in listing.members if member.described]:
        yield Oddity(
            what=f"was written by a tool that could not seek, which PyPI does not take (data descriptors):"
            f" {listed(described)}"
        )
    if listing.commented:
        yield Oddity(what="has a comment in its ZIP archive")
    if filled := [member.name for member in listing.members if member.is_directory and member.size]:
        yield Flaw(what=f"has directories with contents, which some readers take for files: {listed(filled)}")
    kinds = [(member.name, stat.S_IFMT(member.mode)) for member in listing.members]
    if links := [name for name, kind in kinds if kind == stat.S_IFLNK]:
        yield Oddity(what=f"has symbolic links, which pip and uv install as small text files: {listed(links)}")
    if special := [name for name, kind in kinds if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}]:
        yield Flaw(what=f"has members that are neither files nor directories: {listed(special)}")
