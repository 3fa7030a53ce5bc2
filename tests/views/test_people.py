"""Pages for people are valid, ask no other host, escape everything, and show what an installer would choose."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from typing import Any

import html5lib
import pytest

from bucketwheel.format.manifest import Status
from bucketwheel.format.views.feeds import Released, released
from bucketwheel.format.views.people import (
    PEOPLE_RENDERER,
    Site,
    assets,
    people_renderer,
    render_changelog,
    render_front,
    render_project,
    render_search,
)
from bucketwheel.format.views.projects import CoreFacts, ViewedProject, by_version
from bucketwheel.format.views.safe_html import RenderedDescription
from bucketwheel.names import ProjectName
from support.viewed import HOSTILE, many_wheels, viewed, viewed_file

SITE = Site(title="Northwind & <Sons>", index_url="https://pypi.example.com/simple/", feeds=True)
EVERYTHING = CoreFacts(
    summary=HOSTILE,
    description=HOSTILE,
    license=HOSTILE,
    project_urls={
        HOSTILE: "https://example.com/?a=1&b=2",
        "Evil": "javascript:alert(1)",
        "Data": "data:text/html,x",
        "Bidi": "https://example.com/\u202e",
        "Changelog": "https://example.com/changes",
        "GitHub": "https://github.com/x/y",
    },
    requires_dist=(HOSTILE,),
)


def parsed(page: bytes) -> Any:  # noqa: ANN401 - an element tree
    """The page, read by a parser that forgives nothing."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.decode())


def pages() -> dict[str, bytes]:
    """Every kind of page, of hostile metadata."""
    project = replace(
        viewed("1.0", "2.0", facts=EVERYTHING, yanked=("2.0",)), status=Status(status="archived", reason=HOSTILE)
    )
    lines = [*released(project), Released(project=ProjectName("demo"), version=HOSTILE, released="", summary=HOSTILE)]
    return {
        "front": render_front(SITE, 2, lines),
        "changelog": render_changelog(SITE, lines),
        "project": render_project(SITE, project),
        "empty": render_project(SITE, viewed()),
    }


@pytest.mark.parametrize("name", ["front", "changelog", "project", "empty"])
def test_valid_and_alone(name: str) -> None:
    """Each page is valid HTML, runs nothing but its own script, and asks no other host for anything."""
    page = pages()[name]
    tree = parsed(page)

    policy = tree.find("head/meta[@http-equiv='Content-Security-Policy']").get("content")
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
    )
    asked = [each.get("src") or each.get("href") for each in [*tree.iter("script"), *tree.iter("link")]]
    assert asked
    assert not [url for url in asked if "//" in url]
    assert all(each.get("src") and not each.text for each in tree.iter("script"))
    assert not list(tree.iter("img"))
    assert not [each for each in tree.iter() if any(key.startswith("on") or key == "style" for key in each.attrib)]
    assert "\u202e" not in page.decode()
    assert "\x07" not in page.decode()


def test_only_harmless_links() -> None:
    """http, https and mailto are linked, changelog first; other addresses are shown as text."""
    tree = parsed(pages()["project"])
    links = tree.findall(".//ul[@class='bw-links']/li")

    assert [each.find("a").get("href") for each in links[:2]] == [
        "https://example.com/changes",
        "https://github.com/x/y",
    ]
    texts = ["".join(each.itertext()) for each in links if each.find("a") is None]
    assert sorted(texts) == ["Bidi: https://example.com/\\u202e", "Data: data:text/html,x", "Evil: javascript:alert(1)"]


def test_what_a_project_page_says() -> None:
    """The page shows the version that an installer takes, how to install it, and its files; status and yank too."""
    page = pages()["project"].decode()

    assert '<span class="bw-version">1.0</span>' in page
    assert "This project is archived." in page
    assert "pip install --index-url https://pypi.example.com/simple/ demo" in page
    assert "extra-index" not in page
    assert f"sha256: {'ab' * 32}" in page
    assert "This version was yanked." not in page
    assert "This version was yanked." in render_project(SITE, viewed("1.0", yanked=("1.0",))).decode()


def install_lines(project: ViewedProject, index_url: str = "https://pypi.example.com/simple/") -> list[str]:
    """The commands of a project's page."""
    page = render_project(replace(SITE, index_url=index_url), project)
    return ["".join(each.itertext()) for each in parsed(page).findall(".//div[@class='bw-command']//code")]


def test_a_yanked_version_is_asked_for_by_name() -> None:
    """Where nothing else is left the commands name the yanked version: without it installers find nothing."""
    pip, uv, source, poetry = install_lines(viewed("1.0", yanked=("1.0",)))

    assert pip == "pip install --index-url https://pypi.example.com/simple/ demo==1.0"
    assert uv == "uv pip install --default-index https://pypi.example.com/simple/ demo==1.0"
    assert source == "poetry source add --priority=explicit private https://pypi.example.com/simple/"
    assert poetry == "poetry add --source private demo==1.0"
    # An interactive shell takes what follows an exclamation mark for a command of its history.
    assert install_lines(viewed("1!2.0", yanked=("1!2.0",)))[3] == "poetry add --source private 'demo==1!2.0'"
    assert install_lines(viewed()) == []


@pytest.mark.parametrize(
    ("index", "trusted"),
    [
        ("http://pypi.internal:8080/simple/", "--trusted-host pypi.internal "),
        ("http://localhost:8080/simple/", ""),
        ("http://127.0.0.1/simple/", ""),
        ("http://[::1]:80/simple/", ""),
        ("https://pypi.internal/a&b/(c)/simple/", ""),
        ("https://pypi.internal/simple/", ""),
        ("file:///srv/index/simple/", ""),
    ],
)
def test_pip_over_http(index: str, trusted: str) -> None:
    """Pip ignores an index elsewhere without TLS unless it is told to take it; shells leave the URL alone."""
    command = install_lines(viewed("1.0"), index)[0]

    assert shlex.split(command) == ["pip", "install", "--index-url", index, *trusted.split(), "demo"]
    assert ("'" in command) == bool({*"[&("} & {*index})


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        (CoreFacts(license_expression="MIT", license="the text of one\n"), "MIT"),
        (CoreFacts(license="BSD-3-Clause"), "BSD-3-Clause"),
        (
            CoreFacts(license="Copyright us\n  All rights", classifiers=("License :: OSI Approved :: BSD License",)),
            "BSD License",
        ),
        (
            CoreFacts(license="word " * 20, classifiers=("License :: Free For Home Use", "License :: X")),
            "Free For Home Use, X",
        ),
        (CoreFacts(classifiers=("Typing :: Typed", "License :: OSI Approved :: MIT License")), "MIT License"),
        (CoreFacts(license="Copyright us\n  All rights"), "Copyright us All rights"),
        (CoreFacts(), None),
    ],
)
def test_licence(facts: CoreFacts, shown: str | None) -> None:
    """The licence has a name on one line, also where the metadata hold the whole text of it."""
    found = re.search(
        "<dt>Licence</dt><dd>(.*?)</dd>", render_project(SITE, viewed("1.0", facts=facts)).decode(), re.DOTALL
    )

    assert (found and found[1]) == shown


@pytest.mark.parametrize("name", ["project", "empty"])
def test_contents(name: str) -> None:
    """Below the facts are links to each section that the page has, in their order: a description may be long."""
    tree = parsed(pages()[name])

    headings = [(f"#{each.get('id')}", each.text) for each in tree.findall("body/main//section/h2")]
    links = [(each.get("href"), each.text) for each in tree.findall(".//nav[@class='bw-contents']/a")]
    assert [href for href, _ in links] == [href for href, _ in headings]
    assert all(heading.startswith(text) for (_, text), (_, heading) in zip(links, headings, strict=True))
    assert len(links) == (7 if name == "project" else 0)


def test_a_project_without_versions_says_so() -> None:
    """Where all was hidden or deleted, or the project is quarantined, the page is not just empty."""
    sentence = "No version of this project is available here."

    assert sentence in pages()["empty"].decode()
    assert sentence not in pages()["project"].decode()


def test_how_many_releases() -> None:
    """The changelog counts in words that fit one release, and none."""
    line = Released(project=ProjectName("demo"), version="1.0", released="")
    texts = [
        parsed(render_changelog(SITE, [line] * count)).findtext(".//main/section/p").partition(",")[0]
        for count in (0, 1, 2)
    ]

    assert texts == ["Nothing was released yet", "The newest release", "The newest 2 releases"]


def test_wheels_as_a_table() -> None:
    """Wheels are shown as Python by platform, the same platform under one name."""
    names = (
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "demo-1.0-cp39-abi3-win_amd64.whl",
        "demo-1.0.tar.gz",
    )
    project = ViewedProject(
        project=ProjectName("demo"), releases=by_version(("1.0", viewed_file(name)) for name in names)
    )
    table = parsed(render_project(SITE, project)).find(".//table[@class='bw-matrix']")

    assert [each.text for each in table.findall("thead/tr/th")] == ["Python", "Linux x86_64", "Windows amd64"]
    assert [each.text for each in table.findall("tbody/tr/th")] == ["cp39 (abi3)", "cp312"]


def test_order_of_the_table() -> None:
    """Pythons are in order of their versions, those without the global lock by themselves; usual platforms first."""
    tags = (
        *("cp310-cp310-musllinux_1_2_x86_64", "cp39-cp39-manylinux_2_28_x86_64", "cp314-cp314t-win_amd64"),
        *("cp314-cp314-macosx_11_0_arm64", "pp310-pypy310_pp73-win_amd64", "cp38-abi3-android_24_arm64_v8a"),
        *("py2.py3-none-any", "cp27-cp27mu-linux_armv7l"),
    )
    files = (("1.0", viewed_file(f"demo-1.0-{tag}.whl")) for tag in tags)
    project = ViewedProject(project=ProjectName("demo"), releases=by_version(files))
    table = parsed(render_project(SITE, project)).find(".//table[@class='bw-matrix']")

    assert [each.text for each in table.findall("thead/tr/th")][1:] == [
        *(
            "any",
            "Linux armv7l",
            "Linux x86_64",
            "Linux (musl) x86_64",
            "macOS arm64",
            "Windows amd64",
            "Android arm64",
        ),
    ]
    assert [each.text for each in table.findall("tbody/tr/th")] == [
        *("cp27mu", "cp38 (abi3)", "cp39", "cp310", "cp314", "cp314t", "pp310", "py2.py3"),
    ]


def test_sizes() -> None:
    """A front page of long summaries, a search of many projects and a page of 2,000 versions stay small."""
    line = Released(project=ProjectName("demo"), version="1.0", released="2026-01-01T00:00:00Z", summary="word " * 100)
    texts = ("word " * 100, "風力発電所" * 20, '"\\<' * 50, "👩" * 80)
    many = [(ProjectName("p" * (number % 70) + str(number)), "1.0", texts[number % 4]) for number in range(1000)]
    versions = viewed(*(f"1.{number}" for number in range(2000)))

    assert len(render_front(SITE, 1000, [line] * 200)) <= 60 * 1024
    assert len(render_search(many)) <= 100 * 1000
    assert max(map(len, re.findall(rb"\[[^\[\]]*\],", render_search(many)))) <= 100
    assert len(render_project(SITE, versions)) <= 500 * 1024


@pytest.mark.parametrize(("versions", "wheels"), [(2000, 10), (1, 20_000)])
def test_size_of_a_large_project(versions: int, wheels: int) -> None:
    """However 20,000 files are spread over versions, the page says how many there are, and shows what fits."""
    page = render_project(SITE, many_wheels(versions, wheels)).decode()

    assert len(page.encode()) <= 500 * 1024
    assert f"<dt>Versions</dt><dd>{versions}</dd>" in page
    assert f"And {1500 if wheels == 10 else 19_500} " in page


def test_search_is_a_script_of_data() -> None:
    """What the search reads is one assignment, which no text can end."""
    script = render_search([(ProjectName("demo"), "1.0", HOSTILE)]).decode()

    assert "<" not in script
    match = re.fullmatch(r"window\.bucketwheelProjects=(.*);\n", script)
    assert match is not None
    assert json.loads(match[1])[0][:2] == ["demo", "1.0"]


def test_huge_texts_are_cut() -> None:
    """A field of megabytes does not make a page of megabytes."""
    facts = CoreFacts(summary="x" * 10**6, description="y" * 10**6, requires_dist=("z" * 10**6,))

    assert len(render_project(SITE, viewed("1.0", facts=facts))) < 450 * 1024


def test_many_facts_are_cut() -> None:
    """However many links and dependencies metadata have, a page shows some and says how many more there are."""
    urls = {f"link {number}": f"https://example.com/{number}" for number in range(10_000)}
    facts = CoreFacts(project_urls=urls, requires_dist=tuple(f"package-{number}>=1" for number in range(10_000)))
    page = render_project(SITE, viewed("1.0", facts=facts)).decode()

    assert len(page) < 700 * 1024
    shown = page.count("<li><code>"), page.count('<li><a href="https://example.com/')
    assert min(shown) > 1000
    assert re.findall(r"And ([0-9]+) more\.", page) == [str(10_000 - shown[1]), str(10_000 - shown[0])]


def test_tags_of_no_one() -> None:
    """A version of wheels for a thousand Pythons on a thousand platforms has no table of a million cells."""
    names = (f"demo-1.0-cp{number}-cp{number}-plat_{number}.whl" for number in range(1000))
    project = ViewedProject(
        project=ProjectName("demo"), releases=by_version(("1.0", viewed_file(name)) for name in names)
    )
    page = render_project(SITE, project).decode()

    assert len(page) < 500 * 1024
    assert "bw-matrix" not in page
    assert "And 500 more" in page


def test_descriptions() -> None:
    """A rendered description is shown as HTML, another as text; the renderer number says which may be improved."""
    project = viewed("1.0", facts=CoreFacts(description="*a* <b>\n"))
    rendered, as_text = RenderedDescription("<p><em>a</em></p>"), RenderedDescription(None)

    assert '<div class="bw-description"><p><em>a</em></p></div>' in render_project(SITE, project, rendered).decode()
    assert "<pre>*a* &lt;b&gt;</pre>" in render_project(SITE, project).decode()
    assert render_project(SITE, project, as_text) == render_project(SITE, project)
    assert "bw-description" not in render_project(SITE, viewed("1.0"), as_text).decode()
    assert PEOPLE_RENDERER % 2 == 0
    assert people_renderer(None) == PEOPLE_RENDERER
    assert people_renderer(rendered) == people_renderer(as_text) == PEOPLE_RENDERER + 1


def test_a_logo_elsewhere_is_the_only_other_host() -> None:
    """A logo's address is allowed by the policy, with no path; our own is under `self`."""
    page = render_front(replace(SITE, logo="https://cdn.example.com/a/logo.png", logo_width=40), 0, []).decode()

    assert "img-src 'self' https://cdn.example.com;" in page
    assert '<img src="https://cdn.example.com/a/logo.png" alt="" width="40">' in page
    assert "img-src 'self';" in render_changelog(replace(SITE, logo="assets/x.png"), []).decode()
    assert '<img src="../assets/x.png"' in render_changelog(replace(SITE, logo="assets/x.png"), []).decode()


def test_assets_are_named_by_their_bytes() -> None:
    """Pages refer to the style, the script and the icon that exist."""
    assert set(assets()) == {SITE.style, SITE.script, SITE.icon}
