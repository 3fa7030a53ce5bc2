"""Warehouse JSON has every key of PyPI's, says null where PyPI does, and never where its readers break on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bucketwheel.format.views.projects import CoreFacts, ViewedProject, by_version, from_folder
from bucketwheel.format.views.warehouse import render_project, render_version
from bucketwheel.names import ProjectName
from support.viewed import HOSTILE, viewed, viewed_file

# warehouse/legacy/api/json.py
TOP = {"info", "last_serial", "ownership", "releases", "urls", "vulnerabilities"}
INFO = {
    "author",
    "author_email",
    "bugtrack_url",
    "classifiers",
    "description",
    "description_content_type",
    "docs_url",
    "download_url",
    "downloads",
    "dynamic",
    "home_page",
    "keywords",
    "license",
    "license_expression",
    "license_files",
    "maintainer",
    "maintainer_email",
    "name",
    "package_url",
    "platform",
    "project_url",
    "project_urls",
    "provides_extra",
    "release_url",
    "requires_dist",
    "requires_python",
    "summary",
    "version",
    "yanked",
    "yanked_reason",
}
FILE = {
    "comment_text",
    "core-metadata",
    "digests",
    "downloads",
    "filename",
    "has_sig",
    "md5_digest",
    "packagetype",
    "python_version",
    "requires_python",
    "size",
    "upload_time",
    "upload_time_iso_8601",
    "url",
    "yanked",
    "yanked_reason",
}


def document(project: ViewedProject) -> Any:  # noqa: ANN401 - JSON
    """The project's document, read back."""
    return json.loads(render_project(project))


def test_every_key() -> None:
    """All keys are there, at the project and at a version, which has no releases."""
    project = viewed("1.0", "1.1")
    whole, one = document(project), json.loads(render_version(ProjectName("demo"), project.releases[0], serial=3))

    assert set(whole) == TOP
    assert set(one) == TOP - {"releases"}
    assert set(whole["info"]) == set(one["info"]) == INFO
    assert set(whole["urls"][0]) == set(one["urls"][0]) == FILE
    assert (whole["last_serial"], one["last_serial"]) == (7, 3)
    assert one["info"]["version"] == "1.0"
    assert list(whole["releases"]) == ["1.0", "1.1"]


def test_unknown_is_null_as_at_pypi() -> None:
    """Without metadata texts are null, but what readers take for a text or an object is one."""
    info = document(viewed("1.0"))["info"]

    assert (info["home_page"], info["project_urls"], info["classifiers"]) == ("", {}, [])
    assert info["summary"] is None
    assert info["requires_dist"] is None
    assert info["package_url"] is None


def test_unknown_size_and_time_are_absent() -> None:
    """A file of unknown size and time has neither key; its digests are those that are known."""
    file = viewed_file("demo-1.0.tar.gz", size=None, upload_time=None)
    project = ViewedProject(project=ProjectName("demo"), releases=by_version([("1.0", file)]))

    assert set(document(project)["urls"][0]) == FILE - {"size", "upload_time", "upload_time_iso_8601"}
    assert document(project)["urls"][0]["digests"] == {"sha256": "ab" * 32}
    assert document(project)["urls"][0]["python_version"] == "source"


@pytest.mark.parametrize(
    ("versions", "yanked", "newest"),
    [
        (("1.9", "1.10"), (), "1.10"),
        (("1.0", "2.0rc1"), (), "1.0"),
        (("1.0", "2.0"), ("2.0",), "1.0"),
        (("1.0rc1", "2.0rc1"), (), "2.0rc1"),
        (("1.0", "2.0"), ("1.0", "2.0"), "2.0"),
    ],
)
def test_newest(versions: tuple[str, ...], yanked: tuple[str, ...], newest: str) -> None:
    """The document is about the newest version: not yanked, then final, then highest."""
    whole = document(viewed(*versions, yanked=yanked))

    assert whole["info"]["version"] == newest
    assert whole["urls"] == whole["releases"][newest]
    assert whole["info"]["yanked"] is (newest in yanked)


def test_as_renovate_reads_it() -> None:
    """Renovate's schema: texts where it wants texts, a boolean yanked, and the time of each file as a text."""
    facts = CoreFacts(home_page="https://example.com", project_urls={"Changelog": "https://example.com/changes"})
    whole = document(viewed("1.0", "1.1", facts=facts, yanked=("1.0",)))

    assert isinstance(whole["info"]["home_page"], str)
    assert all(isinstance(url, str) for url in whole["info"]["project_urls"].values())
    for files in whole["releases"].values():
        assert all(isinstance(file["upload_time"], str) and isinstance(file["yanked"], bool) for file in files)


def test_links_of_a_version_are_one_folder_deeper() -> None:
    """A relative URL leads from the version's document to the same file as from the project's."""
    project = viewed("1.0")
    one = json.loads(render_version(ProjectName("demo"), project.releases[0]))

    assert document(project)["urls"][0]["url"] == "../../simple/demo/demo-1.0-py3-none-any.whl"
    assert one["urls"][0]["url"] == "../../../simple/demo/demo-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("url", "from_root", "from_project", "from_version"),
    [
        ("../../pool/x", "pool/x", "../../pool/x", "../../../pool/x"),
        ("x", "simple/demo/x", "../../simple/demo/x", "../../../simple/demo/x"),
        ("../x", "simple/x", "../../simple/x", "../../../simple/x"),
        ("../../../up/x", "../up/x", "../../../up/x", "../../../../up/x"),
        ("../../x", "x", "../../x", "../../../x"),
        ("/pool/x", "/pool/x", "/pool/x", "/pool/x"),
        ("https://example.com/x", *["https://example.com/x"] * 3),
    ],
)
def test_relative_urls(url: str, from_root: str, from_project: str, from_version: str) -> None:
    """A URL that is relative to the project's simple page leads to the same file from every other page."""
    written = [from_folder(url, ProjectName("demo"), depth) for depth in (0, 2, 3)]

    assert written == [from_root, from_project, from_version]


def test_times() -> None:
    """Times have PyPI's two forms."""
    file = document(viewed("1.0"))["urls"][0]

    assert file["upload_time"] == "2026-01-02T03:04:05"
    assert file["upload_time_iso_8601"] == "2026-01-02T03:04:05.123456Z"


def test_hostile_metadata_and_an_empty_project() -> None:
    """Texts come back as they are, half a surrogate does not break the document, and no release is no error."""
    whole = document(viewed("1.0", facts=CoreFacts(summary=HOSTILE, description="\ud800")))

    assert whole["info"]["summary"] == HOSTILE
    assert document(viewed())["info"]["version"] is None
    assert document(viewed())["urls"] == []
