"""Our own JSON documents, read strictly: every value has its type, and every key we do not know is noted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeVar

from bucketwheel.names import printable

__all__ = ["Document", "DocumentInvalid", "dump_document", "load_document"]

_LARGEST_NUMBER = 2**53 - 1  # RFC 7493; uv drops a whole page for a size beyond its 64 bits

_Expected = TypeVar("_Expected", str, int, bool, list[object], dict[str, object])


class DocumentInvalid(ValueError):
    """A document that is not what it should be; the message says where: `files[3].sha256 is missing`."""


class Document:
    """One object of a JSON document, that knows its path and which of its keys were asked for."""

    def __init__(self, table: dict[str, object], path: str, unknown: list[str]) -> None:
        self._table = table
        self._path = path
        self._unread = set(table)
        self._unknown = unknown

    def text(self, key: str) -> str:
        """Take a string that must be there."""
        return self._required(key, str)

    def number(self, key: str) -> int:
        """Take an integer, not negative and no larger than every reader of JSON takes, that must be there."""
        number = self._required(key, int)
        if not 0 <= number <= _LARGEST_NUMBER:
            raise DocumentInvalid(f"{self._name(key)} is negative or too large")
        return number

    def optional_text(self, key: str) -> str | None:
        """Take a string, None where it is absent."""
        return self._typed(key, str)

    def flag(self, key: str) -> bool:
        """Take a boolean, False where it is absent."""
        return self._typed(key, bool) or False

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of strings, empty where it is absent."""
        values = self._typed(key, list) or []
        if not all(isinstance(value, str) for value in values):
            raise DocumentInvalid(f"{self._name(key)} is not a list of strings")
        return tuple(str(value) for value in values)

    def text_table(self, key: str) -> dict[str, str]:
        """Take an object of strings, empty where it is absent."""
        table = self._typed(key, dict) or {}
        if not all(isinstance(value, str) for value in table.values()):
            raise DocumentInvalid(f"{self._name(key)} is not an object of strings")
        return {name: str(value) for name, value in table.items()}

    def optional_document(self, key: str) -> Document | None:
        """Take an object, None where it is absent."""
        table = self._typed(key, dict)
        return None if table is None else Document(table, self._name(key), self._unknown)

    def documents(self, key: str) -> Iterator[Document]:
        """Take a list of objects that must be there; each is finished when the next one is asked for."""
        for position, value in enumerate(self._required(key, list)):
            name = f"{self._name(key)}[{position}]"
            if not isinstance(value, dict):
                raise DocumentInvalid(f"{name} is not an object")
            document = Document(value, name, self._unknown)
            yield document
            document.finish()

    def finish(self) -> None:
        """Note every key that nobody asked for: a newer bucketwheel's."""
        self._unknown.extend(self._name(key) for key in sorted(self._unread))

    def _required(self, key: str, expected: type[_Expected]) -> _Expected:
        value = self._typed(key, expected)
        if value is None:
            raise DocumentInvalid(f"{self._name(key)} is missing")
        return value

    def _typed(self, key: str, expected: type[_Expected]) -> _Expected | None:
        self._unread.discard(key)
        if key not in self._table:
            return None
        value = self._table[key]
        # type(), not isinstance(): to JSON and to us, true is no number.
        if type(value) is not expected:
            raise DocumentInvalid(f"{self._name(key)} is not {_NAMES[expected]}")
        return value

    def _name(self, key: str) -> str:
        return f"{self._path}.{printable(key)}" if self._path else printable(key)


_NAMES: dict[type, str] = {str: "a string", int: "a number", bool: "true or false", list: "a list", dict: "an object"}


def load_document(body: bytes, unknown: list[str]) -> Document:
    """Read a document's outermost object; raises DocumentInvalid. Unknown keys are appended to `unknown`."""
    try:
        value = json.loads(body.decode("utf-8"))
        if rb"\u" in body:  # an escape may spell half a character, which nobody could ever write as UTF-8 again
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid(f"is not JSON in UTF-8 ({type(error).__name__})") from error
    if not isinstance(value, dict):
        raise DocumentInvalid("is not a JSON object")
    return Document(value, "", unknown)


def dump_document(table: dict[str, object]) -> bytes:
    """Write a document: UTF-8, keys sorted, so that equal means byte-equal; absent values (None) are left out."""
    return (json.dumps(_present(table), ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _present(value: object) -> object:
    if isinstance(value, dict):
        return {key: _present(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_present(part) for part in value]
    return value
