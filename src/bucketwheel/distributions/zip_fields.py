"""What the two kinds of ZIP headers have in common: names, sizes, extra fields (APPNOTE.TXT 4.4 and 4.5)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, listed
from bucketwheel.distributions.members import LONGEST_NAME

__all__ = ["UTF8_NAME", "ZIP64_MARK", "extra_fields", "member_name", "read_exactly", "real_sizes"]

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
