"""Retention rules: which files expire, decided from names, versions and times alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bucketwheel.commands.prune import KeepNewest, KeepYounger, Per, Retention, expired
from bucketwheel.format.manifest import PublishedFile
from support.manifests import published

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LINUX, MAC = "cp312-cp312-linux_x86_64", "cp312-cp312-macosx_11_0_arm64"


def wheel(version: str, tag: str = "py3-none-any", **facts: object) -> PublishedFile:
    """Write the entry of a wheel."""
    return published(f"demo-{version}-{tag}.whl", version, **facts)


def sdist(version: str) -> PublishedFile:
    """Write the entry of an sdist."""
    return published(f"demo-{version}.tar.gz", version)


def going(*files: PublishedFile, retention: Retention, per: Per = "tags", all_releases: bool = False) -> list[str]:
    """Name the files that go."""
    return [file.filename for file in expired(files, retention, per=per, all_releases=all_releases, now=NOW)]


def test_the_newest_versions_stay_by_the_order_of_versions() -> None:
    """1.0.dev10 is newer than 1.0.dev9, in whatever order the files come."""
    files = [wheel(f"1.0.dev{number}") for number in (9, 11, 10, 8)]
    assert going(*files, retention=KeepNewest(count=2)) == [
        "demo-1.0.dev9-py3-none-any.whl",
        "demo-1.0.dev8-py3-none-any.whl",
    ]


def test_a_platform_whose_ci_is_red_keeps_its_last_builds() -> None:
    """Each set of tags keeps its own newest N; sdists are a set of their own."""
    files = [wheel(f"1.0.dev{number}", LINUX) for number in (1, 2, 3, 4)]
    files += [wheel("1.0.dev1", MAC), sdist("1.0.dev2"), sdist("1.0.dev3")]
    assert going(*files, retention=KeepNewest(count=1)) == [
        f"demo-1.0.dev1-{LINUX}.whl",
        f"demo-1.0.dev2-{LINUX}.whl",
        f"demo-1.0.dev3-{LINUX}.whl",
        "demo-1.0.dev2.tar.gz",
    ]


def test_whole_versions_go_or_stay_together() -> None:
    """With `per="version"` a version stays whole as long as one of its files does: here the last build for a Mac."""
    files = [wheel(f"1.0.dev{number}", tag) for number in (1, 2, 3) for tag in (LINUX, "cp313-cp313-linux_x86_64")]
    files += [wheel("1.0.dev1", MAC), sdist("1.0.dev1")]
    assert going(*files, retention=KeepNewest(count=1), per="version") == [
        f"demo-1.0.dev2-{LINUX}.whl",
        "demo-1.0.dev2-cp313-cp313-linux_x86_64.whl",
    ]


def test_compressed_tags_are_sets_in_any_order() -> None:
    """`py2.py3` and `py3.py2` are one set; a build number makes no other set and stays with its version."""
    files = [wheel("1.0.dev1", "py2.py3-none-any"), wheel("1.0.dev2", "py3.py2-none-any")]
    assert going(*files, retention=KeepNewest(count=1)) == ["demo-1.0.dev1-py2.py3-none-any.whl"]
    files = [wheel("1.0.dev1", "1-py3-none-any"), wheel("1.0.dev2", "1-py3-none-any"), wheel("1.0.dev2")]
    assert going(*files, retention=KeepNewest(count=1)) == ["demo-1.0.dev1-1-py3-none-any.whl"]


def test_one_version_in_two_spellings_is_one() -> None:
    """`1.0.dev1` and `1.0.0.dev1` take one place."""
    files = [wheel("1.0.dev1"), wheel("1.0.0.dev1"), wheel("0.9.dev1"), wheel("0.8.dev1")]
    assert going(*files, retention=KeepNewest(count=2)) == ["demo-0.8.dev1-py3-none-any.whl"]


def test_yanked_and_hidden_files_do_not_count() -> None:
    """N installable files stay; a yanked or hidden file expires once N newer ones exist."""
    files = [
        wheel("1.0.dev5", yanked="broken"),
        wheel("1.0.dev4", hidden=True),
        wheel("1.0.dev3"),
        wheel("1.0.dev2", yanked=""),
        wheel("1.0.dev1"),
    ]
    assert going(*files, retention=KeepNewest(count=3)) == []
    assert going(*files, retention=KeepNewest(count=2)) == []
    assert going(files[0], retention=KeepNewest(count=1)) == []
    assert going(*files, retention=KeepNewest(count=1)) == [
        "demo-1.0.dev2-py3-none-any.whl",
        "demo-1.0.dev1-py3-none-any.whl",
    ]


@pytest.mark.parametrize("retention", [KeepNewest(count=1), KeepYounger(than=timedelta(0))], ids=["newest", "younger"])
def test_final_releases_stay_unless_all_are_asked_for(retention: Retention) -> None:
    """Alphas, candidates and development releases expire, finals and post-releases only with `all_releases`."""
    files = [wheel(version) for version in ("0.9", "1.0", "1.0.post1", "1.0.dev1", "1.0a1", "1.0rc1", "1.0rc2")]
    without, every = (going(*files, retention=retention, all_releases=choice) for choice in (False, True))
    kept = {"1.0rc2"} if isinstance(retention, KeepNewest) else set()
    assert {name.split("-")[1] for name in without} == {"1.0.dev1", "1.0a1", "1.0rc1", "1.0rc2"} - kept
    kept = {"1.0.post1"} if isinstance(retention, KeepNewest) else set()
    assert {name.split("-")[1] for name in every} == {file.version for file in files} - kept


def test_local_versions_are_versions_of_one_set() -> None:
    """`+g1234` names the commit of a nightly as often as `+cpu` names a variant: the label makes no set of its own."""
    files = [wheel("1.0.dev1+gaaaa"), wheel("1.0.dev2+gbbbb"), wheel("1.0.dev3+gcccc")]
    assert going(*files, retention=KeepNewest(count=2)) == ["demo-1.0.dev1+gaaaa-py3-none-any.whl"]


def test_versions_without_an_order_stay() -> None:
    """An adopted file with a version outside PEP 440 never expires; one without tags in its name stands alone."""
    odd = published("demo-final-version.tar.bz2", "final-version")
    eggs = [published(f"demo-1.0.dev{number}-py2.7.egg", f"1.0.dev{number}") for number in (1, 2)]
    assert going(odd, *eggs, retention=KeepNewest(count=1), all_releases=True) == []
    assert going(odd, retention=KeepYounger(than=timedelta(0)), all_releases=True) == []


def test_older_files_expire() -> None:
    """Age counts from the upload time; exactly that old is old enough."""
    files = [
        wheel("1.0.dev1", upload_time="2026-10-21T23:59:59Z"),
        wheel("1.0.dev2", upload_time="2026-10-22T00:00:00.000000Z"),
        wheel("1.0.dev3", upload_time="2026-10-22T00:00:00.000001Z"),
    ]
    assert going(*files, retention=KeepYounger(than=timedelta(days=30))) == [
        "demo-1.0.dev1-py3-none-any.whl",
        "demo-1.0.dev2-py3-none-any.whl",
    ]


def test_a_version_with_a_young_file_stays_whole() -> None:
    """With `per="version"` age counts for the youngest file."""
    old, young = {"upload_time": "2026-01-01T00:00:00Z"}, {"upload_time": "2026-11-20T00:00:00Z"}
    files = [wheel("1.0.dev1", LINUX, **old), wheel("1.0.dev1", MAC, **young), wheel("1.0.dev2", LINUX, **old)]
    assert going(*files, retention=KeepYounger(than=timedelta(days=30)), per="version") == [
        f"demo-1.0.dev2-{LINUX}.whl"
    ]
