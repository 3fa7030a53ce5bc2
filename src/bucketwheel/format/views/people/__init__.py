"""Pages for people: a front page with search, a page a project, a changelog; no page of another host is asked.

All that a page shows may be hostile. Templates escape; only http, https and mailto are linked; control and
bidirectional characters are shown as escapes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, takewhile
from pkgutil import get_data
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from bucketwheel.format.views.feeds import Released
from bucketwheel.format.views.projects import (
    FOLDERS,
    CoreFacts,
    ReleaseView,
    ViewedFile,
    ViewedProject,
    from_folder,
    newest,
)
from bucketwheel.format.views.safe_html import RenderedDescription, linkable
from bucketwheel.names import ProjectName, printable, sha256_of

__all__ = [
    "PEOPLE_RENDERER",
    "Site",
    "assets",
    "people_renderer",
    "render_changelog",
    "render_front",
    "render_project",
    "render_search",
]

PEOPLE_RENDERER = 6
"""Even: descriptions are escaped text. Increase it by two whenever the bytes of these pages change."""

_NEWEST_ON_FRONT, _NEWEST_IN_CHANGELOG = 50, 200
_MOST_VERSIONS, _MOST_FILES, _MOST_CELLS = 500, 500, 2000
_LONGEST, _LONGEST_DESCRIPTION = 64 * 1024, 256 * 1024
_SHORT = 60
_SHARE = 100
"""Bytes of a project in the data of the search."""
_YANKED = ' <span class="bw-badge">yanked</span>'
_FIRST_LINKS = ("change", "release note", "news", "doc", "source", "repositor", "github", "gitlab", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all pages share."""

    title: str
    index_url: str | None = None
    """The URL of the simple index as clients need it; None: a place holder is shown."""
    logo: str | None = None
    """A path in the repository, or an http(s) URL."""
    logo_width: int = 0
    feeds: bool = False
    simple: str = "simple/"
    """The simple index, from the root."""
    page: str = "index.html"
    """What a link to one of its pages ends in; empty where the page style has keys that end in a slash."""

    @property
    def logo_origin(self) -> str:
        """The only other host that a page asks, as a source of its policy; empty for our own logo."""
        parts = urlsplit(self.logo or "")
        return f" {parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""

    @property
    def style(self) -> str:
        """The path of the style sheet."""
        return _asset_path("style.css")

    @property
    def icon(self) -> str:
        """The path of the icon; without one browsers ask for one of the whole host."""
        return _asset_path("icon.svg")

    @property
    def script(self) -> str:
        """The path of the script."""
        return _asset_path("script.js")


def assets() -> dict[str, bytes]:
    """Return style, script and icon by path; the digest in it changes with them, so they are only ever added."""
    return {_asset_path(name): _source(name) for name in ("style.css", "script.js", "icon.svg")}


def render_front(site: Site, count: int, lines: Sequence[Released]) -> bytes:
    """Write the front page; `lines` are the newest releases, the newest first."""
    return _page("front.html", site, "", count=count, lines=_lines(lines[:_NEWEST_ON_FRONT]))


def render_changelog(site: Site, lines: Sequence[Released]) -> bytes:
    """Write the page of the newest releases of all projects."""
    return _page("changelog.html", site, "../", lines=_lines(lines[:_NEWEST_IN_CHANGELOG]))


def render_search(projects: Iterable[tuple[ProjectName, str, str]]) -> bytes:
    """Write what the search looks through: name, newest version and summary of each project, as a classic script."""
    rows = ",".join(_searched(name, _plain(version), _plain(summary)) for name, version, summary in sorted(projects))
    return f"window.bucketwheelProjects=[{rows}];\n".encode("utf-8", "replace")


def _searched(name: str, version: str, summary: str) -> str:
    """Cut a summary so that a project takes no more than its share of what everybody loads who searches."""
    shown = _shortened(summary)
    while True:
        row = json.dumps([name, version, shown], ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        excess = len(row.encode("utf-8", "replace")) + len(",") - _SHARE
        if not shown or excess <= 0:
            return row
        kept = shown[: -1 - max(1, excess // 4)]  # of at most four bytes each
        shown = f"{kept}…" if kept else ""


def people_renderer(description: RenderedDescription | None) -> int:
    """Return the renderer number of a project's page: even if another run may render what is escaped text here."""
    return PEOPLE_RENDERER + (description is not None)


def render_project(site: Site, viewed: ViewedProject, description: RenderedDescription | None = None) -> bytes:
    """Write a project's page; its links are relative to `project/<project>/`.

    `description` is what the description was rendered to; without HTML the page shows it as text.
    """
    shown = newest(viewed.releases)
    releases = tuple(reversed(viewed.releases))
    files = () if shown is None else shown.files
    facts = viewed.facts
    links, requires = list(_links(facts)), [_plain(each) for each in facts.requires_dist or ()]
    some_links = links[: _fitting(f"{link['label']}{link['url']}" for link in links)]
    some_requires = requires[: _fitting(requires)]
    return _page(
        "project.html",
        site,
        "../../",
        project=viewed.project,
        version="" if shown is None else _plain(shown.version),
        summary=_plain(facts.summary),
        date="" if shown is None else _date(shown.released),
        requires_python="" if shown is None else _plain(shown.requires_python),
        licence=_licence(facts),
        status="" if viewed.status.status == "active" else viewed.status.status,
        status_reason=_plain(viewed.status.reason),
        yanked=shown is not None and shown.is_yanked,
        yanked_reason="" if shown is None else _plain(shown.yanked_reason),
        install=[] if shown is None else _install_lines(site, viewed.project, shown),
        links=some_links,
        more_links=len(links) - len(some_links),
        description=_plain_lines(facts.description),
        description_html=None if description is None or description.html is None else Markup(description.html),  # noqa: S704 - of safe_html
        requires=some_requires,
        more_requires=len(requires) - len(some_requires),
        matrix=_matrix(files),
        files=[_file(viewed.project, file) for file in files[:_MOST_FILES]],
        more_files=max(0, len(files) - _MOST_FILES),
        count=len(releases),
        versions=_rows(releases[:_MOST_VERSIONS]),
        more_versions=max(0, len(releases) - _MOST_VERSIONS),
    )


def _page(template: str, site: Site, up: str, **shown: object) -> bytes:
    return _templates().get_template(template).render(site=site, up=up, **shown).encode("utf-8", "replace")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: _source(name).decode()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )


@cache
def _source(name: str) -> bytes:
    source = get_data(__name__, name)
    if source is None:
        raise FileNotFoundError(name)
    return source.replace(b"\r\n", b"\n")


@cache
def _asset_path(name: str) -> str:
    return f"assets/{sha256_of(_source(name))[:16]}.{name.rpartition('.')[2]}"


def _lines(lines: Sequence[Released]) -> list[dict[str, str]]:
    return [
        {
            "project": line.project,
            "version": _plain(line.version),
            "date": _date(line.released),
            "summary": _shortened(_plain(line.summary), 140),
        }
        for line in lines
    ]


def _plain(text: str | None) -> str:
    """Return one line of text for a page: cut if it is huge, with what could mislead shown as escapes."""
    return printable((text or "")[:_LONGEST])


def _plain_lines(text: str | None) -> str:
    return "\n".join(map(printable, (text or "")[:_LONGEST_DESCRIPTION].expandtabs().splitlines()))


def _fitting(texts: Iterable[str]) -> int:
    """Return how many texts, from the first, a page has room for: all together may be as long as one field."""
    ends = accumulate(map(len, texts))
    return sum(1 for _ in takewhile(lambda end: end <= _LONGEST, ends))


def _shortened(text: str, most: int = _SHORT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _date(upload_time: str | None) -> str:
    return (upload_time or "")[:10]


def _licence(facts: CoreFacts) -> str:
    """Return the name of a licence: many a `License` holds the whole text of one, and then the classifiers name it."""
    stated = (facts.license_expression or facts.license or "").strip()
    if not stated or len(stated) > _SHORT or len(stated.splitlines()) > 1:
        named = [each.rpartition(" :: ")[2] for each in facts.classifiers if each.startswith("License :: ")]
        stated = ", ".join(named) or " ".join(stated.split())
    return _shortened(_plain(stated))


def _install_lines(site: Site, project: ProjectName, shown: ReleaseView) -> list[dict[str, str]]:
    index = shlex.quote(site.index_url) if site.index_url else "https://…/simple/"
    # Installers take a version that was yanked only where just that one is asked for.
    wanted = shlex.quote(f"{project}=={shown.version}") if shown.is_yanked else project
    return [
        {"tool": "pip", "command": f"pip install --index-url {index} {_trust(site.index_url or '')}{wanted}"},
        {"tool": "uv", "command": f"uv pip install --default-index {index} {wanted}"},
        {"tool": "poetry", "command": f"poetry source add --priority=explicit private {index}"},
        {"tool": "poetry", "command": f"poetry add --source private {wanted}"},
    ]


def _trust(index: str) -> str:
    """Return what pip must be told to ask another machine without TLS: else it ignores the index."""
    parts = urlsplit(index)
    host = parts.hostname or ""
    is_here = host in {"localhost", "::1"} or host.startswith("127.")
    return "" if parts.scheme != "http" or is_here else f"--trusted-host {host} "


def _links(facts: CoreFacts) -> Iterator[dict[str, str | None]]:
    """Return a project's links, changelog, documentation and source first; those of other schemes as text."""
    urls = dict(facts.project_urls)
    for label, url in (("Homepage", facts.home_page), ("Download", facts.download_url)):
        if url and url not in urls.values():
            urls.setdefault(label, url)
    for label, url in sorted(urls.items(), key=_link_order):
        address = linkable(url)
        yield {"label": _plain(label) if address else f"{_plain(label)}: {_plain(url)}", "url": address}


def _link_order(link: tuple[str, str]) -> tuple[int, str]:
    label = link[0].lower()
    known = (rank for rank, word in enumerate(_FIRST_LINKS) if word in label)
    return next(known, len(_FIRST_LINKS)), label


def _file(project: ProjectName, file: ViewedFile) -> dict[str, Any]:
    facts = [
        None if file.size is None else _size(file.size),
        _date(file.upload_time),
        f"Python {_plain(file.requires_python)}" if file.requires_python else None,
        f"by {_plain(file.by)}" if file.by else None,
        f"yanked: {_plain(file.yanked)}" if file.yanked else None,
    ]
    return {
        "filename": file.filename,
        "url": from_folder(file.url, project, FOLDERS),
        "yanked": file.yanked is not None,
        "facts": [fact for fact in facts if fact],
        "digests": [f"{name}: {digest}" for name, digest in file.hashes.items()],
    }


def _rows(releases: Iterable[ReleaseView]) -> Markup:
    # Here and not in the template: an index has a row for each of a hundred thousand versions.
    rows = [
        f"<tr><td>{_cell(release.version)}{_YANKED if release.is_yanked else ''}</td>"
        f"<td>{_cell(_date(release.released))}</td><td>{len(release.files)}</td></tr>\n"
        for release in releases
    ]
    return Markup("".join(rows))  # noqa: S704 - escaped above


@lru_cache(maxsize=1 << 14)
def _cell(text: str) -> str:
    return escape(_plain(text))


def _size(size: int) -> str:
    for unit, bytes_of in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_of:
            return f"{size / bytes_of:.1f} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"


def _matrix(files: Sequence[ViewedFile]) -> Mapping[str, object]:
    """Return for which Python on which platform there are wheels."""
    cells: set[tuple[str, str]] = set()
    for file in files:
        if not file.is_wheel:
            continue
        *_, python, abi, platform = file.filename.removesuffix(".whl").split("-")
        cells.update((_python(python, abi), _platform(each)) for each in platform.split("."))
    pythons = sorted({python for python, _ in cells}, key=_python_order)
    platforms = sorted({platform for _, platform in cells}, key=_platform_order)
    if len(pythons) * len(platforms) > _MOST_CELLS:
        return {"platforms": [], "rows": []}  # no one reads that, and it grows by the square of the files
    rows = [{"python": python, "cells": [(python, platform) in cells for platform in platforms]} for python in pythons]
    return {"platforms": platforms, "rows": rows}


def _python(python: str, abi: str) -> str:
    """Name what a wheel is for: a Python without the global lock (cp314t) takes none of one with it."""
    if abi.startswith("abi3"):
        return f"{python} ({abi})"
    return abi if abi.startswith(python) else python


def _python_order(name: str) -> tuple[str, int, int, str]:
    tag = re.match("([a-z]+)([0-9])([0-9]*)", name)
    return ("", 0, 0, name) if tag is None else (tag[1], int(tag[2]), int(tag[3] or 0), name)


def _platform_order(name: str) -> tuple[int, bool, str]:
    known = (rank for rank, family in enumerate(_FIRST_PLATFORMS) if name.startswith(family))
    return next(known, len(_FIRST_PLATFORMS)), "(musl)" in name, name


_FIRST_PLATFORMS = ("any", "Linux", "macOS", "Windows")
_FAMILIES = (
    ("win", "Windows"),
    ("macosx", "macOS"),
    ("manylinux", "Linux"),
    ("linux", "Linux"),
    ("musllinux", "Linux (musl)"),
    ("android", "Android"),
    ("ios", "iOS"),
    ("pyemscripten", "Pyodide"),
    ("pyodide", "Pyodide"),
)
_MACHINES = (
    "x86_64",
    "aarch64",
    "arm64",
    "amd64",
    "armv7l",
    "ppc64le",
    "s390x",
    "riscv64",
    "i686",
    "universal2",
    "wasm32",
)


def _platform(tag: str) -> str:
    if tag == "any":
        return "any"
    family = next((name for beginning, name in _FAMILIES if tag.startswith(beginning)), None)
    machine = next((machine for machine in _MACHINES if machine in tag), "32 bit" if tag == "win32" else "")
    return f"{family} {machine}".strip() if family else _plain(tag)
