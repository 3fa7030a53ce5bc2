"""A project's two pages, byte for byte: PEP 503 and PEP 691 with all that was added to them since."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest, Status
from bucketwheel.format.pages.html import render_project_html
from bucketwheel.format.pages.json import render_project_json
from bucketwheel.format.pages.listing import project_listing
from bucketwheel.names import Sha256
from bucketwheel.storage import Key
from support.manifests import DEMO, published

A, B, C = (letter * 64 for letter in "abc")
HOSTILE_VERSIONS = (
    *("", "1" * 5000, "<script>", "legacy", "é"),
    *("0", "0.0.1", "1.dev0", "1.0a1.dev2", "1.0a1", "1.0c1", "1.0", "1.0.0", "v1", "1+abc", "1.0+UBUNTU-1", "1.0+1.2"),
    *("1.0.post1.dev0", "1.0-1", "1.9", "1.10", "9.0", "10.0", "1!0"),
)
"""In their order: those that PEP 440 cannot read by their text, then the others; equal versions by their spelling."""

TIME = "2026-11-20T12:00:00.123456Z"  # of every entry that published() writes; their size is 4661, their sha256 A


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A manifest and the exact pages it must become."""

    name: str
    manifest: Manifest
    html: str
    json: str
    layout: Layout = field(default_factory=Layout)
    base_url: str | None = None


CASES = [
    Case(
        name="no files",
        manifest=Manifest(project=DEMO, revision=3),
        html="""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=3 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="active">
<title>Links for demo-pkg</title>
</head>
<body>
<h1>Links for demo-pkg</h1>
</body>
</html>
""",
        json=(
            '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":3,"renderer":2},"name":"demo-pkg",'
            '"project-status":{"status":"active"},"versions":[],"files":[]}\n'
        ),
    ),
    Case(
        name="wheel and sdist",
        manifest=Manifest(
            project=DEMO,
            revision=1,
            files=(
                published("demo_pkg-1.0-py3-none-any.whl", "1.0", requires_python=">=3.8,<4", metadata_sha256=B),
                published("demo_pkg-1.0.tar.gz", "1.0", sha256=C, size=0),
            ),
        ),
        html=f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=1 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="active">
<title>Links for demo-pkg</title>
</head>
<body>
<h1>Links for demo-pkg</h1>
<a href="demo_pkg-1.0-py3-none-any.whl#sha256={A}" data-requires-python="&gt;=3.8,&lt;4"\
 data-core-metadata="sha256={B}" data-dist-info-metadata="sha256={B}" data-size="4661"\
 data-upload-time="{TIME}">demo_pkg-1.0-py3-none-any.whl</a><br>
<a href="demo_pkg-1.0.tar.gz#sha256={C}" data-size="0" data-upload-time="{TIME}">demo_pkg-1.0.tar.gz</a><br>
</body>
</html>
""",
        json=(
            '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":1,"renderer":2},"name":"demo-pkg",'
            '"project-status":{"status":"active"},"versions":["1.0"],"files":['
            '{"filename":"demo_pkg-1.0-py3-none-any.whl","url":"demo_pkg-1.0-py3-none-any.whl",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":false,'
            f'"requires-python":">=3.8,<4","core-metadata":{{"sha256":"{B}"}},"dist-info-metadata":{{"sha256":"{B}"}}}},'
            '{"filename":"demo_pkg-1.0.tar.gz","url":"demo_pkg-1.0.tar.gz",'
            f'"hashes":{{"sha256":"{C}"}},"size":0,"upload-time":"{TIME}","yanked":false}}'
            "]}\n"
        ),
    ),
    Case(
        name="yanked, signed, attested, stepped aside, legacy, with a local version",
        base_url="https://pypi.example/team/",
        manifest=Manifest(
            project=DEMO,
            revision=12,
            status=Status(status="archived", reason='use <b>"öther"</b> & be done'),
            files=(
                published("demo_pkg-1.10.tar.gz", "1.10", yanked="breaks <Windows>\nand 'more'"),
                published("demo_pkg-1.9.tar.gz", "1.9", yanked=""),
                published(
                    "demo_pkg-1!2.0+cu118-py3-none-any.whl",
                    "1!2.0+cu118",
                    key=Key(f"simple/demo-pkg/{A}/demo_pkg-1!2.0+cu118-py3-none-any.whl"),
                    gpg_sig=True,
                    provenance_sha256=C,
                ),
                published("Demo Pkg.zip", "final <1>"),
            ),
        ),
        html=f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=12 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="archived">
<meta name="pypi:project-status-reason" content="use &lt;b&gt;&quot;öther&quot;&lt;/b&gt; &amp; be done">
<title>Links for demo-pkg</title>
</head>
<body>
<h1>Links for demo-pkg</h1>
<a href="Demo%20Pkg.zip#sha256={A}" data-gpg-sig="false" data-size="4661" data-upload-time="{TIME}">Demo Pkg.zip</a><br>
<a href="demo_pkg-1.9.tar.gz#sha256={A}" data-yanked="" data-gpg-sig="false" data-size="4661"\
 data-upload-time="{TIME}">demo_pkg-1.9.tar.gz</a><br>
<a href="demo_pkg-1.10.tar.gz#sha256={A}" data-yanked="breaks &lt;Windows&gt;
and &#x27;more&#x27;" data-gpg-sig="false" data-size="4661" data-upload-time="{TIME}">demo_pkg-1.10.tar.gz</a><br>
<a href="{A}/demo_pkg-1%212.0%2Bcu118-py3-none-any.whl#sha256={A}" data-gpg-sig="true"\
 data-provenance="https://pypi.example/team/simple/demo-pkg/{A}/demo_pkg-1%212.0%2Bcu118-py3-none-any.whl.provenance"\
 data-size="4661" data-upload-time="{TIME}">demo_pkg-1!2.0+cu118-py3-none-any.whl</a><br>
</body>
</html>
""",
        json=(
            '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":12,"renderer":2},"name":"demo-pkg",'
            '"project-status":{"status":"archived","reason":"use <b>\\"öther\\"</b> & be done"},'
            '"versions":["final <1>","1.9","1.10","1!2.0+cu118"],"files":['
            '{"filename":"Demo Pkg.zip","url":"Demo%20Pkg.zip",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":false,"gpg-sig":false}},'
            '{"filename":"demo_pkg-1.9.tar.gz","url":"demo_pkg-1.9.tar.gz",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":true,"gpg-sig":false}},'
            '{"filename":"demo_pkg-1.10.tar.gz","url":"demo_pkg-1.10.tar.gz",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}",'
            '"yanked":"breaks <Windows>\\nand \'more\'","gpg-sig":false},'
            '{"filename":"demo_pkg-1!2.0+cu118-py3-none-any.whl",'
            f'"url":"{A}/demo_pkg-1%212.0%2Bcu118-py3-none-any.whl",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":false,"gpg-sig":true,'
            f'"provenance":"https://pypi.example/team/simple/demo-pkg/{A}/demo_pkg-1%212.0%2Bcu118-py3-none-any.whl'
            '.provenance"}'
            "]}\n"
        ),
    ),
    Case(
        name="quarantined",
        manifest=Manifest(
            project=DEMO,
            revision=4,
            status=Status(status="quarantined"),
            files=(published("demo_pkg-1.0.tar.gz", "1.0"),),
        ),
        html="""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=4 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="quarantined">
<title>Links for demo-pkg</title>
</head>
<body>
<h1>Links for demo-pkg</h1>
</body>
</html>
""",
        json=(
            '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":4,"renderer":2},"name":"demo-pkg",'
            '"project-status":{"status":"quarantined"},"versions":[],"files":[]}\n'
        ),
    ),
    Case(
        name="files elsewhere, and one at another root",
        layout=Layout(simple=""),
        manifest=Manifest(
            project=DEMO,
            revision=2,
            files=(
                published("demo_pkg-1.0.tar.gz", "1.0", url="https://files.example/a?b=1&c=2/demo_pkg-1.0.tar.gz"),
                published("demo_pkg-2.0.tar.gz", "2.0", key=Key("pile/demo_pkg-2.0.tar.gz")),
                published("demo_pkg-3.0.tar.gz", "3.0", hidden=True),
            ),
        ),
        html=f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="bucketwheel" content="revision=2 renderer=2">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="active">
<title>Links for demo-pkg</title>
</head>
<body>
<h1>Links for demo-pkg</h1>
<a href="https://files.example/a?b=1&amp;c=2/demo_pkg-1.0.tar.gz#sha256={A}" data-size="4661"\
 data-upload-time="{TIME}">demo_pkg-1.0.tar.gz</a><br>
<a href="../pile/demo_pkg-2.0.tar.gz#sha256={A}" data-size="4661" data-upload-time="{TIME}">demo_pkg-2.0.tar.gz</a><br>
</body>
</html>
""",
        json=(
            '{"meta":{"api-version":"1.4"},"_bucketwheel":{"revision":2,"renderer":2},"name":"demo-pkg",'
            '"project-status":{"status":"active"},"versions":["1.0","2.0"],"files":['
            '{"filename":"demo_pkg-1.0.tar.gz","url":"https://files.example/a?b=1&c=2/demo_pkg-1.0.tar.gz",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":false}},'
            '{"filename":"demo_pkg-2.0.tar.gz","url":"../pile/demo_pkg-2.0.tar.gz",'
            f'"hashes":{{"sha256":"{A}"}},"size":4661,"upload-time":"{TIME}","yanked":false}}'
            "]}\n"
        ),
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each case of the table in turn."""
    assert isinstance(request.param, Case)
    return request.param


def test_html_is_exactly_this(case: Case) -> None:
    """A manifest has one HTML page, to the byte."""
    assert render_project_html(project_listing(case.manifest, case.layout, case.base_url)).decode() == case.html


def test_json_is_exactly_this(case: Case) -> None:
    """A manifest has one JSON page, to the byte."""
    assert render_project_json(project_listing(case.manifest, case.layout, case.base_url)).decode() == case.json


def test_the_tables_pages_are_valid(case: Case) -> None:
    """What the table expects is valid HTML5 to a strict parser, and JSON."""
    html5lib.HTMLParser(strict=True).parse(case.html)
    assert set(json.loads(case.json)) == {"meta", "_bucketwheel", "name", "project-status", "versions", "files"}


@pytest.mark.parametrize(
    ("base_url", "url"),
    [(None, None), ("http://pypi.example/", None), ("https://pypi.example/", "https://files.example/x.tar.gz")],
)
def test_provenance_needs_a_secure_address_of_ours(base_url: str | None, url: str | None) -> None:
    """Without a public https address no attestations are named (PEP 740), nor those of files that lie elsewhere."""
    file = published("demo_pkg-1.0.tar.gz", "1.0", provenance_sha256=Sha256(C), url=url)
    manifest = Manifest(project=DEMO, revision=1, files=(file,))

    assert b"provenance" not in render_project_html(project_listing(manifest, Layout(), base_url))
    assert b"provenance" not in render_project_json(project_listing(manifest, Layout(), base_url))


def test_versions_are_normal_and_stand_once() -> None:
    """`versions` has every version once, in its normal spelling, oldest first, however the entries spell it."""
    spellings = ["1.0", "1.0.0", "v2.0", "2.0", "2.0-1", "2.0.dev1", "0.9RC1", "10.0", "9.0", "legacy"]
    files = tuple(published(f"file-{position}.zip", version) for position, version in enumerate(spellings))

    page = json.loads(render_project_json(project_listing(Manifest(project=DEMO, revision=1, files=files), Layout())))

    expected = ["legacy", "0.9rc1", "1.0", "1.0.0", "2.0.dev1", "2.0", "2.0.post1", "9.0", "10.0"]
    assert page["versions"] == expected


def test_files_of_one_version_follow_their_names() -> None:
    """Files stand by version, and within one by name."""
    names = ["demo_pkg-1.10.tar.gz", "demo_pkg-1.9.tar.gz", "demo_pkg-1.9-py3-none-any.whl", "aaa-1.10.zip"]
    files = tuple(published(name, "1.10" if "1.10" in name else "1.9") for name in names)

    page = json.loads(render_project_json(project_listing(Manifest(project=DEMO, revision=1, files=files), Layout())))

    assert [file["filename"] for file in page["files"]] == [
        "demo_pkg-1.9-py3-none-any.whl",
        "demo_pkg-1.9.tar.gz",
        "aaa-1.10.zip",
        "demo_pkg-1.10.tar.gz",
    ]


@given(st.permutations(range(len(HOSTILE_VERSIONS))))
def test_versions_are_ordered_whatever_their_files_are_named(positions: list[int]) -> None:
    """The order of files in a manifest helps to sort versions, and decides nothing."""
    versions = [HOSTILE_VERSIONS[position] for position in positions]
    files = tuple(published(f"file-{number:02}.zip", version) for number, version in enumerate(versions))

    listing = project_listing(Manifest(project=DEMO, revision=1, files=files), Layout())

    assert [link.file.version for link in listing.links] == list(HOSTILE_VERSIONS)


def test_a_version_with_thousands_of_digits_is_only_text() -> None:
    """A version whose number Python refuses to read does not stop the page."""
    digits = "1" * 5000

    page = json.loads(
        render_project_json(
            project_listing(Manifest(project=DEMO, revision=1, files=(published("x.zip", digits),)), Layout())
        )
    )

    assert page["versions"] == [digits]


def test_equal_manifests_have_equal_pages() -> None:
    """The order in which files came makes no difference to a page."""
    manifest = CASES[2].manifest
    turned = replace(manifest, files=tuple(reversed(manifest.files)))

    assert render_project_html(project_listing(turned, Layout())) == render_project_html(
        project_listing(manifest, Layout())
    )
    assert render_project_json(project_listing(turned, Layout())) == render_project_json(
        project_listing(manifest, Layout())
    )
