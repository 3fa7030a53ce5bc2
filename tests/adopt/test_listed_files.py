"""Sorted listings."""

from __future__ import annotations

import pytest

from bucketwheel.format.layout import Layout, PageStyle
from bucketwheel.format.listed_files import ListedFiles, prefixes, sort_listing
from bucketwheel.format.manifest import Manifest
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, ListEntry
from support.manifests import published

DEMO, SHA = ProjectName("demo"), "a" * 64


def sorted_keys(*keys: str, simple: str = "simple/", size: int = 1) -> ListedFiles:
    """Sort a listing of these keys."""
    return sort_listing([ListEntry(key=Key(key), size=size, etag="e") for key in keys], Layout(simple=simple))


def files_of(listed: ListedFiles) -> dict[str, list[str]]:
    """Return the keys of each project's files."""
    return {project: [file.key for file in files] for project, files in listed.files.items()}


def test_files_count_in_their_projects_folder_and_in_a_pile() -> None:
    """A folder counts in any spelling, and so does the top of the repository and of the index."""
    listed = sorted_keys(
        "demo-1.0.tar.gz",
        "simple/demo-1.1.tar.gz",
        "simple/demo/demo-1.2.tar.gz",
        "simple/De.mo/de.mo-1.0.tar.gz",
        f"simple/demo/{SHA}/demo-1.3.tar.gz",
        f"simple/demo/{SHA}-2/demo-1.3.tar.gz",
        "_bucketwheel/demo-1.4.tar.gz",
    )
    assert files_of(listed) == {
        "demo": [
            "demo-1.0.tar.gz",
            "simple/demo-1.1.tar.gz",
            "simple/demo/demo-1.2.tar.gz",
            f"simple/demo/{SHA}/demo-1.3.tar.gz",
            f"simple/demo/{SHA}-2/demo-1.3.tar.gz",
        ],
        "de-mo": ["simple/De.mo/de.mo-1.0.tar.gz"],
    }
    assert [file.aside for file in listed.files[DEMO]] == ["", "", "", SHA, SHA]
    assert not listed.ignored


def test_with_an_index_at_the_top_all_folders_are_projects() -> None:
    """PyTorch's layout: files beside the root page, project pages in folders."""
    listed = sorted_keys("index.html", "demo-1.0.tar.gz", "demo/index.html", "demo/demo-1.1.tar.gz", simple="")
    assert files_of(listed) == {"demo": ["demo-1.0.tar.gz", "demo/demo-1.1.tar.gz"]}
    assert dict(listed.pages) == {"demo": ["demo/index.html"]}
    assert not listed.others


def test_ignored_files_have_a_reason() -> None:
    """Every distribution that does not come in has a reason."""
    expected = {
        "elsewhere/demo-1.0.tar.gz": "is where an index has no files, and no page links to it",
        "simple/demo/sub/demo-1.0.tar.gz": "is where an index has no files, and no page links to it",
        "simple/_old/demo-1.0.tar.gz": "is where an index has no files, and no page links to it",
        "simple/demo/other-1.0.tar.gz": "cannot be a distribution of demo",
        "simple/latest.zip": "has a name that does not tell its project",
        "simple//demo-1.0.tar.gz": "has a name that no link can be trusted to lead to",
        "simple/demo/demo-1.0:1.tar.gz": "has a name that no link can be trusted to lead to",
    }
    found = sorted_keys(*expected).ignored
    assert {key: ignored.reason for key, ignored in found.items()} == expected
    assert {key for key, ignored in found.items() if ignored.project == "demo"} == {
        key for key in expected if key.startswith("simple/demo/")
    }


def test_pages_and_records_of_other_tools_are_told_from_ours() -> None:
    """What is neither page nor file of an index is counted with its project, or at the root."""
    listed = sorted_keys(
        "simple/",
        "simple/index.html",
        "simple/demo/",
        "simple/demo/index.json",
        "simple/demo/json",
        "simple/demo/manifest.json",
        "simple/demo/1.0/",
        "simple/demo/1.0/json",
        "index.html",
        "somebody/else.txt",
    )
    assert dict(listed.pages) == {"demo": ["simple/demo/", "simple/demo/index.json"]}
    assert dict(listed.others) == {
        None: ["simple/index.html", "index.html"],
        "demo": ["simple/demo/json", "simple/demo/manifest.json", "simple/demo/1.0/", "simple/demo/1.0/json"],
    }


@pytest.mark.parametrize(
    ("keys", "style"),
    [
        (["simple/demo/"], "slash"),
        (["simple/demo/index.html"], "index.html"),
        (["simple/demo/index.html", "simple/demo/"], "both"),
        (["simple/other/index.html"], None),
        ([], None),
    ],
)
def test_the_style_of_pages_is_that_of_the_projects(keys: list[str], style: PageStyle | None) -> None:
    """Only pages of projects that have files count; others may be no index pages."""
    assert sorted_keys("demo-1.0.tar.gz", *keys).page_style == style


def test_a_folder_that_a_console_made_is_no_page() -> None:
    """It is an empty object whose key ends in a slash."""
    assert sorted_keys("simple/demo/", "simple/demo/demo-1.0.tar.gz", size=0).page_style is None


def test_one_project_is_listed_where_its_files_lie() -> None:
    """Its own folder, those that its entries name, and no folder twice."""
    elsewhere = published("demo-1.0.tar.gz", "1.0", key=Key("simple/De-Mo/demo-1.0.tar.gz"))
    pile = published("demo-1.1.tar.gz", "1.1", key=Key("demo-1.1.tar.gz"))
    layout = Layout()
    assert prefixes(layout, Manifest(project=DEMO, revision=1), ()) == ("simple/demo/",)
    assert prefixes(layout, Manifest(project=DEMO, revision=1, files=(elsewhere,)), ["simple/demo/sub/"]) == (
        "simple/De-Mo/",
        "simple/demo/",
    )
    assert prefixes(layout, Manifest(project=DEMO, revision=1, files=(pile, elsewhere)), ()) == ("",)
