"""Wheels to publish: 5 kB with 4 kB of metadata, as the median of PyPI's is, and the same bytes for the same name."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["make_wheels", "metadata", "wheel", "wheel_name", "write_large_wheel"]

_BLOCK = 1 << 20


def wheel_name(project: str, version: str, tag: str = "py3") -> str:
    """Return a wheel's file name."""
    return f"{project.replace('-', '_')}-{version}-{tag}-none-any.whl"


def metadata(project: str, version: str) -> bytes:
    """Write core metadata of 4 kB."""
    head = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nSummary: A benchmark\nPlatform: any\n"
    head += "Requires-Python: >=3.9\n"
    return (head + "\n" + "A line of a description that nobody reads.\n" * 90).encode()


def wheel(project: str, version: str, tag: str = "py3", *, size: int = 0) -> bytes:
    """Make a wheel; `size` are the bytes of a file in it that no compression makes smaller."""
    members = dict(_members(project, version, tag))
    if size:
        module = hashlib.shake_128(f"{project} {version} {tag}".encode()).digest(size)
        members = {f"{project.replace('-', '_')}/data.bin": module} | members
    stem = f"{project.replace('-', '_')}-{version}.dist-info"
    record = "".join(f"{name},sha256={_digest(body)},{len(body)}\n" for name, body in members.items())
    members[f"{stem}/RECORD"] = f"{record}{stem}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body)
    return buffer.getvalue()


def make_wheels(directory: Path, project: str, version: str, count: int, *, size: int = 0) -> list[Path]:
    """Write so many wheels of one version, each with a tag of its own."""
    paths = []
    for number in range(count):
        tag = f"py3{number}"
        path = directory / wheel_name(project, version, tag)
        path.write_bytes(wheel(project, version, tag, size=size))
        paths.append(path)
    return paths


def write_large_wheel(path: Path, project: str, version: str, size: int) -> Path:
    """Write a wheel of zeros, larger than memory may hold."""
    members = dict(_members(project, version, "py3"))
    stem = f"{project.replace('-', '_')}-{version}.dist-info"
    data = f"{project.replace('-', '_')}/data.bin"
    digest = hashlib.sha256()
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with archive.open(zipfile.ZipInfo(data), "w", force_zip64=True) as member:
            for _ in range(size // _BLOCK):
                digest.update(bytes(_BLOCK))
                member.write(bytes(_BLOCK))
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name), body)
        lines = [f"{data},sha256={_base64(digest.digest())},{size // _BLOCK * _BLOCK}\n"]
        lines += [f"{name},sha256={_digest(body)},{len(body)}\n" for name, body in members.items()]
        archive.writestr(zipfile.ZipInfo(f"{stem}/RECORD"), "".join([*lines, f"{stem}/RECORD,,\n"]))
    return path


def _members(project: str, version: str, tag: str) -> Iterator[tuple[str, bytes]]:
    component = project.replace("-", "_")
    yield f"{component}/__init__.py", b""
    stem = f"{component}-{version}.dist-info"
    yield f"{stem}/METADATA", metadata(project, version)
    yield (
        f"{stem}/WHEEL",
        f"Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: {tag}-none-any\n".encode(),
    )


def _digest(body: bytes) -> str:
    return _base64(hashlib.sha256(body).digest())


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
