"""The views of a repository's projects: written by every command that changes a manifest, and never wrong for long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import feedparser  # type: ignore[import-untyped]
import pytest
from packaging.version import Version

from bucketwheel import descriptions
from bucketwheel.commands.check import check_projects
from bucketwheel.commands.prune import Expiry, KeepNewest
from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.commands.status import change_status
from bucketwheel.commands.yank import HideChange, YankChange, change_yank
from bucketwheel.errors import Unfinished, WentBack
from bucketwheel.format.catalogue import CATALOGUE_KEY
from bucketwheel.format.layout import FEED_KEYS, PEOPLE_KEYS, Layout
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.format.settings import VIEWS, View
from bucketwheel.format.views import feeds, people, warehouse
from bucketwheel.format.views.projects import newest
from bucketwheel.format.views.published import newest_version, viewed_project
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.places import S3Place
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import Context
from bucketwheel.storage import NO_MARKS, Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import adopt_all
from support.archives import make_sdist, make_wheel
from support.manifests import published
from support.memory import MemoryStorage
from support.releasing import NOW, context_for, manifest_of, release_files, request_for
from support.removing import delete_from, prune_from, prune_orphans_from
from support.tampering import (
    change_settings,
    overwrite,
    put_back,
    rebuild,
    remove,
    settings_of,
    state,
    stored,
    switch_on,
)
from support.view_pages import feed_versions, named_files, parsed_view_key, revision_on, view_json
from support.waves import count_waves

DEMO = ProjectName("demo-pkg")
JSON, PEOPLE, FEED = "pypi/demo-pkg/json", "project/demo-pkg/index.html", "rss/project/demo-pkg/releases.xml"
PAGES = {JSON, PEOPLE, FEED}
SHARED = {*PEOPLE_KEYS, *FEED_KEYS, CATALOGUE_KEY}
"""The pages of all projects together have tests of their own."""


def document(version: str) -> str:
    """Return the key of a version's document."""
    return f"pypi/demo-pkg/{version}/json"


def with_views(storage: Storage, *views: View) -> Storage:
    """Switch views on, all if none is named, and write their pages."""
    switch_on(storage, *(views or VIEWS), base_url="https://i.example/")
    return storage


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give a repository in which version 1.0 is published, and then all views are switched on."""
    storage: Storage = MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, wheel(tmp_path, "1.0"))
    return with_views(storage)


@pytest.fixture
def memory(tmp_path: Path) -> MemoryStorage:
    """Give the same in memory."""
    storage = MemoryStorage()
    release_files(storage, wheel(tmp_path, "1.0"))
    with_views(storage)
    return storage


def wheel(directory: Path, version: str, tag: str = "py3-none-any") -> Path:
    """Make a wheel whose summary names its version."""
    return make_wheel(directory, version=version, tag=tag, metadata_extra=f"Summary: about {version}\n")


def view_keys(storage: Storage) -> set[str]:
    """Return the keys of all views that are there."""
    return {entry.key for entry in storage.list("") if parsed_view_key(entry.key)}


def body(storage: Storage, key: str) -> bytes:
    """Return the bytes of a page."""
    return stored(storage, key).body


def info(storage: Storage, key: str = JSON) -> dict[str, object]:
    """Return the part of a document that is about its version."""
    found: dict[str, object] = view_json(body(storage, key))["info"]
    return found


def names_in(storage: Storage) -> dict[str, set[str]]:
    """Return the file names in each view, and check that each file is there with these bytes."""
    found: dict[str, set[str]] = {}
    for key in view_keys(storage):
        files = named_files(key, body(storage, key))
        for file, sha256 in files:
            assert sha256_of(body(storage, file)) == sha256, (key, file)
        found[key] = {file.rpartition("/")[2] for file, _ in files}
    return found


def run(storage: Storage, command: Callable[[Context], object]) -> None:
    """Run a command."""
    with context_for(storage) as context:
        command(context)


def yank(version: str, reason: str | None = "bad") -> Callable[[Context], object]:
    """Return a yank of a version."""
    return lambda context: change_yank(context, DEMO, YankChange(yanked=reason, version=Version(version)))


def hide(version: str, *, hidden: bool = True) -> Callable[[Context], object]:
    """Return a hide of a version."""
    return lambda context: change_yank(context, DEMO, HideChange(hidden=hidden, version=Version(version)))


def status(name: str, reason: str | None = None) -> Callable[[Context], object]:
    """Return a change of the project's status."""
    return lambda context: change_status(context, DEMO, Status(status=name, reason=reason))


# Every command -------------------------------------------------------------------------------------------------------


def test_a_publish_writes_every_view(storage: Storage, tmp_path: Path) -> None:
    """The new version is in all of them, with its own metadata, and each file's URL leads to its bytes."""
    release_files(storage, wheel(tmp_path, "1.1"), make_sdist(tmp_path, version="1.1"))
    first, second = "demo_pkg-1.0-py3-none-any.whl", "demo_pkg-1.1-py3-none-any.whl"
    sdist = "demo_pkg-1.1.tar.gz"
    assert names_in(storage) == {
        JSON: {first, second, sdist},
        PEOPLE: {second, sdist},
        FEED: set(),
        document("1.0"): {first},
        document("1.1"): {second, sdist},
    }
    assert feed_versions(body(storage, FEED)) == ["1.1", "1.0"]
    assert (info(storage)["version"], info(storage)["summary"]) == ("1.1", "about 1.1")
    assert info(storage, document("1.0"))["summary"] == "about 1.0"
    assert b"about 1.1" in body(storage, PEOPLE)
    assert {revision_on(body(storage, key)) for key in PAGES} == {2}
    assert revision_on(body(storage, document("1.0"))) == 1


def test_urls_of_json_are_absolute_and_those_for_people_are_not(storage: Storage) -> None:
    """A page for people works from a disk; a reader of JSON knows no address but the one it is given."""
    file = view_json(body(storage, JSON))["urls"][0]
    assert file["url"] == "https://i.example/simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"
    assert info(storage)["package_url"] == f"https://i.example/{PEOPLE}"
    assert b'href="../../simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl"' in body(storage, PEOPLE)
    feed = feedparser.parse(body(storage, FEED))
    assert (feed.bozo, feed.entries[0].link) == (False, f"https://i.example/{PEOPLE}")


def test_an_older_version_that_is_published_later_is_not_the_newest(storage: Storage, tmp_path: Path) -> None:
    """Its metadata replace nothing."""
    release_files(storage, wheel(tmp_path, "0.9"))
    assert (info(storage)["version"], info(storage)["summary"]) == ("1.0", "about 1.0")


def test_the_first_wheel_describes_its_version(storage: Storage, tmp_path: Path) -> None:
    """In the order of pages, not of uploads; a version without a wheel is described by its entry alone."""
    release_files(storage, make_wheel(tmp_path, version="1.0", tag="py2-none-any", metadata_extra="Summary: first\n"))
    assert info(storage)["summary"] == info(storage, document("1.0"))["summary"] == "first"
    release_files(storage, make_sdist(tmp_path, version="2.0"))
    assert (info(storage)["version"], info(storage)["summary"]) == ("2.0", None)


def test_a_yank_is_in_every_view(storage: Storage, tmp_path: Path) -> None:
    """And its undoing: a document that shows the same as before is written with the new revision."""
    release_files(storage, wheel(tmp_path, "1.1"))
    run(storage, yank("1.1"))
    assert (info(storage)["version"], info(storage, document("1.1"))["yanked_reason"]) == ("1.0", "bad")
    run(storage, yank("1.1", None))
    assert (info(storage)["version"], info(storage, document("1.1"))["yanked"]) == ("1.1", False)
    assert revision_on(body(storage, document("1.1"))) == 4
    assert revision_on(body(storage, document("1.0"))) == 1


@pytest.mark.parametrize("command", ["delete", "prune", "hide"])
def test_what_is_gone_is_in_no_view(command: str, storage: Storage, tmp_path: Path) -> None:
    """The document of a version without files stays, and names none."""
    release_files(storage, wheel(tmp_path, "1.1"))
    commands: dict[str, Callable[[], object]] = {
        "delete": lambda: delete_from(storage, "demo-pkg", "1.0"),
        "prune": lambda: prune_from(storage, Expiry(retention=KeepNewest(count=1), now=NOW, all_releases=True)),
        "hide": lambda: run(storage, hide("1.0")),
    }
    commands[command]()
    second = {"demo_pkg-1.1-py3-none-any.whl"}
    assert names_in(storage) == {
        JSON: second,
        PEOPLE: second,
        FEED: set(),
        document("1.0"): set(),
        document("1.1"): second,
    }
    assert view_json(body(storage, document("1.0")))["urls"] == []


def test_a_quarantined_project_shows_its_status_only(storage: Storage) -> None:
    """One notice with the reason, and no file in any view; then everything is back."""
    before = names_in(storage)
    run(storage, status("quarantined", "malware & <more>"))
    assert set().union(*names_in(storage).values()) == set()
    assert b"quarantined" in body(storage, PEOPLE)
    assert b"malware &amp; &lt;more&gt;" in body(storage, PEOPLE)
    assert feed_versions(body(storage, FEED)) == []
    run(storage, status("active"))
    assert names_in(storage) == before


def test_a_status_that_changes_no_files_writes_no_document_of_a_version(storage: Storage) -> None:
    """A version's document shows nothing of it."""
    run(storage, status("archived", "done"))
    assert revision_on(body(storage, document("1.0"))) == 1
    assert b"done" in body(storage, PEOPLE)


@pytest.mark.parametrize(
    "again",
    [
        lambda storage, path: release_files(storage, wheel(path, "1.1")),
        lambda storage, _: rebuild(storage),
        lambda storage, _: run(storage, status("active")),
    ],
    ids=["publish", "reindex", "status"],
)
def test_the_same_again_writes_what_a_dead_run_did_not(
    again: Callable[[Storage, Path], object], storage: Storage, tmp_path: Path
) -> None:
    """Every page that is absent or shows an older state comes back."""
    release_files(storage, wheel(tmp_path, "1.1"))
    whole = {key: body(storage, key) for key in view_keys(storage)}
    remove(storage, *PAGES, document("1.1"))
    again(storage, tmp_path)
    assert {key: body(storage, key) for key in view_keys(storage)} == whole


def test_a_version_that_is_not_normal_has_no_document(storage: Storage) -> None:
    """Old files have versions with a slash in them, or that differ in case only."""

    def older(document: bytes) -> bytes:
        return document.replace(b'"version":"1.0"', b'"version":"1.0/../../x"')

    key = "_bucketwheel/manifests/demo-pkg.json"
    overwrite(storage, key, older(body(storage, key)).replace(b'"revision":1', b'"revision":2'))
    rebuild(storage)
    assert info(storage)["version"] == "1.0/../../x"
    assert view_keys(storage) == {*PAGES, document("1.0")}
    assert names_in(storage)[document("1.0")] == set()


# When they are written -----------------------------------------------------------------------------------------------


def test_a_second_reindex_writes_nothing(storage: Storage) -> None:
    """All is judged by marks."""
    before = state(storage)
    rebuild(storage)
    assert state(storage) == before


@pytest.mark.parametrize(
    ("kind", "number", "pages"),
    [
        (warehouse, "WAREHOUSE_RENDERER", {JSON, document("1.0")}),
        (people, "PEOPLE_RENDERER", {PEOPLE}),
        (feeds, "FEED_RENDERER", {FEED}),
    ],
)
def test_each_kind_has_a_renderer_of_its_own(
    kind: object, number: str, pages: set[str], storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new style of one kind rewrites its pages only; an older bucketwheel leaves these as they are."""
    before = state(storage)
    monkeypatch.setattr(kind, number, getattr(kind, number) + 2)
    rebuild(storage)
    changed = {key for key, seen in state(storage).items() if seen != before.get(key)}
    assert changed == pages
    monkeypatch.undo()
    newer = state(storage)
    rebuild(storage)
    assert state(storage) == newer


def test_a_new_title_or_address_rewrites_the_views(storage: Storage) -> None:
    """They show it; the simple pages do not, and stay."""
    before = state(storage)
    change_settings(storage, lambda settings: replace(settings, title="Northwind"))
    rebuild(storage)
    changed = {key for key, seen in state(storage).items() if seen != before.get(key)}
    assert changed - {"_bucketwheel/repository.json", *SHARED} == {*PAGES, document("1.0")}
    assert b"Northwind" in body(storage, PEOPLE)


@pytest.mark.parametrize(
    ("base_url", "written"), [(None, {*PAGES, document("1.0")}), ("https://i.example/", set[str]())]
)
def test_a_copy_of_a_repository_has_addresses_of_its_own(
    base_url: str | None, written: set[str], memory: MemoryStorage
) -> None:
    """Views of a bucket name its files by address: in another bucket they are written again, once."""
    change_settings(memory, lambda settings: replace(settings, base_url=base_url))
    rebuild(memory)
    for expected in (written, set[str]()):
        before = state(memory)
        with context_for(memory, S3Place(bucket="copy")) as context:
            reindex_projects(context, ())
        changed = {key for key, seen in state(memory).items() if seen != before.get(key)}
        assert changed - {"_bucketwheel/repository.json", *SHARED} == expected


def test_a_view_of_other_bytes_and_the_right_mark_stays(memory: MemoryStorage) -> None:
    """Another version of a library renders other bytes: two machines must not rewrite each other's pages for ever."""
    rendered = stored(memory, PEOPLE)
    overwrite(memory, PEOPLE, rendered.body + b"<!-- other -->", marks=rendered.marks or {})
    rebuild(memory)
    assert body(memory, PEOPLE).endswith(b"<!-- other -->")


def test_a_view_that_is_off_again_is_removed_once(storage: Storage) -> None:
    """Then the settings forget it, and no request looks for its pages any more."""
    change_settings(storage, lambda settings: replace(settings, views=("people",), retired_views=("json", "feeds")))
    rebuild(storage)
    assert view_keys(storage) == {PEOPLE, document("1.0")}
    assert settings_of(storage).retired_views == ()
    change_settings(storage, lambda settings: replace(settings, views=(), retired_views=("json-versions", "people")))
    rebuild(storage)
    assert view_keys(storage) == set()


def test_a_page_of_a_view_that_is_off_and_not_ours_stays(storage: Storage) -> None:
    """Somebody edited it; as long as anything is there, the settings remember that there may be more."""
    overwrite(storage, FEED, b"edited by hand")
    change_settings(storage, lambda settings: replace(settings, views=("people",), retired_views=("json", "feeds")))
    rebuild(storage)
    assert body(storage, FEED) == b"edited by hand"
    assert settings_of(storage).retired_views == ("json", "feeds")


# What it costs -------------------------------------------------------------------------------------------------------


def wheels(directory: Path, version: str, count: int) -> list[Path]:
    """Make so many wheels of one version."""
    return [wheel(directory, version, tag=f"py3{number}-none-any") for number in range(count)]


def test_a_version_with_all_views_costs_seven_requests_more_and_no_wave(memory: MemoryStorage, tmp_path: Path) -> None:
    """A look at three pages, and a swap of four: a new version has no document. Its metadata are not read back."""
    request = request_for(*wheels(tmp_path, "1.1", 5))
    waves = count_waves(memory, lambda context: release(context, request))
    sent = [(wave, each) for wave, each in waves.sent if each.split()[1] not in SHARED]
    assert len(sent) == 2 * 5 + 7 + 7
    assert max(wave for wave, _ in sent) == 5
    assert not [each for each in waves.requests if each.endswith(".metadata") and each.startswith("read")]
    assert len([each for each in waves.requests if document("1.0") in each]) == 0


def test_a_document_of_a_version_that_no_one_names_is_found(memory: MemoryStorage, tmp_path: Path) -> None:
    """A new version is expected to have none; its swap is lost then, and the document is looked at."""
    request = request_for(*wheels(tmp_path, "1.1", 1))
    headers = Layout().view(Key(document("1.1")))
    memory.swap(Key(document("1.1")), b"left by a run that died", expected=None, headers=headers, marks=NO_MARKS)
    requests = count_waves(memory, lambda context: release(context, request)).requests
    assert [each for each in requests if document("1.1") in each] == [
        f"swap {document('1.1')}",
        f"stat {document('1.1')}",
        f"swap {document('1.1')}",
    ]
    assert b'"version":"1.1"' in body(memory, document("1.1"))


def test_an_older_version_reads_the_sidecar_of_the_newest_once(memory: MemoryStorage, tmp_path: Path) -> None:
    """Three pages share it, and it is read beside the upload."""
    request = request_for(*wheels(tmp_path, "0.9", 1))
    waves = count_waves(memory, lambda context: release(context, request))
    reads = [each for each in waves.requests if each.startswith("read simple/")]
    assert reads == ["read simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl.metadata"]
    assert waves.depth == 6


def test_the_same_again_costs_a_look_a_page(memory: MemoryStorage, tmp_path: Path) -> None:
    """Nothing is rendered, read back or written."""
    request = request_for(wheel(tmp_path, "1.0"))
    requests = count_waves(memory, lambda context: release(context, request)).requests
    own = [each for each in requests if each.split()[1] not in SHARED]
    assert sorted(each.split()[0] for each in own) == ["read"] * 2 + ["stat"] * 6


def test_a_reindex_that_finds_nothing_costs_a_look_a_view(
    memory: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One listing of documents, one look at each view, no sidecar, and nothing is rendered."""
    release_files(memory, *wheels(tmp_path, "1.1", 2))
    release_files(memory, make_wheel(tmp_path, "other"))
    for module, name in ((warehouse, "render_project"), (warehouse, "render_version"), (people, "render_project")):
        monkeypatch.delattr(module, name)
    monkeypatch.delattr(feeds, "render_project_releases", raising=True)
    waves = count_waves(memory, lambda context: reindex_projects(context, ()))
    looks = [each for each in waves.requests if parsed_view_key(each.removeprefix("stat "))]
    assert len(looks) == len(set(looks)) == 3 * 2 + 3
    assert [each for each in waves.requests if each.startswith("list")] == [
        "list _bucketwheel/manifests/",
        "list simple/",
        "list pypi/",
    ]
    assert not [each for each in waves.requests if ".metadata" in each or each.startswith("swap")]


def test_without_views_nothing_is_asked_about_them(tmp_path: Path) -> None:
    """A repository that never had one pays nothing."""
    storage = MemoryStorage()
    release_files(storage, wheel(tmp_path, "1.0"))
    request = request_for(wheel(tmp_path, "1.1"))
    sent = count_waves(storage, lambda context: release(context, request)).requests
    sent += count_waves(storage, lambda context: reindex_projects(context, ())).requests
    assert not [each for each in sent if each.split()[1].startswith(("pypi", "project", "rss"))]


def test_a_dry_run_names_the_views_that_it_would_change(memory: MemoryStorage, tmp_path: Path) -> None:
    """And writes none of them."""
    before = state(memory)
    outcome = release_files(memory, wheel(tmp_path, "1.1"), dry_run=True)
    assert {Key(key) for key in (*PAGES, document("1.1"))} <= set(outcome.pages)
    assert state(memory) == before
    assert manifest_of(memory, "demo-pkg").revision == 1


# A manifest that went back -------------------------------------------------------------------------------------------


@pytest.fixture
def restored(storage: Storage, tmp_path: Path) -> Storage:
    """Publish 1.1 by a run that dies before its simple pages, and restore the manifest of before."""
    kept = {entry.key: stored(storage, entry.key) for entry in storage.list("simple/demo-pkg/")}
    manifest = stored(storage, "_bucketwheel/manifests/demo-pkg.json")
    release_files(storage, wheel(tmp_path, "1.1"))
    put_back(storage, "_bucketwheel/manifests/demo-pkg.json", manifest)
    for key, page in kept.items():
        if key.endswith(("/", "/index.html", "/index.json")):
            put_back(storage, key, page)
    return storage


@pytest.mark.parametrize(
    ("command", "left"),
    [
        (rebuild, ()),
        (prune_orphans_from, ()),
        (rebuild, (JSON,)),
        (lambda storage: run(storage, yank("1.0")), (JSON,)),
        (lambda storage: run(storage, yank("1.0")), (PEOPLE, FEED)),
    ],
    ids=["reindex-documents", "prune-documents", "reindex-json", "yank-json", "yank-people"],
)
def test_a_later_view_is_a_sign_that_a_manifest_went_back(
    command: Callable[[Storage], object], left: tuple[str, ...], restored: Storage
) -> None:
    """Each view counts, as pages do; nothing that one of them names is removed."""
    remove(restored, *PAGES.difference(left))
    with pytest.raises((WentBack, Unfinished), match="went back"):
        command(restored)
    assert "demo_pkg-1.1-py3-none-any.whl" in names_in(restored)[document("1.1")]


def test_an_adoption_without_a_manifest_repairs_documents_at_once(restored: Storage) -> None:
    """The manifest is lost, and a document of a version that no page lists stayed: one run is enough."""
    remove(restored, "_bucketwheel/manifests/demo-pkg.json")
    adopt_all(restored)
    assert names_in(restored)[document("1.1")] == set()
    before = state(restored)
    adopt_all(restored)
    assert state(restored) == before


@pytest.mark.parametrize("lost", [False, True])
def test_an_adoption_repairs_what_only_views_remember(lost: bool, restored: Storage) -> None:  # noqa: FBT001 - pytest's
    """The next revision is above that of every view, and a document of a version that is forgotten names no file."""
    pages = [entry.key for entry in restored.list("simple/demo-pkg/") if entry.key.endswith(("/", ".html", ".json"))]
    remove(restored, *(pages if lost else ()))
    adopt_all(restored)
    assert manifest_of(restored, "demo-pkg").revision == 3
    first = {"demo_pkg-1.0-py3-none-any.whl"}
    assert names_in(restored) == {
        JSON: first,
        PEOPLE: first,
        FEED: set(),
        document("1.0"): first,
        document("1.1"): set(),
    }
    before = state(restored)
    rebuild(restored)
    adopt_all(restored)
    assert state(restored) == before


@pytest.mark.parametrize(
    ("versions", "yanked"),
    [
        (("1.9", "1.10"), ()),
        (("1.0", "2.0rc1"), ()),
        (("1.0", "2.0"), ("2.0",)),
        (("1.0rc1", "2.0rc1"), ()),
        (("1.0", "2.0"), ("1.0", "2.0")),
        ((), ()),
    ],
)
def test_what_describes_a_project_is_what_it_shows(versions: tuple[str, ...], yanked: tuple[str, ...]) -> None:
    """The newest version of a manifest is that of the project which the views show."""
    files = (published(f"x-{each}.zip", each, yanked="bad" if each in yanked else None) for each in versions)
    manifest = Manifest(project=DEMO, revision=1, files=tuple(files))
    shown = newest(viewed_project(manifest, Layout()).releases)
    assert newest_version(manifest) == (None if shown is None else shown.version)


def test_a_page_for_people_does_not_tell_where_a_directory_is(tmp_path: Path) -> None:
    """Without an address the install lines have a place to fill in."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, wheel(tmp_path, "1.0"))
    change_settings(storage, lambda settings: replace(settings, views=("people",)))
    rebuild(storage)
    assert b"file:" not in body(storage, PEOPLE)
    assert str(tmp_path).encode() not in body(storage, PEOPLE)


def test_a_check_costs_a_look_a_view(memory: MemoryStorage, tmp_path: Path) -> None:
    """No listing shows their marks; their bytes are read only if something is wrong with them."""
    release_files(memory, wheel(tmp_path, "1.1"), make_wheel(tmp_path, "other"))
    requests = count_waves(memory, lambda context: check_projects(context, (), deep=False)).requests
    views = [each for each in requests if parsed_view_key(each.partition(" ")[2])]
    assert sorted(views) == sorted(f"stat {key}" for key in view_keys(memory))


# Descriptions --------------------------------------------------------------------------------------------------------

README = "Summary: a\nDescription-Content-Type: text/markdown\n\nSome *Markdown*.\n"


def described(directory: Path, version: str) -> Path:
    """Make a wheel with a description in Markdown."""
    return make_wheel(directory, version=version, metadata_extra=README)


def renderer_of(storage: Storage) -> int:
    """Return the renderer of the page for people."""
    found = read_page_mark(body(storage, PEOPLE))
    assert found is not None
    return found.renderer


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Be a machine without the extra, until this is undone."""
    monkeypatch.setattr(descriptions, "_NEEDED", ("a_library_that_is_not_there",))
    return monkeypatch


def test_a_publish_shows_the_rendered_description(storage: Storage, tmp_path: Path) -> None:
    """Its renderer number is odd: nobody can do better."""
    release_files(storage, described(tmp_path, "1.1"))
    assert b"<p>Some <em>Markdown</em>.</p>" in body(storage, PEOPLE)
    assert renderer_of(storage) == people.PEOPLE_RENDERER + 1


def test_without_the_extra_it_is_text_until_somebody_has_it(
    storage: Storage, tmp_path: Path, plain: pytest.MonkeyPatch
) -> None:
    """No publish fails for want of it, and `reindex` where it is installed improves the page."""
    release_files(storage, described(tmp_path, "1.1"))
    assert b"<pre>Some *Markdown*." in body(storage, PEOPLE)
    assert renderer_of(storage) == people.PEOPLE_RENDERER
    before = state(storage)
    rebuild(storage)
    assert state(storage) == before
    plain.undo()
    rebuild(storage)
    assert b"<em>Markdown</em>" in body(storage, PEOPLE)


def test_text_never_replaces_what_was_rendered(storage: Storage, tmp_path: Path) -> None:
    """Of the same revision; the same publish, and `reindex`, on a machine without the extra write nothing."""
    release_files(storage, described(tmp_path, "1.1"))
    before = state(storage)
    with pytest.MonkeyPatch.context() as without:
        without.setattr(descriptions, "_NEEDED", ("a_library_that_is_not_there",))
        rebuild(storage)
        release_files(storage, described(tmp_path, "1.1"))
    assert state(storage) == before


def test_what_text_cannot_replace_is_found(storage: Storage, tmp_path: Path) -> None:
    """After a change of the settings the page stays where the extra is not installed: a check says where to reindex."""

    def remedies() -> dict[str, str]:
        with context_for(storage) as context:
            findings = check_projects(context, (), deep=False).findings
        return {each.subject: each.remedy for each in findings if each.code == "page-behind"}

    release_files(storage, described(tmp_path, "1.1"))
    change_settings(storage, lambda settings: replace(settings, title="Northwind"))
    with pytest.MonkeyPatch.context() as without:
        without.setattr(descriptions, "_NEEDED", ("a_library_that_is_not_there",))
        rebuild(storage)
        assert remedies() == {PEOPLE: "run `bucketwheel reindex demo-pkg` where bucketwheel[web] is installed"}
    rebuild(storage)
    assert b"Northwind" in body(storage, PEOPLE)
    assert remedies() == {}
