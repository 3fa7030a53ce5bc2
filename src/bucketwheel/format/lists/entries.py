"""The lines of a list: file names, or JSON objects with the keys of dumb-pypi. Bad lines are collected, not raised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from bucketwheel.format.views.projects import ViewedFile
from bucketwheel.names import InvalidName, ProjectName, printable, project_name

__all__ = ["KEYS", "BadLine", "Entry", "ListReader", "grouped", "numbered", "project_of"]

KEYS = (
    *("filename", "hash", "requires_dist", "requires_python", "core_metadata", "upload_timestamp", "uploaded_by"),
    *("yanked_reason", "size"),
)
"""The keys that count; others are ignored."""

_SDISTS = (".tar.gz", ".zip", ".tgz", ".tar.bz2")
_PASSED_OVER = (".egg", ".exe", ".msi", ".rpm")
_LONGEST, _SHOWN = 255, 200
"""A longer name no file has, nor a directory for the pages of a project."""
_NAME = rf"[A-Za-z0-9_][A-Za-z0-9._+!-]{{0,{_LONGEST - 1}}}"
_FILENAME = re.compile(rf"{_NAME}\Z")
_TEXT, _NUMBER = r'"([ !#-\[\]-~]*)"', "(0|[1-9][0-9]{0,15})"
_USUAL = re.compile(
    rf'\{{"filename": "({_NAME})"'
    rf'(?:, "hash": {_TEXT})?(?:, "requires_python": {_TEXT})?(?:, "core_metadata": {_TEXT})?'
    rf'(?:, "upload_timestamp": {_NUMBER})?(?:, "uploaded_by": {_TEXT})?(?:, "yanked_reason": {_TEXT})?'
    rf'(?:, "size": {_NUMBER})?\}}\Z'
)
"""A line that says all in the very bytes in which `_line` would: then decoding and encoding it is half of the work."""
_LENGTHS = {"sha512": 128, "sha384": 96, "sha256": 64, "sha224": 56, "sha1": 40, "md5": 32}
"""The digits of each hash that pip knows."""
_HEX = re.compile(r"[0-9a-f]+\Z")
_LARGEST = 2**53 - 1
_DECODER = json.JSONDecoder()
_YEAR_10000 = 253_402_300_800
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


class ListReader:
    """What was read of a list so far: each file once."""

    def __init__(self, *, packages_url: str, of_json: bool) -> None:
        self._packages_url, self._of_json = f"{packages_url.rstrip('/')}/", of_json
        self._entries: dict[str, Entry] = {}
        self.bad: list[BadLine] = []
        self.passed_over = 0
        """How many files are of a kind that no installer takes any more."""

    @property
    def entries(self) -> Collection[Entry]:
        """The files."""
        return self._entries.values()

    def read(self, lines: Iterable[tuple[int, str]]) -> None:
        """Read lines, one file a line; each has its number."""
        for number, line in lines:
            text = line.strip()
            if not text:
                continue
            try:
                self._read(text)
            except InvalidEntry as error:
                self.bad.append(BadLine(number=number, what=str(error)))

    def _read(self, text: str) -> None:
        usual = _USUAL.match(text) if self._of_json else None
        table: Mapping[str, object] = _table(text) if self._of_json and usual is None else {"filename": text}
        filename = str(table["filename"]) if usual is None else usual[1]
        if ".." in filename or (usual is None and not _FILENAME.match(filename)):
            raise _unsafe(filename, of_json=self._of_json)
        if filename.endswith(_PASSED_OVER):
            self.passed_over += 1
            return
        entry = _entry(table, self._packages_url) if usual is None else _usual_entry(usual, self._packages_url)
        before = self._entries.get(filename)
        if before is not None and before.file.hashes and before.file.hashes != entry.file.hashes:
            if not entry.file.hashes:
                return  # the line before says more
            raise InvalidEntry(f"gives {filename} another hash than a line before")
        self._entries[filename] = entry


def _unsafe(filename: str, *, of_json: bool) -> InvalidEntry:
    if filename.startswith("{") and not of_json:
        return InvalidEntry("is JSON; such a list is given by --package-list-json")
    shown = printable(filename[:_SHOWN])
    if len(filename) > _LONGEST:
        return InvalidEntry(f"has a file name of more than {_LONGEST} characters: {shown}…")
    return InvalidEntry(f"has an unsafe file name: {shown}")


def numbered(body: str) -> Iterable[tuple[int, str]]:
    """Return the lines of a list with their numbers."""
    return enumerate(body.split("\n"), start=1)


def project_of(line: str, *, of_json: bool) -> str:
    """Return a line's project by a cheap look; a line that cannot be used has any or none."""
    try:
        filename = _filename(line) if of_json else line.strip()
        # Of a wheel's name the first part is enough; where an sdist's project ends takes reading it.
        return _project(filename.partition("-")[0]) if filename.endswith(".whl") else _parse(filename)[0]
    except (InvalidEntry, InvalidName):
        return ""


def _filename(line: str) -> str:
    # Without a backslash no string can hold a quote, so nothing but a key looks like this. Two may be of two objects.
    before, key, rest = line.partition('"filename": "')
    if not key or "\\" in line or '"filename"' in before or '"filename"' in rest:
        return str(_table(line.strip())["filename"])
    return rest.partition('"')[0]


def _table(text: str) -> dict[str, object]:
    if text.startswith("["):
        raise InvalidEntry("begins an array; a list has one JSON object a line, and nothing around or between them")
    if _FILENAME.match(text):
        raise InvalidEntry("is not JSON; a list of names is given by --package-list")
    try:
        table, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        raise InvalidEntry("is not JSON") from None
    if end != len(text):
        raise InvalidEntry("is more than one JSON object")
    if not isinstance(table, dict) or not isinstance(table.get("filename"), str):
        raise InvalidEntry("is not a JSON object with a filename")
    return table


def _usual_entry(usual: re.Match[str], packages_url: str) -> Entry:
    filename, digest, requires_python, metadata, timestamp, by, reason, size = usual.groups()
    project, version = _parse(filename)
    file = ViewedFile(
        filename=filename,
        url=_url(packages_url, filename),
        hashes=_digest("hash", digest),
        size=None if size is None else _size(int(size)),
        upload_time=None if timestamp is None else _moment(int(timestamp)),
        requires_python=requires_python,
        core_metadata=_core_metadata(metadata),
        yanked=reason or None,
        by=by,
    )
    return Entry(project, version, file, None, usual.string)


def _entry(table: Mapping[str, object], packages_url: str) -> Entry:
    filename = str(table["filename"])
    project, version = _parse(filename)
    timestamp = table.get("upload_timestamp")
    file = ViewedFile(
        filename=filename,
        url=_url(packages_url, filename),
        hashes=_digest("hash", _text(table, "hash")),
        size=_size(table.get("size")),
        upload_time=None if timestamp is None else _moment(timestamp),
        requires_python=_text(table, "requires_python"),
        core_metadata=_core_metadata(table.get("core_metadata")),
        yanked=_text(table, "yanked_reason") or None,
        by=_text(table, "uploaded_by"),
    )
    return Entry(project, version, file, _requires_dist(table), _line(table))


def _url(packages_url: str, filename: str) -> str:
    return packages_url + filename.replace("+", "%2B").replace("!", "%21")


def _line(table: Mapping[str, object]) -> str:
    """Write the keys that count as an encoder would, which takes twice as long for so small a table."""
    members = [f'"{key}": {_written(value)}' for key in KEYS if (value := table.get(key)) is not None]
    return f"{{{', '.join(members)}}}"


def _written(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return str(value) if type(value) is int else json.dumps(value)


def _text(table: Mapping[str, object], key: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidEntry(f"has a {key} that is not a text")
    return value


def _digest(key: str, text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    name, _, digest = text.partition("=")
    if len(digest) != _LENGTHS.get(name) or not _HEX.match(digest):
        raise InvalidEntry(f"has a {key} that is not ALGORITHM=HEX in lowercase, of {', '.join(_LENGTHS)}")
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
    if type(value) is int and 0 <= value < _YEAR_10000:
        days, seconds = divmod(value, 86_400)
        return f"{_day(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000000Z"
    wrong = "has an upload_timestamp that is not in seconds since 1970"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidEntry(wrong)
    try:
        moment = _EPOCH + timedelta(0, value)
    except (ValueError, OverflowError):  # no number, or beyond all years
        raise InvalidEntry(wrong) from None
    return f"{moment.isoformat()}{'' if moment.microsecond else '.000000'}Z"


@lru_cache(maxsize=1 << 12)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days)).date().isoformat()


def _requires_dist(table: Mapping[str, object]) -> tuple[str, ...] | None:
    value = table.get("requires_dist")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidEntry("has a requires_dist that is not a list of texts")
    return tuple(map(str, value))


def _parse(filename: str) -> tuple[ProjectName, str]:
    """Return project and version of a file name; raises InvalidEntry, which says what is wrong."""
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        if len(parts) not in {5, 6} or "" in parts:
            raise InvalidEntry(f"has a wheel whose name has not five or six parts: {filename}")
        if len(parts) == 6 and not parts[2][0].isdigit():  # noqa: PLR2004 - with a build number
            raise InvalidEntry(f"has a wheel whose build number begins with no digit: {filename}")
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
