"""The lines of a list: file names, or JSON objects with the keys of dumb-pypi. Bad lines are collected, not raised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from bucketwheel.format.views.projects import ViewedFile
from bucketwheel.names import InvalidName, ProjectName, printable, project_name

__all__ = ["KEYS", "BadLine", "Entry", "ReadList", "grouped", "read_list"]

KEYS = (
    *("filename", "hash", "requires_dist", "requires_python", "core_metadata", "upload_timestamp", "uploaded_by"),
    *("yanked_reason", "size"),
)
"""The keys that count; others are ignored."""

_SDISTS = (".tar.gz", ".zip", ".tgz", ".tar.bz2")
_PASSED_OVER = (".egg", ".exe", ".msi", ".rpm")
_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*\Z")
_LENGTHS = {"sha512": 128, "sha384": 96, "sha256": 64, "sha224": 56, "sha1": 40, "md5": 32}
"""The digits of each hash that pip knows."""
_HEX = re.compile(r"[0-9a-f]+\Z")
_LARGEST = 2**53 - 1
_DECODER, _ENCODER = json.JSONDecoder(), json.JSONEncoder()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - it is written as UTC


class InvalidEntry(ValueError):
    """An error in a line; the message continues the line's number."""


class Entry(NamedTuple):
    """A file of the list."""

    project: ProjectName
    version: str
    file: ViewedFile
    requires_dist: tuple[str, ...] | None
    line: str
    """What the list says about it, in one spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that cannot be used."""

    number: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadList:
    """A list as it was read: each file once."""

    entries: tuple[Entry, ...]
    bad: tuple[BadLine, ...]
    passed_over: int
    """How many files are of a kind that no installer takes any more."""


@dataclass(slots=True)
class _Reader:
    packages_url: str
    entries: dict[str, Entry] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    passed_over: int = 0


def read_list(body: str, *, packages_url: str, of_json: bool) -> ReadList:
    """Read a list, one file a line."""
    reader = _Reader(packages_url=f"{packages_url.rstrip('/')}/")
    for number, line in enumerate(body.split("\n"), start=1):
        text = line.strip()
        if not text:
            continue
        try:
            _read_line(reader, _table(text) if of_json else {"filename": text})
        except InvalidEntry as error:
            reader.bad.append(BadLine(number=number, what=str(error)))
    return ReadList(entries=tuple(reader.entries.values()), bad=tuple(reader.bad), passed_over=reader.passed_over)


def _table(text: str) -> dict[str, object]:
    try:
        table, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        raise InvalidEntry("is not JSON") from None
    if end != len(text):
        raise InvalidEntry("is not JSON")
    if not isinstance(table, dict) or not isinstance(table.get("filename"), str):
        raise InvalidEntry("is not a JSON object with a filename")
    return table


def _read_line(reader: _Reader, table: dict[str, object]) -> None:
    filename = str(table["filename"])
    if not _FILENAME.match(filename) or ".." in filename:
        raise InvalidEntry(f"has an unsafe file name: {printable(filename[:200])}")
    if filename.endswith(_PASSED_OVER):
        reader.passed_over += 1
        return
    entry = _entry(filename, table, reader.packages_url)
    before = reader.entries.get(filename)
    if before is not None and before.file.hashes and entry.file.hashes and before.file.hashes != entry.file.hashes:
        raise InvalidEntry(f"gives {filename} another hash than a line before")
    reader.entries[filename] = entry


def _entry(filename: str, table: dict[str, object], packages_url: str) -> Entry:
    project, version = _parse(filename)
    timestamp = table.get("upload_timestamp")
    file = ViewedFile(
        filename=filename,
        url=packages_url + filename.replace("+", "%2B").replace("!", "%21"),
        hashes=_digest("hash", _text(table, "hash")),
        size=_size(table.get("size")),
        upload_time=None if timestamp is None else _moment(timestamp),
        requires_python=_text(table, "requires_python"),
        core_metadata=_core_metadata(table.get("core_metadata")),
        yanked=_text(table, "yanked_reason") or None,
        by=_text(table, "uploaded_by"),
    )
    known = {key: table[key] for key in KEYS if table.get(key) is not None}
    return Entry(project, version, file, _requires_dist(table), _ENCODER.encode(known))


def _text(table: dict[str, object], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidEntry(f"has a {key} that is not a text")
    return value


def _digest(key: str, text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    name, _, digest = text.partition("=")
    if len(digest) != _LENGTHS.get(name) or not _HEX.match(digest):
        raise InvalidEntry(f"has a {key} that is not ALGORITHM=HEX, of {', '.join(_LENGTHS)}")
    return {name: digest}


def _core_metadata(value: object) -> dict[str, str] | bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if not isinstance(value, str):
        raise InvalidEntry("has a core_metadata that is neither a hash nor true")
    return value == "true" if value in {"true", "false", ""} else _digest("core_metadata", value)


def _size(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise InvalidEntry("has a size that is not a number of bytes")
    return value


def _moment(value: object) -> str:
    wrong = "has an upload_timestamp that is not in seconds since 1970"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidEntry(wrong)
    try:
        moment = _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):  # no number, or beyond all years
        raise InvalidEntry(wrong) from None
    return f"{moment.isoformat(timespec='microseconds')}Z"


def _requires_dist(table: dict[str, object]) -> tuple[str, ...] | None:
    value = table.get("requires_dist")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidEntry("has a requires_dist that is not a list of texts")
    return tuple(map(str, value))


def _parse(filename: str) -> tuple[ProjectName, str]:
    """Return project and version of a file name; raises InvalidEntry, which says what is wrong."""
    if filename.endswith(".whl"):
        parts = filename.removesuffix(".whl").split("-")
        if len(parts) not in {5, 6} or not all(parts):
            raise InvalidEntry(f"has a wheel whose name has not five or six parts: {filename}")
        return _named(parts[0], filename), _normal(parts[1], filename)
    ending = next((ending for ending in _SDISTS if filename.endswith(ending)), None)
    if ending is None:
        raise InvalidEntry(f"is neither a wheel nor an sdist: {printable(filename)}")
    stem = filename.removesuffix(ending)
    for name, version in _divisions(stem):
        if known := _version(version):
            return _named(name, filename), known
    raise InvalidEntry(f"has no version of PEP 440: {filename}")


def _divisions(stem: str) -> Iterator[tuple[str, str]]:
    """Divide an sdist's name into project and version, the likeliest way first, as dumb-pypi does.

    Old names have hyphens on both sides: the first part with a dot and a digit begins the version (`demo-1.0-1`), else
    the last part is the version.
    """
    hyphens = [position for position, character in enumerate(stem) if character == "-"]
    divisions = [(stem[:at], stem[at + 1 :]) for at in hyphens if at]
    for name, version in divisions:
        beginning = version.partition("-")[0]
        if "." in beginning and re.search("[0-9]", beginning):
            yield name, version
    yield from reversed(divisions)


def _named(name: str, filename: str) -> ProjectName:
    try:
        return _project(name)
    except InvalidName:
        raise InvalidEntry(f"has no name of a project: {filename}") from None


def _normal(version: str, filename: str) -> str:
    known = _version(version)
    if known is None:
        raise InvalidEntry(f"has no version of PEP 440: {filename}")
    return known


# A list names the same project a hundred times, and the same versions in most projects.
_project: Callable[[str], ProjectName] = lru_cache(maxsize=1 << 14)(project_name)


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> str | None:
    try:
        return str(Version(text))
    except (InvalidVersion, ValueError):  # Python refuses to read a number of thousands of digits
        return None


def grouped(entries: Iterable[Entry]) -> dict[ProjectName, list[Entry]]:
    """Return the entries of each project, both in order of their names."""
    projects: dict[ProjectName, list[Entry]] = {}
    for entry in entries:
        projects.setdefault(entry.project, []).append(entry)
    return {project: sorted(projects[project], key=lambda entry: entry.file.filename) for project in sorted(projects)}
