"""An object from one storage into another: copied by the store itself where that is possible, streamed where not."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from bucketwheel.errors import Problem, Refused, Unavailable
from bucketwheel.names import Sha256, shown
from bucketwheel.storage import Key, Kind, Seen, Storage

__all__ = ["CopiesWithin", "Origin", "transfer"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where bytes lie that are wanted elsewhere too."""

    storage: Storage
    key: Key
    seen: Seen
    """The object as it was looked at before anything was decided."""


@runtime_checkable
class CopiesWithin(Protocol):
    """A store that can copy what lies in its reach without the bytes passing through here."""

    def copy(self, key: Key, origin: Origin, *, sha256: Sha256, kind: Kind, marks: Mapping[str, str]) -> bool | None:
        """Create an object that must not exist, with bytes proven to have this digest; False: the key is taken.

        None: it is out of reach, or the store cannot prove the digest; nothing was created.
        """


def transfer(
    origin: Origin, storage: Storage, key: Key, *, sha256: Sha256, kind: Kind, marks: Mapping[str, str]
) -> bool:
    """Create an object from another storage's, with its digest verified; False: the key is taken.

    Raises Refused where the origin's bytes have another digest.
    """
    if isinstance(storage, CopiesWithin):
        copied = storage.copy(key, origin, sha256=sha256, kind=kind, marks=marks)
        if copied is not None:
            return copied
    with _temporary_file() as path:
        if _save(origin, path) != sha256:
            raise Refused(
                Problem(
                    subject=shown(origin.storage.address(origin.key)),
                    what="has other bytes than its repository says",
                    remedy="see what `bucketwheel check --deep` says of that repository",
                )
            )
        return storage.add(key, path, sha256=sha256, kind=kind, marks=marks)


@contextmanager
def _temporary_file() -> Iterator[Path]:
    """A place on this machine's disk for a file on its way; whatever the disk refuses comes out in words."""
    try:
        with tempfile.TemporaryDirectory(prefix="bucketwheel-", ignore_cleanup_errors=True) as directory:
            yield Path(directory) / "file"
    except OSError as error:
        raise Unavailable(
            f"a file cannot be kept on this machine on its way ({error.strerror}); "
            "make room in its directory for temporary files, or name another in TMPDIR"
        ) from error


def _save(origin: Origin, path: Path) -> str:
    """Write the origin's bytes to a file; returns their digest."""
    digest = hashlib.sha256()
    with origin.storage.open(origin.key) as source, path.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()
