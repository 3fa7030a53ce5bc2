"""The entries of a listing, taken out of the answer before the SDK parses it, which takes eight times as long."""

from __future__ import annotations

import re
from typing import Final, TypedDict

__all__ = ["Entry", "take_entries"]


class Entry(TypedDict):
    """An object in a listing, as the SDK would return it, without what nobody here reads."""

    Key: str
    """Still as the answer has it: percent-encoded if that was asked for and done."""
    Size: int
    ETag: str


_END: Final = b"</Contents>"
_PART: Final = re.compile(r"<(?:(Key|Size|ETag)>([^<]*)</\1|/Contents)>")
# Entities, carriage returns, comments and CDATA mean something else than they look like.
_NOT_PLAIN: Final = ("&", "\r", "<!", "<?")


def take_entries(body: bytes) -> tuple[list[Entry], bytes]:
    """Return the entries of an answer to ListObjectsV2, and the rest of it.

    They are taken only if each has a key, a size and an ETag, all in one order and in plain ASCII, among whatever else
    the store writes. Otherwise no entry and the whole answer are returned: the SDK has to read it.
    """
    start, end = body.find(b"<Contents>"), body.rfind(_END) + len(_END)
    try:
        entries = _entries(body[start:end].replace(b"&quot;", b'"').decode("ascii"))
    except ValueError:
        return [], body
    return entries, body[:start] + body[end:]


def _entries(text: str) -> list[Entry]:
    """Read entries of one form; raises ValueError for any other."""
    parts = _PART.findall(text)
    columns = {name: parts[place::4] for place, (name, _) in enumerate(parts[:4])}
    if (
        set(columns) != {"Key", "Size", "ETag", ""}
        or parts[3][0]
        or len(parts) != 4 * text.count("<Contents>")
        or any(name != other for name, column in columns.items() for other, _ in column)
        or any(mark in text for mark in _NOT_PLAIN)
    ):
        raise ValueError("not the usual form")
    rows = zip(columns["Key"], columns["Size"], columns["ETag"], strict=True)
    return [{"Key": key, "Size": int(size), "ETag": etag} for (_, key), (_, size), (_, etag) in rows]
