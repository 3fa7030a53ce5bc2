"""`from-list` writes the index of a plain list: what dumb-pypi says, only what changed, never two runs at once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bucketwheel
from bucketwheel import ListIndex, ListOptions, Misconfigured, Refused, Unfinished
from bucketwheel.events import Event, RequestSent, Warned, Writing
from bucketwheel.format.lists.entries import KEYS, ListReader, numbered
from bucketwheel.storage import Key
from support.archives import make_wheel
from support.clients import run_pip, run_uv
from support.command_line import run_command
from support.index_server import serve_index
from support.ministack import TestBucket

OPTIONS = ListOptions(packages_url="../../pool", base_url="https://pypi.example.com/")
LIST: list[dict[str, Any]] = [
    {"filename": "demo-1.0-py3-none-any.whl", "hash": f"sha256={'ab' * 32}", "requires_python": ">=3.9", "size": 10},
    {
        "filename": "demo-1.1-py3-none-any.whl",
        "hash": f"sha256={'cd' * 32}",
        "size": 11,
        "upload_timestamp": 1700000000,
    },
    {"filename": "demo-1.1.tar.gz", "hash": f"md5={'ef' * 16}", "size": 12, "yanked_reason": "bad"},
    {"filename": "Foo_Bar-2.0+cu1-cp312-cp312-win_amd64.whl", "core_metadata": f"sha256={'01' * 32}"},
    {"filename": "old.name-1.0-1.zip", "uploaded_by": "ann", "requires_dist": ["demo"]},
]


def lines(*tables: dict[str, Any]) -> str:
    """A list, one JSON object a line."""
    return "".join(f"{json.dumps(table)}\n" for table in tables)


def settings(place: Path | str) -> bucketwheel.Settings:
    """Settings that name this place."""
    return bucketwheel.load_settings(options={"repository": str(place)})


def write(place: Path, body: str, options: ListOptions = OPTIONS, **report: Any) -> ListIndex:  # noqa: ANN401
    """Write the index of a list of JSON objects."""
    return bucketwheel.from_list(body, settings(place), options=options, of_json=True, **report)


def read(body: str, *, of_json: bool) -> ListReader:
    """What the lines of a list say."""
    reader = ListReader(packages_url="x", of_json=of_json)
    reader.read(numbered(body))
    return reader


def contents(place: Path) -> dict[str, bytes]:
    """All pages in a directory."""
    files = [each for each in place.rglob("*") if each.is_file() and "_bucketwheel" not in each.parts]
    return {each.relative_to(place).as_posix(): each.read_bytes() for each in files}


def anchors(page: bytes) -> list[dict[str, str]]:
    """The links of a page, by a parser that forgives nothing."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.decode())
    return [dict(each.attrib) | {"text": each.text} for each in tree.iter("a")]


def test_pages(tmp_path: Path) -> None:
    """Every view is there; a file has what the list says of it and no more."""
    index = write(tmp_path, lines(*LIST))

    pages = contents(tmp_path)
    assert (index.projects, index.files, index.pages_written) == (3, 5, len(pages))
    demo = json.loads(pages["simple/demo/index.json"])
    assert demo["meta"] == {"api-version": "1.4"}
    assert demo["versions"] == ["1.0", "1.1"]
    assert demo["files"][2] == {
        "filename": "demo-1.1.tar.gz",
        "url": "../../pool/demo-1.1.tar.gz",
        "hashes": {"md5": "ef" * 16},
        "size": 12,
        "yanked": "bad",
    }
    unsized = json.loads(pages["simple/foo-bar/index.json"])
    assert unsized["meta"] == {"api-version": "1.0"}
    assert "versions" not in unsized
    assert unsized["files"][0]["hashes"] == {}
    assert "size" not in unsized["files"][0]
    assert unsized["files"][0]["url"] == "../../pool/Foo_Bar-2.0%2Bcu1-cp312-cp312-win_amd64.whl"
    assert json.loads(pages["pypi/old-name/json"])["info"]["requires_dist"] == ["demo"]
    assert json.loads(pages["pypi/demo/1.0/json"])["urls"][0]["url"] == "../../../pool/demo-1.0-py3-none-any.whl"
    assert anchors(pages["find-links.html"])[0]["href"] == f"pool/demo-1.0-py3-none-any.whl#sha256={'ab' * 32}"
    assert {each["text"] for each in anchors(pages["simple/index.html"])} == {"demo", "foo-bar", "old-name"}
    expected = {"index.html", "changelog/index.html", "project/demo/index.html", "rss/updates.xml", "packages.json"}
    assert expected <= set(pages)


def test_same_as_dumb_pypi(tmp_path: Path) -> None:
    """Of one list both say the same of each file: name, digest, requires-python, yanked; ours quotes a plus sign."""
    (tmp_path / "list").write_text(lines(*({k: v for k, v in each.items() if k != "size"} for each in LIST)))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    options = ["--package-list-json", str(tmp_path / "list"), "--packages-url", "../../pool", "--output-dir"]
    subprocess.run([sys.executable, "-m", "dumb_pypi.main", *options, str(theirs)], check=True, capture_output=True)
    assert run_command("from-list", *options, str(ours), "--no-generate-timestamp").code == 0

    ours_listed, theirs_listed = (
        {each.parent.name for each in place.glob("simple/*/index.html")} for place in (ours, theirs)
    )
    assert ours_listed == theirs_listed
    for page in (theirs / "simple").glob("*/index.html"):
        said = {link["href"].replace("+", "%2B"): link for link in anchors(old_html(page.read_text()))}
        says = {link["href"]: link for link in anchors((ours / page.relative_to(theirs)).read_bytes())}
        assert set(says) == set(said)
        for href, link in says.items():
            for attribute in ("data-requires-python", "data-yanked"):
                assert link.get(attribute) == said[href].get(attribute)
    packages = [json.loads(line) for line in (ours / "packages.json").read_text().splitlines()]
    assert packages == [json.loads(line) for line in (theirs / "packages.json").read_text().splitlines()]


def old_html(page: str) -> bytes:
    """dumb-pypi's page without what a strict parser refuses."""
    links = [part.partition("</a>")[0] for part in page.split("<a")[1:]]
    body = "".join(f"<a{link}</a>" for link in links)
    return f"<!DOCTYPE html><html><head><title>x</title></head><body>{body}</body></html>".encode()


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """Nothing new: nothing is written; one file more: its project's pages and those of all; one less: they go."""
    write(tmp_path, lines(*LIST))
    before = contents(tmp_path)
    written: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, Writing):
            written.append(event.target)

    assert write(tmp_path, lines(*LIST), report=report).pages_written == 0
    assert not written
    new = {"filename": "demo-1.2.tar.gz", "size": 1, "upload_timestamp": 1800000000}
    write(tmp_path, lines(*LIST, new), report=report)
    pages = {target for target in written if not target.startswith("_bucketwheel/")}
    shared = {"index.html", "changelog/index.html", "find-links.html", "packages.json", "rss/updates.xml"}
    shared |= {"search/projects.js"}
    own = {page for page in pages if "/demo/" in page}
    assert pages == own | shared
    assert "pypi/demo/1.2/json" in own
    assert "pypi/demo/1.0/json" not in own
    assert write(tmp_path, lines(*LIST)).pages_removed == 1
    assert contents(tmp_path) == before


def test_no_empty_folder_is_left(tmp_path: Path) -> None:
    """A web server finds nothing of a project that left the list, nor of a version: it answers 403 for a folder."""
    write(tmp_path, lines(*LIST))
    write(tmp_path, lines(*LIST[1:4]))

    assert [each for each in tmp_path.rglob("*") if each.is_dir() and not [*each.iterdir()]] == []
    assert (tmp_path / "pypi" / "demo" / "1.1").is_dir()
    assert not (tmp_path / "pypi" / "demo" / "1.0").exists()


def test_an_empty_list_does_not_empty_an_index(tmp_path: Path) -> None:
    """What wrote it has failed, as a pipe does; a new index may have no project."""
    write(tmp_path / "new", "")
    write(tmp_path / "old", lines({"filename": "demo-1.0.tar.gz"}))
    before = contents(tmp_path / "old")
    with pytest.raises(Refused, match="the list names no file"):
        write(tmp_path / "old", "\n", replace(OPTIONS, skip_invalid=True))
    assert contents(tmp_path / "old") == before


def test_order_and_spelling_of_the_list_do_not_matter(tmp_path: Path) -> None:
    """The same files in another order make the same pages, and keys that do not count change nothing."""
    write(tmp_path / "a", lines(*LIST))
    write(tmp_path / "b", lines(*({**each, "other": 1} for each in reversed(LIST))))

    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_options_decide_which_pages_there_are(tmp_path: Path) -> None:
    """Without documents of versions and without an address, those pages and the feeds are removed."""
    write(tmp_path, lines(*LIST))
    write(tmp_path, lines(*LIST), replace(OPTIONS, base_url=None, per_release_json=False))

    assert not [page for page in contents(tmp_path) if page.startswith(("rss/", "pypi/demo/1"))]
    assert "pypi/demo/json" in contents(tmp_path)


def test_logo(tmp_path: Path) -> None:
    """A picture in a file is copied to the index and shown from there; another one makes new pages."""
    place, file = tmp_path / "index", tmp_path / "logo.svg"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    write(place, lines(*LIST), replace(OPTIONS, logo=file))
    pages = contents(place)
    (logo,) = (key for key in pages if key.endswith(".png"))

    assert pages[logo] == file.read_bytes()
    assert f'<img src="{logo}"' in pages["index.html"].decode()
    assert f'<img src="../../{logo}"' in pages["project/demo/index.html"].decode()
    assert "img-src 'self';" in pages["index.html"].decode()
    file.write_bytes(b"\xff\xd8\xff")
    write(place, lines(*LIST), replace(OPTIONS, logo=file))
    assert ".jpeg" in contents(place)["project/demo/index.html"].decode()


@pytest.mark.parametrize(
    ("logo", "what"),
    [
        (b"<svg/>", "is an SVG"),
        (None, "cannot be read"),
        ("../logo.png", "cannot be linked"),
        ("javascript:alert(1)", "cannot be linked"),
        ("https://example.com/a b.png", "cannot be linked"),
        ("https://example.com;script-src/a.png", "cannot be linked"),
        ("https://user@example.com/a.png", "cannot be linked"),
        ("https://[example.com/a.png", "cannot be linked"),
        ("https:///a.png", "cannot be linked"),
    ],
)
def test_bad_logo(tmp_path: Path, logo: bytes | str | None, what: str) -> None:
    """What is no picture, no file, or no address of http is refused before anything is written."""
    file = tmp_path / "logo.png"
    if isinstance(logo, bytes):
        file.write_bytes(logo)
    with pytest.raises(Misconfigured, match=what):
        write(tmp_path / "x", lines(*LIST), replace(OPTIONS, logo=logo if isinstance(logo, str) else file))

    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"packages_url": "https://[example.com/"}, "--packages-url cannot be linked"),
        ({"packages_url": "https:///pool"}, "--packages-url cannot be linked"),
        ({"packages_url": "JavaScript:alert(1)"}, "--packages-url cannot be linked"),
        ({"packages_url": "../../my pool"}, "--packages-url cannot be linked"),
        ({"packages_url": "..\\..\\pool"}, "--packages-url cannot be linked"),
        ({"base_url": "https://[example.com/"}, "--base-url is not"),
        ({"base_url": "https:///"}, "--base-url is not"),
        ({"base_url": "https://user:secret@example.com/"}, "--base-url is not"),
        ({"base_url": "https://example.com/?a=b"}, "--base-url is not"),
        ({"base_url": "https://example.com/a b"}, "--base-url is not"),
        ({"base_url": "../pypi"}, "--base-url is not"),
        ({"base_url": ""}, "--base-url is not"),
    ],
)
def test_bad_address(tmp_path: Path, options: dict[str, Any], what: str) -> None:
    """What is no address that a page can have is refused in words before anything is written."""
    with pytest.raises(Misconfigured, match=what):
        write(tmp_path / "x", lines(*LIST), replace(OPTIONS, **options))

    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "url", ["", ".", "../../pool", "/pool/", "//cdn.example.com/pool", "https://a:b@c.example:80/d"]
)
def test_addresses_of_files(tmp_path: Path, url: str) -> None:
    """Files may be anywhere, beside the pages and behind a password too."""
    write(tmp_path, lines(*LIST), replace(OPTIONS, packages_url=url))

    href = anchors(contents(tmp_path)["simple/old-name/index.html"])[0]["href"]
    assert href == f"{url.rstrip('/')}/old.name-1.0-1.zip"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ({"filename": "../x-1.0.tar.gz"}, "unsafe file name"),
        ({"filename": "x..y-1.0.tar.gz"}, "unsafe file name"),
        ({"filename": 'x"onload=-1.0.tar.gz'}, "unsafe file name"),
        ({"filename": "demo-final.tar.gz"}, "no version of PEP 440"),
        ({"filename": "demo-x-py3-none-any.whl"}, "no version of PEP 440"),
        ({"filename": "demo.whl"}, "five or six parts"),
        ({"filename": "demo.txt"}, "neither a wheel nor an sdist"),
        ({"filename": "demo-1.0-py3-none-any.whl", "hash": "sha256=00"}, "not ALGORITHM=HEX"),
        ({"filename": "demo-1.0-py3-none-any.whl", "hash": f"sha256={'00' * 32}"}, "another hash"),
        ({"filename": "demo-9.tar.gz", "upload_timestamp": "x"}, "upload_timestamp"),
        ({"filename": "demo-9.tar.gz", "upload_timestamp": 1e30}, "upload_timestamp"),
        ({"filename": "demo-9.tar.gz", "upload_timestamp": float("nan")}, "upload_timestamp"),
        ({"filename": "demo-9.tar.gz", "core_metadata": ["true"]}, "core_metadata"),
        ({"filename": "demo-9.tar.gz", "core_metadata": 1}, "core_metadata"),
        ({"filename": "demo-9.tar.gz", "size": -1}, "size"),
        ({"filename": "demo-9.tar.gz", "requires_dist": "x"}, "requires_dist"),
        ({"filename": f"{'x' * 250}-1.0.tar.gz"}, "more than 255 characters: x{200}…"),
        ({"filename": f"demo-{'9' * 250}.zip"}, "more than 255 characters"),
        ({"filename": "demo-1.0-x1-py3-none-any.whl"}, "build number"),
        ({"filename": "demo-9.tar.gz", "hash": f"md5={'AB' * 16}"}, "in lowercase"),
        ({"name": "demo"}, "filename"),
    ],
)
def test_bad_lines(tmp_path: Path, line: dict[str, Any], what: str) -> None:
    """A bad line is named by number and reason and nothing is written; skipped, the rest is."""
    with pytest.raises(Refused, match=what) as refused:
        write(tmp_path / "x", lines(*LIST, line))
    assert refused.value.problems[0].subject == "line 6"
    assert not (tmp_path / "x").exists()

    index = write(tmp_path / "x", lines(*LIST, line), replace(OPTIONS, skip_invalid=True))
    assert (index.files, index.skipped) == (5, 1)


@pytest.mark.parametrize(
    "line", ["{", '{"filename": "a-1.zip"} x', "[]", "null", '{"filename": 1}', "\x00", "[" * 10000]
)
def test_broken_json(line: str) -> None:
    """What is not an object of JSON is a bad line, whatever it is."""
    assert read(f"{line}\n", of_json=True).bad[0].number == 1


def test_a_line_of_another_kind_of_list() -> None:
    """A bad line says which option takes it, or how a list of JSON is written."""
    for body, of_json, what in (
        ('{"filename": "demo-1.0.zip"}', False, "--package-list-json"),
        ("demo-1.0.zip", True, "by --package-list"),
        ('[{"filename": "demo-1.0.zip"}]', True, "one JSON object a line"),
        ('[\n  {"filename": "demo-1.0.zip"},', True, "one JSON object a line"),
        ('{"filename": "demo-1.0.zip"},', True, "more than one JSON object"),
    ):
        assert what in read(body, of_json=of_json).bad[0].what


def test_longest_name(tmp_path: Path) -> None:
    """A name of 255 characters is taken, and its pages can be written."""
    write(tmp_path, lines({"filename": f"{'x' * 244}-1.0.tar.gz"}))

    assert f"simple/{'x' * 244}/index.html" in contents(tmp_path)


@pytest.mark.parametrize(("hashes", "bad"), [("1-2", 3), ("-12", 3), ("12-", 2)])
def test_a_hash_stays(hashes: str, bad: int) -> None:
    """A line without a hash takes none back, so that of two hashes the second is refused wherever they stand."""
    tables = [{"filename": "demo-1.zip"} | ({} if each == "-" else {"hash": f"md5={each * 32}"}) for each in hashes]
    found = read(lines(*tables), of_json=True)

    assert [each.number for each in found.bad] == [bad]
    assert [entry.file.hashes for entry in found.entries] == [{"md5": "1" * 32}]


TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["", ">=3.9", 'a"b', "a\\\\b", "é", "a, b", "\x7f", "true"]))
HASHES = st.sampled_from([f"sha256={'ab' * 32}", f"md5={'1' * 32}", "md5=1", "sha256", ""])
NUMBERS = st.one_of(st.integers(-2, 2**54), st.floats(), st.sampled_from([0, 1_700_000_000, 10**17]))


@given(
    st.fixed_dictionaries(
        {
            "filename": st.sampled_from(
                ["a-1-py3-none-any.whl", "a-1.zip", "a..b-1.zip", "a-1.egg", "a-x.zip", "ä-1.zip"]
            )
        },
        optional={
            "hash": HASHES,
            "requires_dist": st.lists(TEXTS, max_size=2),
            "requires_python": TEXTS,
            "core_metadata": st.one_of(TEXTS, HASHES, st.booleans()),
            "upload_timestamp": NUMBERS,
            "uploaded_by": TEXTS,
            "yanked_reason": TEXTS,
            "size": NUMBERS,
        },
    )
)
def test_every_spelling_of_a_line_is_read_alike(table: dict[str, Any]) -> None:
    """A line as programs usually write it is read in a shorter way than others, which finds the same."""
    known = {key: table[key] for key in KEYS if key in table}
    usual, other = read(json.dumps(known), of_json=True), read(json.dumps({"other": 0, **table}), of_json=True)

    assert (list(usual.entries), usual.bad, usual.passed_over) == (list(other.entries), other.bad, other.passed_over)
    assert [entry.line for entry in usual.entries] == [json.dumps(known)] * len(usual.entries)


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("demo-1.0.tar.gz", "demo", "1.0"),
        ("demo-1.0-1.tar.bz2", "demo", "1.0.post1"),
        ("a-b-c-1.0.tgz", "a-b-c", "1.0"),
        ("Zope.Interface-5.zip", "zope-interface", "5"),
        ("demo-2.0b1.dev3.zip", "demo", "2.0b1.dev3"),
        ("demo-1-1-py2.py3-none-any.whl", "demo", "1"),
    ],
)
def test_old_spellings(filename: str, project: str, version: str) -> None:
    """Names of sdists from before there were rules are read as dumb-pypi reads them."""
    (entry,) = read(filename, of_json=False).entries

    assert (entry.project, entry.version) == (project, version)


def test_hashes_that_uv_does_not_know(tmp_path: Path) -> None:
    """They are kept, and one sentence says which client they stop."""
    said: list[Event] = []
    write(tmp_path, lines({"filename": "a-1.zip", "hash": f"sha1={'0' * 40}"}, *LIST), report=said.append)

    assert [each.message for each in said if isinstance(each, Warned)] == [
        "uv refuses HTML pages with a sha1 or sha224, which 1 file has; a list with sha256 helps"
    ]
    assert f"#sha1={'0' * 40}" in contents(tmp_path)["simple/a/index.html"].decode()


def test_files_that_nobody_installs_are_counted() -> None:
    """Eggs and installers are passed over."""
    found = read("a-1.egg\nb-1.exe\nc-1.msi\nd-1.rpm\n\ne-1.zip\n", of_json=False)

    assert (found.passed_over, len(found.entries), found.bad) == (4, 1, [])


def test_a_second_run_at_the_same_time_exits_3(tmp_path: Path) -> None:
    """A run that begins while another writes wins, and the other stops; one more run makes all as it should be."""
    write(tmp_path, lines(*LIST[:2]))
    began = False

    def report(event: Event) -> None:
        nonlocal began
        if isinstance(event, Writing) and event.target == "_bucketwheel/list.json" and not began:
            began = True
            write(tmp_path, lines(*LIST[:3]))

    with pytest.raises(Unfinished, match="another run writes"):
        write(tmp_path, lines(*LIST[:4]), report=report)
    write(tmp_path, lines(*LIST))
    write(tmp_path / "fresh", lines(*LIST))

    assert {key: body for key, body in contents(tmp_path).items() if not key.startswith("fresh/")} == contents(
        tmp_path / "fresh"
    )


@pytest.mark.parametrize(
    ("verb", "key"), [("PUT", "_bucketwheel/list.json"), ("HEAD", "simple/demo"), ("PUT", "simple/demo")]
)
def test_overtaken(bucket: TestBucket, verb: str, key: str) -> None:
    """Whether a second run begins and ends before a look, between looks or at a write: the first one loses."""
    place = replace(settings(str(bucket.place)), connection=bucket.connection, jobs=1)
    bucketwheel.from_list(lines(*LIST[:2]), place, options=OPTIONS, of_json=True)
    overtaken = False

    def report(event: Event) -> None:
        nonlocal overtaken
        if isinstance(event, RequestSent) and event.verb == verb and key in event.target and not overtaken:
            overtaken = True
            bucketwheel.from_list(lines(*LIST[:3]), place, options=OPTIONS, of_json=True)

    with pytest.raises(Unfinished, match="another run writes"):
        bucketwheel.from_list(lines(*LIST[1:]), place, options=OPTIONS, of_json=True, report=report)

    assert overtaken
    storage = bucket.storage()
    page = storage.read(Key("simple/demo/index.json"))
    assert page is not None
    assert [each["filename"] for each in json.loads(page.body)["files"]] == [each["filename"] for each in LIST[:3]]


@pytest.mark.skipif(not hasattr(os, "sync"), reason="Windows has no call for it")
def test_pages_are_durable_before_a_record_counts_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system writes down all pages once, while the records still say that they may not be there."""
    found: list[tuple[set[str], bool]] = []

    def sync() -> None:
        settings = json.loads((tmp_path / "_bucketwheel" / "repository.json").read_bytes())
        found.append((set(contents(tmp_path)), settings.get("shown") is None))

    monkeypatch.setattr(os, "sync", sync)
    write(tmp_path, lines(*LIST))

    assert found == [(set(contents(tmp_path)), True)]


class Stopped(Exception):
    """The death of a run."""


def test_killed_at_every_write(tmp_path: Path) -> None:
    """Wherever a run dies, the next one leaves exactly the pages of its own list."""
    write(tmp_path / "wanted", lines(*LIST[1:]))
    wanted = contents(tmp_path / "wanted")
    for deadly in range(60):
        place, count = tmp_path / str(deadly), 0

        def report(event: Event) -> None:
            nonlocal count
            if isinstance(event, Writing):
                count += 1
                if count > deadly:  # noqa: B023 - called in this round only
                    raise Stopped

        write(place, lines(*LIST[:3]))
        try:
            write(place, lines(LIST[0], *LIST[3:]), report=report)
        except Stopped:
            ended = False
        else:
            ended = True
        write(place, lines(*LIST[1:]))
        assert contents(place) == wanted, deadly
        if ended:
            return
    pytest.fail("the run has more writes than this test tries")


def test_other_places_are_left_alone(tmp_path: Path) -> None:
    """A repository and a place with other files are refused; other commands refuse an index of a list."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    run_command("init", str(tmp_path / "repository"))
    for place in ("other", "repository"):
        before = contents(tmp_path / place)
        with pytest.raises(Refused):
            write(tmp_path / place, lines(*LIST))
        assert contents(tmp_path / place) == before

    write(tmp_path / "list", lines(*LIST))
    commands = (
        ["reindex"],
        ["yank", "demo==1.0", "--reason", "x"],
        ["delete", "demo==1.0", "--yes"],
        ["init"],
    )
    for command in commands:
        run = run_command(*command, "-r", str(tmp_path / "list"))
        assert run.code == 1
        assert "made from a list" in run.notices


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes dumb-pypi's options; wrong usage is exit 2, a bad line exit 1."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("demo-1.0.tar.gz\nx.egg\n")
    common = ["--packages-url", "https://files.example.com/", "--output-dir", "out", "--logo-width", "20"]
    common += ["--title", "Ours", "--logo", "https://cdn.example.com/l.png", "--previous-package-list", "old"]

    run = run_command("from-list", "--package-list", "list", *common)
    assert run.code == 0
    assert run.lines[0] == "passed over 1 file that no installer takes (.egg, .exe, .msi, .rpm)"
    assert "<title>Ours</title>" in Path("out/index.html").read_text(encoding="utf-8")
    assert "https://files.example.com/demo-1.0.tar.gz" in Path("out/simple/demo/index.html").read_text()
    assert run_command("from-list", "--package-list", "list", *common, "--json").document["files"] == 1
    assert run_command("from-list", *common).code == 2
    assert run_command("from-list", "--package-list", "absent", *common).code == 2
    assert run_command("from-list", "--package-list", "list", *common, "--logo", "javascript:x").code == 2
    Path("logo").write_bytes(b"\xff\xd8\xff")
    assert run_command("from-list", "--package-list", "list", *common, "--logo", "logo").code == 0
    assert '<img src="assets/' in Path("out/index.html").read_text(encoding="utf-8")
    Path("list").write_text("demo.txt\n")
    assert run_command("from-list", "--package-list", "list", *common).code == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("option", ["--package-list", "--package-list-json"])
def test_list_of_windows(tmp_path: Path, option: str, encoding: str) -> None:
    """A list may begin with a mark of its encoding, and have the line ends of Windows."""
    names = ("demo-1.0.tar.gz", "other-1.0.tar.gz")
    body = "\r\n".join(names if option == "--package-list" else (json.dumps({"filename": name}) for name in names))
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "list").write_bytes(f"{mark}{body}\r\n".encode(encoding))
    given = [option, str(tmp_path / "list"), "--packages-url", "x", "--output-dir", str(tmp_path / "out")]

    run = run_command("from-list", *given, "--json")
    assert (run.code, run.document["files"]) == (0, 2), run.notices


def test_place_that_is_missing_or_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a place the option for one is named; an index of another tool is not to be adopted, but left."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("demo-1.0.tar.gz\n")
    given = ["--package-list", "list", "--packages-url", "x"]
    nowhere = run_command("from-list", *given)
    assert nowhere.code == 2
    assert "give --output-dir" in nowhere.notices
    subprocess.run([sys.executable, "-m", "dumb_pypi.main", *given, "--output-dir", "old"], check=True)
    taken = run_command("from-list", *given, "--output-dir", "old")
    assert taken.code == 1
    assert "is not empty" in taken.notices
    assert "write the index to an empty directory" in taken.notices
    assert "--adopt" not in taken.notices


def test_clients_install_from_it(tmp_path: Path) -> None:
    """Pip and uv resolve from the pages, and from the flat one; a wrong digest in the list is refused."""
    pool = tmp_path / "index" / "pool"
    write(tmp_path / "index", lines({"filename": "demo-1.0-py3-none-any.whl"}))
    pool.mkdir()
    make_wheel(pool, "demo", "1.0")
    with serve_index(tmp_path / "index") as server:
        index, flat = f"{server.url}simple/", (tmp_path / "index" / "find-links.html").as_uri()
        pip = ["download", "--no-deps", "--dest", str(tmp_path / "pip")]
        assert run_pip([*pip, "--index-url", index, "demo"], home=tmp_path).code == 0
        assert run_pip([*pip, "--no-index", "--find-links", flat, "demo"], home=tmp_path).code == 0
        uv = ["pip", "install", "--target", str(tmp_path / "uv"), "demo"]
        assert run_uv([*uv, "--default-index", index], home=tmp_path).code == 0
        write(tmp_path / "index", lines({"filename": "demo-1.0-py3-none-any.whl", "hash": f"sha256={'00' * 32}"}))
        assert run_uv([*uv, "--default-index", index, "--reinstall"], home=tmp_path).code != 0


def test_install_lines_of_the_page(tmp_path: Path) -> None:
    """The commands for pip and uv are cut out of the project's page and run as they are."""
    pool = tmp_path / "index" / "pool"
    pool.mkdir(parents=True)
    make_wheel(pool, "demo", "1.0")
    with serve_index(tmp_path / "index") as server:
        place = tmp_path / "list"
        absolute = replace(OPTIONS, packages_url=f"{server.url}pool", base_url=server.url)
        write(place, lines({"filename": "demo-1.0-py3-none-any.whl"}), absolute)
        shutil.copytree(place / "simple", tmp_path / "index" / "simple")
        page = (place / "project" / "demo" / "index.html").read_bytes().decode()
        tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
        pip, uv = [each.text for each in tree.iter("code")][:2]
        runs = [(run_pip, pip.removeprefix("pip ")), (run_uv, uv.removeprefix("uv "))]
        for run, command in runs:
            installed = run([*shlex.split(command), "--target", str(tmp_path / "target")], home=tmp_path)
            assert installed.code == 0, installed.output


def test_no_page_names_a_directory_of_this_machine(tmp_path: Path) -> None:
    """Without a public address the install lines leave it open: they are read where the directory is served from."""
    (tmp_path / "list").write_text(lines(*LIST))
    options = ["--package-list-json", str(tmp_path / "list"), "--packages-url", "../../pool"]
    run = run_command("from-list", *options, "--output-dir", str(tmp_path / "index"))

    assert "pass its public address by --base-url" in run.answer
    pages = contents(tmp_path / "index")
    assert "pip install --index-url https://…/simple/ demo" in pages["project/demo/index.html"].decode()
    assert not [key for key, page in pages.items() if b"file:" in page or str(tmp_path).encode() in page]


def test_feeds_in_a_bucket(bucket: TestBucket) -> None:
    """A bucket has an address, so its index has feeds without being told one; a directory has none."""
    place = replace(settings(str(bucket.place)), connection=bucket.connection)
    bucketwheel.from_list(lines(*LIST), place, options=replace(OPTIONS, base_url=None), of_json=True)
    feed = bucket.storage().read(Key("rss/updates.xml"))

    assert feed is not None
    assert f"<link>{bucket.storage().address('')}project/demo/index.html</link>".encode() in feed.body


def test_in_a_bucket(bucket: TestBucket) -> None:
    """The index in a bucket has the same pages, is written again only where it changed, and its types are right."""
    place = replace(settings(str(bucket.place)), connection=bucket.connection)
    first = bucketwheel.from_list(lines(*LIST), place, options=OPTIONS, of_json=True)
    again = bucketwheel.from_list(lines(*LIST), place, options=OPTIONS, of_json=True)
    less = bucketwheel.from_list(lines(*LIST[:3]), place, options=OPTIONS, of_json=True)

    assert first.pages_written > 20
    assert again.pages_written == 0
    assert less.pages_removed == 12
    served = bucket.storage()
    types = {"simple/demo/": "text/html; charset=utf-8", "pypi/demo/json": "application/json"}
    types |= {
        "simple/demo/index.json": "application/vnd.pypi.simple.v1+json",
        "rss/updates.xml": "text/xml; charset=utf-8",
    }
    for key, content_type in types.items():
        headers = served.headers(Key(key))
        assert headers is not None
        assert headers.content_type == content_type
