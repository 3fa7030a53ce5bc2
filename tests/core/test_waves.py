"""The waves of commands: requests that wait for one another, of which each costs a round trip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.protocol.release import release
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.releasing import release_files, request_for
from support.waves import Waves, count_waves

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
