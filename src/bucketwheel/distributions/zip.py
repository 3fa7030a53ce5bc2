"""ZIP archives, read so strictly that every reader must see the same members.

The order is that of reading: end record, central directory, local headers, contents. Sections are those of PKWARE's
APPNOTE.TXT. Reading stops with Broken where two readers could see two different archives.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import BinaryIO

from bucketwheel.distributions.inflate import PIECE, RAW_DEFLATE, inflated, inflation_limit
from bucketwheel.distributions.observations import (
    LARGEST_NAMES,
    LARGEST_TEXT,
    LONGEST_NAME,
    MOST_MEMBERS,
    Broken,
    Flaw,
    Observation,
    Oddity,
    listed,
)

__all__ = [
    "ZipListing",
    "ZipMember",
    "contents",
    "member_spans",
    "read_listing",
    "read_text",
    "text_in_span",
    "validate_listing",
]

_DESCRIBED = 1 << 3
_UTF8_NAME = 1 << 11
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_STORED, _DEFLATED = 0, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipMember:
    """One member, as the central directory describes it."""

    name: str
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    mode: int
    """The file's type and permissions as on Unix; 0 where the archive does not say."""
    has_comment: bool
    header_start: int
    data_start: int = -1
    """Known only once the local header was compared; until then the contents cannot be read."""

    @property
    def is_directory(self) -> bool:
        """Return whether the name says so, as every ZIP reader understands it."""
        return self.name.endswith("/")

    @property
    def is_described(self) -> bool:
        """Return whether sizes and CRC follow the data (a data descriptor), where streaming readers find them late."""
        return bool(self.flags & _DESCRIBED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipListing:
    """All members, in the order of their data."""

    members: tuple[ZipMember, ...]
    has_comment: bool
    """The archive or a member has a comment, the one place for bytes that no reader looks at."""


def read_listing(file: BinaryIO, length: int) -> ZipListing:
    """Read all records of an archive; raises Broken where two readers could see two different archives."""
    directory = _find_directory(file, length)
    spans = _spans(file, directory)
    first_record = spans[0][0].header_start if spans else directory.start
    if first_record != 0:
        raise Broken("has data before its ZIP archive")
    members = tuple(_located(file, member, next_start) for member, next_start in spans)
    unpacked = sum(member.size for member in members)
    if unpacked > inflation_limit(length):
        raise Broken(f"is a decompression bomb: {length} bytes claim to hold {unpacked}")
    has_comment = directory.has_comment or any(member.has_comment for member in members)
    return ZipListing(members=members, has_comment=has_comment)


def validate_listing(listing: ZipListing) -> Iterator[Observation]:
    """Find unusual members and comments."""
    if described := [member.name for member in listing.members if member.is_described]:
        yield Oddity(f"has data descriptors, as a tool writes that cannot seek; PyPI refuses them: {listed(described)}")
    if listing.has_comment:
        yield Oddity("has a comment in its ZIP archive")
    if filled := [member.name for member in listing.members if member.is_directory and member.size]:
        yield Flaw(f"has directories with contents, which some readers take for files: {listed(filled)}")
    types = [(member.name, stat.S_IFMT(member.mode)) for member in listing.members]
    if links := [name for name, file_type in types if file_type == stat.S_IFLNK]:
        yield Oddity(f"has symbolic links, which pip and uv install as small text files: {listed(links)}")
    usual = {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}
    if special := [name for name, file_type in types if file_type not in usual]:
        yield Flaw(f"has members that are neither files nor directories: {listed(special)}")


def contents(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    """Yield a member's bytes in pieces, never more of them than its header says.

    Raises Broken at the end where size or CRC are wrong; until then no piece can be trusted.
    """
    file.seek(member.data_start)
    crc = size = 0
    for piece in (_stored if member.method == _STORED else _inflated)(file, member):
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


def _inflated(file: BinaryIO, member: ZipMember) -> Iterator[bytes]:
    left_over = yield from inflated(file, member.compressed_size, RAW_DEFLATE, member.size)
    if left_over:
        # A streaming reader would take what is left for the next record.
        raise Broken(f"has a member whose compressed data end early: {listed([member.name])}")


def read_text(file: BinaryIO, member: ZipMember, limit: int = LARGEST_TEXT) -> bytes:
    """Read a member as a whole; raises Broken for one that is too large for that."""
    if member.size > limit:
        raise Broken(f"has more than {limit} bytes in {listed([member.name])}")
    return b"".join(contents(file, member))


# One member alone, for files that are read over the network.

_LARGEST_HEADERS = 1 << 17  # name and extra field, of at most 64 KiB each


def member_spans(file: BinaryIO, length: int) -> list[tuple[ZipMember, int]]:
    """Read the central directory: each member, in the order of their data, and where the next one begins."""
    return _spans(file, _find_directory(file, length))


def text_in_span(file: BinaryIO, member: ZipMember, next_start: int) -> bytes:
    """Read one member as a whole, its local header included, with a single read of the file."""
    length = next_start - member.header_start
    if not 0 <= length <= LARGEST_TEXT + _LARGEST_HEADERS:
        raise Broken(f"has more than {LARGEST_TEXT} bytes in {listed([member.name])}")
    span = io.BytesIO(_read_exactly(file, member.header_start, length))
    return read_text(span, _located(span, replace(member, header_start=0), length))


# The end record (4.3.14 to 4.3.16)

_END = struct.Struct("<4x4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4xLQL")
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ4x2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_END64_SIZE = 44  # what follows the field itself, without extensible data
_LONGEST_COMMENT = 0xFFFF
_COUNT_IN_ZIP64 = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF  # the number did not fit; it is in a ZIP64 record or field instead


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    """The place of the central directory, by the one end record."""

    count: int
    size: int
    start: int
    has_comment: bool


def _find_directory(file: BinaryIO, length: int) -> _Directory:
    tail_start = max(0, length - _END.size - _LONGEST_COMMENT)
    tail = _read_exactly(file, tail_start, length - tail_start)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or at + _END.size > len(tail):
        raise Broken("is not a ZIP archive, or is cut off", "build it again, or download it again")
    disk, first_disk, count_here, count, size, start, comment = _END.unpack_from(tail, at)
    end = tail_start + at
    if end + _END.size + comment != length:
        raise Broken("has data after the end of its ZIP archive, or is cut off")
    if disk or first_disk or count_here != count:
        raise Broken("is a ZIP archive in several parts")
    if end >= _LOCATOR.size and _read_exactly(file, end - _LOCATOR.size, 4) == _LOCATOR_SIGNATURE:
        end, count, size, start = _zip64_end(file, end, (count, size, start))
    if start + size != end:
        raise Broken("has data before its ZIP archive, or between its records")
    if count > MOST_MEMBERS or size > LARGEST_NAMES:
        raise Broken(f"has more than {MOST_MEMBERS} members, or a directory of them that is too large", "split it up")
    return _Directory(count=count, size=size, start=start, has_comment=comment > 0)


def _zip64_end(file: BinaryIO, end: int, plain: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Read the ZIP64 end record, directly before its locator; the plain one must not contradict it."""
    disk, end64, disks = _LOCATOR.unpack(_read_exactly(file, end - _LOCATOR.size, _LOCATOR.size))
    if end64 + _END64.size + _LOCATOR.size != end or disk or disks > 1:
        raise Broken("has a ZIP64 end record that is not where it must be")
    record = _END64.unpack(_read_exactly(file, end64, _END64.size))
    signature, size64, disk, first_disk, count_here, count, size, start = record
    if signature != _END64_SIGNATURE or size64 != _END64_SIZE or disk or first_disk or count_here != count:
        raise Broken("has a damaged ZIP64 end record")
    marks = (_COUNT_IN_ZIP64, _IN_ZIP64, _IN_ZIP64)
    for value, value64, mark in zip(plain, (count, size, start), marks, strict=True):
        if value not in {value64, mark}:
            raise Broken("has two end records that contradict one another")
    return end64, count, size, start


# The central directory (4.3.12)

_RECORD = struct.Struct("<4s2x3H4x3L4H2x2L")
_RECORD_SIGNATURE = b"PK\x01\x02"
_NEWEST_VERSION = 63  # of the specification, times ten; deflate needs 20 and ZIP64 45


def _spans(file: BinaryIO, directory: _Directory) -> list[tuple[ZipMember, int]]:
    members = sorted(_read_directory(file, directory), key=lambda member: member.header_start)
    borders = [*(member.header_start for member in members), directory.start]
    return [(member, next_start) for member, (_, next_start) in zip(members, pairwise(borders), strict=True)]


def _read_directory(file: BinaryIO, directory: _Directory) -> Iterator[ZipMember]:
    """Read exactly as many records as the end record says, in exactly its size."""
    body = _read_exactly(file, directory.start, directory.size)
    at = 0
    for _ in range(directory.count):
        if len(body) - at < _RECORD.size:
            raise Broken("has a damaged central directory")
        record = _RECORD.unpack_from(body, at)
        signature, needed, flags, method, crc, packed, size, name_size, extra_size, comment_size, disk = record[:11]
        attributes, start = record[11:]
        if signature != _RECORD_SIGNATURE or disk:
            raise Broken("has a damaged central directory")
        if needed & 0xFF > _NEWEST_VERSION:
            raise Broken("has a member that asks for a newer ZIP reader than installers have")
        name_end = at + _RECORD.size + name_size
        extra = _extra_fields(body[name_end : name_end + extra_size])
        name = _member_name(body[name_end - name_size : name_end], flags, extra)
        size, packed, start = _real_sizes((size, packed, start), extra)
        yield ZipMember(
            name=name,
            flags=flags,
            method=method,
            crc=crc,
            compressed_size=packed,
            size=size,
            mode=attributes >> 16,
            has_comment=comment_size > 0,
            header_start=start,
        )
        at = name_end + extra_size + comment_size
    if at != len(body):
        raise Broken("has a damaged central directory")


# Local headers (4.3.7) and data descriptors (4.3.9)

_LOCAL = struct.Struct("<4s2x2H4x3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
_LONGEST_DESCRIPTOR = 24


def _located(file: BinaryIO, member: ZipMember, next_start: int) -> ZipMember:
    """Compare a member with its local header, and with the bytes up to the next one; return it with `data_start`.

    Raises Broken where they disagree.
    """
    header = _LOCAL.unpack(_read_exactly(file, member.header_start, _LOCAL.size))
    signature, flags, method, crc, packed, size, name_size, extra_size = header
    if signature != _LOCAL_SIGNATURE:
        raise Broken("has a directory that points to something else than a member")
    rest = _read_exactly(file, member.header_start + _LOCAL.size, name_size + extra_size)
    extra = _extra_fields(rest[name_size:])
    name = _member_name(rest[:name_size], flags, extra)
    size, packed = _real_sizes((size, packed), extra)
    # With a descriptor after the data, the header before them may leave these at 0.
    pairs = ((crc, member.crc), (packed, member.compressed_size), (size, member.size))
    if (
        (name, method) != (member.name, member.method)
        or (flags ^ member.flags) & (_ENCRYPTED | _DESCRIBED | _UTF8_NAME)
        or not all(local == central or (member.is_described and local == 0) for local, central in pairs)
    ):
        raise Broken(f"has a member with two headers that contradict one another: {listed([member.name])}")
    _refuse_unreadable(member)
    if method == _STORED and packed != member.compressed_size:
        # Only a signature tells a streaming reader where such data end, and the data may contain that too.
        raise Broken(f"has a stored member whose size comes after it: {listed([member.name])}")
    data_start = member.header_start + _LOCAL.size + len(rest)
    data_end = data_start + member.compressed_size
    if not _is_descriptor(file, member, data_end, next_start - data_end):
        raise Broken(f"has data between its members, or members that overlap, after {listed([member.name])}")
    return replace(member, data_start=data_start)


def _refuse_unreadable(member: ZipMember) -> None:
    if member.flags & _ENCRYPTED:
        raise Broken(f"has an encrypted member: {listed([member.name])}")
    if member.method not in {_STORED, _DEFLATED}:
        raise Broken(f"has a member that is neither stored nor deflated: {listed([member.name])}")
    if member.method == _STORED and member.size != member.compressed_size:
        # Some readers would take as many bytes as one number says, some as the other.
        raise Broken(f"has a stored member with two different sizes: {listed([member.name])}")


def _is_descriptor(file: BinaryIO, member: ZipMember, start: int, length: int) -> bool:
    """Return whether all between a member's data and the next record is its data descriptor, if it has one."""
    if not member.is_described:
        return length == 0
    if not 0 < length <= _LONGEST_DESCRIPTOR:
        return False
    values = (member.crc, member.compressed_size, member.size)
    # Sizes have 32 or 64 bits, and the signature is optional.
    forms = [struct.pack("<LQQ", *values)]
    if max(values) < 1 << 32:
        forms.append(struct.pack("<LLL", *values))
    return _read_exactly(file, start, length).removeprefix(_DESCRIPTOR_SIGNATURE) in forms


# The parts that both kinds of headers have: names (4.4.17), extra fields (4.5), sizes (4.5.3)

_EXTRA = struct.Struct("<HH")
_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    """Take a header's extra field apart; each of the two that change what a header means may be there once."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(extra):
        start = at + _EXTRA.size
        if start > len(extra):
            raise Broken("has a damaged extra field in a ZIP header")
        code, length = _EXTRA.unpack_from(extra, at)
        at = start + length
        if at > len(extra):
            raise Broken("has a damaged extra field in a ZIP header")
        if code in found and code in {_ZIP64_EXTRA, _UNICODE_PATH_EXTRA}:
            raise Broken("has a ZIP header with an extra field twice")
        found[code] = extra[start:at]
    return found


def _member_name(raw: bytes, flags: int, extra: dict[int, bytes]) -> str:
    """Decode a member's name; raises Broken for one that readers would decode differently."""
    if _CONTROL.search(raw) or not raw or len(raw) > LONGEST_NAME:
        raise Broken("has a member whose name is empty, too long or has control characters")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken("has a member whose name is not UTF-8") from error
    if not flags & _UTF8_NAME and not name.isascii():
        # Readers that follow the specification take such a name for code page 437, others for UTF-8.
        raise Broken(f"has a member whose name is not marked as UTF-8: {listed([name])}")
    expected = struct.pack("<BL", 1, zlib.crc32(raw)) + raw
    if extra.get(_UNICODE_PATH_EXTRA, expected) != expected:
        raise Broken(f"has a member with a second, other name in an extra field: {listed([name])}")
    return name


def _real_sizes(fields: tuple[int, ...], extra: dict[int, bytes]) -> tuple[int, ...]:
    """Put in the ZIP64 values where a header's fields refer to them, in the order the specification gives."""
    body = extra.get(_ZIP64_EXTRA, b"")
    if len(body) % 8:
        raise Broken("has a damaged ZIP64 field")
    values = struct.unpack(f"<{len(body) // 8}Q", body)
    marked = fields.count(_IN_ZIP64)
    if not marked and values == fields[: len(values)]:
        return fields  # superfluous values repeat the header, as they must: some readers prefer them
    if marked != len(values):
        raise Broken("has a ZIP64 field that contradicts its header")
    remaining = iter(values)
    return tuple(next(remaining) if field == _IN_ZIP64 else field for field in fields)


def _read_exactly(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    body = file.read(length)
    if len(body) != length:
        raise Broken("is cut off, or its records point beyond its end")
    return body
