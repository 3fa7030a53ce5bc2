"""Pages of projects and of the root, compared with what they must show."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import unquote

from bucketwheel.commands.check.findings import Finding, finding
from bucketwheel.commands.check.references import encoding_of
from bucketwheel.errors import Damaged
from bucketwheel.format.layout import Layout, PageMark, people_key
from bucketwheel.format.manifest import Manifest
from bucketwheel.format.pages.html import render_root_html
from bucketwheel.format.pages.json import read_root_json, render_root_json
from bucketwheel.format.pages.mark import RENDERER, read_page_mark
from bucketwheel.names import ProjectName
from bucketwheel.protocol.commit import VersionedManifest
from bucketwheel.protocol.pages import PageVersion
from bucketwheel.storage import Key, ObjectHeaders, ServedHeaders

__all__ = [
    "check_names",
    "check_page",
    "check_page_headers",
    "check_rendered",
    "check_root",
    "check_view",
    "expected_root",
    "listed_by",
]

# As the views link to them: percent-encoded, at the end of a path.
_FILENAME = re.compile(rb"/([\w.%!+-]+)(?=[\"#])")


def expected_root(layout: Layout, listed: Collection[ProjectName]) -> Mapping[Key, bytes]:
    """Return all root pages with the bytes that they must have to list these projects."""
    return dict.fromkeys(layout.root_html_keys, render_root_html(listed)) | {
        layout.root_json_key: render_root_json(listed)
    }


def check_page(key: Key, body: bytes | None, expected: bytes, read: VersionedManifest) -> Iterator[Finding]:
    """Compare a page of a project with the bytes that it must have."""
    project, revision = read.project, read.manifest.revision
    mark = None if body is None else read_page_mark(body)
    if body is None:
        yield finding("page-missing", key, project=project)
    elif body == expected:
        return
    elif mark is None:
        yield finding("page-edited", key, project=project)
    elif mark.revision != revision:
        kind = "page-ahead" if mark.revision > revision else "page-behind"
        yield finding(kind, key, project=project, shown=mark.revision, revision=revision)
    elif mark.manifest not in {None, read.sha256}:
        yield finding("page-ahead:other", key, project=project, revision=revision)
    elif mark.renderer <= RENDERER:  # we do not know the bytes of a newer bucketwheel
        yield finding("page-edited" if mark.renderer == RENDERER else "page-behind:renderer", key, project=project)


def check_view(key: Key, found: PageVersion, ours: PageMark, read: VersionedManifest) -> Iterator[Finding]:
    """Say what is wrong with a view that is not right, by its mark: its bytes depend on sidecars and libraries too."""
    project, revision, mark = read.project, read.manifest.revision, found.mark
    if found.version is None:
        yield finding("page-missing", key, project=project)
    elif mark is None:
        yield finding("page-edited", key, project=project)
    elif mark.revision > revision:
        yield finding("page-ahead", key, project=project, shown=mark.revision, revision=revision)
    elif mark.revision < revision and mark.manifest != ours.manifest:
        yield finding("page-behind", key, project=project, shown=mark.revision, revision=revision)
    elif mark.manifest != ours.manifest:
        yield finding("page-ahead:other", key, project=project, revision=revision)
    elif mark.renderer < ours.renderer:
        yield finding("page-behind:renderer", key, project=project)
    else:
        yield finding("page-behind:settings", key, project=project)


def check_rendered(key: Key, found: PageVersion, ours: PageMark, read: VersionedManifest) -> Iterator[Finding]:
    """Say that a page for people shows other settings, which text does not replace: its description is rendered."""
    mark = found.mark
    if key != people_key(read.project) or mark is None or ours.renderer % 2:
        return
    if (mark.revision, mark.renderer) == (ours.revision, ours.renderer + 1) and mark.settings != ours.settings:
        yield finding("page-behind:rendered", key, project=read.project)


def check_names(key: Key, body: bytes, manifest: Manifest) -> Iterator[Finding]:
    """Report the first removed file that an old view names."""
    gone = {*(file.filename for file in manifest.deleted), *(file.filename for file in manifest.missing)}
    named = {unquote(name.decode()) for name in _FILENAME.findall(body)}
    if dangling := sorted(gone & named):
        yield finding("view-dangling", key, project=manifest.project, filename=dangling[0])


def check_page_headers(key: Key, headers: ObjectHeaders, served: ServedHeaders, kind: str) -> Iterator[Finding]:
    """Compare the headers that a page is served with."""
    encoding = encoding_of(served)
    if wrong := served.other_than(headers) or (encoding and f"Content-Encoding {encoding}"):
        yield finding(kind, key, headers=wrong)


def listed_by(root: bytes | None) -> frozenset[ProjectName]:
    """Return the projects that a JSON root lists; none if it cannot be read, which is a finding of its own."""
    try:
        return frozenset() if root is None else frozenset(read_root_json(root))
    except Damaged:
        return frozenset()


def check_root(
    layout: Layout, bodies: Mapping[Key, bytes | None], projects: Collection[ProjectName], *, complete: bool
) -> Iterator[Finding]:
    """Compare the root pages with the projects that have manifests; `complete`: no other project has one."""
    json_key = layout.root_json_key
    listed = listed_by(bodies[json_key])
    for key, page in expected_root(layout, listed).items():
        body = bodies[key]
        if body is None:
            yield finding("root-missing", key)
        elif body != page and not _is_newer(body, len(listed)):
            yield finding("root-edited", key)
    if bodies[json_key] is not None:
        for project in sorted(set(projects) - listed):
            yield finding("root-incomplete", json_key, project=project)
        for project in sorted(listed - set(projects)) if complete else ():
            yield finding("root-dangling", json_key, project=project)


def _is_newer(body: bytes, projects: int) -> bool:
    """Return whether a root shows more projects than the JSON root did just before, or has a newer renderer."""
    mark = read_page_mark(body)
    return mark is not None and (mark.revision, mark.renderer) > (projects, RENDERER)
