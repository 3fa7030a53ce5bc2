"""The proof of a store: what it does with conditions that must fail (docs/bucket-format.md, section 9).

Stores that ignore a condition would lose releases without any error: rclone, s3rver and Swift do (facts: S3 servers).
A verdict counts for one store only, because the record of it travels with objects that are copied elsewhere.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from urllib.parse import urlsplit
from uuid import uuid4

from bucketwheel.errors import OutcomeUnknown, Problem, Unavailable
from bucketwheel.format.layout import MANIFESTS, SETTINGS_KEY, Layout, PageMark, page_marks
from bucketwheel.format.pages.html import render_root_html
from bucketwheel.format.pages.mark import RENDERER
from bucketwheel.format.settings import Capability, RepositorySettings, Verdict, encode_settings
from bucketwheel.parallel import attempts
from bucketwheel.places import AWS_HOSTS, Place
from bucketwheel.storage import NO_MARKS, AddsInParts, Key, KeyRefused, Object, ObjectVersion, Storage, SwapLost

__all__ = [
    "no_slash_keys",
    "refuses_right_version",
    "store_name",
    "try_conditional_writes",
    "try_parts",
    "try_removal",
    "try_slash_keys",
    "unsafe_parts",
    "unsafe_removal",
]

# A version that no object ever has.
_NEVER = ObjectVersion('"00000000000000000000000000000000"')
# A key that has no object, except in a store that ignores If-Match there.
_ABSENT = Key("_bucketwheel/proof")
_FOLDER = Key("_bucketwheel/")


def store_name(storage: Storage) -> str:
    """Return the name of the store that a proof is about: `aws`, `directory`, or endpoint and bucket."""
    address = urlsplit(storage.address(""))
    if address.scheme == "file":
        return "directory"  # our own code compares, in every directory the same
    if (address.hostname or "").endswith(AWS_HOSTS):
        return "aws"
    return f"{address.scheme}://{address.netloc}/{address.path.split('/')[1]}"


def try_conditional_writes(storage: Storage, settings: RepositorySettings) -> dict[Capability, Verdict]:
    """Make writes that the store must refuse, on the settings that it holds and on one absent key."""
    verdicts: dict[Capability, Verdict] = {}
    verdicts["create"] = _verdict_on_swap(storage, settings, SETTINGS_KEY, None)  # rule: creating twice is refused
    verdicts["swap"] = _verdict_on_swap(storage, settings, SETTINGS_KEY, _NEVER)  # rule: a wrong version is refused
    verdicts["swap-absent"] = _verdict_on_swap(storage, settings, _ABSENT, _NEVER)
    if storage.stat(_ABSENT) is not None:  # perhaps from an earlier run, which then could not remove it
        verdicts["swap-absent"] = "ignored"
        _clean_up(storage, _ABSENT)
    return verdicts


def try_slash_keys(storage: Storage, layout: Layout) -> Verdict:
    """Write an empty root page at a key that ends in a slash, and read it back.

    Where an index is there already, its root page is not written but read, and without one another key is used.
    """
    if store_name(storage) == "directory":
        return "ignored"  # no name in a file system ends in a slash
    in_use = _holds_an_index(storage, layout)
    if in_use and layout.simple and (root := storage.read(Key(layout.simple))) is not None and root.body:
        return "proven"
    key = _FOLDER if in_use or not layout.simple else Key(layout.simple)
    found: Object | None = None
    for _ in attempts():
        try:
            _write_empty_page(storage, key, layout, found)
        except KeyRefused:
            return "ignored"
        except (SwapLost, OutcomeUnknown):
            found = storage.read(key)
            if found is None or not found.body:  # perhaps the empty object that consoles call a folder
                continue
        kept = storage.read(key)
        if key == _FOLDER:
            _clean_up(storage, key)
        return "proven" if kept is not None and kept.body else "ignored"
    raise Unavailable(f"the store did not keep {key}; run the same command again")


def try_removal(storage: Storage, settings: RepositorySettings) -> Verdict:
    """Remove an object, which is added for that, under a version that it never had."""
    # No other run may remove it, or the store would seem to ignore the condition.
    key, body = Key(f"{_ABSENT}-{uuid4().hex}"), encode_settings(settings)
    storage.remove(key, expected=_NEVER)  # absent: a lack of permission shows before anything is added
    storage.swap(key, body, expected=None, headers=settings.layout.record(), marks=NO_MARKS)
    try:
        storage.remove(key, expected=_NEVER)
    except SwapLost:
        _clean_up(storage, key)
        return "proven"
    return "ignored"


def try_parts(storage: AddsInParts, settings: RepositorySettings) -> Verdict:
    """Make an object of one part where the settings are."""
    body, headers = encode_settings(settings), settings.layout.record()
    added = storage.add_one_part(SETTINGS_KEY, body, headers=headers, marks=NO_MARKS)
    return "ignored" if added else "proven"


def unsafe_parts(place: Place) -> Problem:
    """Return the problem of a store in which a large file or a copy would replace what is there."""
    return Problem(
        subject=str(place),
        what="is on a store that ignores If-None-Match at the end of an upload in parts, so a large file or a copy "
        "could replace a released one",
        remedy="use a store that supports it, or set single-writer = true and make sure that only one publisher "
        "runs at a time",
    )


def unsafe_removal(place: Place, keys: Iterable[Key]) -> Problem:
    """Return the problem of pages that a store would remove also if somebody had just replaced them."""
    return Problem(
        subject=str(place),
        what="is on a store that ignores If-Match when an object is removed, as MinIO does, so pages of a style that "
        "is not in use stay there",
        remedy=f"remove them by hand while nobody publishes: {', '.join(keys)}",
    )


def no_slash_keys(place: Place, *, asked: bool) -> Problem:
    """Return the problem of a page style that a store cannot have."""
    url = shlex.quote(str(place))
    remedy = (
        "choose pages=index.html"
        if asked
        else f"run `bucketwheel init {url} --set pages=index.html`, then `bucketwheel reindex -r {url}`"
    )
    return Problem(
        subject=str(place),
        what="is on a store that keeps no objects at keys that end in a slash, as the HTML pages here have",
        remedy=remedy,
    )


def refuses_right_version(place: str) -> Problem:
    """Return the problem of a store in which nothing can be replaced."""
    return Problem(
        subject=place,
        what="is on a store that refuses If-Match also with the right version, as Ceph 16 to 18 do, so no object can "
        "be replaced there",
        remedy="use a store that supports If-Match, such as AWS S3 or Ceph 20",
    )


def _verdict_on_swap(storage: Storage, settings: RepositorySettings, key: Key, wrong: ObjectVersion | None) -> Verdict:
    """Write the settings under a condition that does not hold."""
    body, headers = encode_settings(settings), settings.layout.record()
    try:
        storage.swap(key, body, expected=wrong, headers=headers, marks=NO_MARKS)
    except SwapLost:
        return "proven"
    return "ignored"


def _holds_an_index(storage: Storage, layout: Layout) -> bool:
    """Return whether there is more than a root page; clients of another tool must not see an empty root."""
    if next(iter(storage.list(MANIFESTS)), None) is not None:
        return True
    return any(entry.key != layout.simple for entry in islice(storage.list(layout.simple), 2))


def _write_empty_page(storage: Storage, key: Key, layout: Layout, found: Object | None) -> None:
    marks = page_marks(PageMark(revision=0, renderer=RENDERER))
    version = None if found is None else found.version
    storage.swap(key, render_root_html(()), expected=version, headers=layout.html(), marks=marks)


def _clean_up(storage: Storage, key: Key) -> None:
    """Remove what the store should not have kept; what may not be removed stays, and does no harm."""
    with suppress(Unavailable, SwapLost):
        info = storage.stat(key)
        if info is not None:
            storage.remove(key, expected=info.version)
