"""The catalogue: what it keeps of each project, and which of two writers wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bucketwheel.errors import Damaged
from bucketwheel.format.catalogue import (
    Catalogue,
    CatalogueEntry,
    catalogue_entry,
    decode_catalogue,
    encode_catalogue,
    rebuilt,
    with_entries,
)
from bucketwheel.format.views.projects import CoreFacts, ReleaseView
from bucketwheel.names import ProjectName
from support.viewed import HOSTILE, viewed


def _entry(name: str, *versions: str, revision: int = 1, summary: str = "", day: int = 1) -> CatalogueEntry:
    project = viewed(*versions, facts=CoreFacts(summary=summary))
    releases = tuple(
        each._replace(files=tuple(file._replace(upload_time=f"2026-01-{day:02}T00:00:00Z") for file in each.files))
        for each in project.releases
    )
    return catalogue_entry(replace(project, project=ProjectName(name), revision=revision, releases=releases))


def _names(catalogue: Catalogue) -> list[tuple[str, str]]:
    return [(each.project, each.version) for each in catalogue.releases]


def test_a_line_has_the_newest_version_the_summary_and_the_first_release() -> None:
    """A line says what the pages of all projects show of one."""
    line = _entry("demo", "1.0", "2.0", "3.0rc1", revision=4, summary=" two\n lines ", day=9).line
    assert (line.revision, line.latest, line.summary) == (4, "2.0", "two lines")
    assert line.first == "2026-01-09T00:00:00Z"


def test_the_newest_releases_of_all_projects_come_first() -> None:
    """Releases of several projects are sorted by time, with the summaries of their lines."""
    catalogue = with_entries(
        Catalogue(), [_entry("a", "1.0", day=1, summary="A"), _entry("b", "1.0", day=2, summary="B")]
    )
    assert _names(catalogue) == [("b", "1.0"), ("a", "1.0")]
    assert [each.summary for each in catalogue.releases] == ["B", "A"]


def test_releases_of_one_moment_are_in_the_order_of_versions() -> None:
    """Of a project whose files came at once the highest version is first, read back as well."""
    versions = ("0.2", "0.9", "0.10", "0.10+local", "1.0rc1", "1!0.1")
    catalogue = with_entries(Catalogue(), [_entry("a", *versions), _entry("b", "1.9", "1.10")])
    expected = [("b", "1.10"), ("b", "1.9"), *(("a", version) for version in reversed(versions))]
    assert _names(catalogue) == expected
    read = decode_catalogue(encode_catalogue(catalogue))
    assert _names(with_entries(read, [_entry("c", "1.0", day=2)])) == [("c", "1.0"), *expected]


def test_a_line_of_a_higher_revision_stays() -> None:
    """A run that comes late with an older state of a project changes nothing; a later state replaces its releases."""
    catalogue = with_entries(Catalogue(), [_entry("a", "1.0", "2.0", revision=5)])
    assert with_entries(catalogue, [_entry("a", "1.0", revision=4)]) is catalogue
    assert with_entries(catalogue, [_entry("a", "1.0", "2.0", revision=5)]) is catalogue
    after = with_entries(catalogue, [_entry("a", "2.0", revision=6)])
    assert after.revision == catalogue.revision + 1
    assert _names(after) == [("a", "2.0")], "a deleted release is no news any more"


def test_a_project_does_not_become_new_when_old_files_are_deleted() -> None:
    """A line keeps when the first file came, also where the project is made again or has no file left."""
    catalogue = with_entries(Catalogue(), [_entry("a", "1.0", day=1)])
    pruned, none = _entry("a", "2.0", revision=2, day=9), _entry("a", revision=3)
    for after in (with_entries(catalogue, [pruned]), rebuilt(catalogue, [pruned]), with_entries(catalogue, [none])):
        assert after.lines[ProjectName("a")].first == "2026-01-01T00:00:00Z"


def test_only_so_many_releases_are_kept() -> None:
    """The newest 200 releases stay, whoever made them."""
    many = [_entry(f"p{number:03}", "1.0", day=number % 28 + 1) for number in range(300)]
    catalogue = with_entries(Catalogue(), many)
    assert len(catalogue.releases) == 200
    assert len(catalogue.lines) == 300
    assert min(each.released for each in catalogue.releases) > "2026-01-09"


def test_a_project_without_a_file_to_be_seen_is_not_shown() -> None:
    """Quarantined projects keep their line, for its revision, and are on no page."""
    catalogue = with_entries(Catalogue(), [_entry("a", revision=3), _entry("b", "1.0")])
    assert set(catalogue.lines) == {"a", "b"}
    assert set(catalogue.shown) == {"b"}
    assert _names(catalogue) == [("b", "1.0")]


def test_making_it_again_keeps_what_came_meanwhile() -> None:
    """A rebuilt catalogue has the right lines, drops what is gone, and keeps what other runs wrote since."""
    found = with_entries(
        Catalogue(),
        [_entry("gone", "1.0"), _entry("later", "2.0", revision=9), _entry("new", "1.0"), _entry("same", "1.0")],
    )
    read = [_entry("later", "1.0", revision=8), _entry("same", "1.0"), _entry("lost", "1.0")]
    made = rebuilt(found, read, gone=[ProjectName("gone")])
    assert set(made.lines) == {"later", "lost", "new", "same"}
    assert made.lines[ProjectName("later")].latest == "2.0"
    assert ("later", "2.0") in _names(made)
    assert ("gone", "1.0") not in _names(made)
    assert rebuilt(made, read, gone=[ProjectName("gone")]) is made, "nothing differs, so nothing is written"


def test_making_it_again_mends_a_line_of_the_same_revision() -> None:
    """What an earlier bucketwheel, or a hand, wrote into a line is replaced by what the manifest says."""
    found = with_entries(Catalogue(), [_entry("a", "1.0", summary="wrong")])
    assert rebuilt(found, [_entry("a", "1.0", summary="right")]).lines[ProjectName("a")].summary == "right"


def test_it_can_be_read_back() -> None:
    """The document holds all of it, hostile text too."""
    entries = [_entry("a", "1.0", "1.1", summary=HOSTILE, revision=3), _entry("b", revision=2)]
    catalogue = with_entries(Catalogue(), entries)
    assert decode_catalogue(encode_catalogue(catalogue)) == catalogue


@pytest.mark.parametrize("summary", ["x" * 5000, "€" * 5000, "\U0001f600" * 5000, '"\\' * 2000, "word " * 1000])
def test_a_line_is_small_whatever_the_summary(summary: str) -> None:
    """A line takes 300 bytes at most, and still tells much of a long summary."""
    entry = _entry("project-name", "1.0", summary=summary)
    size = len(encode_catalogue(with_entries(Catalogue(), [entry]))) - len(
        encode_catalogue(replace(with_entries(Catalogue(), [entry]), lines={}))
    )
    assert 200 < size <= 300


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "is not JSON"),
        (b'{"format":2,"revision":1,"projects":[],"releases":[]}', "newer bucketwheel"),
        (b'{"format":1,"revision":1,"projects":[],"releases":[],"more":1}', "more is of a newer bucketwheel"),
        (b'{"format":1,"revision":1,"projects":[{"name":"A_b","revision":1}],"releases":[]}', "A_b"),
        (
            b'{"format":1,"revision":1,"projects":[],"releases":[{"project":"a","version":"1","released":""}]}',
            "has no line",
        ),
    ],
)
def test_what_is_not_whole_is_damaged(body: bytes, why: str) -> None:
    """A damaged catalogue is no reason to guess: the message says what makes it again."""
    with pytest.raises(Damaged, match=why) as raised:
        decode_catalogue(body)
    assert "bucketwheel reindex" in str(raised.value)


def test_a_release_without_files_is_yanked_by_nobody() -> None:
    """An entry of releases without upload times has no first time."""
    project = viewed("1.0")
    bare = tuple(
        ReleaseView(version=each.version, files=tuple(file._replace(upload_time=None) for file in each.files))
        for each in project.releases
    )
    assert catalogue_entry(replace(project, releases=bare)).line.first == ""
