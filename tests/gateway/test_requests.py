"""What a request asks for: its path, its headers, and whether it may ask. Tables; nothing is read."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.errors import Misconfigured
from bucketwheel.format.layout import Layout
from bucketwheel.gateway.access import Access, digest_of, read_tokens
from bucketwheel.gateway.addresses import default_port, hosts_of, is_loopback, read_fallback, with_loopback
from bucketwheel.gateway.headers import known_etag, prefers_json, read_range
from bucketwheel.gateway.paths import File, Moved, Page, read_path
from bucketwheel.names import ProjectName
from bucketwheel.storage import Key, Span

LAYOUT = Layout()
DEMO = Page(project=ProjectName("demo-pkg"))

# Paths ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/simple/", Page(project=None)),
        ("/simple", Moved(location="simple/")),
        ("/simple/demo-pkg/", DEMO),
        ("/simple/demo-pkg", Moved(location="demo-pkg/")),
        ("/simple/Demo_Pkg/", Moved(location="../demo-pkg/")),
        ("/simple/demo.-_pkg/", Moved(location="../demo-pkg/")),
        ("/simple/demo%2Dpkg/", DEMO),
        ("/simple/index.html", File(key=Key("simple/index.html"))),
        ("/simple/demo-pkg/index.json", File(key=Key("simple/demo-pkg/index.json"))),
        (
            "/simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl",
            File(key=Key("simple/demo-pkg/demo_pkg-1.0-py3-none-any.whl")),
        ),
        ("/simple/demo-pkg/demo-1%2Bcpu.whl.metadata", File(key=Key("simple/demo-pkg/demo-1+cpu.whl.metadata"))),
        ("/simple/demo-pkg/demo-1+cpu.whl", File(key=Key("simple/demo-pkg/demo-1+cpu.whl"))),  # a plus is a plus
        ("/", File(key=Key("index.html"))),
        ("/project/demo-pkg/", File(key=Key("project/demo-pkg/index.html"))),
        ("/pypi/demo-pkg/json", File(key=Key("pypi/demo-pkg/json"))),
        ("/files/old%20name.zip", File(key=Key("files/old name.zip"))),
        ("/simple/demo-pkg/%252e%252e/x", File(key=Key("simple/demo-pkg/%2e%2e/x"))),  # decoded once
    ],
)
def test_a_path_asks_for(path: str, target: object) -> None:
    """Each path asks for one thing."""
    assert read_path(path.encode(), LAYOUT) == target


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "//",
            "*",
            "simple/",
            "http://127.0.0.1/simple/",
            "/simple//",
            "//simple/",
            "/simple/demo-pkg//x.whl",
        ),
        *("/_bucketwheel", "/_bucketwheel/", "/_bucketwheel/repository.json", "/_bucketwheel/manifests/demo-pkg.json"),
        *(
            "/%5fbucketwheel/repository.json",
            "/_BucketWheel/x",
            "/_bucketwheel./x",
            "/_bucketwheel%20/x",
            "/_BUCKET~1/x",
        ),
        *(
            "/simple/../_bucketwheel/repository.json",
            "/simple/%2e%2e/x",
            "/simple/.%2E/x",
            "/..",
            "/./simple/",
            "/.env",
        ),
        *(
            "/simple/demo-pkg/.bucketwheel-01",
            "/simple/%2e%2e%2f_bucketwheel/x",
            "/simple%2fdemo",
            "/simple%2Fdemo-pkg/",
        ),
        *("/simple/demo%00", "/simple/demo%0d%0aX:y/", "/simple/demo%5c..%5cx", "/simple/a\\b", "/C:/x", "/simple/x:y"),
        *(
            "/simple/%ff%fe/",
            "/simple/%e2%80%ae/",
            "/simple/-demo/",
            "/simple/demo!/",
            "/simple/demo-pkg/x/",
        ),
        "/simple/" + "a" * 3000,
    ],
)
def test_a_path_that_shows_nothing(path: str) -> None:
    """Records, hidden files, and paths that could mean two things are not even looked for."""
    assert read_path(path.encode("latin-1", "ignore"), LAYOUT) is None


def test_the_root_may_be_elsewhere() -> None:
    """In a bucket made by s3pypi the index is at the top; in others it has another prefix."""
    top, deep = Layout(simple=""), Layout(simple="python/index/")
    assert read_path(b"/", top) == Page(project=None)
    assert read_path(b"/demo-pkg/", top) == DEMO
    assert read_path(b"/demo-pkg", top) == Moved(location="demo-pkg/")
    assert read_path(b"/_bucketwheel/", top) is None
    assert read_path(b"/python/index/demo-pkg/", deep) == DEMO
    assert read_path(b"/python/index", deep) == Moved(location="index/")
    assert read_path(b"/simple/", deep) == File(key=Key("simple/index.html"))


@given(st.lists(st.sampled_from(["%2e", ".", "/", "%2f", "_bucketwheel", "simple", "a", "\\", "%5c", "%00", "~"])))
def test_no_path_leads_out_or_to_records(parts: list[str]) -> None:
    """Whatever is put together, no key climbs, is empty in a part, or is a record."""
    target = read_path(("/" + "".join(parts)).encode(), LAYOUT)
    if isinstance(target, File):
        segments = target.key.split("/")
        assert not {"", ".", ".."} & set(segments)
        assert segments[0].lower() != "_bucketwheel"
        assert "\\" not in target.key
        assert "\0" not in target.key


# Headers --------------------------------------------------------------------------------------------------------------

V1 = "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        ("application/json", False),  # we have none of that
        (V1, True),
        (f"{V1}, application/vnd.pypi.simple.v1+html;q=0.1, text/html;q=0.01", True),  # pip
        (f"{V1}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01", True),  # uv
        (f"{V1}, */*;q=0.1", True),  # poetry
        ("application/vnd.pypi.simple.latest+json", True),
        (f"text/html, {V1};q=0.5", False),
        (f"{V1};q=0", False),
        (f"{V1};q=0, text/html;q=0.1", False),
        (f"{V1.upper()} ; q=0.9, TEXT/HTML;q=0.8", True),
        ("application/*", False),  # HTML has such a type too
        ("text/*, application/*;q=0.5", False),
        (f"{V1};q=oops", False),
        (f"text/html;level=1;q=0.4, {V1};q=0.6", True),
    ],
)
def test_a_client_prefers(accept: str, json: bool) -> None:  # noqa: FBT001 - pytest's
    """JSON only for who wants it more than HTML (PEP 691)."""
    assert prefers_json(accept) is json


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", Span(first=0, last=9)),
        ("bytes=5-", Span(first=5)),
        ("bytes=-7", Span(first=None, last=7)),
        ("", None),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=-0", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=0-" + "9" * 30, None),
        ("bytes=\u0661-2", None),
    ],
)
def test_a_range_asks_for(header: str, span: Span | None) -> None:
    """One span of bytes; what may be answered by the whole file is."""
    assert read_range(header) == span


@pytest.mark.parametrize(
    ("header", "etag"),
    [
        ('"abc"', '"abc"'),
        ('W/"abc"', '"abc"'),
        ("", ""),
        ("*", ""),
        ('"a", "b"', ""),
        ("Sun, 29 Nov 2026", ""),
        ('"a\n"', ""),
    ],
)
def test_a_condition_names_one_state(header: str, etag: str) -> None:
    """Several, any, and dates are no condition: then all is sent."""
    assert known_etag(header) == etag


# Access ---------------------------------------------------------------------------------------------------------------


def basic(text: str) -> str:
    """Write a header of basic authentication."""
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "opens"),
    [
        (basic("anybody:right-token"), True),
        (basic(":right-token"), True),
        (basic("anybody:other-token"), True),
        ("bearer right-token", True),
        (basic("right-token:"), False),
        (basic("anybody:wrong"), False),
        (basic("anybody:"), False),
        (basic("right-token"), False),
        ("Bearer ", False),
        ("Basic !!!", False),
        ("Basic " + base64.b64encode(b"a:\xff").decode(), False),
        ("Digest right-token", False),
        ("", False),
    ],
)
def test_a_secret_opens(header: str, opens: bool) -> None:  # noqa: FBT001 - pytest's
    """Any of the tokens, as password or bearer; nothing else, and no token is in what describes the rules."""
    access = Access(hosts=None, digests=(digest_of("right-token"), digest_of("other-token")))
    assert access.opens(header) is opens
    assert "token" not in repr(access)
    assert Access(hosts=None).opens(header)


@pytest.mark.parametrize(
    ("hosts", "known"),
    [
        (["127.0.0.1:2000"], True),
        (["localhost:2000"], True),
        (["LOCALHOST:2000"], True),
        (["127.0.0.1"], False),
        (["127.0.0.1:2001"], False),
        (["evil.example:2000"], False),
        (["127.0.0.1:2000", "evil.example"], False),
        ([""], False),
        ([], False),
    ],
)
def test_a_host_is_this_gateway(hosts: list[str], known: bool) -> None:  # noqa: FBT001 - pytest's
    """A web page that lets its own name point here is not answered."""
    assert Access(hosts=hosts_of("127.0.0.1", 2000)).knows_host(hosts) is known


def test_hosts_of_addresses() -> None:
    """IPv6 is written in brackets; at port 80 the port may be left out."""
    assert hosts_of("::1", 2000) == {"[::1]:2000", "localhost:2000"}
    assert hosts_of("192.0.2.1", 80) == {"192.0.2.1:80", "192.0.2.1"}
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "0.0.0.0", "192.0.2.1", "nas")] == [  # noqa: S104
        *(True, True, True, False, False, False)
    ]


def test_tokens_are_lines() -> None:
    """A file may have several, for a change of tokens, and comments."""
    assert read_tokens(["# old", "first ", "", "  second"]) == ("first", "second")


def test_the_port_is_that_of_the_repository() -> None:
    """It is the same for everybody, because poetry's file names it; and it is no port that systems give away."""
    assert default_port("s3://our-release/python") == default_port("s3://our-release/python") == 22957
    ports = {default_port(f"s3://bucket-{number}") for number in range(1000)}
    assert len(ports) > 900
    assert all(20_000 <= port < 30_000 for port in ports)


@pytest.mark.parametrize(
    ("no_proxy", "whole"),
    [("", "127.0.0.1"), ("example.com", "example.com,127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("*", "*")],
)
def test_no_proxy_is_asked_for_the_gateway(no_proxy: str, whole: str) -> None:
    """The user's own exceptions stay."""
    assert with_loopback(no_proxy) == whole


@pytest.mark.parametrize("url", ["https://example.com/simple", "http://127.0.0.1:80/a/"])
def test_a_fallback_ends_in_a_slash(url: str) -> None:
    """So that a project's name can be appended."""
    assert read_fallback(url) == url.rstrip("/") + "/"


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "ftp://example.com/", "https://", "https:///x", "file:///etc", "javascript:alert(1)"),
        *("https://user:canary@example.com/", "https://canary@example.com/", "https://example.com/?token=canary"),
        *("https://example.com/#canary", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://[::1/"),
    ],
)
def test_what_cannot_be_a_fallback(url: str) -> None:
    """It is refused before anything starts, and a secret in it is in no message."""
    with pytest.raises(Misconfigured) as raised:
        read_fallback(url)
    assert "canary" not in str(raised.value)
