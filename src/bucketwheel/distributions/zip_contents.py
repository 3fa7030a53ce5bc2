"""What a ZIP archive's members contain, streamed and held against what their headers say."""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, Finding, Flaw, Oddity, listed
from bucketwheel.distributions.inflate import PIECE, RAW_DEFLATE, inflated
from bucketwheel.distributions.members import LARGEST_TEXT
from bucketwheel.distributions.zip_records import ZipListing, ZipMember

__all__ = ["contents", "judge_listing", "whole_text"]


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


def judge_listing(listing: ZipListing) -> Iterator[Finding]:
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
