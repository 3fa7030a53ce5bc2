"""Tar archives, written so that a test can damage or change any header."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping

from support.archives import metadata_text

__all__ = ["gzipped", "member", "patched", "sdist_members", "tar", "tar_header"]


def sdist_members() -> dict[str, bytes]:
    """Return the members of a valid sdist of demo-pkg 1.0."""
    return {"demo_pkg-1.0/PKG-INFO": metadata_text("demo-pkg", "1.0").encode(), "demo_pkg-1.0/setup.py": b"pass\n"}


def member(
    path: str, kind: bytes = tarfile.REGTYPE, target: str = "", pax: Mapping[str, str] | None = None
) -> tarfile.TarInfo:
    """Describe a member by its kind and target, with any pax records."""
    info = tarfile.TarInfo(path)
    info.type = kind
    info.linkname = target
    info.pax_headers = dict(pax or {})
    return info


def tar(*more: tarfile.TarInfo, content: Mapping[str, bytes] | None = None, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Write a valid sdist's members, or `content`, and then `more`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for path, body in (sdist_members() if content is None else content).items():
            info = tarfile.TarInfo(path)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for info in more:
            archive.addfile(info)
    return buffer.getvalue()


def tar_header(
    path: bytes,
    kind: bytes,
    body: bytes = b"",
    *,
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    linkname: bytes = b"",
) -> bytes:
    """Write one header block, and its body in whole blocks."""
    block = (
        path.ljust(100, b"\0")
        + b"0000644\0" * 3
        + b"%011o\0" % len(body)
        + b"00000000000\0"
        + b" " * 8
        + kind
        + linkname
    )
    block = (block.ljust(257, b"\0") + magic).ljust(345, b"\0") + prefix
    block = block.ljust(512, b"\0")
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    return block + body.ljust(-(-len(body) // 512) * 512, b"\0")


def patched(header: bytes, at: int, field: bytes) -> bytes:
    """Put a field into a header block, and make its checksum right again."""
    block = header[:at] + field + header[at + len(field) : 512]
    return block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:]) + block[156:] + header[512:]


def gzipped(body: bytes) -> bytes:
    """Compress, the same every time."""
    return gzip.compress(body, mtime=0)
