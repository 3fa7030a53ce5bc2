"""Another tool's pages, and our own after a manifest was lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bucketwheel.errors import Refused
from bucketwheel.format.layout import manifest_key
from bucketwheel.names import ProjectName, sha256_of
from bucketwheel.places import S3Place
from bucketwheel.storage import Key, Storage
from bucketwheel.storage.directory import DirectoryStorage
from support.adopting import adopt_all, fates, make_repository
from support.archives import make_sdist, make_wheel
from support.memory import MemoryStorage
from support.releasing import manifest_of, page_json, release_files
from support.tampering import put, remove, state

DEMO = ProjectName("demo-pkg")
FOLDER = "simple/demo-pkg/"
PAGE = f"{FOLDER}index.html"


def page(*anchors: str) -> bytes:
    """Return a page as an old tool writes it."""
    return f"<!DOCTYPE html><html><body>{'<br>'.join(anchors)}</body></html>".encode()


def anchor(href: str, body: bytes | None = None, attributes: str = "") -> str:
    """Return a link, with the digest of these bytes."""
    fragment = "" if body is None else f"#sha256={sha256_of(body)}"
    return f'<a href="{href}{fragment}"{attributes}>{href.rpartition("/")[2]}</a>'


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Give a wheel that some tool published."""
    return make_wheel(tmp_path)


def adopted_by_page(storage: Storage, *anchors: str) -> dict[str, str]:
    """Adopt a project with this page, and return what became of its files."""
    put(storage, PAGE, page(*anchors))
    make_repository(storage, pages="index.html")
    return fates(adopt_all(storage))


def test_yanked_files_stay_yanked(storage: Storage, wheel: Path) -> None:
    """With the page's reason, or without one; what it does not mention comes in as well."""
    put(storage, FOLDER + wheel.name, wheel)
    put(storage, FOLDER + "demo_pkg-0.9.tar.bz2", b"old")
    put(storage, FOLDER + "demo_pkg-0.8.tar.bz2", b"forgotten by the page")
    adopted_by_page(
        storage,
        anchor(wheel.name, wheel.read_bytes(), ' data-yanked="it &amp; broke"'),
        anchor("demo_pkg-0.9.tar.bz2", b"old", " data-yanked"),
    )
    assert {file.filename: file.yanked for file in manifest_of(storage, "demo-pkg").files} == {
        wheel.name: "it & broke",
        "demo_pkg-0.9.tar.bz2": "",
        "demo_pkg-0.8.tar.bz2": None,
    }
    ours = storage.read(Key(PAGE))
    assert ours is not None
    assert b'name="bucketwheel"' in ours.body
    assert ours.body.count(b"data-yanked") == 2


@pytest.mark.parametrize(
    "href",
    [
        "../../files/demo_pkg-1.0-py3-none-any.whl",
        "/files/demo_pkg-1.0-py3-none-any.whl",
        "/files/demo%5Fpkg-1.0-py3-none-any.whl?versionId=1",
    ],
)
def test_a_link_is_followed_to_where_the_file_lies(storage: Storage, wheel: Path, href: str) -> None:
    """A page may lead anywhere in the repository: what clients could install they still can."""
    key = put(storage, f"files/{wheel.name}", wheel)
    put(storage, FOLDER + "demo_pkg-0.9.tar.bz2", b"old")
    found = adopted_by_page(storage, anchor(href, wheel.read_bytes()))
    assert found[key] == "taken in"
    assert manifest_of(storage, "demo-pkg").files[1].key == key
    assert adopt_all(storage).files == ()


def test_a_project_may_have_nothing_but_a_page_in_its_folder(storage: Storage, wheel: Path) -> None:
    """Its files are where the page links to; a page that only links out of the repository stays as it is."""
    key = put(storage, f"files/{wheel.name}", wheel)
    elsewhere = put(storage, "simple/numpy/index.html", page(anchor("https://pypi.example/numpy-1.0.tar.gz", b"x")))
    put(storage, "simple/notes/index.html", page('<a href="https://example.org/">not an index</a>'))
    before = storage.stat(elsewhere)
    assert adopted_by_page(storage, anchor(f"../../files/{wheel.name}")) == {key: "taken in", elsewhere: "left out"}
    assert storage.stat(elsewhere) == before
    assert storage.read(manifest_key(ProjectName("notes"))) is None


def test_a_link_from_the_root_of_the_bucket_is_below_the_repositorys_prefix(wheel: Path) -> None:
    """PyTorch's pages link to `/whl/cpu/…`, and the repository is `s3://bucket/whl/cpu`."""
    storage, place = MemoryStorage(), S3Place(bucket="bucket", prefix="whl/cpu/")
    key = put(storage, f"more/{wheel.name}", wheel)
    put(storage, "demo_pkg-0.9.tar.bz2", b"old")
    put(storage, "demo-pkg/index.html", page(anchor(f"/whl/cpu/more/{wheel.name}", wheel.read_bytes())))
    make_repository(storage, pages="index.html", simple="", place=place)
    put(storage, "other/index.html", page(anchor("/whl/cu129/other-1.0.zip"), anchor("/whl/cpu/other-2.0.zip")))
    put(storage, "other-2.0.zip", b"x")
    found = fates(adopt_all(storage, place=place))
    assert found == {key: "taken in", "demo_pkg-0.9.tar.bz2": "taken in", "other/other-1.0.zip": "contested"}


def test_of_two_files_the_one_that_clients_were_led_to_counts(storage: Storage, wheel: Path) -> None:
    """The page decides between two with different bytes."""
    body = wheel.read_bytes()
    put(storage, FOLDER + wheel.name, b"an orphan of old")
    key = put(storage, wheel.name, body)
    assert adopted_by_page(storage, anchor(f"../../{wheel.name}", body)) == {key: "taken in"}


def test_an_absolute_address_is_known_by_its_file_name(storage: Storage, wheel: Path) -> None:
    """Stick writes the bucket's own address, others that of a CDN: the same file, if its digest is the same."""
    body = wheel.read_bytes()
    key = put(storage, f"simple/Demo.Pkg/{wheel.name}", body)
    put(storage, "simple/Demo.Pkg/index.html", page(anchor(f"http://old.example/x/{wheel.name}", body)))
    make_repository(storage, pages="index.html")
    assert fates(adopt_all(storage)) == {key: "taken in"}


def test_bytes_that_the_page_does_not_vouch_for_hold_the_project_up(storage: Storage, wheel: Path) -> None:
    """Somebody overwrote the file or the page: a person decides, and clients see the same as before."""
    put(storage, FOLDER + "demo_pkg-0.9.tar.bz2", b"fine")
    key = put(storage, FOLDER + wheel.name, wheel)
    assert adopted_by_page(storage, anchor(wheel.name, b"what it was when it was published")) == {key: "contested"}
    stored = storage.read(Key(PAGE))
    assert stored is not None
    assert b"#sha256=" in stored.body, "the old page stays"
    assert storage.read(manifest_key(DEMO)) is None
    assert fates(adopt_all(storage)) == {key: "contested"}, "and a second run says the same"
    put(storage, key, b"what it was when it was published")
    assert set(fates(adopt_all(storage)).values()) == {"taken in"}


def test_a_link_out_of_the_repository_holds_the_project_up(storage: Storage, wheel: Path) -> None:
    """It is neither dropped nor believed: with stick, a link in a package's summary was enough to make one."""
    body = wheel.read_bytes()
    put(storage, FOLDER + "demo_pkg-0.9.tar.bz2", b"fine")
    put(
        storage,
        PAGE,
        page(anchor(f"https://user:secret@cdn.example/{wheel.name}", body), anchor("demo_pkg-0.9.tar.bz2")),
    )
    make_repository(storage, pages="index.html")
    (found,) = adopt_all(storage).files
    assert (found.fate, found.key) == ("contested", FOLDER + wheel.name)
    assert "secret" not in found.note
    put(storage, PAGE, page(anchor(f"https://cdn.example/{wheel.name}?token=secret", body)))
    (found,) = adopt_all(storage).files
    assert f"https://cdn.example/{wheel.name};" in found.note, "without the token"
    put(storage, FOLDER + wheel.name, body)
    assert set(fates(adopt_all(storage)).values()) == {"taken in"}


def test_a_link_to_nothing_is_named_and_holds_nothing_up(storage: Storage, wheel: Path) -> None:
    """No client could follow it."""
    put(storage, FOLDER + wheel.name, wheel)
    found = adopted_by_page(storage, anchor("demo_pkg-0.1.tar.gz"), anchor("other-1.0.tar.gz"), anchor("../"))
    assert found == {
        FOLDER + wheel.name: "taken in",
        f"{FOLDER}demo_pkg-0.1.tar.gz": "left out",
        f"{FOLDER}other-1.0.tar.gz": "left out",
    }


def test_a_link_into_our_own_records_is_not_followed(storage: Storage, wheel: Path) -> None:
    """An object under `_bucketwheel/` is no distribution, whatever its name."""
    put(storage, FOLDER + wheel.name, wheel)
    put(storage, "_bucketwheel/demo_pkg-2.0.tar.gz", b"x")
    found = adopted_by_page(storage, anchor("../../_bucketwheel/demo_pkg-2.0.tar.gz"))
    assert found[f"{FOLDER}demo_pkg-2.0.tar.gz"] == "left out"


@pytest.mark.parametrize(
    "href", ["%2e%2e/%2e%2e/%2e%2e/x/demo_pkg-2.0.zip", "a%2F%2Fb/demo_pkg-2.0.zip", "c%3A/demo_pkg-2.0.zip"]
)
def test_a_link_that_would_lead_out_is_followed_nowhere(storage: Storage, wheel: Path, href: str) -> None:
    """A key that a directory cannot hold, or holds elsewhere, is not looked for."""
    put(storage, FOLDER + wheel.name, wheel)
    assert adopted_by_page(storage, anchor(href))[f"{FOLDER}demo_pkg-2.0.zip"] == "left out"


def test_a_flat_root_page_is_never_replaced(storage: Storage, wheel: Path) -> None:
    """Clients follow it by --find-links."""
    put(storage, wheel.name, wheel)
    flat = page(anchor(wheel.name, wheel.read_bytes()))
    put(storage, "index.html", flat)
    make_repository(storage, pages="index.html", simple="")
    before = state(storage)
    for dry_run in (True, False):
        with pytest.raises(Refused, match=r"index\.html lists files itself"):
            adopt_all(storage, dry_run=dry_run)
    assert state(storage) == before


def test_a_root_page_of_projects_becomes_ours(storage: Storage, wheel: Path) -> None:
    """Links to folders are no files."""
    put(storage, wheel.name, wheel)
    put(storage, "index.html", page('<a href="demo-pkg/">demo-pkg</a>'))
    make_repository(storage, pages="index.html", simple="")
    adopt_all(storage)
    root = storage.read(Key("index.html"))
    assert root is not None
    assert b'name="bucketwheel"' in root.body


# After a loss --------------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(tmp_path: Path) -> DirectoryStorage | MemoryStorage:
    """Give a repository of ours whose manifest is gone."""
    storage = MemoryStorage()
    release_files(storage, make_wheel(tmp_path), make_sdist(tmp_path))
    release_files(storage, make_wheel(tmp_path, version="1.1"))
    remove(storage, manifest_key(DEMO))
    return storage


def test_after_a_loss_nothing_is_taken_for_new(lost: MemoryStorage, tmp_path: Path) -> None:
    """Our page decides: a foreign file that it does not list comes in hidden, and no release is dropped."""
    put(lost, FOLDER + "demo_pkg-2.0-py3-none-any.whl", make_wheel(tmp_path, version="2.0"))
    before = page_json(lost, "demo-pkg")
    adopted = adopt_all(lost)
    assert fates(adopted)[FOLDER + "demo_pkg-2.0-py3-none-any.whl"] == "hidden"
    assert not adopted.needs_a_person
    assert page_json(lost, "demo-pkg")["files"] == before["files"]


def test_after_a_loss_our_own_files_come_back_as_our_page_had_them(lost: MemoryStorage, tmp_path: Path) -> None:
    """Above the revision that pages carry, so that none of them ever goes back; other tools' pages do not count."""
    orphan = make_wheel(tmp_path, version="3.0")
    marks = lost.objects[f"{FOLDER}demo_pkg-1.0.tar.gz"].marks
    put(
        lost, FOLDER + orphan.name, orphan.read_bytes(), {**marks, "bucketwheel-sha256": sha256_of(orphan.read_bytes())}
    )
    before = page_json(lost, "demo-pkg")
    put(lost, "simple/Demo.Pkg/", page(anchor("demo_pkg-1.0.tar.gz", b"stale", ' data-yanked="long ago"')))
    adopted = adopt_all(lost)
    assert fates(adopted)[FOLDER + orphan.name] == "left out", "our page does not list it: deleted, or never finished"
    assert manifest_of(lost, "demo-pkg").revision == 3
    assert page_json(lost, "demo-pkg")["files"] == before["files"]
    assert json.loads(lost.objects["simple/index.json"].body)["projects"] == [{"name": "demo-pkg"}]
    assert adopt_all(lost, ours=True).files[0].fate == "taken in", (
        "with a manifest there is nothing to go by but the mark"
    )
