"""Sources of every kind: pages, indexes, directories and buckets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bucketwheel.errors import Refused
from bucketwheel.names import sha256_of
from bucketwheel.storage import Key, ObjectHeaders
from bucketwheel.storage.directory import DirectoryStorage
from support.archives import make_sdist, make_wheel
from support.fetching import Fetching, sha256_link
from support.http_server import WebServer, answer, html, redirect, serve, simple_json, tree
from support.ministack import TestBucket

WHEEL = "demo_pkg-1.0-py3-none-any.whl"
SDIST = "demo_pkg-1.0.tar.gz"


def names(fetching: Fetching, *sources: str, version: str | None = None, project: str = "demo-pkg") -> list[str]:
    """Fetch, and return the names of what came."""
    return [fetched.path.name for fetched in fetching(*sources, version=version, project=project)]


def test_a_flat_page_of_links(site: WebServer, fetching: Fetching, wheel: Path, sdist: Path) -> None:
    """Files of the project, with and without digests, whole and in order; all others stay where they are."""
    other = '<a href="files/demo_pkg_extra-1.0.tar.gz">x</a>'
    url = site.put("/", html(sha256_link(wheel, "files/"), f'<a href="/files/{sdist.name}">x</a>', other))
    fetched = fetching(url)
    assert [(each.path.name, each.sha256, each.fresh) for each in fetched] == [
        (WHEEL, hashlib.sha256(wheel.read_bytes()).hexdigest(), True),
        (SDIST, hashlib.sha256(sdist.read_bytes()).hexdigest(), True),
    ]
    assert (fetching.dist / WHEEL).read_bytes() == wheel.read_bytes()
    assert (fetching.dist / SDIST).read_bytes() == sdist.read_bytes()
    assert fetching.there() == [WHEEL, SDIST]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Give a PEP 503 tree on disk, of two projects with alike names."""
    root = tmp_path / "index"
    for project in ("demo-pkg", "demo-pkg-extra"):
        for version in ("1.0", "2.0"):
            make_wheel(root / "files", project, version)
        files = sorted((root / "files").glob(f"{project.replace('-', '_')}-*"))
        page = root / "simple" / project / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text("".join(sha256_link(path, "../../files/") for path in files))
    projects = '<a href="../">up</a><a href="demo-pkg/">Demo.Pkg</a><a href="demo-pkg-extra/">x</a>'
    (root / "simple" / "index.html").write_text(projects)
    (root / "pypi").mkdir()
    (root / "pypi" / "index.html").write_text(projects.replace('href="', 'href="/simple/'))
    return root


def test_a_project_page(index: Path, fetching: Fetching) -> None:
    """PEP 503, named down to the project."""
    with serve(tree(index)) as site:
        assert names(fetching, f"{site.root}/simple/demo-pkg/") == [WHEEL, "demo_pkg-2.0-py3-none-any.whl"]


@pytest.mark.parametrize("root", ["/simple/", "/simple"])
def test_an_index_by_its_root_is_asked_for_the_project_at_once(index: Path, fetching: Fetching, root: str) -> None:
    """The root page of a large index is megabytes: it is not read."""
    with serve(tree(index)) as site:
        assert names(fetching, site.root + root, version="2.0") == ["demo_pkg-2.0-py3-none-any.whl"]
        assert site.paths() == ["/simple/demo-pkg/", "/files/demo_pkg-2.0-py3-none-any.whl"]


def test_a_root_page_of_another_name_is_followed_one_level(index: Path, fetching: Fetching) -> None:
    """Its links name projects; ours is found by its normal name, in any spelling."""
    with serve(tree(index)) as site:
        assert names(fetching, f"{site.root}/pypi/", version="1.0.0", project="Demo.Pkg") == [WHEEL]
        assert site.paths()[:2] == ["/pypi/", "/simple/demo-pkg/"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_flat_page_may_be_called_simple(site: WebServer, fetching: Fetching, wheel: Path, status: int) -> None:
    """Without a project page (S3 may say 403 for that) the page itself is read."""
    site.put("/simple/demo-pkg/", answer(status=status))
    assert names(fetching, site.put("/simple/", html(sha256_link(wheel, "../files/")))) == [WHEEL]


def test_a_json_project_page(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """PEP 691: digest and size are the page's, and so is the file's name, however its URL ends."""
    file = {
        "filename": wheel.name,
        "url": "../blob?id=7",
        "hashes": {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()},
        "size": wheel.stat().st_size,
    }
    site.put("/blob", answer(wheel.read_bytes()))
    url = site.put("/demo/", simple_json(json.dumps({"meta": {"api-version": "1.4"}, "files": [file]})))
    assert names(fetching, url) == [WHEEL]
    assert site.paths() == ["/demo/", "/blob?id=7"]
    assert fetching.stages()[-1].total_bytes == wheel.stat().st_size


def test_a_json_root_page(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """PEP 691: a project is found by its name, one level down."""
    root = site.put("/index/", simple_json('{"meta": {"api-version": "1.0"}, "projects": [{"name": "Demo_Pkg"}]}'))
    site.put("/index/demo-pkg/", html(sha256_link(wheel, "../../files/")))
    assert names(fetching, root) == [WHEEL]


def test_json_is_preferred_and_html_taken(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Pages are asked for by content negotiation and past every cache, files as they are."""
    fetching(site.put("/", html(sha256_link(wheel, "files/"))))
    page, file = (dict(asked.headers) for asked in site.asked)
    assert page["Accept"].startswith("application/vnd.pypi.simple.v1+json, ")
    assert (page["Cache-Control"], file.get("Cache-Control")) == ("no-cache", None)
    assert (file["Accept"], file["Accept-Encoding"]) == ("*/*", "identity")


def test_a_page_after_a_redirect_is_relative_to_where_it_is(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """As clients of an index do it."""
    site.put("/deep/down/", html(sha256_link(wheel, "../../files/")))
    assert names(fetching, site.put("/latest", redirect("/deep/down/"))) == [WHEEL]


def test_a_directory_whatever_its_shape(index: Path, fetching: Fetching) -> None:
    """By listing: a pile, a tree and a repository look alike."""
    assert names(fetching, str(index), version="2.0") == ["demo_pkg-2.0-py3-none-any.whl"]
    assert names(fetching, (index / "files").as_uri()) == [WHEEL, "demo_pkg-2.0-py3-none-any.whl"]
    assert names(fetching, "index/files", version="1.0") == [WHEEL]


def digest_beside(path: Path, form: str, sha256: str) -> None:
    """State a digest of a file in its directory."""
    match form:
        case "index.html":
            text = f'<a href="{path.name}#sha256={sha256}">{path.name}</a>'
        case "index.json":
            file = {"filename": path.name, "url": path.name, "hashes": {"sha256": sha256}}
            text = json.dumps({"meta": {"api-version": "1.0"}, "files": [file]})
        case _:
            text = f"{'0' * 64}  other.txt\n{sha256} *./{path.name}\n"
    (path.parent / form).write_text(text)


@pytest.mark.parametrize("form", ["index.html", "index.json", "SHA256SUMS"])
@pytest.mark.parametrize("folder", [".", "demo-pkg"])
def test_a_file_in_a_directory_is_compared_with_the_digest_beside_it(
    fetching: Fetching, tmp_path: Path, form: str, folder: str
) -> None:
    """Right: it is verified. Wrong: it is refused, and none is left of it."""
    path = make_wheel(tmp_path / "pile" / folder)
    real = sha256_of(path.read_bytes())
    digest_beside(path, form, real)
    (fetched,) = fetching(str(tmp_path / "pile"))
    assert (fetched.sha256, fetched.verified) == (real, True)
    digest_beside(path, form, "0" * 64)
    (fetching.dist / path.name).unlink()
    with pytest.raises(
        Refused, match=rf"^{path.name} from {path} has the sha256 {real}, where its listing says 0{{64}}"
    ):
        fetching(str(tmp_path / "pile"))
    assert fetching.there() == []


def test_two_digests_beside_one_file_are_refused(fetching: Fetching, tmp_path: Path) -> None:
    """One of them is wrong, and nothing tells which."""
    path = make_wheel(tmp_path / "pile")
    digest_beside(path, "index.html", sha256_of(path.read_bytes()))
    digest_beside(path, "SHA256SUMS", "0" * 64)
    with pytest.raises(
        Refused, match=rf"^{path.name} has two different digests beside it: \w+ in index.html, 0+ in SHA"
    ):
        fetching(str(tmp_path / "pile"))


def test_a_file_without_a_digest_is_called_unverified(site: WebServer, fetching: Fetching, tmp_path: Path) -> None:
    """What is no page, or too large for one, states nothing; bytes that are no wheel are found out all the same."""
    path = make_wheel(tmp_path / "pile")
    (path.parent / "index.html").write_bytes(b"<![x")
    (path.parent / "index.json").write_bytes(b"{")
    (path.parent / "SHA256SUMS").write_bytes(f"{'0' * 63}  {path.name}\n".encode() + b"\xff")
    source = str(tmp_path / "pile")
    assert [each.verified for each in fetching(source)] == [False]
    assert [(each.verified, each.fresh) for each in fetching(source)] == [(False, False)]
    with (path.parent / "SHA256SUMS").open("wb") as large:
        large.write(f"{'0' * 64}  {path.name}\n".encode())
        large.truncate((16 << 20) + 1)
    assert [each.verified for each in fetching(source)] == [False]
    site.put(f"/files/{path.name}", answer(path.read_bytes()))
    assert [each.verified for each in fetching(site.put("/", html(f'<a href="files/{path.name}">x</a>')))] == [False]
    assert [each.verified for each in fetching(source, site.put("/", html(sha256_link(path, "files/"))))] == [True]
    (fetching.dist / path.name).unlink()
    path.write_bytes(b"no wheel at all")
    with pytest.raises(Refused, match=rf"^{path.name} from {path} "):
        fetching(source)


def test_a_bucket_below_a_prefix(bucket: TestBucket, fetching: Fetching, wheel: Path) -> None:
    """By listing; other keys of the bucket are not seen."""
    storage = bucket.storage()
    headers = ObjectHeaders(content_type="application/octet-stream", cache_control="no-cache")
    for key in (f"nightly/linux/{WHEEL}", "other/demo_pkg-9.0-py3-none-any.whl"):
        storage.add(Key(key), wheel, sha256=sha256_of(wheel.read_bytes()), headers=headers, marks={})
    fetched = fetching(f"{bucket.place}/nightly", connection=bucket.connection)
    assert [(each.path.name, each.fresh) for each in fetched] == [(WHEEL, True)]
    assert (fetching.dist / WHEEL).read_bytes() == wheel.read_bytes()
    (again,) = fetching(f"{bucket.place}/nightly", connection=bucket.connection)
    assert not again.fresh


def test_what_several_places_have_comes_together(
    site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path
) -> None:
    """Ten CI jobs leave their files in ten places: each file comes once, however many list it."""
    make_sdist(tmp_path / "pile")
    make_wheel(tmp_path / "pile")
    page = site.put("/", html(sha256_link(wheel, "files/")))
    assert names(fetching, page, str(tmp_path / "pile"), page) == [WHEEL, SDIST]
    assert site.paths() == ["/", "/", f"/files/{WHEEL}"]


def test_two_spellings_of_one_distribution_are_one(fetching: Fetching, tmp_path: Path) -> None:
    """Old setuptools wrote Legacy.Proj-3.0.tar.gz: with the same bytes it is the same file."""
    for spelling in ("Legacy.Proj-3.0.tar.gz", "legacy_proj-3.0.tar.gz"):
        make_sdist(tmp_path / spelling, "Legacy.Proj", "3.0", filename=spelling)
    first, second = (str(tmp_path / name) for name in ("Legacy.Proj-3.0.tar.gz", "legacy_proj-3.0.tar.gz"))
    assert names(fetching, first, second, project="legacy-proj") == ["Legacy.Proj-3.0.tar.gz"]


def test_what_is_there_already_is_not_fetched_again(
    site: WebServer, fetching: Fetching, wheel: Path, sdist: Path
) -> None:
    """A run that was broken off goes on where it was: only what is missing is asked for."""
    url = site.put("/", html(sha256_link(wheel, "files/"), sha256_link(sdist, "files/")))
    fetching(url)
    (fetching.dist / SDIST).unlink()
    site.asked.clear()
    assert [(each.path.name, each.fresh) for each in fetching(url)] == [(WHEEL, False), (SDIST, True)]
    assert site.paths() == ["/", f"/files/{SDIST}"]


def test_a_directory_can_be_fetched_into_itself(fetching: Fetching) -> None:
    """A file that is already in dist/ counts as fetched when dist/ is one of the places searched."""
    make_wheel(fetching.dist)
    assert [each.fresh for each in fetching(str(fetching.dist))] == [False]


def test_progress_is_told_for_every_file(site: WebServer, fetching: Fetching, wheel: Path, sdist: Path) -> None:
    """One stage with the number of files, each begun and done, each request with its answer."""
    fetching(site.put("/", html(sha256_link(wheel, "files/"), sha256_link(sdist, "files/"))))
    assert [(stage.doing, stage.count) for stage in fetching.stages()] == [("fetching", 2)]
    told = [type(event).__name__ for event in fetching.events]
    assert (told.count("FileStarted"), told.count("FileDone")) == (2, 2)
    assert sorted(fetching.requests()) == [
        (f"{site.root}/", 200),
        (f"{site.root}/files/{WHEEL}", 200),
        (f"{site.root}/files/{SDIST}", 200),
    ]


def test_a_repository_of_ours_is_a_source_too(fetching: Fetching, tmp_path: Path, wheel: Path) -> None:
    """Its storage lists the files under their usual keys."""
    storage = DirectoryStorage(root=tmp_path / "repository")
    headers = ObjectHeaders(content_type="application/octet-stream", cache_control="no-cache")
    key = Key(f"simple/demo-pkg/{WHEEL}")
    storage.add(key, wheel, sha256=sha256_of(wheel.read_bytes()), headers=headers, marks={})
    assert names(fetching, str(tmp_path / "repository")) == [WHEEL]
