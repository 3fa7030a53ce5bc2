"""What lies in a repository at one moment, and everything in it that breaks a promise of the write protocol."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from bucketwheel.format.layout import MANIFESTS, project_of
from bucketwheel.format.manifest import Manifest, decode_manifest
from bucketwheel.format.pages.mark import read_page_mark
from bucketwheel.names import sha256_of
from bucketwheel.storage import Key, Object, Storage

__all__ = ["Snapshot", "broken_promises", "comparable", "take_snapshot"]

_SIMPLE = "simple/"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_IDENTITY = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Every object, read whole."""

    objects: Mapping[str, Object]

    @property
    def manifests(self) -> dict[str, Manifest]:
        """The truth, by project."""
        found = {key: project_of(Key(key)) for key in self.objects if key.startswith(MANIFESTS)}
        return {project: decode_manifest(self.objects[key].body, project) for key, project in found.items() if project}

    def body(self, key: str) -> bytes | None:
        """The bytes at a key."""
        stored = self.objects.get(key)
        return None if stored is None else stored.body

    def json_page(self, project: str) -> bytes | None:
        """A project's JSON page, whose existence says that the root is done."""
        return self.body(f"{_SIMPLE}{project}/index.json")

    def html_page(self, project: str) -> bytes | None:
        """A project's HTML page."""
        return self.body(f"{_SIMPLE}{project}/")


class Link(NamedTuple):
    """What a page says of a file."""

    name: str
    key: str
    sha256: str
    metadata_sha256: str | None
    yanked: str | None


def take_snapshot(storage: Storage) -> Snapshot:
    """Read all there is; nobody may be writing meanwhile."""
    keys = [listed.key for listed in storage.list("")]
    return Snapshot(objects={key: stored for key in keys if (stored := storage.read(key)) is not None})


def broken_promises(now: Snapshot, before: Snapshot) -> list[str]:
    """Find what I1 to I4 forbid, in what lies there and in how it came to be from what lay there before."""
    return [
        *_absent_entries(now),
        *_absent_links(now),
        *_lying_pages(now),
        *_dangling_root(now),
        *_unlisted(now, before),
        *_steps_back(now, before),
    ]


def comparable(snapshot: Snapshot) -> dict[str, str]:
    """All keys with their bodies and marks, without what no two runs have in common: times and identities."""
    return {
        key: _IDENTITY.sub("IDENTITY", _MOMENT.sub("MOMENT", f"{_text(stored.body)}\n{stored.marks}"))
        for key, stored in snapshot.objects.items()
    }


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return sha256_of(body)


# I1 ------------------------------------------------------------------------------------------------------------------


def _absent_entries(now: Snapshot) -> Iterator[str]:
    for project, manifest in now.manifests.items():
        for file in manifest.files:
            key = file.key or f"{_SIMPLE}{project}/{file.filename}"
            yield from _differing(now, f"the manifest of {project}", key, file.sha256)
            if file.metadata_sha256 is not None:
                yield from _differing(now, f"the manifest of {project}", f"{key}.metadata", file.metadata_sha256)
            if file.gpg_sig and now.body(f"{key}.asc") is None:
                yield f"the manifest of {project} names the signature of {key}, which is absent"


def _absent_links(now: Snapshot) -> Iterator[str]:
    for page, links in _all_links(now).items():
        for link in links:
            yield from _differing(now, page, link.key, link.sha256)
            if link.metadata_sha256 is not None:
                yield from _differing(now, page, f"{link.key}.metadata", link.metadata_sha256)


def _differing(now: Snapshot, who: str, key: str, sha256: str) -> Iterator[str]:
    body = now.body(key)
    if body is None:
        yield f"{who} names {key}, which is absent"
    elif sha256_of(body) != sha256:
        yield f"{who} names {key}, which has other bytes"


def _dangling_root(now: Snapshot) -> Iterator[str]:
    for root, names in (("JSON", json_root(now)), ("HTML", html_root(now))):
        yield from (f"the {root} root names {name}, which has no page" for name in names if now.html_page(name) is None)


def _unlisted(now: Snapshot, before: Snapshot) -> Iterator[str]:
    """A JSON page is only ever written once both roots list its project."""
    for project in now.manifests:
        if now.json_page(project) is not None and before.json_page(project) is None:
            for root, names in (("JSON", json_root(now)), ("HTML", html_root(now))):
                if project not in names:
                    yield f"{project} has a JSON page and is not on the {root} root"


# I2, I3, I4 ----------------------------------------------------------------------------------------------------------


def _lying_pages(now: Snapshot) -> Iterator[str]:
    """A page shows the truth of its own revision, and is never ahead of the manifest."""
    manifests = now.manifests
    for page, links in _all_links(now).items():
        mark, manifest = read_page_mark(now.objects[page].body), manifests[page.split("/")[1]]
        if mark is None:
            continue
        if mark.revision > manifest.revision:
            yield f"{page} shows revision {mark.revision}, the manifest is at {manifest.revision}"
        truth = {(file.filename, file.sha256, file.yanked) for file in manifest.visible}
        if mark.revision == manifest.revision and truth != {(link.name, link.sha256, link.yanked) for link in links}:
            yield f"{page} does not show the files of revision {mark.revision}"


def _steps_back(now: Snapshot, before: Snapshot) -> Iterator[str]:
    for project, old in before.manifests.items():
        new = now.manifests.get(project)
        if new is None:
            yield f"the manifest of {project} is gone"
            continue
        if new.revision < old.revision or (new.revision == old.revision and new != old):
            yield f"the manifest of {project} went from revision {old.revision} to {new.revision}"
        # What was deleted, or is missing, was released all the same: the record of it stays.
        kept = {(file.filename, file.sha256) for file in (*new.files, *new.missing)}
        kept |= {(file.filename, file.sha256) for file in new.deleted}
        yield from (f"{file.filename} was released" for file in old.files if (file.filename, file.sha256) not in kept)
    for page, stored in before.objects.items():
        old_mark, body = read_page_mark(stored.body), now.body(page)
        new_mark = None if body is None else read_page_mark(body)
        if old_mark is not None and (new_mark is None or new_mark.revision < old_mark.revision):
            yield f"{page} went from {old_mark} to {new_mark}"
    given_up = set(_given_up(now))
    for key, stored in before.objects.items():
        gone = now.body(key) is None and key.removesuffix(".metadata") in given_up
        if _is_file(key) and now.body(key) != stored.body and not gone:
            yield f"the bytes at {key} changed"


def _given_up(now: Snapshot) -> Iterator[str]:
    """The keys that manifests have done with for ever: of deleted names, and dead ones."""
    for project, manifest in now.manifests.items():
        yield from (file.key or f"{_SIMPLE}{project}/{file.filename}" for file in manifest.deleted)
        yield from manifest.dead_keys


def _is_file(key: str) -> bool:
    return key.endswith((".whl", ".tar.gz", ".metadata", ".asc"))


# Pages ---------------------------------------------------------------------------------------------------------------


def json_root(snapshot: Snapshot) -> list[str]:
    """The projects on the JSON root, if it can be read."""
    try:
        return [project["name"] for project in json.loads(snapshot.body(f"{_SIMPLE}index.json") or b"{}")["projects"]]
    except (ValueError, KeyError):
        return []


def html_root(snapshot: Snapshot) -> list[str]:
    """The projects on the HTML root."""
    anchors = _anchors(snapshot.body(_SIMPLE) or b"")
    return [(attributes["href"] or "").rstrip("/") for _, attributes in anchors]


def _all_links(snapshot: Snapshot) -> dict[str, list[Link]]:
    """The links of every project page, by the page's key."""
    pages: dict[str, list[Link]] = {}
    for project in snapshot.manifests:
        html, body = f"{_SIMPLE}{project}/", snapshot.html_page(project)
        if body is not None:
            pages[html] = [_html_link(html, text, attributes) for text, attributes in _anchors(body)]
        if (body := snapshot.json_page(project)) is not None:
            pages[f"{html}index.json"] = [_json_link(html, file) for file in json.loads(body)["files"]]
    return pages


def _html_link(page: str, text: str, attributes: Mapping[str, str | None]) -> Link:
    href = urlsplit(attributes["href"] or "")
    metadata = attributes.get("data-core-metadata")
    return Link(
        name=text,
        key=_key(page, href.path),
        sha256=href.fragment.removeprefix("sha256="),
        metadata_sha256=metadata.removeprefix("sha256=") if metadata else None,
        yanked=attributes.get("data-yanked"),
    )


def _json_link(page: str, file: Mapping[str, object]) -> Link:
    hashes, metadata = file["hashes"], file.get("core-metadata", {})
    assert isinstance(hashes, dict)
    assert isinstance(metadata, dict)
    yanked = file["yanked"]
    return Link(
        name=str(file["filename"]),
        key=_key(page, str(file["url"])),
        sha256=hashes["sha256"],
        metadata_sha256=metadata.get("sha256"),
        yanked=yanked if isinstance(yanked, str) else None,
    )


def _key(page: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(page, unquote(path)))


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link."""
        self._open = tag == "a"
        if self._open:
            self.found.append(("", dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note its text."""
        if self._open:
            text, attributes = self.found[-1]
            self.found[-1] = (text + data, attributes)

    def handle_endtag(self, tag: str) -> None:
        """A link is over."""
        self._open = self._open and tag != "a"


def _anchors(body: bytes) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Anchors()
    parser.feed(body.decode())
    parser.close()
    return parser.found
