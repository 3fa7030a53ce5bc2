"""Where things lie, how pages link to them, and what is noted on them."""

from __future__ import annotations

from itertools import islice
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import (
    Layout,
    PageMark,
    PageStyle,
    aside_sha256,
    distribution_key,
    file_marks,
    manifest_key,
    page_mark,
    page_marks,
    project_of,
    run_of,
    sidecar_keys,
)
from bucketwheel.format.manifest import PublishedFile
from bucketwheel.names import Sha256
from bucketwheel.storage import Key
from support.manifests import DEMO, filenames, keys, published

A = Sha256("a" * 64)
SIMPLES = ["simple/", "", "whl/nightly/"]


@pytest.mark.parametrize(
    ("pages", "simple", "project_pages", "root_pages"),
    [
        ("slash", "simple/", ["simple/demo-pkg/"], ["simple/"]),
        ("index.html", "simple/", ["simple/demo-pkg/index.html"], ["simple/index.html"]),
        ("both", "simple/", ["simple/demo-pkg/", "simple/demo-pkg/index.html"], ["simple/", "simple/index.html"]),
        ("slash", "", ["demo-pkg/"], ["index.html"]),
        ("index.html", "", ["demo-pkg/index.html"], ["index.html"]),
        ("both", "", ["demo-pkg/", "demo-pkg/index.html"], ["index.html"]),
        ("slash", "a/b/", ["a/b/demo-pkg/"], ["a/b/"]),
    ],
)
def test_html_keys(pages: PageStyle, simple: str, project_pages: list[str], root_pages: list[str]) -> None:
    """Each page style has its keys, and no key is ever empty."""
    layout = Layout(simple=simple, pages=pages)

    assert list(layout.html_keys(DEMO)) == project_pages
    assert list(layout.root_html_keys) == root_pages


@pytest.mark.parametrize(
    ("simple", "project_page", "root_page", "file"),
    [
        ("simple/", "simple/demo-pkg/index.json", "simple/index.json", "simple/demo-pkg/x.whl"),
        ("", "demo-pkg/index.json", "index.json", "demo-pkg/x.whl"),
    ],
)
def test_other_keys(simple: str, project_page: str, root_page: str, file: str) -> None:
    """JSON pages and files lie at the same keys in every page style."""
    for pages in ("slash", "index.html", "both"):
        layout = Layout(simple=simple, pages=pages)
        assert (layout.json_key(DEMO), layout.root_json_key) == (project_page, root_page)
        assert layout.usual_key(DEMO, "x.whl") == file


def test_steps_aside() -> None:
    """A new file's key is the first free one of this list, which never ends."""
    assert list(islice(Layout().file_keys(DEMO, "x.whl", A), 4)) == [
        "simple/demo-pkg/x.whl",
        f"simple/demo-pkg/{A}/x.whl",
        f"simple/demo-pkg/{A}-2/x.whl",
        f"simple/demo-pkg/{A}-3/x.whl",
    ]


@pytest.mark.parametrize(
    ("file", "href"),
    [
        (published("x-1.0.whl", "1"), "x-1.0.whl"),
        (published("x-1!2+cu118.whl", "1"), "x-1%212%2Bcu118.whl"),
        (published("x~1.whl", "1"), "x~1.whl"),
        (published("100%25 é?#.zip", "1"), "100%2525%20%C3%A9%3F%23.zip"),
        (published("javascript:alert(1)", "1"), "javascript%3Aalert%281%29"),
        (published("x.whl", "1", key=Key(f"simple/demo-pkg/{A}-2/x.whl")), f"{A}-2/x.whl"),
        (published("x.whl", "1", key=Key("simple/demo-pkg-extra/x.whl")), "../demo-pkg-extra/x.whl"),
        (published("x.whl", "1", key=Key("whl/cu 118/x.whl")), "../../whl/cu%20118/x.whl"),
        (published("x.whl", "1", url="https://files.example/x.whl?a=b"), "https://files.example/x.whl?a=b"),
    ],
)
def test_href(file: PublishedFile, href: str) -> None:
    """Links are relative and percent-encoded once, the plus sign too; a file elsewhere has its own URL."""
    assert Layout().href(DEMO, file) == href


@given(st.sampled_from(SIMPLES), st.none() | keys(), filenames())
def test_every_link_leads_to_the_files_key(simple: str, key: Key | None, filename: str) -> None:
    """A client that resolves a link against the page's URL, whatever its style, asks for the very key of the file."""
    layout, file = Layout(simple=simple, pages="both"), published(filename, "1", key=key)

    for page in (*layout.html_keys(DEMO), layout.json_key(DEMO)):
        url = urlsplit(urljoin(f"https://host/prefix/{page}", layout.href(DEMO, file)))
        assert unquote(url.path).removeprefix("/prefix/") == layout.key_of(DEMO, file)
        assert (url.scheme, url.netloc, url.query, url.fragment) == ("https", "host", "", "")
        assert "+" not in url.path


def test_how_things_are_served() -> None:
    """Exact media types, and caching that hides no release and forgets no file; the repository's own where it says."""
    layout = Layout(pages_cache_control="public, max-age=60", put_args={"StorageClass": "STANDARD_IA"})
    pages, for_ever = "public, max-age=60", "public, max-age=31536000, immutable"
    kinds = {
        "html": ("text/html; charset=utf-8", pages),
        "json": ("application/vnd.pypi.simple.v1+json", pages),
        "distribution": ("application/octet-stream", for_ever),
        "metadata": ("text/plain; charset=utf-8", for_ever),
        "signature": ("application/pgp-signature", for_ever),
        "provenance": ("application/vnd.pypi.integrity.v1+json", "no-cache"),
        "record": ("application/json", "no-cache"),
    }
    served = {kind: getattr(layout, kind)() for kind in kinds}
    assert {kind: (headers.content_type, headers.cache_control) for kind, headers in served.items()} == kinds
    assert {kind: headers.put_args for kind, headers in served.items()} == dict.fromkeys(kinds, layout.put_args)
    assert Layout().html().cache_control == "public, max-age=0, must-revalidate"


def test_manifest_keys() -> None:
    """A manifest's key names its project, and no other key does."""
    assert manifest_key(DEMO) == "_bucketwheel/manifests/demo-pkg.json"
    assert project_of(manifest_key(DEMO)) == DEMO
    for name in ("Demo-Pkg", "demo pkg", "", "demo-pkg.json"):
        assert project_of(Key(f"_bucketwheel/manifests/{name}.json")) is None
    for key in ("_bucketwheel/repository.json", "demo-pkg.json", "_bucketwheel/manifests/a/b.json"):
        assert project_of(Key(key)) is None
    assert project_of(Key("_bucketwheel/manifests/demo-pkg.json.part")) is None


@given(keys())
def test_a_sidecar_leads_back_to_its_distribution(key: Key) -> None:
    """Every sidecar's key names the distribution; the key of anything else stays as it is."""
    distribution = Key(f"{key}.whl")

    assert sidecar_keys(Key("a.whl")) == ("a.whl.metadata", "a.whl.asc", "a.whl.provenance")
    assert {distribution_key(each) for each in (distribution, *sidecar_keys(distribution))} == {distribution}


def test_the_folders_a_publisher_steps_aside_to() -> None:
    """Each has the digest of its file in its name; other folders have none."""
    folders = [key.split("/")[2] for key in islice(Layout().file_keys(DEMO, "x.whl", A), 1, 4)]

    assert folders == [A, f"{A}-2", f"{A}-3"]
    assert {aside_sha256(folder) for folder in folders} == {A}
    assert {aside_sha256(name) for name in ("", "x", A[1:], f"{A}-", f"{A}-x", f"{A}/b", A.upper())} == {None}


def test_marks() -> None:
    """What is noted on files and pages: the names are the format's, for other implementations read them too."""
    files = file_marks(repository="r1", run_id="c1", sha256=A)
    root = page_marks(PageMark(revision=12, renderer=1))
    mark = PageMark(revision=12, renderer=2, manifest=A, repository="r1")
    pages = page_marks(mark)

    assert files == {"bucketwheel-repository": "r1", "bucketwheel-call": "c1", "bucketwheel-sha256": A}
    assert root == {"bucketwheel-revision": "12", "bucketwheel-renderer": "1"}
    assert pages == {
        "bucketwheel-revision": "12",
        "bucketwheel-renderer": "2",
        "bucketwheel-manifest": A,
        "bucketwheel-index": "r1",
    }
    assert (run_of(files), run_of({}), run_of(None)) == ("c1", None, None)
    assert page_mark(root) == PageMark(revision=12, renderer=1)
    assert page_mark(pages) == mark


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"bucketwheel-revision": "1"},
        {"bucketwheel-revision": "1", "bucketwheel-renderer": ""},
        {"bucketwheel-revision": "-1", "bucketwheel-renderer": "1"},
        {"bucketwheel-revision": "1.0", "bucketwheel-renderer": "1"},
        {"bucketwheel-revision": "x", "bucketwheel-renderer": "1"},
    ],
)
def test_other_objects_have_no_page_mark(marks: dict[str, str]) -> None:
    """Marks that we did not write are none."""
    assert page_mark(marks) is None
