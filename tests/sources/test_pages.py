"""Pages in every shape, sound and hostile: bytes in, what they list out."""

from __future__ import annotations

import codecs
import json
import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import render_project_json, render_root_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.names import Sha256, project_name
from bucketwheel.sources.pages import IndexPage, UnreadablePage, read_index
from bucketwheel.sources.urls import InvalidUrl
from support.manifests import DEMO, filenames, published, sha256s

URL = "https://ci.example/simple/demo/"
HTML = "text/html; charset=utf-8"
JSON = "application/vnd.pypi.simple.v1+json"
SHA = "0123456789abcdef" * 4


def read_html(text: str, url: str = URL) -> IndexPage:
    """Read this HTML as a page found at the URL."""
    return read_index(text.encode(), HTML, url)


def listed(page: IndexPage) -> list[tuple[str, str, str | None]]:
    """Return every file: its URL, its name, its digest."""
    return [(link.url.request, link.filename, link.sha256) for link in page.links]


@pytest.mark.parametrize(
    ("anchor", "link"),
    [
        (
            f'<a href="demo-1.0.tar.gz#sha256={SHA}">x</a>',
            ("https://ci.example/simple/demo/demo-1.0.tar.gz", "demo-1.0.tar.gz", SHA),
        ),
        (
            f"<A\nHREF = '../../f/demo-1.0.tar.gz#egg=demo&amp;sha256={SHA.upper()}' >",
            ("https://ci.example/f/demo-1.0.tar.gz", "demo-1.0.tar.gz", SHA),
        ),
        (
            '<a href=" demo-1.0.tar.gz?sig=a&amp;b=1 " href="other-1.0.tar.gz">',
            ("https://ci.example/simple/demo/demo-1.0.tar.gz?sig=a&b=1", "demo-1.0.tar.gz", None),
        ),
        (
            "<a href=demo-1.0.tar.gz#md5=d41d8cd98f00b204e9800998ecf8427e>",
            ("https://ci.example/simple/demo/demo-1.0.tar.gz", "demo-1.0.tar.gz", None),
        ),
        (
            '<a href="demo-1.0%2Blocal.tar.gz" download="evil">',
            ("https://ci.example/simple/demo/demo-1.0%2Blocal.tar.gz", "demo-1.0+local.tar.gz", None),
        ),
    ],
)
def test_an_anchor_is_a_link(anchor: str, link: tuple[str, str, str | None]) -> None:
    """The first href counts, blanks do not; sha256 in either case is a digest, md5 is none."""
    assert listed(read_html(anchor)) == [link]


def test_a_malformed_digest_makes_a_link_unusable() -> None:
    """A sha256 that nothing can have is no reason to go without one."""
    page = read_html(f'<a href="demo-1.0.tar.gz#sha256={SHA[1:]}">')
    assert page.links == ()
    assert [(link.filename, link.reason) for link in page.unusable] == [
        ("demo-1.0.tar.gz", "is listed with an invalid sha256")
    ]


def test_what_must_not_be_followed_is_kept_with_its_reason() -> None:
    """A file that a page lists at a forbidden address is not forgotten: its absence would look like a whole release."""
    page = read_html('<a href="http://ci.example/demo-1.0.tar.gz"><a href="file:///tmp/demo-2.0.tar.gz">')
    assert [(link.filename, link.reason) for link in page.unusable] == [
        ("demo-1.0.tar.gz", "leads from https to http"),
        ("demo-2.0.tar.gz", "is neither an http nor an https URL"),
    ]


@pytest.mark.parametrize(
    ("base", "leads_to"),
    [
        ("/files/", "https://ci.example/files/demo-1.0.tar.gz"),
        ("https://cdn.example/a/", "https://cdn.example/a/demo-1.0.tar.gz"),
        ("../", "https://ci.example/simple/demo-1.0.tar.gz"),
    ],
)
def test_base_moves_every_link(base: str, leads_to: str) -> None:
    """The first `<base href>` counts for all links, also for those before it."""
    page = read_html(f'<a href="demo-1.0.tar.gz"><base href="{base}"><base href="https://evil.example/">')
    assert listed(page) == [(leads_to, "demo-1.0.tar.gz", None)]


@pytest.mark.parametrize("base", ["http://ci.example/", "file:///etc/", "https://u:p@ci.example/", "http://["])
def test_a_base_that_must_not_be_followed_spoils_the_page(base: str) -> None:
    """A page with such a base says nothing that could be believed."""
    with pytest.raises(UnreadablePage, match=r"^has a <base> that "):
        read_html(f'<base href="{base}"><a href="demo-1.0.tar.gz">')


def test_a_root_page_lists_projects() -> None:
    """PEP 503: links that end in a slash; the page itself, its parents and a listing's sort links are none."""
    page = read_html(
        '<a href="../">up</a><a href="/">top</a><a href="?C=M;O=A">sort</a><a href="#here">here</a><a href="">self</a>'
        '<a href="Legacy.Proj/">Legacy.Proj</a><a href="/simple/demo%2Dpkg/">demo-pkg</a>',
        "https://ci.example/simple/",
    )
    assert [(project.name, str(project.url)) for project in page.projects] == [
        ("Legacy.Proj", "https://ci.example/simple/Legacy.Proj/"),
        ("demo-pkg", "https://ci.example/simple/demo%2Dpkg/"),
    ]
    assert page.links == ()


def test_a_login_page_is_known_by_its_password_field() -> None:
    """An input of type password, in any case."""
    assert read_html('<form><INPUT name=p TYPE="Password"></form>').asks_password
    assert not read_html('<form><input name=p type="text"></form>').asks_password


@pytest.mark.parametrize("hidden", ["<!-- {} -->", "<script>'{}'</script>", "<style>{}</style>"])
def test_only_markup_counts(hidden: str) -> None:
    """Text that a browser would not show as a link is none."""
    assert read_html(hidden.format('<a href="demo-1.0.tar.gz">x</a>')).links == ()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ('\ufeff<a href="demo-1.0.tar.gz">é'.encode(), HTML),
        ('<a href="demo-1.0.tar.gz">é'.encode("latin-1"), "text/html; charset=iso-8859-1"),
        (codecs.BOM_UTF16_BE + '<a href="demo-1.0.tar.gz">'.encode("utf-16-be"), HTML),
        ('<a href="demo-1.0.tar.gz">'.encode("utf-16-le"), 'text/html; charset="UTF-16LE"'),
        ('<a href="demo-1.0.tar.gz">'.encode("utf-16-be"), "text/html;charset=utf-16be"),
        (b'\x00\xff<a href="demo-1.0.tar.gz">\x80', "text/html; charset=no-such-thing"),
        (b'<a href="demo-1.0.tar.gz">', ""),
        (b'<a href="demo-1.0.tar.gz">', "application/octet-stream"),
        (b'<a href="demo-1.0.tar.gz">', "application/vnd.pypi.simple.v1+html"),
    ],
)
def test_encodings_and_media_types_are_taken_as_they_come(body: bytes, media_type: str) -> None:
    """Static hosts serve odd types, and pages are in odd encodings: links are found all the same."""
    assert [link.filename for link in read_index(body, media_type, URL).links] == ["demo-1.0.tar.gz"]


def test_a_json_page_lists_files() -> None:
    """PEP 691: the file name is the key `filename`; digests other than sha256 and broken sizes are passed over."""
    document = {
        "meta": {"api-version": "1.4"},
        "name": "demo",
        "files": [
            {"filename": "demo-1.0.tar.gz", "url": "../../f/8a1c?x=1#frag", "hashes": {"sha256": SHA}, "size": 12},
            {"filename": "demo-1.1.tar.gz", "url": "demo-1.1.tar.gz", "hashes": {"md5": "x"}, "size": "12"},
            {"filename": "demo-1.2.tar.gz", "url": "demo-1.2.tar.gz", "size": True},
            {"filename": "demo-1.3.tar.gz", "url": "http://ci.example/demo-1.3.tar.gz", "hashes": {}, "size": -1},
        ],
    }
    page = read_index(json.dumps(document).encode(), JSON, URL)
    assert [(str(link.url), link.url.query, link.filename, link.sha256, link.size) for link in page.links] == [
        ("https://ci.example/f/8a1c", "x=1", "demo-1.0.tar.gz", SHA, 12),
        ("https://ci.example/simple/demo/demo-1.1.tar.gz", "", "demo-1.1.tar.gz", None, None),
        ("https://ci.example/simple/demo/demo-1.2.tar.gz", "", "demo-1.2.tar.gz", None, None),
    ]
    assert [link.filename for link in page.unusable] == ["demo-1.3.tar.gz"]


YANKED = "demo-1.0.tar.gz"


@pytest.mark.parametrize(
    ("attribute", "yanked"),
    [
        ("", None),
        (" data-yanked", ""),
        (' data-yanked=""', ""),
        (' data-yanked="it &amp; broke"', "it & broke"),
        (' data-yanked="first" data-yanked="second"', "first"),
        (' DATA-YANKED="false"', "false"),
        (' data-yanked-not="x"', None),
    ],
)
def test_in_html_the_attribute_alone_says_it(attribute: str, yanked: str | None) -> None:
    """Its value, if any, says why."""
    page = read_index(f'<a href="{YANKED}#sha256={"a" * 64}"{attribute}>{YANKED}</a>'.encode(), "text/html", URL)
    assert [(link.filename, link.sha256, link.yanked) for link in page.links] == [(YANKED, "a" * 64, yanked)]


@pytest.mark.parametrize(
    ("value", "yanked"), [(None, None), (False, None), (True, ""), ("", None), ("it broke", "it broke"), (1, None)]
)
def test_in_json_it_is_true_or_a_reason(value: object, yanked: str | None) -> None:
    """An empty text is none (PEP 691), and what is neither says nothing."""
    file = {"filename": YANKED, "url": YANKED, "hashes": {}} | ({} if value is None else {"yanked": value})
    body = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": [file]}).encode()
    page = read_index(body, "application/vnd.pypi.simple.v1+json", URL)
    assert [link.yanked for link in page.links] == [yanked]


@pytest.mark.parametrize("media_type", [JSON, "application/json", "text/plain", ""])
def test_a_json_root_lists_projects(media_type: str) -> None:
    """Whatever the host calls it; names that are none lead nowhere."""
    body = b' {"meta": {"api-version": "1.0"}, "projects": [{"name": "Legacy.Proj"}, {"name": "../evil"}]}'
    page = read_index(body, media_type, "https://ci.example/simple/")
    assert [(project.name, str(project.url)) for project in page.projects] == [
        ("Legacy.Proj", "https://ci.example/simple/legacy-proj/")
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b"[" * 200_000, "is not valid JSON"),
        (b'{"files":' * 100_000, "is not valid JSON"),
        (b'{"files": [{"filename": "a", "size": ' + b"9" * 10_000 + b"}]}", "is not valid JSON"),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', "is of a newer version of the index API than 1"),
        (b'{"files": [7]}', "lists a file without a filename or a url"),
        (b'{"files": [{"filename": "a"}]}', "lists a file without a filename or a url"),
        (b'{"projects": ["demo"]}', "lists a project without a name"),
        (
            b'{"message": "log in first"}',
            "is JSON, but not of an index (PEP 691): it has neither files nor projects",
        ),
        (b"null", "is JSON, but not of an index (PEP 691): it has neither files nor projects"),
    ],
)
def test_json_that_is_no_index_is_said_so(body: bytes, reason: str) -> None:
    """Broken, endless, nested without end, of a newer version, of something else: one sentence each."""
    with pytest.raises(UnreadablePage) as caught:
        read_index(body, JSON, URL)
    assert str(caught.value) == reason


@pytest.mark.parametrize("markup", ["<![x", "<a href='&#" + "9" * 5000 + ";'>"])
def test_markup_that_the_parser_gives_up_on_is_no_traceback(markup: str) -> None:
    """The page is refused if html.parser fails on such markup; a newer one ignores it."""
    page = None
    with suppress(UnreadablePage):
        page = read_html(markup)
    assert page is None or page.links == ()


LARGE = {
    "nested tags": "<b>" * 200_000 + '<a href="demo-1.0.tar.gz">',
    "nested anchors": '<a href="demo-1.0.tar.gz">' * 100_000,
    "links": "".join(f'<a href="demo-{number}.tar.gz#sha256={SHA}">x</a>\n' for number in range(100_000)),
    "headers": "<p>" + "&amp;" * 500_000 + '</p><a href="demo-1.0.tar.gz">',
    "comments": "<!---->" * 200_000 + '<a href="demo-1.0.tar.gz">',
}


@pytest.mark.parametrize("name", LARGE)
def test_large_pages_take_linear_time(name: str) -> None:
    """200,000 nested tags, 100,000 links: seconds, not minutes, and no recursion."""
    began = time.process_time()
    page = read_html(LARGE[name])
    assert page.links
    assert time.process_time() - began < 15


@pytest.mark.parametrize("length", range(32 * 1024, 256 * 1024, 32 * 1024))
def test_links_after_a_long_script_are_found(length: int) -> None:
    """They are the last that the page has, while the parser (Python 3.14.10) waits for more."""
    page = read_html(f'<script>{"x" * length}</script><a href="demo-1.0.tar.gz"></a>')
    assert [link.filename for link in page.links] == ["demo-1.0.tar.gz"]


ENDLESS = {
    "a comment": "<!--" + "x" * 2_000_000,
    "attributes": "<a " + "a " * 2_000_000,
    "a quote": "<a href='" + "x" * 2_000_000,
    "a script": "<script>" + "</scrip " * 500_000,
    "a declaration": "<!doctype " + "[" * 2_000_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_markup_that_never_ends_is_given_up_early(name: str) -> None:
    """The parser holds what it cannot finish: that is bounded, in time and in memory."""
    tracemalloc.start()
    try:
        with pytest.raises(UnreadablePage, match="of more than 256 KiB, as no index page has"):
            read_html(ENDLESS[name])
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", ["<a ", "<", "</", "<!", "<?", "&", "&#1", "<a a='", '<a a="', "<script></", "<a/"])
def test_no_unfinished_construct_is_searched_again_and_again(opening: str) -> None:
    """The known quadratic cases of html.parser stay linear: a page of them is read, or refused, at once."""
    began = time.process_time()
    with suppress(UnreadablePage):
        read_html(opening * (1_000_000 // len(opening)))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "unfinished", ['<a href="demo-1.0.tar.gz"', '<a href="demo-1.0.tar.gz', "<!-- <a href=demo-1.0.tar.gz>"]
)
def test_what_is_not_finished_is_no_link(unfinished: str) -> None:
    """A page that was cut off lists what it lists whole, and html.parser's slow search through the rest is not made."""
    began = time.process_time()
    page = read_html(f'<a href="demo-2.0.tar.gz"></a>{"<a" * 100_000}{unfinished}')
    assert [link.filename for link in page.links] == ["demo-2.0.tar.gz"]
    assert time.process_time() - began < 1


def test_a_page_whose_own_address_is_none_is_refused() -> None:
    """Its links would lead nowhere."""
    with pytest.raises(InvalidUrl, match="is neither an http nor an https URL"):
        read_index(b"", HTML, "file:///srv/index.html")


WORDS = [
    "<a",
    "href=",
    '"',
    "'",
    ">",
    "<base",
    "</a>",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "&#",
    "99999;",
    "<![",
    "]]>",
    "?",
    "[",
    "@",
    "//",
    "http://",
    "%2e",
    "demo-1.0.tar.gz",
    "#sha256=",
    "<input",
    "type=password",
    "\x00",
    "é",
]
MARKUP = st.lists(st.sampled_from([*WORDS, SHA, " "]) | st.text(max_size=5), max_size=40).map("".join)


@given(MARKUP | st.text())
def test_any_html_is_read_or_refused_in_words(text: str) -> None:
    """Nothing but UnreadablePage comes out, and every link leads to the web by an allowed way."""
    try:
        page = read_html(text)
    except UnreadablePage:
        return
    assert {link.url.scheme for link in page.links} <= {"https"}


@given(st.binary(), st.sampled_from([HTML, JSON, "text/html; charset=utf-16", ""]))
def test_any_bytes_are_read_or_refused_in_words(body: bytes, media_type: str) -> None:
    """Any bytes, under any media type."""
    try:
        read_index(body, media_type, URL)
    except UnreadablePage:
        return


KEYS = ["meta", "api-version", "files", "projects", "filename", "url", "hashes", "sha256", "size", "name"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([SHA, "1.0"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_any_json_is_read_or_refused_in_words(document: object) -> None:
    """Whatever stands under the keys that we know."""
    try:
        read_index(json.dumps(document).encode(), JSON, URL)
    except UnreadablePage:
        return


# Our own pages: what we publish we can fetch -------------------------------------------------------------------------


def digests(page: IndexPage) -> list[tuple[str, str | None]]:
    """Return name and digest of every file, sorted."""
    assert page.unusable == ()
    return sorted((link.filename, link.sha256) for link in page.links)


@given(st.dictionaries(filenames(), sha256s(), max_size=5))
def test_project_pages_are_read_back(files: dict[str, Sha256]) -> None:
    """HTML and JSON list the same files with the same digests, however they are called."""
    entries = tuple(published(name, "1.0", sha256=sha256) for name, sha256 in files.items())
    manifest = Manifest(project=DEMO, revision=1, files=entries)
    from_html = read_index(render_project_html(project_listing(manifest, Layout())), HTML, URL)
    from_json = read_index(render_project_json(project_listing(manifest, Layout())), JSON, URL)
    assert digests(from_html) == digests(from_json) == sorted(files.items())


def test_root_pages_are_read_back() -> None:
    """Every project, under its own page."""
    projects = [project_name(name) for name in ("demo-pkg", "other")]
    for body, media_type in (
        (render_root_html(projects), "text/html"),
        (render_root_json(projects), "application/json"),
    ):
        page = read_index(body, media_type, "https://pypi.example/simple/")
        assert [(project.name, str(project.url)) for project in page.projects] == [
            ("demo-pkg", "https://pypi.example/simple/demo-pkg/"),
            ("other", "https://pypi.example/simple/other/"),
        ]
