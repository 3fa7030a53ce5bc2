"""An index made from a list is checked by its pages: each is there and shows what the list says; no file is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import bucketwheel
from bucketwheel import Checked, ListOptions, Refused, Settings
from bucketwheel.events import Event, RequestSent
from bucketwheel.format.layout import SETTINGS_KEY
from bucketwheel.format.lists.pages import PACKAGES_KEY
from bucketwheel.format.lists.record import PROJECTS_KEY
from bucketwheel.storage import Key
from support.command_line import run_command
from support.ministack import TestBucket
from support.tampering import codes, overwrite, remove, stored

OPTIONS = ListOptions(packages_url="https://files.example.com/pool", base_url="https://pypi.example.com/")
LIST = "".join(
    f"{json.dumps({'filename': name, 'size': 10})}\n"
    for name in ("demo-1.0.tar.gz", "demo-1.1-py3-none-any.whl", "other-2.0+cu1-py3-none-any.whl")
)
DIRECTORY, PAGE = "list", "simple/demo/index.html"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of an index in a directory."""
    made = bucketwheel.load_settings(options={"repository": str(tmp_path / DIRECTORY)})
    write(made)
    return made


def write(settings: Settings, body: str = LIST, options: ListOptions = OPTIONS) -> None:
    """Write the index of a list."""
    bucketwheel.from_list(body, settings, options=options, of_json=True)


def found(checked: Checked) -> set[tuple[str, str]]:
    """The findings, each with what it is about."""
    return {(each.code, each.subject) for each in checked.findings}


@pytest.mark.parametrize("projects", [(), ("demo",), ("Demo", "other")])
def test_as_it_should_be(settings: Settings, projects: tuple[str, ...]) -> None:
    """After a run, and after the next one, there is nothing to find, and no page is written by a check."""
    checked = bucketwheel.check(settings, projects=projects)
    write(settings, LIST + '{"filename": "new-1.0.tar.gz"}')

    assert checked.findings == ()
    assert (checked.projects, checked.files) == ((1, 2) if projects == ("demo",) else (2, 3))
    assert bucketwheel.check(settings).findings == ()


@pytest.mark.parametrize(
    "key",
    [
        *("simple/index.html", "simple/index.json", PAGE, "simple/demo/index.json", "pypi/demo/json"),
        *("pypi/demo/1.0/json", "project/demo/index.html", "rss/project/demo/releases.xml", "index.html"),
        *("find-links.html", "packages.json", "rss/updates.xml", "search/projects.js", "changelog/index.html"),
    ],
)
@pytest.mark.parametrize("change", ["missing", "edited"])
def test_every_page(settings: Settings, tmp_path: Path, key: str, change: str) -> None:
    """Each page that is missing or edited is named, by its project too, and the command of the remedy repairs it."""
    path = tmp_path / DIRECTORY / key
    path.unlink() if change == "missing" else path.write_bytes(b"x" * path.stat().st_size)

    assert found(bucketwheel.check(settings)) == {(f"page-{change}", key)}
    if "demo" in key:
        assert found(bucketwheel.check(settings, projects=["demo"])) == {(f"page-{change}", key)}
        assert found(bucketwheel.check(settings, projects=["other"])) == set()
    write(settings)
    assert bucketwheel.check(settings).findings
    write(settings, options=replace(OPTIONS, all_pages=True))
    assert bucketwheel.check(settings).findings == ()


def test_logo(settings: Settings, tmp_path: Path) -> None:
    """The picture of a logo is one of the pages."""
    (tmp_path / "logo").write_bytes(b"\xff\xd8\xff")
    write(settings, options=replace(OPTIONS, logo=tmp_path / "logo"))
    (logo,) = (tmp_path / DIRECTORY / "assets").glob("*.jpeg")

    assert bucketwheel.check(settings).findings == ()
    logo.write_bytes(b"\xff\xd8\xffx")
    assert codes(bucketwheel.check(settings)) == {"page-edited"}
    logo.unlink()
    assert codes(bucketwheel.check(settings)) == {"page-missing"}


def test_another_list_is_not_believed(settings: Settings, tmp_path: Path) -> None:
    """Somebody's change of packages.json is the only finding; pages that are missing are still named."""
    (tmp_path / DIRECTORY / "packages.json").write_text(LIST.replace("10", "11"))
    (tmp_path / DIRECTORY / PAGE).unlink()

    assert found(bucketwheel.check(settings)) == {("page-edited", "packages.json"), ("page-missing", PAGE)}


@pytest.mark.parametrize("broken", [None, b"{"])
def test_record(settings: Settings, tmp_path: Path, broken: bytes | None) -> None:
    """Without the record of its pages the index is damaged, and a run makes the record again; broken, it says so."""
    record = tmp_path / DIRECTORY / "_bucketwheel" / "list.json"
    record.unlink() if broken is None else record.write_bytes(broken)

    assert found(bucketwheel.check(settings)) == {("list-damaged", "_bucketwheel/list.json")}
    if broken is not None:
        with pytest.raises(bucketwheel.BucketwheelError, match="remove it"):
            write(settings)
        record.unlink()
    (tmp_path / DIRECTORY / PAGE).unlink()
    write(settings)
    assert bucketwheel.check(settings).findings == ()


@pytest.mark.parametrize(("old", "new"), [('"generation":"', '"generation":"0 '), ('"shown":"', '"shows":"')])
def test_another_version_and_a_run_that_died(settings: Settings, tmp_path: Path, old: str, new: str) -> None:
    """What another bucketwheel wrote, and what a run has not finished, is one warning about the index."""
    path = tmp_path / DIRECTORY / "_bucketwheel" / "repository.json"
    path.write_text(path.read_text().replace(old, new))
    checked = bucketwheel.check(settings)

    assert codes(checked) == {"page-behind" if "generation" in old else "list-unfinished"}
    assert [each.gravity for each in checked.findings] == ["warning"]
    (tmp_path / DIRECTORY / PAGE).unlink()
    missing = {("page-missing", PAGE)} & found(bucketwheel.check(settings))
    assert bool(missing) is ("generation" in old)
    write(settings, options=replace(OPTIONS, all_pages=True))
    assert bucketwheel.check(settings).findings == ()


def test_a_run_meanwhile(bucket: TestBucket) -> None:
    """A run that begins while a check reads is the only finding."""
    place = bucketwheel.load_settings(options={"repository": str(bucket.place)})
    place = replace(place, connection=bucket.connection)
    write(place)
    remove(bucket.storage(), "pypi/demo/json")
    ran = False

    def report(event: Event) -> None:
        nonlocal ran
        if isinstance(event, RequestSent) and event.target.endswith("_bucketwheel/list.json") and not ran:
            ran = True
            write(place, LIST + '{"filename": "new-1.0.tar.gz"}')

    assert codes(bucketwheel.check(place, report=report)) == {"list-unfinished"}
    assert ran


@pytest.mark.parametrize("tamper", [lambda storage: remove(storage, "simple/demo/"), None])
def test_in_a_bucket(bucket: TestBucket, tamper: Callable[[object], None] | None) -> None:
    """In a bucket a listing tells which pages are as they should be; only others are read."""
    place = bucketwheel.load_settings(options={"repository": str(bucket.place)})
    place = replace(place, connection=bucket.connection)
    write(place)
    storage = bucket.storage()
    read: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, RequestSent):
            read.append(event.target)

    assert bucketwheel.check(place, report=report).findings == ()
    assert set(read) == {SETTINGS_KEY, PROJECTS_KEY, PACKAGES_KEY, "list"}
    if tamper is not None:
        tamper(storage)
        assert found(bucketwheel.check(place)) == {("page-missing", "simple/demo/")}
    else:
        overwrite(storage, Key("pypi/demo/json"), stored(storage, "pypi/demo/json").body + b" ")
        assert found(bucketwheel.check(place)) == {("page-edited", "pypi/demo/json")}


def test_headers(bucket: TestBucket) -> None:
    """A page with the right bytes and other headers is found by --deep only, and the remedy repairs it."""
    place = bucketwheel.load_settings(options={"repository": str(bucket.place)})
    place = replace(place, connection=bucket.connection)
    write(place)
    storage, keys = bucket.storage(), ("simple/demo/", "pypi/demo/1.0/json", "index.html")
    for key in keys:
        overwrite(storage, Key(key), stored(storage, key).body)

    assert bucketwheel.check(place).findings == ()
    assert found(bucketwheel.check(place, deep=True)) == {("headers-wrong", key) for key in keys}
    assert found(bucketwheel.check(place, projects=["demo"], deep=True)) == {("headers-wrong", key) for key in keys[:2]}
    for key in keys:
        remove(storage, key)
    write(place, options=replace(OPTIONS, all_pages=True))
    assert bucketwheel.check(place, deep=True).findings == ()


def test_command(settings: Settings, tmp_path: Path) -> None:
    """Exit codes are those of any check, and a project that the list lacks is refused."""
    place = ["-r", str(tmp_path / DIRECTORY)]
    run = run_command("check", *place)

    assert (run.code, run.lines[-1]) == (0, "checked 2 projects with 3 files: all is as it should be")
    with pytest.raises(Refused, match="absent is not in"):
        bucketwheel.check(settings, projects=["absent"])
    (tmp_path / DIRECTORY / PAGE).unlink()
    assert run_command("check", *place).code == 4
    assert run_command("check", *place, "demo", "--json").document["findings"][0]["code"] == "page-missing"
