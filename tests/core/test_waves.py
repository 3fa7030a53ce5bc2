"""The waves of commands: requests that wait for one another, of which each costs a round trip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from packaging.version import Version

from bucketwheel.commands.delete import FilesToDelete, delete_files
from bucketwheel.commands.prune import Expiry, KeepNewest, prune_projects
from bucketwheel.commands.status import change_status
from bucketwheel.commands.yank import HideChange, YankChange, change_yank
from bucketwheel.format.manifest import Status
from bucketwheel.names import ProjectName
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import Context
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.releasing import NOW, release_files, request_for
from support.waves import Waves, count_waves

DEMO = ProjectName("demo-pkg")
FOLDER = "simple/demo-pkg/"


@pytest.fixture
def storage(tmp_path: Path) -> MemoryStorage:
    """Give a repository with one release."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path))
    return storage


def publish(storage: MemoryStorage, *paths: Path, signed: bool = False) -> Waves:
    """Publish these files, perhaps with a signature and attestations, and count."""
    request = request_for(*paths)
    if signed:
        signed_uploads = (replace(each, signature=b"signature", provenance=b"{}") for each in request.uploads)
        request = replace(request, uploads=tuple(signed_uploads))
    return count_waves(storage, lambda context: release(context, request))


def test_a_next_version_takes_five_waves(storage: MemoryStorage, tmp_path: Path) -> None:
    """Settings and manifest; file and looks; sidecar; manifest; pages."""
    waves = publish(storage, make_wheel(tmp_path, version="1.1"))
    assert (waves.depth, len(waves.sent)) == (5, 9)


def test_an_upload_uses_the_first_connection(storage: MemoryStorage, tmp_path: Path) -> None:
    """The pages, which can wait until the commit, are looked at after the upload has begun: it waits for no set-up."""
    waves = publish(storage, make_wheel(tmp_path, version="1.1"))
    assert [request.split()[0] for wave, request in waves.sent if wave == 2] == ["add", "stat", "stat"]


def test_signature_and_attestations_take_no_further_wave(storage: MemoryStorage, tmp_path: Path) -> None:
    """All sidecars of a file come beside each other, after it."""
    wheel = make_wheel(tmp_path, version="1.1")
    waves = publish(storage, wheel, signed=True)
    assert waves.wave(3) == [f"add {FOLDER}{wheel.name}.{sidecar}" for sidecar in ("asc", "metadata", "provenance")]
    assert (waves.depth, len(waves.sent)) == (5, 11)


def test_a_new_project_takes_nine_waves(storage: MemoryStorage, tmp_path: Path) -> None:
    """The root is read beside the uploads; after the manifest come HTML page, JSON root, HTML root and JSON page."""
    waves = publish(storage, make_wheel(tmp_path, "another"))
    assert [waves.wave(number)[-1] for number in range(5, 10)] == [
        "swap _bucketwheel/manifests/another.json",
        "swap simple/another/",
        "swap simple/index.json",
        "swap simple/",
        "swap simple/another/index.json",
    ]
    assert (waves.depth, len(waves.sent)) == (9, 13)


@pytest.mark.parametrize(
    "command",
    [
        partial(change_yank, project=DEMO, wanted=YankChange(yanked="broken", version=Version("1.0"))),
        partial(change_yank, project=DEMO, wanted=HideChange(hidden=True, version=Version("1.0"))),
        partial(change_status, project=DEMO, status=Status(status="deprecated")),
    ],
    ids=["yank", "hide", "status"],
)
def test_a_change_without_files_takes_four_waves(storage: MemoryStorage, command: Callable[[Context], object]) -> None:
    """Settings and manifest; looks; manifest; pages."""
    waves = count_waves(storage, command)
    assert (waves.depth, len(waves.sent)) == (4, 7)


def test_a_delete_takes_seven_waves(storage: MemoryStorage, tmp_path: Path) -> None:
    """Settings and manifest; looks; manifest; pages; listing, and the manifest once more; file; sidecars."""
    publish(storage, make_wheel(tmp_path, version="1.1"), signed=True)
    selection = FilesToDelete(version="1.1")
    waves = count_waves(storage, lambda context: delete_files(context, DEMO, selection))
    wheel = f"{FOLDER}demo_pkg-1.1-py3-none-any.whl"
    assert waves.wave(5) == [f"list {wheel}", "read _bucketwheel/manifests/demo-pkg.json"]
    assert waves.wave(6) == [f"remove {wheel}"]
    assert (waves.depth, len(waves.sent)) == (7, 13)


def test_a_prune_reads_manifests_beside_the_looks(storage: MemoryStorage) -> None:
    """Settings; list of manifests; manifest and looks: nothing expires."""
    expiry = Expiry(retention=KeepNewest(count=1), now=NOW)
    waves = count_waves(storage, lambda context: prune_projects(context, ["*"], expiry))
    assert (waves.depth, len(waves.sent)) == (3, 5)
