"""A manifest as the views show it: its visible files, their newest version, and what one version shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, PublishedFile, encode_manifest
from bucketwheel.format.views.projects import (
    NO_FACTS,
    CoreFacts,
    ReleaseView,
    ViewedFile,
    ViewedProject,
    by_version,
    rank,
)
from bucketwheel.names import Sha256, sha256_of

__all__ = [
    "changed_versions",
    "described_by",
    "known_versions",
    "newest_version",
    "removed_versions",
    "shown_sha256",
    "viewed_project",
    "viewed_version",
    "visible_versions",
]


def viewed_project(
    manifest: Manifest, layout: Layout, *, address: str | None = None, facts: CoreFacts = NO_FACTS
) -> ViewedProject:
    """Return a project; its files have absolute URLs below `address`, or relative ones for its page for people."""
    return ViewedProject(
        project=manifest.project,
        releases=by_version((file.version, _viewed(manifest, layout, file, address)) for file in manifest.visible),
        revision=manifest.revision,
        status=manifest.status,
        facts=facts,
    )


def viewed_version(manifest: Manifest, layout: Layout, version: str, *, address: str) -> ReleaseView:
    """Return one version, which has no files once all are deleted or hidden."""
    files = ((version, _viewed(manifest, layout, file, address)) for file in _files_of(manifest, version))
    return next(iter(by_version(files)), ReleaseView(version=version, files=()))


def shown_sha256(manifest: Manifest, version: str) -> Sha256:
    """Return the digest of all that a version's page shows: its visible entries, as a manifest has them."""
    return sha256_of(
        encode_manifest(Manifest(project=manifest.project, revision=0, files=_files_of(manifest, version)))
    )


def changed_versions(before: Manifest, after: Manifest) -> frozenset[str]:
    """Return the versions whose visible entries are not the same in both manifests."""
    old, new = _by_version(before), _by_version(after)
    return frozenset(version for version in old.keys() | new.keys() if old.get(version) != new.get(version))


def visible_versions(manifest: Manifest) -> frozenset[str]:
    """Return the versions that have a visible file."""
    return frozenset(file.version for file in manifest.visible)


def known_versions(manifest: Manifest) -> frozenset[str]:
    """Return every version that a manifest names."""
    return frozenset(file.version for file in (*manifest.files, *manifest.missing)) | removed_versions(manifest)


def removed_versions(manifest: Manifest) -> frozenset[str]:
    """Return the versions of which some file was hidden, or deleted and its objects may be there."""
    hidden = (file.version for file in manifest.files if file.hidden)
    return frozenset((*hidden, *(record.version for record in manifest.deleted if record.version is not None)))


def newest_version(manifest: Manifest, released: Iterable[str] = ()) -> str | None:
    """Return the version that a project shows, or will once these versions are released too; None without any."""
    files = _by_version(manifest)
    yanked = {version: all(file.yanked is not None for file in its_files) for version, its_files in files.items()}
    yanked |= dict.fromkeys(released, False)
    return max(yanked, key=lambda version: rank(version, is_yanked=yanked[version]), default=None)


def described_by(manifest: Manifest, version: str) -> PublishedFile | None:
    """Return the file whose sidecar describes a version: its first wheel here that has one."""
    wheels = (file for file in _files_of(manifest, version) if file.filename.endswith(".whl") and file.url is None)
    return next((file for file in wheels if file.metadata_sha256 is not None), None)


def _files_of(manifest: Manifest, version: str) -> tuple[PublishedFile, ...]:
    return tuple(file for file in manifest.visible if file.version == version)


def _by_version(manifest: Manifest) -> Mapping[str, list[PublishedFile]]:
    files: dict[str, list[PublishedFile]] = {}
    for file in manifest.visible:
        files.setdefault(file.version, []).append(file)
    return files


def _viewed(manifest: Manifest, layout: Layout, file: PublishedFile, address: str | None) -> ViewedFile:
    key = quote(layout.key_of(manifest.project, file))
    metadata = file.metadata_sha256
    return ViewedFile(
        filename=file.filename,
        url=file.url or (f"../../{key}" if address is None else f"{address}{key}"),
        hashes={"sha256": file.sha256},
        size=file.size,
        upload_time=file.upload_time,
        requires_python=file.requires_python or None,
        core_metadata=False if metadata is None else {"sha256": metadata},
        yanked=file.yanked,
        by=file.by.rpartition(" ")[0] or None,
    )
