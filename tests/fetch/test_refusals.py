"""What is not as it should be is an error in words: what was looked for, where, what was found, what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bucketwheel.errors import Denied, Misconfigured, Refused, Unavailable
from support.archives import make_sdist, make_wheel
from support.fetching import Fetching, sha256_link
from support.http_server import Behaviour, WebServer, answer, html, in_turn, redirect, simple_json
from support.ministack import TestBucket

WHEEL = "demo_pkg-1.0-py3-none-any.whl"


def test_when_nothing_matches_all_that_was_seen_is_told(
    site: WebServer, fetching: Fetching, wheel: Path, tmp_path: Path
) -> None:
    """The project and version looked for, each page read, and the versions of the project there."""
    for version in ("1.0", "1.1", "1.10"):
        make_wheel(tmp_path / "pile", "demo-pkg", version)
    page = site.put("/page/", html(sha256_link(wheel, "../files/")))
    other = site.put("/other/", html('<a href="other-1.0.tar.gz">x</a>'))
    with pytest.raises(Refused) as caught:
        fetching(page, other, str(tmp_path / "pile"), project="Demo.Pkg", version="2.0")
    assert str(caught.value) == (
        f"demo-pkg 2.0 is in none of the places searched: {page} has 1.0, {other} has no version of it, "
        f"{tmp_path / 'pile'} has 1.10 and 1.1 and 1.0; "
        "wait for the job that builds it, or check artifact-indexes and --from"
    )
    assert fetching.there() == []


def test_an_index_without_the_project_is_no_error_of_the_index(
    site: WebServer, fetching: Fetching, wheel: Path
) -> None:
    """A source may lack a project that another one has."""
    root = site.put("/index/", html('<a href="other/">other</a>'))
    assert len(fetching(root, site.put("/", html(sha256_link(wheel, "files/"))))) == 1
    with pytest.raises(Refused, match=r"^demo-pkg is in none of the places searched: \S+/index/ has no version"):
        fetching(root)


def test_many_versions_are_told_in_short(fetching: Fetching, tmp_path: Path) -> None:
    """The ten newest, and how many more."""
    for minor in range(13):
        make_sdist(tmp_path / "pile", "demo-pkg", f"1.{minor}")
    with pytest.raises(Refused, match=r" has 1\.12 and 1\.11 and .* and 1\.3 and 3 older ones; "):
        fetching(str(tmp_path / "pile"), version="9")


LOGIN = html('<form><input name="user"><input type="password"></form>', '<a href="/forgot/">Forgotten?</a>')

NOT_SOURCES: list[tuple[str, Behaviour, type[Exception], str]] = [
    ("gone", answer(status=404), Refused, r"/gone is not there \(HTTP 404\); check the URL"),
    ("removed", answer(status=410), Refused, r"/removed is not there \(HTTP 410\); check the URL"),
    ("broken", answer(status=500), Unavailable, r"/broken cannot be read \(HTTP 500\); run again later"),
    ("odd", answer(status=418), Unavailable, r"/odd cannot be read \(HTTP 418\); check the URL"),
    ("nothing", answer(status=204), Unavailable, r"/nothing cannot be read \(HTTP 204\); check the URL"),
    ("private", answer(status=401), Denied, r"/private refuses us \(HTTP 401\); give a user and a password"),
    ("forbidden", answer(status=403), Denied, r"/forbidden refuses us \(HTTP 403\); give a user and a password"),
    ("login", LOGIN, Refused, r"/login is a login page; give a user and a password"),
    ("to-login", redirect("/login"), Refused, r"/to-login which led to http://[0-9.:]+/login is a login page; "),
    ("empty", answer(), Refused, r"/empty lists no wheel and no sdist; check the address"),
    ("blank", html(), Refused, r"/blank lists no wheel and no sdist; check the address"),
    (
        "prose",
        html('<a href="about.html">about</a>'),
        Refused,
        r"/prose lists no wheel and no sdist; check the",
    ),
    ("emptied", simple_json('{"meta": {"api-version": "1.4"}, "files": []}'), Refused, r"/emptied lists no wheel"),
    (
        "newer",
        simple_json('{"meta": {"api-version": "2.0"}}'),
        Refused,
        r"/newer is of a newer version of the index API",
    ),
    ("no-json", simple_json("<html>"), Refused, r"/no-json is not valid JSON; name the URL"),
    ("no-html", html("<![x"), Refused, r"/no-html "),
    (
        "base",
        html('<base href="file:///"><a href="a-1.0.zip">'),
        Refused,
        r"/base has a <base> that is neither an http",
    ),
    ("lost", answer(status=302), Unavailable, r"/lost cannot be read \(HTTP 302\); check the URL"),
]


@pytest.mark.parametrize(("path", "behaviour", "kind", "words"), NOT_SOURCES, ids=[row[0] for row in NOT_SOURCES])
def test_what_is_no_source_is_an_error_and_not_nothing_to_fetch(
    site: WebServer,
    fetching: Fetching,
    wheel: Path,
    path: str,
    behaviour: Behaviour,
    kind: type[Exception],
    words: str,
) -> None:
    """Also where another place has the project: a release that misses some wheels looks like a whole one."""
    site.put("/login", LOGIN)
    good = site.put("/", html(sha256_link(wheel, "files/")))
    with pytest.raises(kind, match=words):
        fetching(good, site.put(f"/{path}", behaviour))
    assert fetching.there() == []


def test_a_page_with_files_may_ask_for_a_password_too(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """File browsers have a login box on every page."""
    assert fetching(site.put("/", html(sha256_link(wheel, "files/"), '<input type="password">')))


def test_empty_and_missing_directories_and_prefixes_are_errors(
    fetching: Fetching, bucket: TestBucket, tmp_path: Path
) -> None:
    """A place that holds nothing at all is not the place that was meant."""
    (tmp_path / "empty").mkdir()
    for place in (str(tmp_path / "empty"), str(tmp_path / "missing"), f"{bucket.place}/nightly"):
        with pytest.raises(Refused, match=rf"^{place} is empty; check the address"):
            fetching(place, connection=bucket.connection)


def test_the_problems_of_all_places_are_told_at_once(site: WebServer, fetching: Fetching, tmp_path: Path) -> None:
    """Whatever kinds they are of; what may pass makes the whole worth another try."""
    sources = [site.put("/a", answer(status=404)), site.put("/b", answer(status=500)), str(tmp_path / "missing")]
    with pytest.raises(Unavailable) as caught:
        fetching(*sources)
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == sources


def test_a_problem_that_all_places_share_is_told_once(site: WebServer, fetching: Fetching) -> None:
    """A proxy that is none is one mistake, however many pages need it."""
    fetching.environ["HTTP_PROXY"] = "socks5://me:canary@127.0.0.1:1"
    with pytest.raises(Misconfigured) as caught:
        fetching(site.root + "/a", site.root + "/b")
    assert str(caught.value) == (
        "HTTP_PROXY is neither an http nor an https URL; set it to the proxy's URL: http://proxy.example:3128"
    )


def test_names_and_versions_are_judged_first(fetching: Fetching) -> None:
    """Before anything is asked."""
    with pytest.raises(Misconfigured, match=r"^-rf is not a project name: "):
        fetching("s3://b", project="-rf")
    with pytest.raises(Misconfigured, match=r"^latest is not a version \(PEP 440\); "):
        fetching("s3://b", version="latest")


def test_contradicting_digests_are_refused_before_anything_is_fetched(
    site: WebServer, fetching: Fetching, sdist: Path
) -> None:
    """On one page or on two: the message names both, and nothing of the release is delivered."""
    one, two = "1" * 64, "2" * 64
    url = site.put("/", html(f'<a href="files/{WHEEL}#sha256={one}">', f'<a href="b/{WHEEL}#sha256={two}">'))
    with pytest.raises(Refused) as caught:
        fetching(url, site.put("/sdist", html(sha256_link(sdist, "files/"))))
    assert str(caught.value) == (
        f"{WHEEL} is not the same file everywhere: {site.root}/files/{WHEEL} (sha256 {one}), "
        f"{site.root}/b/{WHEEL} (sha256 {two}); remove all but the right one, or name only the places that have it"
    )
    assert fetching.there() == []


def test_rebuilt_files_without_digests_are_found_out_by_their_bytes(
    site: WebServer, fetching: Fetching, sdist: Path, tmp_path: Path
) -> None:
    """Setuptools' sdists are never the same twice: two jobs' sdists of one name are not one file."""
    rebuilt = make_sdist(tmp_path / "rebuilt", members={"extra.txt": b"other"})
    site.put(f"/b/{sdist.name}", answer(rebuilt.read_bytes()))
    first, second = f'<a href="files/{sdist.name}">', f'<a href="b/{sdist.name}">'
    with pytest.raises(Refused, match=rf"^{sdist.name} is not the same file everywhere: .*/files/.* \(sha256 .*/b/.*"):
        fetching(site.put("/", html(first, second)))
    assert fetching.there() == []
    site.put(f"/b/{sdist.name}", answer(sdist.read_bytes()))
    assert [each.path.name for each in fetching(site.root + "/")] == [sdist.name]


def test_a_rebuilt_file_in_a_directory_is_found_out_too(fetching: Fetching, sdist: Path, tmp_path: Path) -> None:
    """There the digest is a look away."""
    make_sdist(tmp_path / "rebuilt", members={"extra.txt": b"other"})
    with pytest.raises(Refused, match=rf"^{sdist.name} is not the same file everywhere: .* \(sha256 [0-9a-f]{{64}}\)"):
        fetching(str(sdist.parent), str(tmp_path / "rebuilt"))


@pytest.mark.parametrize(
    ("href", "reason"),
    [
        (f"file:///tmp/{WHEEL}", "is neither an http nor an https URL"),
        (f"ftp://ci.example/{WHEEL}", "is neither an http nor an https URL"),
        (f"http://me:pw@ci.example/{WHEEL}", "contains a user or password, which only the URL of a source may"),
        (f"files/{WHEEL}#sha256=123", "is listed with an invalid sha256"),
    ],
)
def test_a_file_of_ours_that_must_not_be_fetched_is_an_error(
    site: WebServer, fetching: Fetching, sdist: Path, href: str, reason: str
) -> None:
    """Going on without it would leave a release that looks whole."""
    url = site.put("/", html(f'<a href="{href}">x</a>', sha256_link(sdist, "files/")))
    with pytest.raises(Refused) as caught:
        fetching(url)
    assert str(caught.value) == f"{WHEEL} (listed by {url}) {reason}; correct the page, or name another one"


def test_an_unusable_file_of_another_version_is_only_told(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """It does not stop the version that was asked for, and the page is said to have it."""
    bad = '<a href="ftp://ci.example/demo_pkg-2.0.tar.gz">x</a>'
    other = site.put("/other", html(bad))
    assert fetching(other, site.put("/", html(bad, sha256_link(wheel, "files/"))), version="1.0")
    with pytest.raises(Refused, match=rf" is in none of the places searched: {other} has 2\.0; "):
        fetching(other, version="3.0")


HOSTILE = [
    "%2e%2e%2fdemo_pkg-1.0.tar.gz",
    "..%2f..%2fdemo_pkg-1.0.tar.gz",
    "%252e%252e%252fdemo_pkg-1.0.tar.gz",
    "..%5cdemo_pkg-1.0.tar.gz",
    "..\\demo_pkg-1.0.tar.gz",
    "%2fetc%2fdemo_pkg-1.0.tar.gz",
    "C%3a%5cdemo_pkg-1.0.tar.gz",
    "%c0%ae%c0%ae%c0%afdemo_pkg-1.0.tar.gz",
    "demo_pkg-1.0%00.tar.gz",
    "demo_pkg-1.0%0a.tar.gz",
    "demo_pkg-1.0%1b%5b31m.tar.gz",
    "-rf%20demo_pkg-1.0.tar.gz",
    "--into%3ddemo_pkg-1.0.tar.gz",
    ".demo_pkg-1.0.tar.gz",
    "demo_pkg-1.0%e2%80%ae.tar.gz",
    "demo_pkg-1.0%e2%80%8b.tar.gz",
    "demo_pkg-1.0%2egz.tar.gz%2f",
    f"demo_pkg-{'1' * 4000}.tar.gz",
]


def test_hostile_names_never_reach_the_disk_or_the_terminal(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """They are left out with a warning in printable characters, and nothing of theirs is asked for."""
    for name in HOSTILE:
        fetching.events.clear()
        site.asked.clear()
        url = site.put("/", html(f'<a href="h/{name}">x</a>', sha256_link(wheel, "files/")))
        assert [each.path.name for each in fetching(url)] == [WHEEL], name
        assert {path for path in site.paths() if path.startswith("/h/")} == set(), name
        assert all(warning.isprintable() for warning in fetching.warnings()), name
    assert fetching.there() == [WHEEL]
    assert sorted(path.name for path in fetching.dist.parent.iterdir()) == ["dist", "made"]


def test_left_out_names_are_warned_of_a_few_at_a_time(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """A page of thousands of them does not fill the terminal."""
    hostile = [f'<a href="demo_pkg-1.{number}%0a.tar.gz">x</a>' for number in range(100)]
    fetching(site.put("/", html(*hostile, sha256_link(wheel, "files/"))))
    first, *_, last = fetching.warnings()
    assert len(fetching.warnings()) == 6
    assert first == (
        rf"demo_pkg-1.0\n.tar.gz at {site.root}/ has a name that no wheel or sdist can have; it is left out"
    )
    assert last == f"95 more files at {site.root}/ have names that no wheel or sdist can have"


def test_a_header_never_names_a_file(site: WebServer, fetching: Fetching, wheel: Path) -> None:
    """Content-Disposition is the way to /etc/passwd of other tools."""
    evil = 'attachment; filename="../../evil-1.0.tar.gz"'
    site.put(f"/files/{WHEEL}", answer(wheel.read_bytes(), Content_Disposition=evil))
    assert [each.path for each in fetching(site.put("/", html(sha256_link(wheel, "files/"))))] == [
        fetching.dist / WHEEL
    ]
    assert fetching.there() == [WHEEL]


def test_a_failing_file_does_not_take_the_others_with_it(
    site: WebServer, fetching: Fetching, wheel: Path, sdist: Path
) -> None:
    """The whole and right files stay, the error names the rest, and the next run fetches only that."""
    site.put(f"/files/{WHEEL}", in_turn(answer(status=404), answer(wheel.read_bytes())))
    url = site.put("/", html(sha256_link(wheel, "files/"), sha256_link(sdist, "files/")))
    with pytest.raises(Refused, match=rf"^{site.root}/files/{WHEEL} is not there \(HTTP 404\)"):
        fetching(url)
    assert fetching.there() == [sdist.name]
    assert [(each.path.name, each.fresh) for each in fetching(url)] == [(WHEEL, True), (sdist.name, False)]
