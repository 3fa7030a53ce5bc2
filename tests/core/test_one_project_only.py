"""One manifest that cannot be used holds up its own project only, and versions of bucketwheel tolerate each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.errors import Damaged, Refused
from bucketwheel.format.layout import Layout, manifest_key
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.json import read_root_json
from bucketwheel.format.pages.mark import RENDERER
from bucketwheel.names import ProjectName
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.refresh import PageVersions, write_pages
from bucketwheel.protocol.repository import open_to_read
from bucketwheel.storage import Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.releasing import context_for, page_json, release_files
from support.tampering import (
    change_manifest,
    change_settings,
    make_newer,
    overwrite,
    put,
    rebuild,
    remove,
    state,
    stored,
)
from support.witness import Witness

ROOT = Layout().root_json_key


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return a store of either kind with two projects."""
    storage: Storage = MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, "zoo"))
    return storage


def damage(storage: Storage) -> None:
    """Cut the manifest of the first project."""
    overwrite(storage, manifest_key(ProjectName("demo-pkg")), b'{"format":')


def yank(manifest: Manifest) -> Manifest:
    """Yank the first file."""
    return replace(manifest, files=(replace(manifest.files[0], yanked="broken"),))


@pytest.mark.parametrize(("spoil", "error"), [(damage, Damaged), (make_newer, Refused)])
def test_reindex_goes_on_for_all_others(
    storage: Storage, spoil: Callable[[Storage], None], error: type[Exception]
) -> None:
    """Pages and the root are written; the project that cannot be used keeps its pages and its place in the root."""
    spoil(storage)
    old = [key for key in state(storage) if key.startswith("simple/demo-pkg/")]
    before = {key: stored(storage, key) for key in old}
    change_manifest(storage, yank, "zoo")
    remove(storage, ROOT)
    with pytest.raises(error, match="the manifest of demo-pkg"):
        rebuild(storage)
    assert page_json(storage, "zoo")["files"][0]["yanked"] == "broken"
    assert read_root_json(stored(storage, ROOT).body) == ("demo-pkg", "zoo")
    assert {key: stored(storage, key) for key in old} == before


@pytest.mark.parametrize(("spoil", "error"), [(damage, Damaged), (make_newer, Refused)])
def test_a_project_that_cannot_be_used_is_not_added_to_the_root(
    storage: Storage, spoil: Callable[[Storage], None], error: type[Exception]
) -> None:
    """A root never names a project without a page."""
    spoil(storage)
    remove(storage, *[key for key in state(storage) if key.startswith("simple/demo-pkg/")], ROOT)
    with pytest.raises(error, match="the manifest of demo-pkg"):
        rebuild(storage)
    assert read_root_json(stored(storage, ROOT).body) == ("zoo",)


def test_pages_of_the_old_style_are_removed_but_for_that_project(tmp_path: Path) -> None:
    """The only page of a project stays: its page of the new style could not be written."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path), make_wheel(tmp_path, "zoo"))
    damage(storage)
    change_settings(storage, lambda settings: replace(settings, pages="index.html"))
    with pytest.raises(Damaged, match="the manifest of demo-pkg"):
        rebuild(storage)
    assert {"simple/index.html", "simple/zoo/index.html", "simple/demo-pkg/"} <= state(storage).keys()
    assert not {"simple/", "simple/zoo/", "simple/demo-pkg/index.html"} & state(storage).keys()


def test_a_dry_run_of_reindex_says_it_too(storage: Storage) -> None:
    """A newer manifest is refused, as it would be."""
    make_newer(storage)
    with pytest.raises(Refused, match="the manifest of demo-pkg"), context_for(storage, dry_run=True) as context:
        reindex_projects(context, ())


@pytest.mark.parametrize(("spoil", "error"), [(damage, Damaged), (make_newer, Refused)])
def test_nor_does_one_that_is_damaged_while_pages_are_written(
    storage: Storage, spoil: Callable[[Storage], None], error: type[Exception]
) -> None:
    """The first page of the project is lost to somebody else, and the manifest that is read then cannot be used."""
    change_manifest(storage, yank)
    change_manifest(storage, yank, "zoo")
    first = Layout().json_key(ProjectName("demo-pkg"))
    remove(storage, ROOT)
    moments = [("swap", first)]

    def meddle(verb: str, key: str) -> None:
        if (verb, key) in moments:
            moments.clear()
            put(storage, first, b"edited since")
            spoil(storage)

    with pytest.raises(error, match="the manifest of demo-pkg"):
        rebuild(Witness(storage, before=meddle))
    assert not moments
    assert page_json(storage, "zoo")["files"][0]["yanked"] == "broken"
    assert read_root_json(stored(storage, ROOT).body) == ("demo-pkg", "zoo")
    assert stored(storage, first).body == b"edited since"


def test_a_newer_manifest_is_not_rendered_after_a_lost_page_swap(storage: Storage) -> None:
    """We would leave out what only the newer bucketwheel knows, and call the page up to date."""
    demo = ProjectName("demo-pkg")
    with context_for(storage) as context:
        repository = open_to_read(context.target)
        pages = PageVersions.start(repository, [demo], context.workers)
        pages.wait()
        put(storage, Layout().json_key(demo), b"edited since")
        change_manifest(storage, lambda manifest: manifest)
        read = read_manifest(context.target, demo)
        make_newer(storage)
        with pytest.raises(Refused, match="newer bucketwheel"):
            write_pages(repository, [read], pages, context.workers).raise_failed()
    assert stored(storage, Layout().json_key(demo)).body == b"edited since"


@pytest.mark.parametrize("lacks_one", [False, True])
def test_a_json_root_by_a_newer_renderer_is_left_alone(storage: Storage, *, lacks_one: bool) -> None:
    """Two versions never rewrite each other's roots for ever; one that lacks a project is written all the same."""
    newer = stored(storage, ROOT).body.replace(b'"renderer":%d' % RENDERER, b'"renderer":99')
    marks = {"bucketwheel-revision": "2", "bucketwheel-renderer": "99"}
    overwrite(storage, ROOT, newer, marks=marks)
    if lacks_one:
        document = json.loads(newer)
        document["projects"] = document["projects"][:1]
        overwrite(storage, ROOT, json.dumps(document).encode(), marks=marks)
    rebuild(storage)
    assert (stored(storage, ROOT).body == newer) is not lacks_one
    assert read_root_json(stored(storage, ROOT).body) == ("demo-pkg", "zoo")
