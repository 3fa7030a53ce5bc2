"""Budgets in large repositories: what a command costs does not depend on what did not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.format.manifest import Manifest, encode_manifest
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.protocol.release import release
from bucketwheel.storage import NO_MARKS, Key, ListEntry, ObjectVersion
from support.archives import make_wheel
from support.manifests import published
from support.memory import MemoryStorage
from support.releasing import context_for, manifest_of, release_files, request_for
from support.waves import Waves, count_waves

BODY = b"a wheel"


def fill(storage: MemoryStorage, projects: int, files: int) -> None:
    """Put so many projects with so many wheels and sidecars into a repository, and write their pages."""
    layout = Layout()
    for project in (ProjectName(f"project-{number:04}") for number in range(projects)):
        names = [f"{project.replace('-', '_')}-1.{number}-py3-none-any.whl" for number in range(files)]
        entries = (
            published(name, f"1.{number}", sha256=sha256_of(BODY), size=len(BODY)) for number, name in enumerate(names)
        )
        manifest = encode_manifest(Manifest(project=project, revision=1, files=tuple(entries)))
        storage.swap(manifest_key(project), manifest, expected=None, headers=layout.record(), marks=NO_MARKS)
        for key in (f"simple/{project}/{name}{end}" for name in names for end in ("", ".metadata")):
            storage.swap(Key(key), BODY, expected=None, headers=layout.distribution(), marks=NO_MARKS)
    with context_for(storage) as context:
        reindex_projects(context, ())


def repository_of(tmp_path: Path, projects: int, files: int, storage: MemoryStorage | None = None) -> MemoryStorage:
    """Make such a repository, with one project more."""
    storage = storage or MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    fill(storage, projects, files)
    return storage


def reindexed(storage: MemoryStorage, *projects: str) -> Waves:
    """Reindex, and count."""
    return count_waves(storage, lambda context: reindex_projects(context, projects))


def published_into(storage: MemoryStorage, wheel: Path) -> list[str]:
    """Publish one wheel, and return the requests."""
    request = request_for(wheel)
    return sorted(count_waves(storage, lambda context: release(context, request)).requests)


def test_a_wheel_costs_nine_requests_beside_a_thousand_projects(tmp_path: Path) -> None:
    """A publish of one wheel never lists, and reads nothing of other projects."""
    requests = published_into(repository_of(tmp_path, 1000, 10), make_wheel(tmp_path, version="1.1"))
    assert len(requests) == 9
    assert all("demo" in request or request == "read _bucketwheel/repository.json" for request in requests)


def test_a_wheel_costs_nine_requests_beside_two_thousand_files(tmp_path: Path) -> None:
    """The same in one large project, which the root lists already."""
    storage = repository_of(tmp_path, 1, 2000)
    requests = published_into(storage, make_wheel(tmp_path, "project-0000", "2.0"))
    assert (len(requests), [each for each in requests if each.startswith("list")]) == (9, [])
    assert len(manifest_of(storage, "project-0000").files) == 2001


def test_a_reindex_that_finds_nothing_costs_a_read_a_project(tmp_path: Path) -> None:
    """One listing shows all pages: 1,000 projects with ten files take at most 1,030 requests, of which no look."""
    waves = reindexed(repository_of(tmp_path, 999, 10))
    assert len(waves.sent) <= 1030
    assert [each for each in waves.requests if each.startswith("stat")] == ["stat simple/"]


def test_only_what_is_behind_is_looked_at(tmp_path: Path) -> None:
    """A page that a dead run left behind is found, whatever its project, and written."""
    storage = repository_of(tmp_path, 40, 1)
    for project in ("project-0003", "project-0033"):
        del storage.objects[f"simple/{project}/"]
        page = storage.objects[f"simple/{project}/index.json"]
        storage.swap(
            Key(f"simple/{project}/index.json"), BODY, expected=page.version, headers=page.headers, marks=page.marks
        )
    requests = reindexed(storage).requests
    looks = sorted(each for each in requests if each.startswith("stat simple/p"))
    assert looks == [f"stat simple/project-00{number}/{page}" for number in ("03", "33") for page in ("", "index.json")]
    assert sum(each.startswith("swap simple/p") for each in requests) == 4


class Encrypted(MemoryStorage):
    """A store whose versions are no digests of the bytes, like the ETags of objects that a KMS key encrypts."""

    def version_of(self, body: bytes) -> ObjectVersion:
        """Return what the version would be without encryption."""
        return ObjectVersion(f"plain {super().version_of(body)}")


def test_where_versions_are_no_digests_few_manifests_are_read_twice(tmp_path: Path) -> None:
    """After sixteen projects without a hit every page is looked at, as everywhere before: nothing is written."""
    waves = reindexed(repository_of(tmp_path, 99, 1, Encrypted()))
    manifests = [each for each in waves.requests if each.startswith("read _bucketwheel/manifests/")]
    assert len(manifests) == 100 + 16
    assert sum(each.startswith("stat simple/") for each in waves.requests) == 201
    assert not any(each.startswith("swap") for each in waves.requests)


def test_one_named_project_needs_no_listing_of_files(tmp_path: Path) -> None:
    """Two looks and a read cost less."""
    requests = reindexed(repository_of(tmp_path, 3, 1), "demo-pkg").requests
    assert [each for each in requests if each.startswith("list")] == ["list _bucketwheel/manifests/"]


class Endless(MemoryStorage):
    """A repository with so many files that a listing of them would never end."""

    def list(self, prefix: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - see the base class
        """List manifests as they are, and files for ever."""
        yield from super().list(prefix)
        while prefix == "simple/":
            yield ListEntry(key=Key("simple/zzz/file"), size=1)


def test_a_listing_ends_where_looks_cost_less(tmp_path: Path) -> None:
    """A few projects with very many files: after a hundred entries for each page the pages are looked at instead."""
    storage = Endless(repository_of(tmp_path, 9, 1).objects)
    requests = reindexed(storage).requests
    assert 0 < requests.count("list simple/") <= 4
    assert "stat simple/project-0003/" in requests


@pytest.mark.parametrize("page", ["", "index.json"])
def test_a_page_of_a_later_manifest_is_noticed(tmp_path: Path, page: str) -> None:
    """A manifest that went back renders other bytes than its pages have, so they are looked at."""
    storage = repository_of(tmp_path, 2, 1)
    before = storage.objects[manifest_key(ProjectName("demo-pkg"))]
    kept = storage.objects[f"simple/demo-pkg/{page}"]
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    storage.objects[manifest_key(ProjectName("demo-pkg"))] = before
    other = "" if page else "index.json"
    storage.objects[f"simple/demo-pkg/{page}"] = kept  # one page shows the old revision
    with pytest.raises(Exception, match="went back"):
        reindexed(storage)
    assert storage.objects[f"simple/demo-pkg/{other}"] != kept
