"""URL or object → verified file. Nothing else in the house speaks HTTP, and nothing here knows what a release is."""

from __future__ import annotations

from bucketwheel.download.client import Client
from bucketwheel.download.credentials import Credentials, read_netrc
from bucketwheel.download.files import Part, Readable, holds, part_beside, save
from bucketwheel.download.holding import Container, Holding, Offer, PageRead
from bucketwheel.download.limits import Limits
from bucketwheel.download.stored import StoredContainer
from bucketwheel.download.web import WebContainer

__all__ = [
    "Client",
    "Container",
    "Credentials",
    "Holding",
    "Limits",
    "Offer",
    "PageRead",
    "Part",
    "Readable",
    "StoredContainer",
    "WebContainer",
    "holds",
    "part_beside",
    "read_netrc",
    "save",
]
