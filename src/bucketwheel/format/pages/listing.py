"""The content of a project's HTML and JSON pages: the same files with the same facts, in the same order (PEP 691)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from packaging.version import Version

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile

__all__ = ["ListedFile", "Listing", "project_listing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A page's link to a file."""

    file: PublishedFile
    href: str
    """Relative to the page, without a fragment."""
    provenance: str | None
    """The absolute https URL of its attestations (PEP 740); None without attestations or such a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that a project's pages show: found once for its HTML and JSON pages."""

    manifest: Manifest
    versions: tuple[str, ...]
    """In their normal spelling (PEP 700), each once."""
    links: tuple[ListedFile, ...]
    """Oldest version first."""
    signed: bool
    """True if any file has a signature: then every link says whether its own has (PEP 503)."""


def project_listing(manifest: Manifest, layout: Layout, base_url: str | None = None) -> Listing:
    """Return the content of a project's pages; `base_url` is the repository's public address, ending in a slash."""
    files = manifest.visible
    spellings = _in_order(dict.fromkeys(file.version for file in files))
    rank = {version: position for position, version in enumerate(spellings)}
    return Listing(
        manifest=manifest,
        versions=tuple(dict.fromkeys(spellings.values())),
        links=tuple(
            ListedFile(
                file=file,
                href=layout.href(manifest.project, file),
                provenance=_provenance(manifest, layout, file, base_url),
            )
            for file in sorted(files, key=lambda file: rank[file.version])  # a manifest's are sorted by their names
        ),
        signed=any(file.gpg_sig for file in files),
    )


def _in_order(versions: Collection[str]) -> dict[str, str]:
    """Sort versions, each with its normal spelling; legacy ones that PEP 440 cannot read come first, as they are."""
    legacy: list[str] = []
    readable: dict[str, Version] = {}
    for version in versions:
        try:
            readable[version] = Version(version)
        except ValueError:  # not only InvalidVersion: Python refuses to read a number of thousands of digits
            legacy.append(version)
    in_order = sorted(sorted(readable), key=readable.__getitem__)
    return {version: version for version in sorted(legacy)} | {text: str(readable[text]) for text in in_order}


def _provenance(manifest: Manifest, layout: Layout, file: PublishedFile, base_url: str | None) -> str | None:
    # PEP 740 asks for a full URL on a secure origin; a file that is elsewhere has its attestations there.
    if file.provenance_sha256 is None or file.url is not None or base_url is None:
        return None
    if urlsplit(base_url).scheme != "https":
        return None
    return f"{base_url}{quote(layout.key_of(manifest.project, file))}.provenance"
