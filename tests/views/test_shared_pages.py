"""The pages of all projects together, and the catalogue that they are made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin

import feedparser  # type: ignore[import-untyped]
import pytest
from packaging.version import Version

from bucketwheel.commands.reindex import reindex_projects
from bucketwheel.commands.status import change_status
from bucketwheel.commands.yank import YankChange, change_yank
from bucketwheel.events import Event, Warned
from bucketwheel.format.catalogue import (
    CATALOGUE_KEY,
    MOST_PROJECTS,
    Catalogue,
    CatalogueLine,
    decode_catalogue,
    encode_catalogue,
)
from bucketwheel.format.layout import FEED_KEYS, FRONT_KEY, NEW_PROJECTS_KEY, PAGE_STYLES, PEOPLE_KEYS, PageStyle
from bucketwheel.format.manifest import Status
from bucketwheel.format.settings import VIEWS, View
from bucketwheel.names import ProjectName, Sha256
from bucketwheel.parallel import Workers
from bucketwheel.protocol.catalogue import look_at_catalogue, record
from bucketwheel.protocol.commit import read_manifest
from bucketwheel.protocol.release import release
from bucketwheel.protocol.repository import open_to_read
from bucketwheel.protocol.sidecars import Sidecars
from bucketwheel.storage import Key, ObjectHeaders, ObjectVersion, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import adopt_all
from support.archives import make_wheel
from support.memory import MemoryStorage
from support.releasing import context_for, release_files, request_for, target_of
from support.removing import delete_from
from support.tampering import change_settings, overwrite, rebuild, remove, state, stored, switch_on
from support.waves import count_waves

DEMO = ProjectName("demo-pkg")
SHARED = {*PEOPLE_KEYS, *FEED_KEYS}


def with_views(storage: Storage, *views: View) -> Storage:
    """Switch views on, all if none is named, and write their pages."""
    switch_on(storage, *(views or VIEWS), base_url="https://i.example/")
    return storage


@pytest.fixture(params=["memory", "directory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Give a repository in which version 1.0 is published, and then all views are switched on."""
    storage: Storage = MemoryStorage() if request.param == "memory" else DirectoryStorage(root=tmp_path / "repository")
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    return with_views(storage)


@pytest.fixture
def memory(tmp_path: Path) -> MemoryStorage:
    """Give the same in memory."""
    storage = MemoryStorage()
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    with_views(storage)
    return storage


def wheel(directory: Path, name: str, version: str, tag: str = "py3-none-any") -> Path:
    """Make a wheel whose summary names project and version."""
    return make_wheel(directory, name, version=version, tag=tag, metadata_extra=f"Summary: {name} is {version}\n")


def page(storage: Storage, key: str = FRONT_KEY) -> str:
    """Return a page as text."""
    return stored(storage, key).body.decode()


def catalogue_of(storage: Storage) -> Catalogue:
    """Read the catalogue."""
    return decode_catalogue(stored(storage, CATALOGUE_KEY).body)


def shown(storage: Storage) -> dict[str, list[str]]:
    """Return what each page says of releases: `project version`, or the project alone."""
    search = re.findall(r'\["([^"]+)","([^"]+)"', page(storage, "search/projects.js"))
    people = r'project/([a-z-]+)/index\.html"><strong>[^<]*</strong> <span class="bw-version">([^<]+)<'
    feeds: dict[str, list[str]] = {
        key: [entry.title for entry in feedparser.parse(page(storage, key)).entries] for key in FEED_KEYS
    }
    return {
        "search": [" ".join(each) for each in search],
        "front": [" ".join(each) for each in re.findall(people, page(storage))],
        "new": feeds["rss/updates.xml"],
        "projects": [title.partition(" added")[0] for title in feeds["rss/packages.xml"]],
    }


def changed(storage: Storage, command: Callable[[], object]) -> set[str]:
    """Return the keys of what a command wrote."""
    before = state(storage)
    command()
    return {key for key, seen in state(storage).items() if seen != before.get(key)}


# What they show ------------------------------------------------------------------------------------------------------


def test_a_publish_is_on_all_of_them(storage: Storage, tmp_path: Path) -> None:
    """The new release is news, and the search finds the newest version."""
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"), wheel(tmp_path, "other", "2.0"))
    assert shown(storage) == {
        "search": ["demo-pkg 1.1", "other 2.0"],
        "front": ["other 2.0", "demo-pkg 1.1", "demo-pkg 1.0"],
        "new": ["other 2.0", "demo-pkg 1.1", "demo-pkg 1.0"],
        "projects": ["other", "demo-pkg"],
    }
    assert "other is 2.0" in page(storage)
    assert "2 projects" in page(storage)
    assert re.findall(r"project/([a-z-]+)/", page(storage, "changelog/index.html")) == ["other", "demo-pkg", "demo-pkg"]


def test_all_that_they_refer_to_is_there(storage: Storage, tmp_path: Path) -> None:
    """Pages, style, script and icon; from the first page on, and for a new project too."""
    release_files(storage, wheel(tmp_path, "other", "2.0"))
    keys = {entry.key for entry in storage.list("")}
    for key in (FRONT_KEY, "changelog/index.html", "project/other/index.html"):
        found = re.findall(r'(?:href|src|data-projects)="([^"#]+)"', page(storage, key))
        paths = {urljoin(f"https://i.example/{key}", link) for link in found}
        own = {path.removeprefix("https://i.example/") for path in paths if path.startswith("https://i.example/")}
        assert {path for path in own if path.startswith("assets/")}
        assert {path or FRONT_KEY for path in own} - {"simple/"} <= keys, key


@pytest.mark.parametrize("pages", PAGE_STYLES)
@pytest.mark.parametrize("views", [("feeds",), VIEWS])
def test_links_of_feeds_lead_to_pages_that_are_there(views: tuple[View, ...], pages: PageStyle, tmp_path: Path) -> None:
    """Without pages for people they lead to the simple index; with them to the front page by its name."""
    storage = MemoryStorage()
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    change_settings(storage, lambda settings: replace(settings, pages=pages))
    with_views(storage, *views)
    for key in (*FEED_KEYS, "rss/project/demo-pkg/releases.xml"):
        feed = feedparser.parse(page(storage, key))
        for link in (feed.feed.link, feed.entries[0].link):
            assert stored(storage, link.removeprefix("https://i.example/")).body, (key, link)


def test_an_adoption_takes_none_of_them_for_another_tools(storage: Storage) -> None:
    """They are ours as long as their view is on."""
    assert adopt_all(storage).leftovers == ()


def test_what_is_gone_is_no_news(storage: Storage, tmp_path: Path) -> None:
    """Deleted and yanked releases, and those of a quarantined project; all comes back with it."""
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"), wheel(tmp_path, "other", "2.0"))
    delete_from(storage, "demo-pkg", "1.0")
    assert shown(storage)["new"] == shown(storage)["front"] == ["other 2.0", "demo-pkg 1.1"]
    for status, expected in (("quarantined", ["demo-pkg"]), ("active", ["other", "demo-pkg"])):
        with context_for(storage) as context:
            change_status(context, ProjectName("other"), Status(status=status))
        assert shown(storage)["projects"] == expected
        assert [each.split()[0] for each in shown(storage)["search"]] == sorted(expected)


def test_a_yank_changes_what_is_the_newest(storage: Storage, tmp_path: Path) -> None:
    """The search shows the version that would be installed."""
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"))
    with context_for(storage) as context:
        change_yank(context, DEMO, YankChange(yanked="bad", version=Version("1.1")))
    assert shown(storage)["search"] == ["demo-pkg 1.0"]


@pytest.mark.parametrize(("view", "keys"), [("people", PEOPLE_KEYS), ("feeds", FEED_KEYS), ("json", ())])
def test_each_view_has_its_own(view: View, keys: tuple[Key, ...], tmp_path: Path) -> None:
    """Without pages for people and feeds there is no catalogue either; switched off, the pages go."""
    storage = MemoryStorage()
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    with_views(storage, view)
    assert {key for key in SHARED if storage.read(Key(key))} == set(keys)
    assert (storage.read(CATALOGUE_KEY) is not None) == bool(keys)
    change_settings(storage, lambda settings: replace(settings, views=(), retired_views=(view,)))
    rebuild(storage)
    assert not {key for key in (*SHARED, CATALOGUE_KEY) if storage.read(Key(key))}


def test_the_catalogue_stays_as_long_as_a_page_is_made_from_it(memory: MemoryStorage) -> None:
    """A view that is off has no say in it."""
    change_settings(memory, lambda settings: replace(settings, views=("feeds",), retired_views=("people",)))
    rebuild(memory)
    assert set(catalogue_of(memory).lines) == {"demo-pkg"}


# When they are written -----------------------------------------------------------------------------------------------


def test_only_reindex_makes_a_catalogue(tmp_path: Path) -> None:
    """A publisher does not know the other projects, and says what makes the pages of all."""
    storage, events = MemoryStorage(), list[Event]()
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    change_settings(storage, lambda settings: replace(settings, views=VIEWS))
    with context_for(storage, report=events.append) as context:
        release(context, request_for(wheel(tmp_path, "other", "1.0"), create=False))
    assert ["bucketwheel reindex" in event.message for event in events if isinstance(event, Warned)] == [True]
    with context_for(storage) as context:
        reindex_projects(context, ["other"])
    assert storage.read(CATALOGUE_KEY) is None
    assert storage.read(FRONT_KEY) is None
    rebuild(storage)
    assert set(catalogue_of(storage).lines) == {"demo-pkg", "other"}


def test_a_second_reindex_writes_nothing(storage: Storage) -> None:
    """All is judged by revisions and marks."""
    assert changed(storage, lambda: rebuild(storage)) == set()


def test_a_reindex_that_finds_nothing_reads_no_sidecar(memory: MemoryStorage, tmp_path: Path) -> None:
    """One look at each page, one read of the catalogue."""
    release_files(memory, wheel(tmp_path, "other", "1.0"))
    requests = count_waves(memory, lambda context: reindex_projects(context, ())).requests
    assert not [each for each in requests if ".metadata" in each or each.startswith(("swap", "add"))]
    assert sum("assets/" in each for each in requests) == 3
    assert sorted(each for each in requests if each.split()[1] in {*SHARED, CATALOGUE_KEY}) == sorted(
        [f"read {CATALOGUE_KEY}", *(f"stat {key}" for key in SHARED)]
    )


@pytest.mark.parametrize("how", ["publish", "reindex", "one project"])
def test_the_same_again_mends_what_a_dead_run_left(how: str, storage: Storage, tmp_path: Path) -> None:
    """It died after its commit, or after the swap of the catalogue."""
    before = {key: stored(storage, key) for key in (*SHARED, CATALOGUE_KEY)}
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"))
    whole = shown(storage)
    for keys in (SHARED, {*SHARED, CATALOGUE_KEY}):
        for key in keys:
            overwrite(storage, key, before[Key(key)].body, marks=before[Key(key)].marks or {})
        if how == "publish":
            release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"))
        else:
            with context_for(storage) as context:
                reindex_projects(context, ["demo-pkg"] if how == "one project" else [])
        assert shown(storage) == whole


def test_reindex_makes_a_lost_damaged_or_older_catalogue_again(storage: Storage, tmp_path: Path) -> None:
    """At no lower revision than its pages show, or they would stay as they are for ever."""
    early = stored(storage, CATALOGUE_KEY).body
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"))
    release_files(storage, wheel(tmp_path, "other", "1.0"))
    whole, revision = shown(storage), catalogue_of(storage).revision
    for damage in (lambda: remove(storage, CATALOGUE_KEY), b"{", early):
        if callable(damage):
            damage()
        else:
            overwrite(storage, CATALOGUE_KEY, damage)
        rebuild(storage)
        assert catalogue_of(storage).revision >= revision
        assert shown(storage) == whole
        release_files(storage, wheel(tmp_path, "other", f"2.{revision}"))
        assert f"other 2.{revision}" in shown(storage)["new"]
        delete_from(storage, "other", f"2.{revision}")
        whole, revision = shown(storage), catalogue_of(storage).revision


def test_publish_leaves_a_damaged_catalogue_alone(storage: Storage, tmp_path: Path) -> None:
    """The release does not fail for it, and nothing is guessed."""
    overwrite(storage, CATALOGUE_KEY, b"{")
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.1"))
    assert stored(storage, CATALOGUE_KEY).body == b"{"
    assert shown(storage)["new"] == ["demo-pkg 1.0"]


def test_a_project_whose_manifest_is_gone_leaves_the_catalogue(memory: MemoryStorage, tmp_path: Path) -> None:
    """With a reindex of everything; one of another project does not look."""
    release_files(memory, wheel(tmp_path, "other", "1.0"))
    gone = [entry.key for entry in memory.list("") if "other" in entry.key]
    remove(memory, *gone)
    with context_for(memory) as context:
        reindex_projects(context, ["demo-pkg"])
    assert "other" in catalogue_of(memory).lines
    # The root still lists it, but it has no page and no manifest.
    rebuild(memory)
    assert set(catalogue_of(memory).lines) == {"demo-pkg"}
    assert shown(memory)["search"] == ["demo-pkg 1.0"]


# Others at the same time ---------------------------------------------------------------------------------------------


def test_a_late_run_does_not_take_back_a_line(memory: MemoryStorage, tmp_path: Path) -> None:
    """It looked and committed early, another one released and recorded since."""
    target = target_of(memory)
    repository = open_to_read(target)
    with Workers(2) as workers:
        found = look_at_catalogue(repository, workers)
        early = read_manifest(target, DEMO)
        release_files(memory, wheel(tmp_path, "demo_pkg", "1.1"))
        whole = shown(memory)
        older = replace(found.catalogue or Catalogue(), lines={})
        sidecars = Sidecars(storage=memory, layout=repository.layout)
        record(repository, [early], replace(found, catalogue=older), sidecars, workers, lambda _: None)
    assert shown(memory) == whole


def test_what_was_added_and_taken_back_is_not_shown_by_a_late_page(memory: MemoryStorage, tmp_path: Path) -> None:
    """A page that is equal again is written all the same, so that the page of the state between comes too late."""
    late: list[tuple[Key, bytes, ObjectVersion | None]] = []

    @dataclass(slots=True)
    class Slow(MemoryStorage):
        """A store that the page writes of one run do not reach yet."""

        inner: MemoryStorage = field(default_factory=MemoryStorage)

        def swap(
            self,
            key: Key,
            body: bytes,
            *,
            expected: ObjectVersion | None,
            headers: ObjectHeaders,
            marks: Mapping[str, str],
        ) -> ObjectVersion:
            if key in SHARED:
                late.append((key, body, expected))
                return ObjectVersion("later")
            return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)

    slow = Slow(objects=memory.objects)
    release_files(slow, wheel(tmp_path, "demo_pkg", "1.1"))
    before = {key: stored(memory, key).version for key in SHARED}
    delete_from(memory, "demo-pkg", "1.1")
    assert {key for key in SHARED if stored(memory, key).version == before[key]} <= {NEW_PROJECTS_KEY}
    for key, _, expected in late:
        assert key == NEW_PROJECTS_KEY or stored(memory, key).version != expected, key


class Conflicting(MemoryStorage):
    """Answers the first time to each asset that something else is being written there, and keeps nothing."""

    asked: ClassVar[set[Key]] = set()

    def add(
        self, key: Key, body: Path | bytes, *, sha256: Sha256, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> bool:
        """Refuse, or create."""
        if key.startswith("assets/") and key not in self.asked:
            self.asked.add(key)
            return False
        return super().add(key, body, sha256=sha256, headers=headers, marks=marks)


def test_a_page_waits_for_its_style_and_script(tmp_path: Path) -> None:
    """A conflict is no proof that they are there."""
    storage = Conflicting()
    release_files(storage, wheel(tmp_path, "demo_pkg", "1.0"))
    with_views(storage)
    assert storage.asked
    assert storage.asked <= set(storage.objects)


@dataclass(slots=True)
class Contended(MemoryStorage):
    """A store in which another run always swaps the catalogue first."""

    lost: int = 0

    def swap(
        self, key: Key, body: bytes, *, expected: ObjectVersion | None, headers: ObjectHeaders, marks: Mapping[str, str]
    ) -> ObjectVersion:
        """Let the other one come first."""
        if key == CATALOGUE_KEY and expected is not None:
            self.lost += 1
            found = decode_catalogue(self.objects[key].body)
            rival = encode_catalogue(found.at(found.revision + 1))
            MemoryStorage.swap(self, key, rival, expected=expected, headers=headers, marks=marks)
        return MemoryStorage.swap(self, key, body, expected=expected, headers=headers, marks=marks)


def test_after_five_lost_swaps_it_is_left_to_reindex(
    memory: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is done; one line says what is not shown."""
    monkeypatch.setattr("bucketwheel.parallel.Patience.give_way", lambda _: None)
    contended, events = Contended(objects=memory.objects), list[Event]()
    with context_for(contended, report=events.append) as context:
        release(context, request_for(wheel(tmp_path, "demo_pkg", "1.1"), create=False))
    assert contended.lost == 5
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert "bucketwheel reindex" in warning
    assert "demo-pkg 1.1" not in shown(memory)["new"]
    rebuild(memory)
    assert "demo-pkg 1.1" in shown(memory)["new"]


def test_a_large_catalogue_is_left_to_reindex(memory: MemoryStorage, tmp_path: Path) -> None:
    """Above 5,000 projects a release would send more than a megabyte for one line."""
    many = {ProjectName(f"p{number}"): CatalogueLine(revision=1, latest="1") for number in range(MOST_PROJECTS)}
    found = catalogue_of(memory)
    large = encode_catalogue(replace(found, revision=found.revision + 1, lines={**found.lines, **many}))
    overwrite(memory, CATALOGUE_KEY, large)
    events = list[Event]()
    with context_for(memory, report=events.append) as context:
        release(context, request_for(wheel(tmp_path, "demo_pkg", "1.1"), create=False))
    assert stored(memory, CATALOGUE_KEY).body == large
    assert [event for event in events if isinstance(event, Warned)]


# What it costs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5])
def test_a_version_with_all_views_keeps_to_its_budget(count: int, memory: MemoryStorage, tmp_path: Path) -> None:
    """2N + 25 requests and six waves; one more where the summary changes, which the feed of new projects shows."""
    for version, summary, more in (("1.1", "demo_pkg is 1.0", 0), ("1.2", "another one", 1)):
        wheels = [
            make_wheel(tmp_path, version=version, tag=f"py3{each}-none-any", metadata_extra=f"Summary: {summary}\n")
            for each in range(count)
        ]
        waves = count_waves(memory, lambda context: release(context, request_for(*wheels)))  # noqa: B023 - called now
        assert (len(waves.sent), waves.depth) == (2 * count + 25 + more, 6)


def test_a_new_project_is_named_after_its_page_is_there(memory: MemoryStorage, tmp_path: Path) -> None:
    """The front page links to it; of a known project the catalogue is swapped beside the pages."""
    waves = count_waves(memory, lambda context: release(context, request_for(wheel(tmp_path, "other", "1.0"))))
    order = [request for _, request in sorted(waves.sent, key=lambda sent: sent[0])]
    assert order.index("swap project/other/index.html") < order.index(f"swap {CATALOGUE_KEY}")
    assert order.index(f"swap {CATALOGUE_KEY}") < order.index(f"swap {FRONT_KEY}")


def test_style_and_script_are_added_once_a_run(
    memory: MemoryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many batches of projects get their first page for people."""
    release_files(memory, *(wheel(tmp_path, f"other{number}", "1.0") for number in range(3)))
    remove(memory, FRONT_KEY, *(entry.key for entry in memory.list("project/")))
    monkeypatch.setattr("bucketwheel.protocol.refresh._BATCH", 1)
    requests = count_waves(memory, lambda context: reindex_projects(context, ())).requests
    assert len([each for each in requests if each.startswith("add assets/")]) == 3
