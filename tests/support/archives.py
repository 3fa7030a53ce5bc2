"""Real wheels and sdists: small, installable, and the same bytes for the same arguments."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

__all__ = ["make_sdist", "make_wheel", "metadata_text", "record_text", "tar_gz", "zipped"]


def make_wheel(
    directory: Path,
    name: str = "demo-pkg",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    tag: str = "py3-none-any",
    metadata_extra: str = "",
    members: Mapping[str, bytes] | None = None,
    filename: str | None = None,
) -> Path:
    """Write a wheel with one importable module; `members` are added to it, or replace its own.

    RECORD is right for the final members, unless `members` has its own.
    `filename` changes the file's name only; the metadata keep `name` and `version`.
    """
    stem = f"{_component(name)}-{version}"
    pure = "true" if tag.endswith("-none-any") else "false"
    content: dict[str, bytes] = {
        f"{_component(name)}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{stem}.dist-info/METADATA": metadata_text(name, version, requires_python, metadata_extra).encode(),
        f"{stem}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\n{_tag_lines(tag)}"
        ).encode(),
    } | dict(members or {})
    record = f"{stem}.dist-info/RECORD"
    content.setdefault(record, record_text(content, record).encode())
    return _written(directory / (filename or f"{stem}-{tag}.whl"), zipped(content))


def make_sdist(
    directory: Path,
    name: str = "demo-pkg",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    metadata_extra: str = "",
    members: Mapping[str, bytes] | None = None,
    filename: str | None = None,
) -> Path:
    """Write an sdist that hatchling can build; `members` (paths below its root) are added, or replace its own.

    `filename` changes the file's name only; where it ends in `.zip` the archive is one.
    """
    root = f"{_component(name)}-{version}"
    project = (
        f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n[project]\nname = "{name}"\n'
    )
    content: dict[str, bytes] = {
        f"{root}/PKG-INFO": metadata_text(name, version, requires_python, metadata_extra).encode(),
        f"{root}/pyproject.toml": f'{project}version = "{version}"\n'.encode(),
        f"{root}/{_component(name)}/__init__.py": f'__version__ = "{version}"\n'.encode(),
    } | {f"{root}/{path}": body for path, body in (members or {}).items()}
    target = directory / (filename or f"{root}.tar.gz")
    return _written(target, zipped(content) if target.suffix == ".zip" else tar_gz(content))


def metadata_text(name: str, version: str, requires_python: str | None = None, extra: str = "") -> str:
    """Write core metadata 2.1; `extra` is whole header lines."""
    wanted = f"Requires-Python: {requires_python}\n" if requires_python is not None else ""
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wanted}{extra}\nA demonstration.\n"


def record_text(content: Mapping[str, bytes], record: str) -> str:
    """Write RECORD for these members, with its own line at the end."""
    lines = [f"{path},sha256={_digest(body)},{len(body)}\n" for path, body in content.items() if path != record]
    return "".join([*lines, f"{record},,\n"])


def zipped(content: Mapping[str, bytes]) -> bytes:
    """Pack members into a ZIP archive, deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in content.items():
            entry = zipfile.ZipInfo(path, date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, body)
    return buffer.getvalue()


def tar_gz(content: Mapping[str, bytes]) -> bytes:
    """Pack members into a gzipped tar archive, regular files only."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, body in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def _component(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


def _tag_lines(tag: str) -> str:
    python, abi, platform = tag.rsplit("-", 2)
    return "".join(
        f"Tag: {a}-{b}-{c}\n" for a in python.split(".") for b in abi.split(".") for c in platform.split(".")
    )


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _written(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path
