"""What a manifest names, held against what lies there: files and their sidecars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bucketwheel.commands.check.findings import Finding
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile
from bucketwheel.names import ProjectName, Sha256, printable
from bucketwheel.storage import Key, ListEntry, ObjectHeaders, ServedHeaders

__all__ = ["Named", "check_bytes", "check_headers", "check_listed", "check_versions", "named_objects"]

# aws-chunked is how an SDK sent it; S3 takes it off, and some other stores write it down.
_NO_ENCODING = {"", "identity", "aws-chunked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An object that an entry names, and what it must be."""

    project: ProjectName
    entry: PublishedFile
    key: Key
    kind: ObjectHeaders
    sha256: Sha256 | None
    """None: any bytes will do, as of a signature."""
    size: int | None = None
    """None: of a sidecar, whose size no manifest knows."""

    @property
    def is_file(self) -> bool:
        """Whether it is the distribution itself."""
        return self.size is not None


def named_objects(manifest: Manifest, layout: Layout) -> Iterator[Named]:
    """Every file that lies in this repository, and the sidecars that its entry promises."""
    for entry in manifest.files:
        if entry.url is not None:
            continue
        key = layout.key_of(manifest.project, entry)
        promised: list[tuple[str, ObjectHeaders, Sha256 | None]] = []
        if entry.metadata_sha256 is not None:
            promised.append((".metadata", layout.metadata(), entry.metadata_sha256))
        if entry.gpg_sig:
            promised.append((".asc", layout.signature(), None))
        if entry.provenance_sha256 is not None:
            promised.append((".provenance", layout.provenance(), entry.provenance_sha256))
        yield Named(
            project=manifest.project,
            entry=entry,
            key=key,
            kind=layout.distribution(),
            sha256=entry.sha256,
            size=entry.size,
        )
        for ending, kind, sha256 in promised:
            yield Named(project=manifest.project, entry=entry, key=Key(f"{key}{ending}"), kind=kind, sha256=sha256)


def check_listed(named: Named, listed: ListEntry | None) -> Finding | None:
    """Say what a listing alone shows to be wrong."""
    adopt = f"`bucketwheel reindex --adopt {named.project}`"
    if listed is None and named.is_file:
        who = "the manifest names it" if named.entry.hidden else "pages link to it"
        remedy = f"put its bytes back, or run {adopt}, which takes it off the pages"
        return _finding("file-missing", named, f"is not there, though {who}", remedy)
    if listed is None:
        return _finding(
            "sidecar-missing", named, "is not there, though pages promise it", f"put it back, or run {adopt}"
        )
    if named.size is not None and listed.size != named.size:
        return _differs(named, f"has {listed.size} bytes, and was released with {named.size}")
    if named.is_file and named.entry.seen is not None and listed.etag != named.entry.seen:
        what = "was written again since it was adopted, perhaps with other bytes"
        return _finding("file-changed", named, what, f"run {adopt}, which reads it again")
    return None


def check_bytes(named: Named, sha256: Sha256) -> Finding | None:
    """Say whether an object has other bytes than its entry has."""
    if named.sha256 in {None, sha256}:
        return None
    return _differs(named, f"has other bytes than were released (sha256 {sha256})")


def check_headers(named: Named, headers: ServedHeaders) -> Finding | None:
    """Say whether an object is served in another way than it should; how others stored adopted ones is their matter."""
    encoding = headers.content_encoding.strip().lower()
    if encoding not in _NO_ENCODING:
        what = f"is served with Content-Encoding {printable(encoding)}, and pip hashes what it receives"
        return _finding("file-encoded", named, what, f"take that header off it by hand{_BY_COPY}")
    if named.entry.seen is not None or headers.is_of(named.kind):
        return None
    remedy = f"set them by hand{_BY_COPY}; bucketwheel never writes over a released file"
    return _finding("headers-wrong", named, f"is served with {headers.other_than(named.kind)}", remedy)


def check_versions(named: Named) -> Finding:
    """Say that a released key was written more than once."""
    what = "has an earlier version with other bytes: somebody wrote over it"
    remedy = f"see that the released bytes (sha256 {named.sha256}) are the current ones, and remove the other version"
    return _finding("file-overwritten", named, what, remedy)


_BY_COPY = " (aws s3api copy-object --metadata-directive REPLACE, with its metadata as it is)"


def _differs(named: Named, what: str) -> Finding:
    if not named.is_file:
        remedy = f"remove it and run `bucketwheel reindex --adopt {named.project}`, which makes it anew"
        return _finding("sidecar-differs", named, what, remedy)
    release = f"{named.project}=={printable(named.entry.version)} {printable(named.entry.filename)}"
    remedy = f"put back the released bytes (sha256 {named.sha256}), or run `bucketwheel delete {release}`"
    return _finding("file-differs", named, what, remedy)


def _finding(code: str, named: Named, what: str, remedy: str) -> Finding:
    return Finding(code=code, subject=printable(named.key), what=what, remedy=remedy)
