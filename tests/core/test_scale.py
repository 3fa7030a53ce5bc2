"""The work and memory that a large repository costs, counted and never timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from bucketwheel import names
from bucketwheel.commands.delete import FilesToDelete
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.commands.yank import YankChange
from bucketwheel.format import documents
from bucketwheel.format.layout import manifest_key
from bucketwheel.format.manifest import Manifest, decode_manifest, encode_manifest
from bucketwheel.format.pages import listing
from bucketwheel.names import DistributionName, ProjectName, distribution_name, printable
from bucketwheel.protocol import release
from bucketwheel.protocol.plan import Existing, ReleasePlan, Upload, plan_release
from support.archives import make_wheel
from support.manifests import DEMO, published
from support.memory import MemoryStorage
from support.releasing import NOW, release_files
from support.tampering import change_settings, put, rebuild
from support.witness import Witness

MANIFEST = manifest_key(DEMO)


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


def test_a_publish_reads_each_version_once_for_all_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML and JSON pages list the same files in the same order, which is found once; a version may have many files."""
    storage = MemoryStorage()
    versions = [f"1.{number}" for number in range(5)]
    release_files(
        storage, *(make_wheel(tmp_path, version=each, tag=f"py3{tag}-none-any") for each in versions for tag in "01")
    )
    change_settings(storage, lambda settings: replace(settings, pages="both"))
    read: list[str] = []

    class Counted(Version):
        def __init__(self, version: str) -> None:
            read.append(version)
            super().__init__(version)

    monkeypatch.setattr(listing, "Version", Counted)
    release_files(storage, make_wheel(tmp_path, version="2.0"))
    assert sorted(read) == sorted([*versions, "2.0"])


def test_reading_a_manifest_builds_a_path_for_problems_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place such as `files[3].size` is put into words for what is wrong or unknown there, and for nothing else."""
    named: list[str] = []

    def count(text: str) -> str:
        named.append(text)
        return printable(text)

    files = tuple(published(f"demo_pkg-{number}.zip", str(number)) for number in range(100))
    body = encode_manifest(Manifest(project=DEMO, revision=1, files=files))
    monkeypatch.setattr(documents, "printable", count)
    assert len(decode_manifest(body, DEMO).files) == 100
    assert len(named) < 10
    newer = decode_manifest(body.replace(b'"by"', b'"newer":1,"by"', 1), DEMO)
    assert newer.unknown == ("files[0].newer",)


def test_a_name_is_compared_with_each_published_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred new wheels of a version with as many files read the names of these once, and not a hundred times."""
    read: list[str] = []

    def count(filename: str) -> DistributionName:
        read.append(filename)
        return distribution_name(filename)

    published_names = [f"Demo_Pkg-1.0-cp3{number}-cp3{number}-win_amd64.whl" for number in range(100)]
    offered = [distribution_name(name.replace("Demo_Pkg-1.0", "demo_pkg-1.0.0")) for name in published_names]
    monkeypatch.setattr(names, "distribution_name", count)
    spellings = names.Spellings(published_names)
    assert [spellings.of(name) for name in offered] == [(name,) for name in published_names]
    assert sorted(read) == sorted(published_names)


def test_a_publish_plans_once_while_nobody_else_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan looks at every name of the manifest: it is made again only for another manifest."""
    storage, planned = MemoryStorage(), list[int]()

    def count(manifest: Manifest, uploads: Sequence[Upload], existing: Existing) -> ReleasePlan:
        planned.append(manifest.revision)
        return plan_release(manifest, uploads, existing)

    monkeypatch.setattr(release, "plan_release", count)
    release_files(storage, make_wheel(tmp_path))
    release_files(storage, make_wheel(tmp_path, version="2.0"))
    assert planned == [0, 1]

    rivals = [make_wheel(tmp_path, version="3.0")]

    def publish_first(verb: str, key: str) -> None:
        if (verb, key) == ("swap", MANIFEST) and rivals:
            release_files(storage, rivals.pop())

    release_files(Witness(storage, before=publish_first), make_wheel(tmp_path, version="4.0"))
    assert planned == [0, 1, 2, 2, 3]


@pytest.mark.parametrize(
    "select",
    [
        FilesToDelete(version="1.7").select,
        Expiry(retention=KeepNewest(count=3), now=NOW).select,
        YankChange(version=Version("1.7"), yanked="broken").decide,
    ],
)
def test_each_version_is_read_once_for_all_its_files(select: Callable[[Manifest], object]) -> None:
    """The files of a version follow each other in a manifest, and share what is read of it."""
    files = tuple(
        published(f"demo_pkg-1.{version}-cp3{python}-cp3{python}-win_amd64.whl", f"1.{version}")
        for version in range(30)
        for python in range(10)
    )
    names.parsed_version.cache_clear()
    select(Manifest(project=DEMO, revision=1, files=files))
    assert names.parsed_version.cache_info().misses <= 31
