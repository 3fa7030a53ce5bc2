"""The work and memory that a large repository costs, counted and never timed."""

from __future__ import annotations

from pathlib import Path

from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.names import ProjectName
from support.archives import make_wheel
from support.manifests import published
from support.memory import MemoryStorage
from support.releasing import release_files
from support.tampering import put, rebuild
from support.witness import Witness


def test_reindex_holds_few_manifests_at_once(tmp_path: Path) -> None:
    """The pages of some projects are written before the manifests of the next are read."""
    storage, held, most = MemoryStorage(), set[str](), 0
    release_files(storage, make_wheel(tmp_path))
    projects = [ProjectName(f"project-{number}") for number in range(400)]
    for project in projects:
        manifest = Manifest(project=project, revision=1, files=(published(f"{project}-1.0.tar.gz", "1.0"),))
        put(storage, manifest_key(project), encode_manifest(manifest))

    def count(verb: str, key: str) -> None:
        nonlocal most
        if verb == "read" and key.startswith("_bucketwheel/manifests/"):
            held.add(f"simple/{key.removeprefix('_bucketwheel/manifests/').removesuffix('.json')}/index.json")
            most = max(most, len(held))
        elif verb == "swap":
            held.discard(key)

    rebuild(Witness(storage, before=count))
    assert {f"simple/{project}/index.json" for project in projects} <= set(storage.objects)
    assert 0 < most <= 130
