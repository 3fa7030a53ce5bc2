"""Pages and roots, held against what they must show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from bucketwheel.commands.check.findings import Finding
from bucketwheel.errors import Damaged
from bucketwheel.format.layout import Layout
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_project_html, render_root_html
from bucketwheel.format.pages.json import read_root_json, render_project_json, render_root_json
from bucketwheel.format.pages.mark import RENDERER, read_page_mark
from bucketwheel.names import ProjectName, printable
from bucketwheel.storage import Key, ObjectHeaders, ServedHeaders

__all__ = ["check_page", "check_page_headers", "check_root", "expected_pages", "listed_by"]

_REBUILD = "run `bucketwheel reindex`"


def expected_pages(manifest: Manifest, layout: Layout, base_url: str | None) -> Mapping[Key, bytes]:
    """All pages of a project, with the bytes they must have."""
    html = render_project_html(manifest, layout, base_url=base_url)
    json = render_project_json(manifest, layout, base_url=base_url)
    return dict.fromkeys(layout.html_keys(manifest.project), html) | {layout.json_key(manifest.project): json}


def check_page(key: Key, body: bytes | None, expected: bytes, manifest: Manifest) -> Finding | None:
    """Say what is wrong with a page of a project."""
    remedy = f"run `bucketwheel reindex {manifest.project}`"
    if body is None:
        return _finding("page-missing", key, "is not there", remedy)
    if body == expected:
        return None
    mark, revision = read_page_mark(body), manifest.revision
    if mark is None:
        return _finding("page-edited", key, "was written by something else than bucketwheel", remedy)
    if mark.revision > revision:
        what = f"shows revision {mark.revision}, and the manifest is only at {revision}: an older one was put back"
        remedy = f"put back the newest manifest of {manifest.project} (earlier versions of the object, or a backup)"
        return _finding("page-ahead", key, what, remedy)
    if mark.revision < revision:
        what = f"shows revision {mark.revision} of {revision}: its publisher is still at work, or was stopped"
        return _finding("page-behind", key, what, remedy)
    if mark.renderer > RENDERER:
        return None  # by a newer bucketwheel, which knows better
    if mark.renderer < RENDERER:
        return _finding("page-behind", key, "was written by an older bucketwheel", remedy)
    return _finding("page-edited", key, "was edited: it does not show what the manifest says", remedy)


def check_page_headers(key: Key, kind: ObjectHeaders, headers: ServedHeaders) -> Finding | None:
    """Say whether a page is served in another way than it should."""
    if headers.is_of(kind) and not headers.content_encoding:
        return None
    wrong = headers.other_than(kind) or f"Content-Encoding {printable(headers.content_encoding)}"
    remedy = f"remove the page and {_REBUILD}, which writes it anew"
    return _finding("headers-wrong", key, f"is served with {wrong}", remedy)


def listed_by(root: bytes | None) -> frozenset[ProjectName]:
    """The projects that a JSON root lists; none where it cannot be read, which is a finding of its own."""
    try:
        return frozenset() if root is None else frozenset(read_root_json(root))
    except Damaged:
        return frozenset()


def check_root(
    layout: Layout, bodies: Mapping[Key, bytes | None], projects: Collection[ProjectName], *, all_of_them: bool
) -> Iterator[Finding]:
    """Say what is wrong with the roots, by key, where these projects have manifests; perhaps not all that there are."""
    json_key = layout.root_json_key
    listed = listed_by(bodies[json_key])
    expected = {json_key: render_root_json(listed)} | dict.fromkeys(layout.root_html_keys, render_root_html(listed))
    for key, page in expected.items():
        body = bodies[key]
        if body is None:
            yield _finding("root-missing", key, "is not there", _REBUILD)
        elif body != page and not _newer(body, len(listed)):
            what = "does not list what the JSON root lists" if key != json_key else "is not as bucketwheel writes it"
            yield _finding("root-edited", key, what, _REBUILD)
    if bodies[json_key] is not None:
        yield from _membership(json_key, listed, projects, all_of_them=all_of_them)


def _newer(body: bytes, projects: int) -> bool:
    """Whether a root shows more projects than the JSON root did a moment before, or is by a newer bucketwheel."""
    mark = read_page_mark(body)
    return mark is not None and (mark.revision > projects or (mark.revision == projects and mark.renderer > RENDERER))


def _membership(
    key: Key, listed: Collection[ProjectName], projects: Collection[ProjectName], *, all_of_them: bool
) -> Iterator[Finding]:
    for project in sorted(set(projects) - set(listed)):
        yield _finding("root-incomplete", key, f"does not list {project}", f"run `bucketwheel reindex {project}`")
    for project in sorted(set(listed) - set(projects)) if all_of_them else ():
        remedy = f"put back the manifest of {project} from a backup, or publish it again"
        yield _finding("root-dangling", key, f"lists {project}, which has no manifest", remedy)


def _finding(code: str, key: Key, what: str, remedy: str) -> Finding:
    return Finding(code=code, subject=printable(key), what=what, remedy=remedy)
