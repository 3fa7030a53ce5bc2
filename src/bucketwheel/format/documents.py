"""Our own JSON documents, read strictly: every value has its type, and unknown keys are noted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain, repeat
from typing import TypeVar

from bucketwheel.names import printable

__all__ = ["Document", "DocumentInvalid", "dump_document", "dump_members", "json_text", "load_document"]

_LARGEST_NUMBER = 2**53 - 1  # RFC 7493; uv drops a whole page for a size beyond its 64 bits

_T = TypeVar("_T")
_Expected = TypeVar("_Expected", str, int, bool, list[object], dict[str, object])


class DocumentInvalid(ValueError):
    """An error in a document; the message says where: `files[3].sha256 is missing`."""


class Document:
    """One object of a JSON document, which knows its path and which of its keys were read."""

    __slots__ = ("_path", "_position", "_table", "_unknown", "_unread")

    def __init__(self, table: dict[str, object], path: str, unknown: list[str], position: int | None = None) -> None:
        self._table = table
        self._path = path
        self._position = position
        self._unread = set(table)
        self._unknown = unknown

    def names(self) -> tuple[str, ...]:
        """Return its keys, of an object whose keys are data."""
        return tuple(self._table)

    def text(self, key: str) -> str:
        """Read a string that must exist."""
        value = self._take(key)
        return value if type(value) is str else self._required(key, value, str)

    def number(self, key: str) -> int:
        """Read an integer that must exist, not negative and not too large for any reader of JSON."""
        number = self._required(key, self._take(key), int)
        if not 0 <= number <= _LARGEST_NUMBER:
            raise DocumentInvalid(f"{self._name(key)} is negative or too large")
        return number

    def optional_text(self, key: str) -> str | None:
        """Read a string; None if it is absent."""
        value = self._take(key)
        return None if value is _ABSENT else self._required(key, value, str)

    def flag(self, key: str) -> bool:
        """Read a boolean; False if it is absent."""
        value = self._take(key)
        return False if value is _ABSENT else self._required(key, value, bool)

    def texts(self, key: str) -> tuple[str, ...]:
        """Read a list of strings; empty if it is absent."""
        values = self._optional(key, list) or []
        if not all(isinstance(value, str) for value in values):
            raise DocumentInvalid(f"{self._name(key)} is not a list of strings")
        return tuple(str(value) for value in values)

    def text_table(self, key: str) -> dict[str, str]:
        """Read an object of strings; empty if it is absent."""
        table = self._optional(key, dict) or {}
        if not all(isinstance(value, str) for value in table.values()):
            raise DocumentInvalid(f"{self._name(key)} is not an object of strings")
        return {name: str(value) for name, value in table.items()}

    def optional_document(self, key: str) -> Document | None:
        """Read an object; None if it is absent."""
        value = self._take(key)
        if value is _ABSENT:
            return None
        return Document(self._required(key, value, dict), self._name(key), self._unknown)

    def documents(self, key: str) -> Iterator[Document]:
        """Read a list of objects that must exist; each is finished before the next one is read."""
        path = self._name(key)
        for position, value in enumerate(self._required(key, self._take(key), list)):
            if not isinstance(value, dict):
                raise DocumentInvalid(f"{path}[{position}] is not an object")
            document = Document(value, path, self._unknown, position)
            yield document
            document.finish()

    def finish(self) -> None:
        """Note every key that was not read: a newer bucketwheel wrote it."""
        if self._unread:
            self._unknown.extend(self._name(key) for key in sorted(self._unread))

    def _take(self, key: str) -> object:
        self._unread.discard(key)
        return self._table.get(key, _ABSENT)

    def _required(self, key: str, value: object, expected: type[_Expected]) -> _Expected:
        # type(), not isinstance(): to JSON and to us, true is not a number.
        if type(value) is expected:
            return value
        raise DocumentInvalid(f"{self._name(key)} is {'missing' if value is _ABSENT else f'not {_NAMES[expected]}'}")

    def _optional(self, key: str, expected: type[_Expected]) -> _Expected | None:
        value = self._take(key)
        return None if value is _ABSENT else self._required(key, value, expected)

    def _name(self, key: str) -> str:
        # Written only for what is wrong or unknown: a manifest may have fifty thousand entries without either.
        entry = "" if self._position is None else f"[{self._position}]"
        return f"{self._path}{entry}.{printable(key)}" if self._path else printable(key)


_ABSENT = object()
_NAMES: dict[type, str] = {str: "a string", int: "a number", bool: "true or false", list: "a list", dict: "an object"}


def load_document(body: bytes, unknown: list[str]) -> Document:
    """Read a document's outermost object; raises DocumentInvalid. Unknown keys are appended to `unknown`."""
    try:
        value = json.loads(body.decode("utf-8"))
        if rb"\u" in body:  # an escape may be half a character, which cannot be written as UTF-8
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid(f"is not JSON in UTF-8 ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise DocumentInvalid("is not a JSON object")
    return Document(value, "", unknown)


def dump_document(table: dict[str, object]) -> bytes:
    """Write a document: UTF-8, keys sorted, so that equal means byte-equal; absent values (None) are left out."""
    return (json.dumps(_present(table), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


json_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Writes a value as JSON, with its keys in the order that they have."""


def dump_members(members: Mapping[str, str | Iterable[str]]) -> bytes:
    """Write a document of these members in their order; the values are JSON already, or make a list one by one."""
    # Nothing of a list is kept but its bytes: two pages of tens of megabytes are written side by side.
    body = BytesIO()
    for comma, (key, value) in _with_commas(members.items()):
        body.write(f"{comma or '{'}{json_text(key)}:".encode())
        if isinstance(value, str):
            body.write(value.encode())
        else:
            body.write(b"[")
            body.writelines(f"{comma}{part}".encode() for comma, part in _with_commas(value))
            body.write(b"]")
    body.write(b"}\n")
    return body.getvalue()


def _with_commas(parts: Iterable[_T]) -> Iterator[tuple[str, _T]]:
    return zip(chain([""], repeat(",")), parts, strict=False)


def _present(value: object) -> object:
    if isinstance(value, dict):
        return {key: _present(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_present(part) for part in value]
    return value
