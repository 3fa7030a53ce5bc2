"""Files and sidecars that a manifest references, compared with the objects in the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.storage import Key, ListEntry, ObjectHeaders, ServedHeaders

__all__ = [
    "ReferencedObject",
    "check_bytes",
    "check_headers",
    "check_listed",
    "encoding_of",
    "referenced_objects",
]

# An SDK sends aws-chunked to S3, which removes it; some other stores keep it.
_NO_ENCODING = {"identity", "aws-chunked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencedObject:
    """A distribution or sidecar that an entry references, as it must be."""

    project: ProjectName
    entry: PublishedFile
    key: Key
    headers: ObjectHeaders
    sha256: Sha256 | None = None
    """None for a signature, which may have any bytes."""
    size: int | None = None
    """None for a sidecar, whose size no manifest knows."""

    @property
    def is_file(self) -> bool:
        """Return whether it is the distribution itself."""
        return self.size is not None

    @property
    def is_provenance(self) -> bool:
        """Return whether it is the attestations of a file."""
        return self.size is None and self.key.endswith(".provenance")

    @property
    def is_signature(self) -> bool:
        """Return whether it is a detached signature."""
        return self.size is None and self.sha256 is None

    def finding(self, kind: str, **facts: object) -> Finding:
        """Make a finding about it."""
        version, filename = self.entry.version, self.entry.filename
        facts |= {"project": self.project, "version": version, "filename": filename, "sha256": self.sha256}
        return finding(kind, self.key, **facts)


def referenced_objects(manifest: Manifest, layout: Layout) -> Iterator[ReferencedObject]:
    """Return every file of a manifest that is in this repository, and the sidecars that its entry promises."""
    for entry in manifest.files:
        if entry.url is not None:
            continue
        key = layout.key_of(manifest.project, entry)
        part = partial(ReferencedObject, project=manifest.project, entry=entry)
        yield part(key=key, headers=layout.distribution(), sha256=entry.sha256, size=entry.size)
        if entry.metadata_sha256 is not None:
            yield part(key=Key(f"{key}.metadata"), headers=layout.metadata(), sha256=entry.metadata_sha256)
        if entry.gpg_sig:
            yield part(key=Key(f"{key}.asc"), headers=layout.signature())
        if entry.provenance_sha256 is not None:
            yield part(key=Key(f"{key}.provenance"), headers=layout.provenance(), sha256=entry.provenance_sha256)


def check_listed(wanted: ReferencedObject, listed: ListEntry | None) -> Iterator[Finding]:
    """Compare an object with its entry in a listing."""
    if listed is None:
        yield wanted.finding("file-missing" if wanted.is_file else "sidecar-missing")
    elif wanted.size not in {None, listed.size}:
        yield wanted.finding("file-differs", found=f"{listed.size} bytes", released=f"{wanted.size} bytes")
    elif wanted.is_file and wanted.entry.seen not in {None, listed.etag}:
        yield wanted.finding("file-changed")


def check_bytes(wanted: ReferencedObject, sha256: Sha256 | None) -> Iterator[Finding]:
    """Compare the digest of an object's bytes with its entry; None for bytes that were not read."""
    if sha256 is not None and sha256 != wanted.sha256:
        kind = "file-differs" if wanted.is_file else "sidecar-differs"
        yield wanted.finding(kind, found=f"sha256 {sha256}", released=f"sha256 {wanted.sha256}")


def check_headers(wanted: ReferencedObject, served: ServedHeaders) -> Iterator[Finding]:
    """Compare the headers that an object is served with; an adopted file may keep those of its first tool."""
    if encoding := encoding_of(served):
        yield wanted.finding("file-encoded", encoding=encoding)
    elif wanted.entry.seen is None and (wrong := served.other_than(wanted.headers)):
        yield wanted.finding("headers-wrong", headers=wrong)


def encoding_of(served: ServedHeaders) -> str:
    """Return the Content-Encoding that clients must undo; empty for none."""
    encoding = served.content_encoding.strip().lower()
    return "" if encoding in _NO_ENCODING else encoding
