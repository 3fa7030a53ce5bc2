"""The proof of a store: what it does with conditions that must fail (docs/bucket-format.md, section 9).

Stores that ignore a condition would lose releases without any error: rclone, s3rver and Swift do (facts: S3 servers).
A verdict counts for one store only, because the record of it travels with objects that are copied elsewhere.
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from bucketwheel.errors import Problem, Unavailable
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.settings import Capability, RepositorySettings, Verdict, encode_settings
from bucketwheel.places import AWS_HOSTS
from bucketwheel.storage import NO_MARKS, Key, ObjectVersion, Storage, SwapLost

__all__ = ["refuses_right_version", "store_name", "try_conditional_writes"]

# A version that no object ever has.
_NEVER = ObjectVersion('"00000000000000000000000000000000"')
# A key that has no object, except in a store that ignores If-Match there.
_ABSENT = Key("_bucketwheel/proof")


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
    verdicts: dict[Capability, Verdict] = {
        "create": _verdict_on_swap(storage, settings, SETTINGS_KEY, None),
        "swap": _verdict_on_swap(storage, settings, SETTINGS_KEY, _NEVER),
        "swap-absent": _verdict_on_swap(storage, settings, _ABSENT, _NEVER),
    }
    if storage.stat(_ABSENT) is not None:  # perhaps from an earlier run, which then could not remove it
        verdicts["swap-absent"] = "ignored"
        _clean_up(storage, _ABSENT)
    return verdicts


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


def _clean_up(storage: Storage, key: Key) -> None:
    """Remove what the store should not have kept; what may not be removed stays, and does no harm."""
    with suppress(Unavailable, SwapLost):
        info = storage.stat(key)
        if info is not None:
            storage.remove(key, expected=info.version)
