"""The `.metadata` sidecars that views are made from: read where a page needs one, unless this run uploads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.views.core_metadata import core_facts
from bucketwheel.format.views.projects import NO_FACTS, CoreFacts
from bucketwheel.format.views.published import described_by, newest_version
from bucketwheel.names import Sha256, sha256_of
from bucketwheel.storage import Key, Storage

__all__ = ["Sidecars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecars:
    """Core metadata of versions, by the digest of the sidecar."""

    storage: Storage
    layout: Layout
    uploaded: Mapping[Sha256, bytes] = field(default_factory=dict)
    """What this run uploads, which need not be read back."""
    read: dict[Sha256, CoreFacts] = field(default_factory=dict)
    """What was read already."""

    def of_project(self, manifest: Manifest) -> CoreFacts:
        """Return the metadata of a project's newest version."""
        version = newest_version(manifest)
        return NO_FACTS if version is None else self.of_version(manifest, version)

    def of_version(self, manifest: Manifest, version: str) -> CoreFacts:
        """Return the metadata of a version; nothing is known of one without a sidecar, or with another than it had."""
        file = described_by(manifest, version)
        if file is None or file.metadata_sha256 is None:
            return NO_FACTS
        if file.metadata_sha256 not in self.read:
            body = self.uploaded.get(file.metadata_sha256)
            if body is None:
                stored = self.storage.read(Key(f"{self.layout.key_of(manifest.project, file)}.metadata"))
                body = b"" if stored is None else stored.body
            is_its_own = sha256_of(body) == file.metadata_sha256
            self.read[file.metadata_sha256] = core_facts(body) if is_its_own else NO_FACTS
        return self.read[file.metadata_sha256]
