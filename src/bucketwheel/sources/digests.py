"""Digests that are stated beside files in a directory: by pages of an index, or by the output of `sha256sum`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote

from bucketwheel.errors import Problem, Refused
from bucketwheel.names import Sha256, printable
from bucketwheel.sources.pages import UnreadablePage, read_index
from bucketwheel.storage import Key, ListEntry, Storage

__all__ = ["read_digests"]

_HOST: Final = "https://directory.invalid"  # links of a page are not followed, but must be relative to something
_LARGEST: Final = 16 << 20  # bytes, as for a page from a server
# GNU coreutils, "cksum output modes"; names with a backslash or a line break are escaped, and no distribution has one.
_CHECKSUM: Final = re.compile(r"(?P<sha256>[0-9a-fA-F]{64})[ \t]+[*]?(?:[.]/)?(?P<filename>[^/\\]+)")

_Stated: TypeAlias = Iterator[tuple[str, Sha256]]


def read_digests(storage: Storage, listing: Iterable[ListEntry], wanted: Iterable[Key]) -> Mapping[Key, Sha256]:
    """Return what is stated about these files in their own directories; a page that is none states nothing.

    Raises Refused for a file that has two different digests there.
    """
    sizes = {entry.key: entry.size for entry in listing}
    folders: dict[str, list[Key]] = defaultdict(list)
    for key in wanted:
        folders[key[: key.rfind("/") + 1]].append(key)
    digests: dict[Key, Sha256] = {}
    problems: list[Problem] = []
    for folder, keys in folders.items():
        pages = [Key(f"{folder}{name}") for name in _READERS]
        stated = _stated_in(storage, [page for page in pages if sizes.get(page, _LARGEST + 1) <= _LARGEST])
        for key in keys:
            found = stated.get(key.rpartition("/")[2], {})
            if len(set(found.values())) > 1:
                problems.append(_contradiction(key, found))
            elif found:
                digests[key] = next(iter(found.values()))
    if problems:
        raise Refused(*problems)
    return digests


def _stated_in(storage: Storage, pages: Iterable[Key]) -> Mapping[str, Mapping[str, Sha256]]:
    """Read the digests on these pages, by file name and by the name of the page."""
    stated: dict[str, dict[str, Sha256]] = defaultdict(dict)
    for key in pages:
        name = key.rpartition("/")[2]
        if (stored := storage.read(key)) is not None:
            for filename, sha256 in _READERS[name](stored.body, key):
                stated[filename][name] = sha256
    return stated


def _of_page(body: bytes, key: Key) -> _Stated:
    media_type = "application/json" if key.endswith(".json") else "text/html"
    try:
        page = read_index(body, media_type, f"{_HOST}/{quote(key)}")
    except UnreadablePage:
        return
    for link in page.links:
        if link.sha256 is not None:
            yield link.filename, link.sha256


def _of_checksums(body: bytes, _: Key) -> _Stated:
    for line in body.decode("utf-8", "replace").splitlines():
        if found := _CHECKSUM.fullmatch(line.rstrip()):
            yield found["filename"], Sha256(found["sha256"].lower())


_READERS: Final[Mapping[str, Callable[[bytes, Key], _Stated]]] = {
    "index.json": _of_page,
    "index.html": _of_page,
    "SHA256SUMS": _of_checksums,
}


def _contradiction(key: Key, found: Mapping[str, Sha256]) -> Problem:
    digests = ", ".join(f"{sha256} in {name}" for name, sha256 in found.items())
    what = f"has two different digests beside it: {digests}"
    return Problem(subject=printable(key), what=what, remedy="remove or correct the wrong one")
