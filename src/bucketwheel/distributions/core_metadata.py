"""A wheel's METADATA and nothing else, found with few reads: for a wheel that lies far away."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import BinaryIO

from bucketwheel.distributions.findings import Broken, Finding
from bucketwheel.distributions.members import LARGEST_TEXT
from bucketwheel.distributions.metadata import judge_metadata, read_metadata
from bucketwheel.distributions.zip_contents import whole_text
from bucketwheel.distributions.zip_directory import CentralRecord, find_directory, read_directory
from bucketwheel.distributions.zip_fields import read_exactly
from bucketwheel.distributions.zip_records import read_member
from bucketwheel.names import DistributionName

__all__ = ["find_metadata"]

_METADATA = ".dist-info/metadata"
_LARGEST_HEADERS = 1 << 17  # name and extra field, of at most 64 KiB each


def find_metadata(name: DistributionName, file: BinaryIO, length: int) -> Iterator[Finding]:
    """Find a wheel's core metadata: one read of the tail, one of the directory, and one of the member itself.

    Raises Broken where readers could differ about which member it is, or what it says.
    """
    directory = find_directory(file, length)
    records = sorted(read_directory(file, directory), key=lambda record: record.header_start)
    borders = [*(record.header_start for record in records), directory.start]
    found = [
        (record, start, end) for record, (start, end) in zip(records, pairwise(borders), strict=True) if _is(record)
    ]
    if len(found) != 1 or not found[0][0].name.endswith("/METADATA"):
        raise Broken(f"has {'several files' if len(found) > 1 else 'no file'} that could be its METADATA")
    record, start, end = found[0]
    if not 0 <= end - start <= LARGEST_TEXT + _LARGEST_HEADERS:
        raise Broken(f"has a METADATA of more than {LARGEST_TEXT} bytes")
    here = io.BytesIO(read_exactly(file, start, end - start))
    member = read_member(here, replace(record, header_start=0), end - start)
    yield from judge_metadata(name, "METADATA", read_metadata(whole_text(here, member)))


def _is(record: CentralRecord) -> bool:
    """Whether it is the one at the top; vendored ones below packages are nobody's business."""
    return record.name.count("/") == 1 and record.name.lower().endswith(_METADATA)
