"""Pages for people in a real browser: from a disk, a web server and a bucket; light, dark, narrow; by keyboard."""

from __future__ import annotations

import json
import os
import re
import statistics
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from urllib3 import PoolManager

import bucketwheel
from bucketwheel import ListOptions
from bucketwheel.descriptions import open_renderer
from bucketwheel.format.manifest import Status
from bucketwheel.format.views.feeds import Released
from bucketwheel.format.views.people import Site, render_front, render_project, render_search
from bucketwheel.format.views.projects import CoreFacts
from bucketwheel.names import ProjectName
from support.browser import Browser, missing_browser, open_browser
from support.machine_needs import need
from support.ministack import TestBucket
from support.nginx import missing, serve_by_nginx
from support.viewed import DESCRIPTIONS, HOSTILE, many_wheels, viewed

MEASURED = os.environ.get("BUCKETWHEEL_TEST_TIMES") == "all"

PAGES = ["index.html", "changelog/index.html", "project/demo/index.html", "project/rich/index.html"]
DESCRIBED = [f"project/{name}/index.html" for name in ("markdown", "rst", "hostile")]
PAGES += DESCRIBED
SITE = Site(title="Northwind", index_url="https://pypi.example.com/simple/", feeds=True)
RICH = replace(
    viewed(
        *(f"1.{number}" for number in range(30)),
        yanked=("1.3",),
        facts=CoreFacts(
            summary=HOSTILE,
            description=f"{HOSTILE}\n" * 30 + "long" * 100,
            license_expression="MIT",
            project_urls={"Changelog": "https://example.com/changes", HOSTILE: "javascript:alert(1)"},
            requires_dist=("numpy>=2", HOSTILE),
        ),
    ),
    status=Status(status="deprecated", reason=HOSTILE),
)


def lists() -> str:
    """A list of three projects, wheels for several platforms, a yanked and an undated file."""
    platforms = ("manylinux_2_28_x86_64", "macosx_11_0_arm64", "win_amd64", "musllinux_1_2_aarch64")
    tables = [
        {"filename": f"demo-{version}-cp{python}-cp{python}-{platform}.whl", "size": 10**7, "upload_timestamp": 1.7e9}
        for version in ("1.0", "2.0")
        for python in (311, 312, 313)
        for platform in platforms
    ]
    tables += [{"filename": "other-1.0.tar.gz", "yanked_reason": HOSTILE, "uploaded_by": HOSTILE}]
    tables += [{"filename": "a-project-with-a-rather-long-name-1.0.tar.gz"}]
    return "".join(f"{json.dumps(table)}\n" for table in tables)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests here."""
    need("chromium with chromium-driver, or npm", missing=missing_browser())
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of a list in a directory, with one page more, of rich metadata."""
    place = tmp_path_factory.mktemp("with space") / "site"
    options = ListOptions(packages_url="../../pool", base_url="https://pypi.example.com/", title="Northwind")
    settings = bucketwheel.load_settings(options={"repository": str(place)})
    bucketwheel.from_list(lists(), settings, options=options, of_json=True)
    pages = {"rich": render_project(SITE, RICH)} | dict(described())
    for name, page in pages.items():
        (place / "project" / name).mkdir()
        (place / "project" / name / "index.html").write_bytes(page)
    return place


def described() -> Iterator[tuple[str, bytes]]:
    """Pages of projects with rendered descriptions: two READMEs, and all hostile Markdown in one."""
    here = Path(__file__).parent
    texts = {
        "markdown": ((here / "readme.md").read_text(encoding="utf-8"), "text/markdown"),
        "rst": ((here / "readme.rst").read_text(encoding="utf-8"), "text/x-rst"),
        "hostile": ("\n\n".join(text for text, content_type in DESCRIPTIONS.values() if content_type), "text/markdown"),
    }
    with open_renderer() as render:
        for name, (text, content_type) in texts.items():
            rendered = render(text, content_type)
            assert rendered is not None
            assert rendered.html
            facts = CoreFacts(description=text, description_content_type=content_type, requires_dist=("numpy>=2",))
            yield name, render_project(SITE, viewed("1.0", facts=facts), rendered)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_from_a_disk(browser: Browser, site: Path, page: str, scheme: str) -> None:
    """A page opened from a disk has no barrier, complains of nothing and asks for files beside it only."""
    browser.open(f"{site.as_uri()}/{page}", scheme="dark" if scheme == "dark" else "light")

    assert not browser.barriers()
    assert not browser.complaints()
    asked = browser.requests()
    assert len(asked) >= 3
    assert [url for url in asked if not url.startswith(f"{site.as_uri()}/")] == []


def test_from_a_web_server(browser: Browser, site: Path, tmp_path: Path) -> None:
    """Behind nginx the same pages and links work: every link between pages answers 200."""
    need("nginx with libnginx-mod-http-js", missing=missing())
    with serve_by_nginx(site, tmp_path) as address:
        for page in PAGES:
            browser.open(f"{address}{page}")
            assert not browser.complaints()
            assert [url for url in browser.requests() if not url.startswith(address)] == []
            links = browser.run("return [...document.links].map((link) => link.href.split('#')[0])")
            pages = {link for link in links if link.startswith(address) and not link.endswith((".whl", ".gz"))}
            assert len(pages) >= 3
            assert {link for link in pages if status_of(link) != 200} == set()


def status_of(url: str) -> int:
    """The status of the answer at an address."""
    with PoolManager() as pool:
        return pool.request("GET", url).status


def test_from_a_bucket(browser: Browser, bucket: TestBucket) -> None:
    """From the keys of a bucket, the page style of S3 included, a person gets from the front page to the full list."""
    settings = bucketwheel.load_settings(options={"repository": str(bucket.place)})
    settings = replace(settings, connection=bucket.connection)
    options = ListOptions(packages_url="../../pool")
    bucketwheel.from_list(lists(), settings, options=options, of_json=True)
    address = bucket.storage().address("")

    for page in PAGES[:3]:
        browser.open(f"{address}{page}")
        assert not browser.complaints()
        assert [url for url in browser.requests() if not url.startswith(address)] == []
    browser.open(f"{address}index.html")
    browser.run("[...document.links].find((a) => a.textContent === 'All projects').click()")
    assert browser.driver.current_url == f"{address}simple/"
    assert "other" in browser.driver.page_source


@pytest.mark.parametrize("page", PAGES)
def test_narrow(browser: Browser, site: Path, page: str) -> None:
    """A screen of 320 pixels needs no scrolling sideways."""
    browser.open(f"{site.as_uri()}/{page}", width=320)

    assert browser.run("return document.documentElement.scrollWidth") <= 320


def test_copy_by_keyboard(browser: Browser, site: Path) -> None:
    """A button copies its command, and its name says so to those who listen; then it is what it was."""
    browser.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    browser.open(f"{site.as_uri()}/project/demo/index.html")
    button = browser.driver.find_elements("css selector", "button[data-copy]")[1]
    command = "uv pip install --default-index https://pypi.example.com/simple/ demo"
    assert (button.text, button.accessible_name) == ("Copy", f"Copy {command}")

    browser.run(
        """const button = arguments[0];
        window.seen = [];
        new MutationObserver(() => window.seen.push([button.textContent, button.ariaLabel]))
            .observe(button, {attributes: true, childList: true});""",
        button,
    )
    button.send_keys(Keys.ENTER)
    copied, seen = browser.driver.execute_async_script(
        "const done = arguments[0]; const look = () => { window.seen.length > 1"
        " ? navigator.clipboard.readText().then((text) => done([text, window.seen])) : setTimeout(look, 50); }; look()"
    )
    assert copied == command
    assert seen == [["Copied", "Copied"], ["Copy", f"Copy {command}"]]


@pytest.mark.parametrize("width", [320, 700, 1200])
def test_install_lines_are_shown_whole(browser: Browser, site: Path, width: int) -> None:
    """A command wraps where it has no room, as that of a bucket with a long address: nothing of it is cut off."""
    address = "https://a-company-with-a-name.s3.eu-central-1.amazonaws.com/python/simple/"
    (site / "project" / "bucket").mkdir(exist_ok=True)
    page = site / "project" / "bucket" / "index.html"
    page.write_bytes(render_project(replace(SITE, index_url=address), viewed("1.0")))
    browser.open(page.as_uri(), width=width)

    assert browser.run(
        """const parts = [...document.querySelectorAll(".bw-command, .bw-command *")];
        return [document.querySelectorAll(".bw-command code").length,
                parts.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.outerHTML)];"""
    ) == [4, []]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_is_seen(browser: Browser, site: Path, scheme: str) -> None:
    """The outline of what has the focus stands out from the coloured part of a page, as WCAG 2.2 wants it: 3 to 1."""
    for page, element in (("index.html", "#bw-query"), ("project/demo/index.html", ".bw-contents a")):
        browser.open(f"{site.as_uri()}/{page}", scheme="dark" if scheme == "dark" else "light")
        browser.driver.find_element("css selector", "body").send_keys(Keys.TAB)
        outline, *grounds = browser.run(
            """const [element, root] = [document.querySelector(arguments[0]), document.documentElement];
            element.focus();
            const named = ["--hero", "--hero2"].map((name) => getComputedStyle(root).getPropertyValue(name).trim());
            return [getComputedStyle(element).outlineColor, ...named];""",
            element,
        )
        assert min(contrast(outline, ground) for ground in grounds) >= 3, (page, outline, grounds)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG has it."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour: `rgb(1, 2, 3)` or `#010203`."""
    numbers = re.findall(r"[0-9]+", colour) if colour.startswith("rgb") else re.findall("[0-9a-f]{2}", colour)
    shares = [int(number, 10 if colour.startswith("rgb") else 16) / 255 for number in numbers[:3]]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("size", "asked", "wide", "narrow"),
    [
        ((256, 256), 0, (40, 40), (40, 40)),
        ((256, 256), 96, (96, 96), (96, 96)),
        ((600, 120), 0, (160, 32), (160, 32)),
        ((600, 120), 300, (300, 60), (280, 56)),
    ],
)
def test_logo(
    browser: Browser,
    tmp_path: Path,
    size: tuple[int, int],
    asked: int,
    wide: tuple[int, int],
    narrow: tuple[int, int],
) -> None:
    """A logo has the width that was asked for where there is room, and its own proportions everywhere."""
    (tmp_path / "logo.png").write_bytes(png(*size))
    options = ListOptions(
        packages_url="x", logo=tmp_path / "logo.png", logo_width=asked, title="Northwind Traders Inc."
    )
    settings = bucketwheel.load_settings(options={"repository": str(tmp_path / "site")})
    bucketwheel.from_list(lists(), settings, options=options, of_json=True)

    for width, expected in ((1200, wide), (320, narrow)):
        browser.open((tmp_path / "site" / "index.html").as_uri(), width=width)
        *shown, whole = browser.run(
            """const {width, height} = document.querySelector(".bw-brand img").getBoundingClientRect();
            return [width, height, document.documentElement.scrollWidth];"""
        )
        assert abs(shown[0] - expected[0]) <= 16, shown  # a scroll bar takes some
        assert abs(shown[0] / shown[1] - size[0] / size[1]) < 0.05, shown
        assert whole <= width


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes((1 + width) * height)),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_no_date_within_a_summary(browser: Browser, site: Path) -> None:
    """Where a name leaves no room beside it, a card's date has a line of its own."""
    names = (ProjectName("x" * length) for length in range(4, 40))
    lines = [Released(name, "1.0", "2026-01-02T03:04:05Z", "some words " * 10) for name in names]
    (site / "long.html").write_bytes(render_front(SITE, 1, lines))
    browser.open((site / "long.html").as_uri(), width=320)

    room = browser.run(
        """return [...document.querySelectorAll(".bw-cards time")]
            .map((date) => date.closest("li").querySelector("p").getBoundingClientRect().top
                           - date.getBoundingClientRect().bottom);"""
    )
    assert len(room) == 36
    assert min(room) >= 0


@pytest.mark.parametrize("page", DESCRIBED)
def test_a_description_stays_in_its_place(browser: Browser, site: Path, page: str) -> None:
    """What comes after a description is where it is without one, and nothing in it has a name of the page."""
    browser.open(f"{site.as_uri()}/{page}")

    assert browser.run(
        """const description = document.querySelector(".bw-description");
        const versions = document.getElementById("bw-versions").closest("section");
        return [document.querySelectorAll(".bw-description").length,
                description.querySelectorAll("[id], [style], script, img, form, section").length,
                description.parentNode.parentNode === versions.parentNode,
                description.parentNode.nextElementSibling.getAttribute("aria-labelledby"),
                document.querySelector("footer").parentNode === document.body];"""
    ) == [1, 0, True, "bw-requires", True]


def test_search_by_keyboard(browser: Browser, site: Path) -> None:
    """The search is reached by the Tab key, loads its data then, and its first hit opens by Enter."""
    browser.open(f"{site.as_uri()}/index.html")
    assert not [url for url in browser.requests() if "search/" in url]
    for _ in range(5):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
    field = browser.driver.switch_to.active_element
    assert field.get_attribute("id") == "bw-query"
    field.send_keys("Oth")
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; const look = () => { const hit = document.querySelector('#bw-hits a');"
        " hit ? done(hit.textContent) : setTimeout(look, 20); }; look()"
    )
    assert found == "other 1.0"
    assert not browser.barriers()
    field.send_keys(Keys.TAB)
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.driver.current_url.endswith("/project/other/index.html")
    assert not browser.complaints()


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Foo_Bar", ["foo-bar"]),
        ("foo..bar", ["foo-bar"]),
        ("Node.js", ["node"]),
        ("is_even python-3.14", ["node"]),
        ("a summary", ["foo-bar", "node"]),
        ("nothing of it", []),
    ],
)
def test_search_finds_words_as_they_are_written(browser: Browser, site: Path, text: str, hits: list[str]) -> None:
    """Dots, hyphens and underscores are alike, in names and in summaries."""
    data = site / "search" / "projects.js"
    before = data.read_bytes()
    summaries = {"foo-bar": "a summary", "node": "a summary: is_even of Node.js for Python-3.14"}
    data.write_bytes(render_search((ProjectName(name), "1.0", summary) for name, summary in summaries.items()))
    browser.open(f"{site.as_uri()}/index.html")
    browser.driver.find_element("id", "bw-query").send_keys(text)
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; const look = () => { document.getElementById('bw-found').textContent"
        " ? done([...document.querySelectorAll('#bw-hits strong')].map((hit) => hit.textContent))"
        " : setTimeout(look, 20); }; look()"
    )
    data.write_bytes(before)

    assert found == hits


def test_search_in_many_projects(browser: Browser, site: Path) -> None:
    """Among 20,000 projects 50 hits are shown; a keystroke takes 50 ms at most, which the thorough run demands."""
    projects = ((ProjectName(f"project-{number}"), "1.0", "a summary of some words") for number in range(20_000))
    data = site / "search" / "projects.js"
    before = data.read_bytes()
    data.write_bytes(render_search(projects))
    browser.open(f"{site.as_uri()}/index.html")
    milliseconds, hits = browser.driver.execute_async_script(
        """const done = arguments[0], field = document.getElementById("bw-query");
        field.focus();
        const look = () => {
          if (!window.bucketwheelProjects) { setTimeout(look, 20); return; }
          const times = ["p", "pr", "pro", "proj", "project-1", "summary", "words 19"].map((text) => {
            field.value = text;
            const begun = performance.now();
            field.dispatchEvent(new Event("input"));
            return performance.now() - begun;
          });
          done([times.sort((a, b) => a - b)[3], document.querySelectorAll("#bw-hits li").length]);
        };
        look();"""
    )
    data.write_bytes(before)

    assert hits == 50
    assert milliseconds <= (50 if MEASURED else 1000)


@pytest.mark.skipif(not MEASURED, reason="measures time: with --thorough only")
def test_load_of_a_large_project(browser: Browser, site: Path) -> None:
    """The page of 2,000 versions is loaded in three times the time of the page of one at most."""
    for name, versions in (("many", 2000), ("one", 1)):
        (site / "project" / name).mkdir()
        (site / "project" / name / "index.html").write_bytes(render_project(SITE, many_wheels(versions, 10)))
    times: dict[str, list[float]] = {"many": [], "one": []}
    for _ in range(11):
        for name, taken in times.items():
            browser.open(f"{site.as_uri()}/project/{name}/index.html")
            taken.append(browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
    many, one = (statistics.median(taken) for taken in times.values())

    assert 0 < many <= 3 * one


def test_readable_without_javascript(browser: Browser, site: Path) -> None:
    """Without JavaScript the page says all but the search, and shows no button that does nothing."""
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(f"{site.as_uri()}/project/demo/index.html")
        text = browser.driver.find_element("tag name", "main").text
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert "pip install --index-url https://pypi.example.com/simple/ demo" in text
    assert "Copy" not in text
