"""How much time and space a server may take from us."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]

_KIB = 1024
_MIB = 1024 * _KIB
_GIB = 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """With the defaults no server holds a fetch for more than some 30 seconds for nothing, or fills the disk."""

    answer_seconds: float = 30
    """Until an answer begins: connecting, redirects, waits and further tries for one URL are all within it."""
    connect_seconds: float = 10
    """Until one address of a host takes the connection; within the above too."""
    pace_bytes: int = 20 * _KIB
    """What must arrive of a body in each `pace_seconds`: 1 KiB a second."""
    pace_seconds: float = 20
    tries: int = 4
    """How often one URL is asked while its server is overloaded or breaks off; silence is not asked again."""
    longest_wait: float = 10
    """Seconds between two tries at most, whatever `Retry-After` says."""
    redirects: int = 5
    page_bytes: int = 16 * _MIB
    """The length of an index page, decompressed."""
    file_bytes: int = 5 * _GIB
    """The length of a distribution."""
    spare_bytes: int = 100 * _MIB
    """What must stay free on the disk that files are written to."""
